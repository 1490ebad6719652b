/** Runs the program of a watch: the data as JSON on its standard input, CONSUL_INDEX in its environment. */
import { spawn } from "node:child_process";

export interface HandlerOptions {
  /** Program and arguments; or one text for the shell. */
  readonly argv: readonly string[];
  readonly shell: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly index: bigint;
  readonly json: string;
  /** "inherit": the handler writes to our streams; else its output is kept, at most so many bytes. */
  readonly output: "inherit" | number;
  readonly signal: AbortSignal;
}

export interface HandlerResult {
  /** "" when it ended with 0. */
  readonly failure: string;
  /** Whether it could be started. */
  readonly started: boolean;
  /** Newest bytes written, where they are kept. */
  readonly output: Buffer;
  readonly outputBytes: number;
}

export const userShell = (env: Readonly<Record<string, string | undefined>>): string =>
  env["SHELL"] || "/bin/sh";

/** How Go names the signals that end programs. */
const SIGNAL_NAMES: Readonly<Record<string, string>> = {
  SIGABRT: "aborted",
  SIGALRM: "alarm clock",
  SIGBUS: "bus error",
  SIGFPE: "floating point exception",
  SIGHUP: "hangup",
  SIGILL: "illegal instruction",
  SIGINT: "interrupt",
  SIGKILL: "killed",
  SIGPIPE: "broken pipe",
  SIGQUIT: "quit",
  SIGSEGV: "segmentation fault",
  SIGTERM: "terminated",
  SIGUSR1: "user defined signal 1",
  SIGUSR2: "user defined signal 2",
};

/** How a program ended, in Go's words; "" for exit code 0. */
export const endOf = (code: number | null, signal: string | null): string =>
  code === 0 ? "" : code === null ? `signal: ${SIGNAL_NAMES[signal ?? ""] ?? signal}` : `exit status ${code}`;

/** Why a program could not be started, in Go's words. */
export function startFailure(file: string, error: NodeJS.ErrnoException): string {
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: "no such file or directory",
    EACCES: "permission denied",
    ENOEXEC: "exec format error",
  };
  if (error.code === "ENOENT" && !file.includes("/"))
    return `exec: ${JSON.stringify(file)}: executable file not found in $PATH`;
  return `fork/exec ${file}: ${reasons[error.code ?? ""] ?? error.message}`;
}

/** Resolves when the program has ended; `signal` sends it SIGTERM. */
export function runHandler(o: HandlerOptions): Promise<HandlerResult> {
  const [file, args] = o.shell ? [userShell(o.env), ["-c", o.argv.join(" ")]] : [o.argv[0]!, o.argv.slice(1)];
  return new Promise((resolve) => {
    const kept: Buffer[] = [];
    let size = 0;
    let total = 0;
    const stream = o.output === "inherit" ? "inherit" : "pipe";
    const child = spawn(file, args, {
      env: { ...o.env, CONSUL_INDEX: o.index.toString() },
      stdio: ["pipe", stream, stream],
    });
    const done = (failure: string, started: boolean = true): void => {
      o.signal.removeEventListener("abort", onAbort);
      let output = Buffer.concat(kept);
      if (typeof o.output === "number") output = output.subarray(Math.max(0, output.byteLength - o.output));
      resolve({ failure, started, output, outputBytes: total });
    };
    const onAbort = (): void => void child.kill("SIGTERM");
    o.signal.addEventListener("abort", onAbort, { once: true });
    const keep = (chunk: Buffer): void => {
      total += chunk.byteLength;
      kept.push(chunk);
      size += chunk.byteLength;
      while (typeof o.output === "number" && kept.length > 1 && size - kept[0]!.byteLength >= o.output)
        size -= kept.shift()!.byteLength;
    };
    child.stdout?.on("data", keep);
    child.stderr?.on("data", keep);
    child.on("error", (error: NodeJS.ErrnoException) => done(startFailure(file, error), false));
    child.on("close", (code, signalName) => done(endOf(code, signalName)));
    // A handler may end without reading its input.
    child.stdin!.on("error", () => {});
    child.stdin!.end(`${o.json}\n`);
  });
}
