/**
 * Completion in the shell: bash, zsh and fish call the program with the line typed so far in COMP_LINE and take what it prints.
 * `-autocomplete-install` and `-autocomplete-uninstall` write and remove the one line that tells the shell so, as the original's.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { isSea } from "node:sea";
import { type Command, EXIT, type Io } from "./command.ts";
import { COMMANDS, find } from "./commands.ts";
import type { Flag } from "./flags.ts";

/** Commands whose arguments are files. */
const FILE_ARGUMENTS: ReadonlySet<string> = new Set([
  "config write",
  "intention create",
  "services deregister",
  "services register",
  "snapshot inspect",
  "snapshot restore",
  "snapshot save",
  "validate",
]);
/** Flags whose values are files or folders, by the end of their names; more of them by command. */
const FILE_FLAG = /(^|-)(cert|dir|file|path)$|^(client-key|output)$/;
const FILE_FLAGS: Readonly<Record<string, readonly string[]>> = { "tls cert create": ["ca", "key"] };
const LOG_LEVELS = ["debug", "err", "info", "trace", "warn"];
/** Values of flags, by name or by command and name. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  "bind-type": ["node", "role", "service"],
  capture: ["agent", "cluster", "host", "logs", "metrics", "pprof"],
  "config-format": ["hcl", "json"],
  format: ["json", "pretty"],
  kind: [
    "ingress-gateway",
    "proxy-defaults",
    "service-defaults",
    "service-intentions",
    "service-resolver",
    "service-router",
    "service-splitter",
    "terminating-gateway",
  ],
  "log-level": LOG_LEVELS,
  "members status": ["alive", "failed", "leaving", "left", "none"],
  passingonly: ["false", "true"],
  state: ["any", "critical", "passing", "warning"],
  "token-locality": ["global", "local"],
  "watch type": ["checks", "event", "key", "keyprefix", "nodes", "service", "services"],
};

/**
 * Words that may stand where the cursor is. `point`: the cursor's offset; NaN: the end. `splitsAtEquals`: the shell takes what
 * stands behind "=" for a word of its own, as bash does.
 */
export async function complete(
  line: string,
  point: number,
  splitsAtEquals: boolean = false,
): Promise<readonly string[]> {
  const typed = Number.isInteger(point) ? line.slice(0, point) : line;
  const words = typed.split(/\s+/).slice(1);
  const last = words.pop() ?? "";
  const found = find(words);
  const start = (candidates: Iterable<string>): readonly string[] =>
    [...candidates].filter((c) => c.startsWith(last)).sort();
  if (found?.entry.load !== undefined) {
    const { command } = await found.entry.load();
    return completeCall(command, found.name, found.rest, last, splitsAtEquals);
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

/** `before`: the words between the command's name and the word at the cursor. */
function completeCall(
  command: Command,
  name: string,
  before: readonly string[],
  last: string,
  splitsAtEquals: boolean,
): readonly string[] {
  const flags = command.groups.flatMap((g) => g.flags);
  const flagOf = (word: string): Flag | undefined => flags.find((f) => f.name === word.replace(/^--?/, ""));
  let pending: Flag | undefined;
  let argumentsBegun = false;
  for (const word of before) {
    if (pending !== undefined) pending = undefined;
    else if (argumentsBegun || !word.startsWith("-") || word === "-") argumentsBegun = true;
    else {
      const flag = flagOf(word);
      if (flag !== undefined && flag.kind !== "bool") pending = flag;
    }
  }
  if (pending !== undefined) return flagValues(name, pending, last);
  if (!argumentsBegun && last.startsWith("-")) {
    const equals = last.indexOf("=");
    if (equals !== -1) {
      const flag = flagOf(last.slice(0, equals));
      if (flag === undefined) return [];
      const front = splitsAtEquals ? "" : last.slice(0, equals + 1);
      return flagValues(name, flag, last.slice(equals + 1)).map((v) => front + v);
    }
    const dashes = last.startsWith("--") ? "--" : "-";
    return flags
      .filter((f) => !f.hidden)
      .map((f) => `${dashes}${f.name}`)
      .filter((f) => f.startsWith(last))
      .sort();
  }
  if (FILE_ARGUMENTS.has(name)) return files(last);
  return last.startsWith("@") ? files(last.slice(1)).map((f) => `@${f}`) : [];
}

function flagValues(command: string, flag: Flag, begun: string): readonly string[] {
  if (FILE_FLAG.test(flag.name) || FILE_FLAGS[command]?.includes(flag.name)) return files(begun);
  if (begun.startsWith("@")) return files(begun.slice(1)).map((f) => `@${f}`);
  const values =
    VALUES[`${command} ${flag.name}`] ?? VALUES[flag.name] ?? (flag.kind === "bool" ? ["false", "true"] : []);
  return values.filter((v) => v.startsWith(begun));
}

/** Files and folders that begin so; what a lone folder holds, so that the shell does not end the word behind it. */
function files(begun: string): readonly string[] {
  const folder = begun.slice(0, begun.lastIndexOf("/") + 1);
  const name = begun.slice(folder.length);
  try {
    const found = readdirSync(folder === "" ? "." : folder, { withFileTypes: true })
      .filter((e) => e.name.startsWith(name) && (name.startsWith(".") || !e.name.startsWith(".")))
      .map((e) => ({
        path: `${folder}${e.name}`,
        folder: statSync(join(folder, e.name), { throwIfNoEntry: false })?.isDirectory() ?? false,
      }))
      .map((e) => (e.folder ? `${e.path}/` : e.path))
      .sort();
    const [only] = found;
    if (found.length !== 1 || only === undefined || !only.endsWith("/") || only === begun) return found;
    return [only, ...files(only).filter((f) => f !== only)];
  } catch {
    return [];
  }
}

interface ShellFile {
  readonly path: string;
  readonly text: string;
  /** The whole file is ours. */
  readonly own: boolean;
}

function shellFiles(home: string, program: string, executable: string): readonly ShellFile[] {
  // Several words (Node and a file) are one argument of -C.
  const bash = `complete -C ${/[^\w./-]/.test(executable) ? `'${executable}'` : executable} ${program}`;
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

/** How the shell calls this program: by its executable, or as Node with the file that was started. */
function ownCommand(): string {
  const script = process.argv[1];
  if (isSea() || script === undefined) return process.execPath;
  const path = realpathSync(script);
  return (statSync(path).mode & 0o111) === 0 ? `${process.execPath} ${path}` : path;
}

export function installCompletion(io: Io, install: boolean): number {
  const home = io.env["HOME"] ?? "";
  const files = home === "" ? [] : shellFiles(home, io.program, ownCommand());
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
