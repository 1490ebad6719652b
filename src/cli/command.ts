/** What a command is: its help and flags as data, and what it does. One file a command exports one of these. */
import type { TribuneClient } from "../client/client.ts";
import type { FlagGroup, FlagValues } from "./flags.ts";

/** The world as a command sees it. */
export interface Io {
  /** Writes text or bytes to standard output, as they are. */
  out(text: string | Uint8Array): void;
  /** Writes text to standard error, as it is. */
  err(text: string): void;
  /** All of standard input. */
  stdin(): Promise<Buffer>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** "tribune", or "consul" when the program is called so. */
  readonly program: string;
  /** Aborted by SIGINT or SIGTERM, for commands that asked for it. */
  readonly interrupt: AbortSignal;
}

export interface Invocation {
  readonly io: Io;
  readonly flags: FlagValues;
  readonly args: readonly string[];
  /** A line on standard output. */
  readonly print: (line: string) => void;
  /** A line on standard error. */
  readonly complain: (line: string) => void;
  /** This command's help text, as `-help` prints it, without a final line feed. */
  readonly help: () => string;
  /** Runs another command line. */
  readonly dispatch: (words: readonly string[]) => Promise<number>;
}

export interface Command {
  /** Words behind the program's name: "kv get". */
  readonly name: string;
  /** Rest of the usage line: "[options] KEY". */
  readonly usage: string;
  /** Paragraphs of the description, wrapped and indented by the help; lines that start with a blank stay as they are. `{program}` is replaced. */
  readonly description: string;
  readonly groups: readonly FlagGroup[];
  /** Some commands say a mistake in their flags once more behind the listing: what stands before it. */
  readonly flagErrors?: string;
  /** The exit code after a mistake in the flags, where it is not 1. */
  readonly flagExit?: number;
  /** Whether a value of the wrong form is told in the words of Go's strconv. */
  readonly goErrors?: true;
  /** SIGINT and SIGTERM abort `io.interrupt` instead of ending the process. */
  readonly handlesInterrupt?: true;
  /** The exit code. */
  run(call: Invocation): Promise<number>;
}

/** Exit codes that scripts know. */
export const EXIT = { ok: 0, error: 1, noMatch: 2, usage: 127 } as const;

export type ClientFactory = (call: Invocation) => TribuneClient;
