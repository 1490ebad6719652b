/** The two programs as processes: ours from its sources, and the original; agents and commands alike. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

export type ProgramName = "consul" | "tribune";

const CONSUL = fileURLToPath(new URL("../../.peers/consul", import.meta.url));
const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

/** Executable and its first arguments. */
const COMMAND: Readonly<Record<ProgramName, readonly [string, readonly string[]]>> = {
  consul: [CONSUL, []],
  tribune: [process.execPath, ["--disable-warning=ExperimentalWarning", MAIN]],
};

/** Why the original cannot be run here, or false: for a test's `skip`. Throws in CI, where it must be there. */
export function consulMissing(): string | false {
  if (existsSync(CONSUL)) return false;
  const reason = "needs .peers/consul (run interop/setup.sh)";
  if (process.env["CI"]) throw new Error(reason);
  return reason;
}

/** Runs a command of the program to its end; rejects, with what it printed, when it fails. */
export function command(program: ProgramName, args: readonly string[]): Promise<string> {
  const [executable, first] = COMMAND[program];
  return new Promise((resolve, reject) => {
    execFile(executable, [...first, ...args], { timeout: 120_000 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${program} ${args.join(" ")}: ${error.message}\n${stdout}${stderr}`));
      else resolve(stdout);
    });
  });
}

/** One agent on a loopback address of its own. */
export class ProgramAgent {
  readonly program: ProgramName;
  readonly ip: string;
  readonly #child: ChildProcess;
  /** The newest part of what it printed. */
  output = "";

  constructor(program: ProgramName, ip: string, args: readonly string[]) {
    this.program = program;
    this.ip = ip;
    const [executable, first] = COMMAND[program];
    this.#child = spawn(
      executable,
      [...first, "agent", "-bind", ip, "-client", ip, "-hcl", "ports { dns = -1 }", ...args],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    for (const stream of [this.#child.stdout!, this.#child.stderr!])
      stream.on("data", (c: Buffer) => {
        this.output = (this.output + c.toString()).slice(-20_000);
      });
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGKILL");
    await ended;
  }

  /** The body of an answer of status 200 or 404; rejects for another. */
  async http(path: string, method = "GET", body?: string): Promise<string> {
    const reply = await fetch(`http://${this.ip}:8500${path}`, {
      method,
      ...(body === undefined ? {} : { body }),
      signal: AbortSignal.timeout(30_000),
    });
    const text = await reply.text();
    if (reply.status !== 200 && reply.status !== 404)
      throw new Error(`${this.ip} ${method} ${path}: ${reply.status} ${text}`);
    return text;
  }

  /** Runs `program`'s command against this agent, whichever program that is. */
  command(program: ProgramName, ...args: readonly string[]): Promise<string> {
    const at = args.findIndex((a) => !/^[a-z-]+$/.test(a) || a.startsWith("-"));
    const words = at < 0 ? args : args.slice(0, at);
    const rest = at < 0 ? [] : args.slice(at);
    return command(program, [...words, `-http-addr=${this.ip}:8500`, ...rest]);
  }
}

/** Asks again until `look` gives something but false or undefined; rejects with the last error after `timeoutMs`. */
export async function until<T>(
  what: string,
  look: () => Promise<T | false | undefined>,
  timeoutMs = 90_000,
): Promise<T> {
  const end = performance.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const found = await look();
      if (found !== false && found !== undefined) return found;
      last = found;
    } catch (error) {
      last = error;
    }
    if (performance.now() > end)
      throw new Error(`${what}: not within ${timeoutMs} ms; last: ${String(last)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
