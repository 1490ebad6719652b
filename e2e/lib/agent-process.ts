/** One agent of the built executable as a process of this machine, on an address of its own in 127.0.0.0/8. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { request } from "node:http";
import { fileURLToPath } from "node:url";

export const EXECUTABLE = fileURLToPath(new URL("../../build/tribune", import.meta.url));

export interface Reply {
  readonly status: number;
  readonly body: string;
}

export class AgentProcess {
  readonly address: string;
  readonly #args: readonly string[];
  readonly #executable: string;
  #child: ChildProcess | undefined;
  /** The newest part of what it printed. */
  output = "";

  constructor(address: string, args: readonly string[], executable: string = EXECUTABLE) {
    this.address = address;
    this.#args = args;
    this.#executable = executable;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Undefined while it runs. */
  get exitCode(): number | undefined {
    const child = this.#child;
    if (child === undefined) return undefined;
    return child.exitCode ?? (child.signalCode === null ? undefined : 128);
  }

  start(): void {
    const args = ["agent", "-bind", this.address, "-client", this.address, ...this.#args];
    const child = spawn(this.#executable, args, { stdio: ["ignore", "pipe", "pipe"] });
    const take = (chunk: Buffer): void => {
      this.output = (this.output + chunk.toString()).slice(-20_000);
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    this.#child = child;
  }

  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const child = this.#child;
    if (child === undefined || this.exitCode !== undefined) return;
    const exited = once(child, "exit");
    child.kill(signal);
    await exited;
  }

  /** One HTTP request to the agent; rejects when the connection does. */
  http(method: string, path: string, body?: string): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const req = request({ host: this.address, port: 8500, method, path, timeout: 15_000 }, (res) => {
        let text = "";
        res.on("data", (c: Buffer) => {
          text += c.toString();
        });
        res.on("end", () => resolve({ status: res.statusCode ?? 0, body: text }));
        res.on("error", reject);
      });
      req.on("error", reject);
      req.on("timeout", () => req.destroy(new Error("no answer within 15 s")));
      req.end(body);
    });
  }

  /** Asks again until `done` accepts the reply; rejects with what came last, and the agent's output, after `timeoutMs`. */
  async until(
    method: string,
    path: string,
    done: (reply: Reply) => boolean,
    timeoutMs = 60_000,
  ): Promise<Reply> {
    const end = performance.now() + timeoutMs;
    let last: unknown;
    while (performance.now() < end) {
      if (this.exitCode !== undefined) break;
      try {
        const reply = await this.http(method, path);
        if (done(reply)) return reply;
        last = reply;
      } catch (error) {
        last = error;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(
      `${this.address} ${method} ${path}: not as wanted within ${timeoutMs} ms (exit ${this.exitCode}); last: ${
        last instanceof Error ? last.message : JSON.stringify(last)
      }\n${this.output}`,
    );
  }
}
