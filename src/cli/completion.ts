/**
 * Completion in the shell: bash, zsh and fish call the program with the line typed so far in COMP_LINE and take what it prints.
 * `-autocomplete-install` and `-autocomplete-uninstall` write and remove the one line that tells the shell so, as the original's.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { EXIT, type Io } from "./command.ts";
import { COMMANDS, find } from "./commands.ts";

/** Words that may stand where the cursor is. `point`: the cursor's offset; NaN: the end. */
export async function complete(line: string, point: number): Promise<readonly string[]> {
  const typed = Number.isInteger(point) ? line.slice(0, point) : line;
  const words = typed.split(/\s+/).slice(1);
  const last = words.pop() ?? "";
  const found = find(words);
  const start = (candidates: Iterable<string>): readonly string[] =>
    [...candidates].filter((c) => c.startsWith(last)).sort();
  if (found?.entry.load !== undefined) {
    if (!last.startsWith("-")) return [];
    const { command } = await found.entry.load();
    const names = command.groups.flatMap((g) => g.flags).filter((f) => !f.hidden);
    const dashes = last.startsWith("--") ? "--" : "-";
    return start(names.map((f) => `${dashes}${f.name}`));
  }
  const group = words.join(" ");
  if (group !== "" && found?.name !== group) return [];
  const prefix = group === "" ? "" : `${group} `;
  if (group === "" && last.startsWith("-"))
    return start(["-autocomplete-install", "-autocomplete-uninstall", "-help", "-version"]);
  return start(
    Object.entries(COMMANDS)
      .filter(([name, e]) => name.startsWith(prefix) && !name.slice(prefix.length).includes(" ") && !e.hidden)
      .map(([name]) => name.slice(prefix.length)),
  );
}

interface ShellFile {
  readonly path: string;
  readonly text: string;
  /** The whole file is ours. */
  readonly own: boolean;
}

function shellFiles(home: string, program: string, executable: string): readonly ShellFile[] {
  const bash = `complete -C ${executable} ${program}`;
  const files: ShellFile[] = [];
  for (const name of [".bashrc", ".bash_profile", ".bash_login", ".profile"])
    if (existsSync(join(home, name))) {
      files.push({ path: join(home, name), text: bash, own: false });
      break;
    }
  if (existsSync(join(home, ".zshrc")))
    files.push({
      path: join(home, ".zshrc"),
      text: `autoload -U +X bashcompinit && bashcompinit\n${bash}`,
      own: false,
    });
  const fish = join(home, ".config", "fish");
  if (existsSync(fish))
    files.push({
      path: join(fish, "completions", `${program}.fish`),
      text: `complete -f -c ${program} -a '(env COMP_LINE=(commandline -cp) ${executable})'`,
      own: true,
    });
  return files;
}

export function installCompletion(io: Io, install: boolean): number {
  const home = io.env["HOME"] ?? "";
  const files = home === "" ? [] : shellFiles(home, io.program, process.execPath);
  if (files.length === 0) {
    io.err(
      `Error executing CLI: Did not find any shells to install in ${home || "$HOME"} (looked for .bashrc, .zshrc, .config/fish)\n`,
    );
    return EXIT.error;
  }
  for (const { path, text, own } of files) {
    const before = existsSync(path) ? readFileSync(path, "utf8") : "";
    const there = before.split("\n").includes(text.split("\n").at(-1)!);
    if (install && !there) {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(
        path,
        own ? `${text}\n` : `${before}${before === "" || before.endsWith("\n") ? "" : "\n"}${text}\n`,
      );
      io.out(`Completion written to ${path}\n`);
    } else if (!install && there) {
      if (own) rmSync(path);
      else writeFileSync(path, before.replace(`${text}\n`, ""));
      io.out(`Completion removed from ${path}\n`);
    }
  }
  return EXIT.ok;
}
