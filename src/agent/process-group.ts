/**
 * A program in a process group of its own, with both output streams in one and nothing on its input. Killing takes the whole
 * group, so that what a script has started does not outlive it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { access, constants, stat } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { errnoText } from "./core/go-text.ts";

/** The program could not be started; the message is Go's. */
export class StartError extends Error {
  override readonly name = "StartError";
}

/** `code` is -1 when a signal ended it. */
export interface ProcessExit {
  readonly code: number;
  readonly signal: NodeJS.Signals | null;
}

export type ProcessCommand = { readonly shell: string } | { readonly args: readonly string[] };

export interface ProcessHooks {
  /** Bytes of either stream, in the order of writing. Returning a promise holds further bytes back until it settles. */
  readonly onOutput: (chunk: Buffer) => void | Promise<void>;
}

const SHELL_DEFAULT = "/bin/sh";
/** Time for a killed program's pipes to close; beyond it, something outside the group holds them and is not waited for. */
const PIPE_GRACE_MS = 500;

/** The user's shell, else /bin/sh. */
export const userShell = (): string => process.env.SHELL || SHELL_DEFAULT;

export class ProcessGroup {
  readonly #child: ChildProcess;
  #killed = false;
  /** Settles when the program has ended and its output is read. Never rejects. */
  readonly exit: Promise<ProcessExit>;

  private constructor(child: ChildProcess, hooks: ProcessHooks) {
    this.#child = child;
    const read = Promise.all([child.stdout, child.stderr].map((s) => this.#read(s, hooks)));
    this.exit = (async () => {
      const end = await new Promise<ProcessExit>((resolve) =>
        child.once("exit", (code, signal) => resolve({ code: code ?? -1, signal })),
      );
      if (this.#killed) {
        let timer: NodeJS.Timeout | undefined;
        await Promise.race([read, new Promise((r) => (timer = setTimeout(r, PIPE_GRACE_MS)))]);
        clearTimeout(timer);
        child.stdout?.destroy();
        child.stderr?.destroy();
      }
      await read;
      return end;
    })();
  }

  /** Rejects with {@link StartError}. */
  static async start(command: ProcessCommand, hooks: ProcessHooks): Promise<ProcessGroup> {
    const [file, args] = await invocation(command);
    let child: ChildProcess;
    try {
      child = spawn(file, args, {
        detached: process.platform !== "win32",
        stdio: ["ignore", "pipe", "pipe"],
      });
    } catch (error) {
      throw new StartError(startText(file, error));
    }
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", (error) => reject(new StartError(startText(file, error))));
    });
    // After the start an error event can only be a failed kill, and kill() looks after itself.
    child.on("error", () => {});
    return new ProcessGroup(child, hooks);
  }

  /** Ends the program and all that it started in its group. */
  kill(): void {
    this.#killed = true;
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(process.platform === "win32" ? pid : -pid, "SIGKILL");
    } catch {
      // The group is gone already.
    }
  }

  async #read(stream: ChildProcess["stdout"], hooks: ProcessHooks): Promise<void> {
    if (stream === null) return;
    try {
      for await (const chunk of stream) await hooks.onOutput(chunk as Buffer);
    } catch {
      // Destroyed after a kill: what was read stays.
    }
  }
}

/**
 * File and arguments. A shell first joins the second stream to the first: that alone keeps the order in which a program wrote to
 * both, and then becomes the program.
 */
async function invocation(command: ProcessCommand): Promise<readonly [string, readonly string[]]> {
  if ("shell" in command) {
    if (process.platform === "win32") return ["cmd", ["/C", command.shell]];
    // $SHELL may be one that does not know the redirection (fish, csh): only /bin/sh is told to do it.
    return [SHELL_DEFAULT, ["-c", 'exec "$0" "$@" 2>&1', userShell(), "-c", command.shell]];
  }
  const [program = "", ...args] = command.args;
  const path = await findProgram(program);
  if (process.platform === "win32") return [path, args];
  return [SHELL_DEFAULT, ["-c", 'exec "$0" "$@" 2>&1', path, ...args]];
}

async function findProgram(program: string): Promise<string> {
  if (program.includes("/") || process.platform === "win32") {
    const problem = await notExecutable(program);
    if (problem !== undefined) throw new StartError(`fork/exec ${program}: ${problem}`);
    return program;
  }
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const path = join(folder === "" ? "." : folder, program);
    if (program !== "" && (await notExecutable(path)) === undefined) return path;
  }
  throw new StartError(`exec: ${JSON.stringify(program)}: executable file not found in $PATH`);
}

async function notExecutable(path: string): Promise<string | undefined> {
  try {
    if ((await stat(path)).isDirectory()) return errnoText("EACCES");
    await access(path, constants.X_OK);
    return undefined;
  } catch (error) {
    return errnoText((error as NodeJS.ErrnoException).code ?? "") ?? (error as Error).message;
  }
}

function startText(file: string, error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return `fork/exec ${file}: ${(code !== undefined && errnoText(code)) || message}`;
}
