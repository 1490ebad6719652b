/** Runs a command's work and says what went wrong in the original's words. */
import type { TribuneClient } from "../client/client.ts";
import { ClientConfigError, ClientError } from "../client/errors.ts";
import { EXIT, type Invocation } from "./command.ts";
import { clientOf } from "./http-options.ts";

/** A refusal with its whole text; printed on standard error, exit code 1 unless said. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly exitCode: number;
  constructor(text: string, exitCode: number = EXIT.error) {
    super(text);
    this.exitCode = exitCode;
  }
}

/** Work with a client; errors of the client stand behind `prefix`. */
export async function withClient(
  call: Invocation,
  prefix: string,
  work: (client: TribuneClient) => Promise<number>,
): Promise<number> {
  return attempt(call, prefix, async () => {
    const client = clientOf(call);
    try {
      return await work(client);
    } finally {
      client.close();
    }
  });
}

export async function attempt(
  call: Invocation,
  prefix: string,
  work: () => Promise<number>,
): Promise<number> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CommandError) {
      call.complain(error.message);
      return error.exitCode;
    }
    if (error instanceof ClientConfigError) {
      call.complain(`Error connecting to Consul agent: ${error.message}`);
      return EXIT.error;
    }
    if (error instanceof ClientError) {
      call.complain(prefix === "" ? error.message : `${prefix}: ${error.message}`);
      return EXIT.error;
    }
    throw error;
  }
}

/** The texts of a wrong call: the sentence, a blank line, the help. */
export function misused(call: Invocation, sentence: string): number {
  call.complain(sentence);
  call.complain("");
  call.complain(call.help());
  return EXIT.error;
}

/** The texts of a call without what it needs: the sentence, then the help. */
export function lacking(call: Invocation, sentence: string): number {
  call.complain(sentence);
  call.complain(call.help());
  return EXIT.error;
}

/** `@file` is the file's content, `-` standard input, anything else itself. Throws CommandError, its text behind `prefix`. */
export async function dataArgument(
  call: Invocation,
  text: string,
  prefix: string = "Error! ",
): Promise<Buffer> {
  if (text === "-") return call.io.stdin();
  if (!text.startsWith("@")) return Buffer.from(text);
  const { readFile } = await import("node:fs/promises");
  const path = text.slice(1);
  try {
    return await readFile(path);
  } catch (error) {
    throw new CommandError(`${prefix}Failed to read file: ${fileReason(path, error)}`);
  }
}

/** Go's words for a file that cannot be opened. */
export function fileReason(path: string, error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: "no such file or directory",
    EACCES: "permission denied",
    EISDIR: "is a directory",
    ENOTDIR: "not a directory",
    EEXIST: "file exists",
    ENOSPC: "no space left on device",
    EROFS: "read-only file system",
  };
  return `open ${path}: ${reasons[code ?? ""] ?? message}`;
}
