/** Picks the command of a command line, parses its flags, runs it. Exit codes and texts observed in Consul 1.8.7. */
import { type Command, EXIT, type Invocation, type Io } from "./command.ts";
import { COMMANDS, type CommandEntry, find } from "./commands.ts";
import { goListing, parseFlags } from "./flags.ts";
import { flagSections, nameList, wrap } from "./help.ts";

/** The exit code. Never rejects for what a user can do wrong. */
export async function runCli(words: readonly string[], io: Io): Promise<number> {
  if (io.env["COMP_LINE"] !== undefined) {
    const { complete } = await import("./completion.ts");
    for (const candidate of await complete(
      io.env["COMP_LINE"],
      Number(io.env["COMP_POINT"]),
      // Only bash says what kind of completion it wants.
      io.env["COMP_TYPE"] !== undefined,
    ))
      io.out(`${candidate}\n`);
    return EXIT.ok;
  }
  const [first] = words;
  if (first !== undefined && /^--?autocomplete-(un)?install$/.test(first)) {
    const { installCompletion } = await import("./completion.ts");
    return installCompletion(io, !first.endsWith("-uninstall"));
  }
  if (first === undefined) {
    io.err(`${topHelp(io.program)}\n\n`);
    return EXIT.usage;
  }
  if (first === "-h" || first === "-help" || first === "--help") {
    io.out(`${topHelp(io.program)}\n\n`);
    return EXIT.ok;
  }
  if (/^--?v(ersion)?$/.test(first)) return runCommand(COMMANDS["version"]!, [], io);
  const found = find(words);
  if (found === undefined) {
    io.err(`${topHelp(io.program)}\n\n`);
    return EXIT.usage;
  }
  const { name, entry, rest } = found;
  if (entry.load !== undefined) return runCommand(entry, rest, io);
  const asked = rest.some((w) => w === "-h" || w === "-help" || w === "--help");
  const text = `${groupHelp(name, entry, io.program)}\n`;
  if (asked) io.out(text);
  else io.err(text);
  return asked ? EXIT.ok : EXIT.error;
}

async function runCommand(entry: CommandEntry, words: readonly string[], io: Io): Promise<number> {
  const { command } = await entry.load!();
  const parsed = parseFlags(words, command.groups, command.goErrors);
  const help = (): string => commandHelp(command, io.program);
  switch (parsed.kind) {
    case "help":
      io.out(`${help()}\n`);
      return EXIT.ok;
    case "error":
      io.err(`${parsed.text}\n${goListing(command.groups)}\n`);
      if (command.flagErrors !== undefined) io.err(`${command.flagErrors}${parsed.text}\n`);
      return command.flagExit ?? EXIT.error;
    case "parsed": {
      const call: Invocation = {
        io,
        flags: parsed.values,
        args: parsed.args,
        print: (line) => io.out(`${line}\n`),
        complain: (line) => io.err(`${line}\n`),
        help,
        dispatch: (other) => runCli(other, io),
      };
      return command.run(call);
    }
  }
}

/** Names on the top level only, with their lines. */
function listed(prefix: string): readonly (readonly [string, string])[] {
  const start = prefix === "" ? "" : `${prefix} `;
  return Object.entries(COMMANDS)
    .filter(([name, e]) => name.startsWith(start) && !name.slice(start.length).includes(" ") && !e.hidden)
    .filter(([name]) => name !== prefix)
    .map(([name, e]) => [name.slice(start.length), e.synopsis] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

export function topHelp(program: string): string {
  return `Usage: ${program} [--version] [--help] <command> [<args>]\n\nAvailable commands are:\n${nameList(listed(""))}`;
}

export function groupHelp(name: string, entry: CommandEntry, program: string): string {
  return `Usage: ${program} ${name} <subcommand> [options] [args]\n\n${described(entry.group ?? entry.synopsis, program)}\n\nSubcommands:\n${nameList(listed(name))}`;
}

export function commandHelp(command: Command, program: string): string {
  const usage = `Usage: ${program} ${command.name}${command.usage === "" ? "" : ` ${command.usage}`}`;
  const flags = flagSections(command.groups);
  return `${usage}\n\n${described(command.description, program)}${flags === "" ? "" : `\n\n${flags}`}`;
}

const described = (text: string, program: string): string =>
  text
    .replaceAll("{program}", program)
    .split("\n")
    .flatMap((line) => (line.startsWith(" ") ? [line] : wrap(line, 76)))
    .map((line) => (line === "" ? "" : `  ${line}`))
    .join("\n");
