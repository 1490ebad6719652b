/** For tests: a command line run in this process, its output kept. */
import type { Io } from "./command.ts";
import { runCli } from "./run.ts";

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly stdin?: string;
  readonly program?: string;
  readonly interrupt?: AbortSignal;
  /** Hears what is printed as it comes. */
  readonly onOut?: (text: string) => void;
}

export async function cli(words: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  const io: Io = {
    out: (text) => {
      out.push(Buffer.from(text));
      options.onOut?.(Buffer.from(text).toString("utf8"));
    },
    err: (text) => void err.push(Buffer.from(text)),
    stdin: async () => Buffer.from(options.stdin ?? ""),
    env: options.env ?? {},
    program: options.program ?? "tribune",
    interrupt: options.interrupt ?? new AbortController().signal,
  };
  const code = await runCli(words, io);
  return { code, stdout: Buffer.concat(out).toString("utf8"), stderr: Buffer.concat(err).toString("utf8") };
}
