/**
 * The agent's side of `exec`: a user event names a job in the KV store; the agent says that it took it, runs it, and
 * writes its output and exit code beside it, all under the caller's session (which is gone when the caller is).
 *
 *   <prefix>/<session>/job                 {"Command", "Args", "Script", "Wait"} (JSON; Script base64, Wait in ns)
 *   <prefix>/<session>/<node>/ack          empty: taken
 *   <prefix>/<session>/<node>/out/<00000>  a piece of output; empty: still running
 *   <prefix>/<session>/<node>/exit         decimal exit code
 *
 * Source: observed in Consul 1.8.7.
 */
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DirEntry, KeyRequest, KVSRequest } from "../model/kv.ts";
import type { RpcCaller } from "../model/methods.ts";
import type { Clock, Timer } from "../ports/clock.ts";
import type { Logger } from "../ports/log.ts";
import { parseJson, toBigint } from "../wire/json.ts";
import type { UserEvent } from "./contract.ts";
import {
  EXEC_CHUNK_BYTES,
  EXEC_CHUNK_WAIT_MS,
  EXEC_OUTPUT_BYTES_MAX,
  EXEC_PENDING_BYTES_MAX,
  EXEC_RUNNING_MAX,
} from "./limits.ts";
import { type ProcessCommand, ProcessGroup, StartError, userShell } from "./process-group.ts";

export interface RemoteExecOptions {
  readonly node: string;
  readonly datacenter: string;
  /** Why commands are refused; undefined when they are run. */
  readonly refusal: () => string | undefined;
  readonly token: () => string;
}

export interface RemoteExecPorts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly rpc: RpcCaller;
}

interface Job {
  readonly command: string;
  readonly args: readonly string[];
  readonly script: Buffer | undefined;
  readonly waitMs: number;
}

const WAIT_MS_DEFAULT = 2_000;
/** Code told when the command could not be run. */
const EXIT_INTERNAL = 255;

/** Where a job is, from the event's payload; a text says what is wrong. */
export function parseExecEvent(
  payload: Uint8Array | null,
): { readonly prefix: string; readonly session: string } | string {
  try {
    const value = JSON.parse(Buffer.from(payload ?? []).toString("utf8")) as {
      Prefix?: unknown;
      Session?: unknown;
    } | null;
    if (typeof value?.Prefix !== "string" || typeof value.Session !== "string" || value.Session === "")
      return "the event names no prefix and session";
    return { prefix: value.Prefix, session: value.Session };
  } catch (error) {
    return (error as Error).message;
  }
}

export function parseExecJob(value: Uint8Array): Job | string {
  try {
    const spec = parseJson(Buffer.from(value).toString("utf8")) as Record<string, unknown> | null;
    if (typeof spec !== "object" || spec === null) return "the job is no object";
    const waitMs = Number(toBigint(spec.Wait)) / 1e6;
    return {
      command: typeof spec.Command === "string" ? spec.Command : "",
      args: Array.isArray(spec.Args) ? spec.Args.map(String) : [],
      script:
        typeof spec.Script === "string" && spec.Script !== ""
          ? Buffer.from(spec.Script, "base64")
          : undefined,
      waitMs: waitMs > 0 ? waitMs : WAIT_MS_DEFAULT,
    };
  } catch (error) {
    return (error as Error).message;
  }
}

export class RemoteExec {
  readonly #options: RemoteExecOptions;
  readonly #ports: RemoteExecPorts;
  readonly #stopped = new AbortController();
  readonly #running = new Set<Promise<void>>();
  readonly #groups = new Set<ProcessGroup>();

  constructor(options: RemoteExecOptions, ports: RemoteExecPorts) {
    this.#options = options;
    this.#ports = ports;
  }

  /** Kills what runs. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    for (const group of this.#groups) group.kill();
    await Promise.all(this.#running);
  }

  onEvent(event: UserEvent): void {
    const { log } = this.#ports;
    const refusal = this.#options.refusal();
    if (refusal !== undefined) {
      log.info(`ignoring remote exec event, disabled: ${refusal}`, { event_id: event.ID });
      return;
    }
    if (this.#stopped.signal.aborted) return;
    if (this.#running.size >= EXEC_RUNNING_MAX) {
      log.warn(`ignoring remote exec event, ${EXEC_RUNNING_MAX} commands are running`, {
        event_id: event.ID,
      });
      return;
    }
    const run = this.#handle(event).catch((error: unknown) => {
      if (!this.#stopped.signal.aborted) log.error(`remote exec failed: ${(error as Error).message}`);
    });
    this.#running.add(run);
    void run.finally(() => this.#running.delete(run));
  }

  async #handle(event: UserEvent): Promise<void> {
    const { log } = this.#ports;
    log.debug("received remote exec event", { event_id: event.ID });
    const at = parseExecEvent(event.Payload);
    if (typeof at === "string") {
      log.error(`failed to decode remote exec event: ${at}`);
      return;
    }
    const base = `${at.prefix}/${at.session}`;
    const entry = (await this.#read(`${base}/job`, true)) ?? (await this.#read(`${base}/job`, false));
    if (entry === undefined) {
      log.error("failed to get remote exec job: remote exec job not found", { key: `${base}/job` });
      return;
    }
    const job = parseExecJob(entry);
    if (typeof job === "string") {
      log.error(`failed to decode remote exec spec: ${job}`);
      return;
    }
    const own = `${base}/${this.#options.node}`;
    if (!(await this.#write(at.session, `${own}/ack`, Buffer.alloc(0)))) {
      log.error("failed to ack remote exec: the session of the caller is gone", { session: at.session });
      return;
    }
    const code = await this.#run(job, at.session, own);
    if (!(await this.#write(at.session, `${own}/exit`, Buffer.from(String(code)))))
      log.error("failed to write the exit code of a remote exec: the session of the caller is gone", {
        session: at.session,
      });
  }

  async #run(job: Job, session: string, own: string): Promise<number> {
    const { log, clock } = this.#ports;
    let folder: string | undefined;
    const output = new OutputSender({ waitMs: job.waitMs, clock }, async (sequence, chunk) => {
      const sent = await this.#write(
        session,
        `${own}/out/${sequence.toString(16).padStart(5, "0")}`,
        chunk,
      ).catch((error: unknown) => {
        log.error(`failed to write output of a remote exec: ${(error as Error).message}`);
        return false;
      });
      return sent;
    });
    try {
      let command: ProcessCommand;
      if (job.script !== undefined) {
        folder = await mkdtemp(join(tmpdir(), "rexec-"));
        const path = join(folder, "script");
        await writeFile(path, job.script, { mode: 0o750 });
        await chmod(path, 0o750);
        command = { shell: path };
        log.info(`remote exec script: '${path}'`);
      } else if (job.command !== "") {
        command = { shell: job.command };
        log.info(`remote exec '${job.command}'`);
      } else {
        command = { args: job.args };
        log.info(`remote exec '${job.args.join(" ")}'`);
      }
      const group = await ProcessGroup.start(command, { onOutput: (chunk) => output.write(chunk) });
      this.#groups.add(group);
      void group.exit.then(() => this.#groups.delete(group));
      // Once the caller is gone nobody waits for the command: it runs on (its output is dropped), but holds no place here.
      const exit = await Promise.race([group.exit, output.failed]);
      const whole = await output.end();
      return exit !== undefined && whole ? exit.code : EXIT_INTERNAL;
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      log.debug(`failed to start remote exec by ${userShell()}: ${error.message}`);
      // Whoever asked sees why, not only that.
      await output.write(Buffer.from(`${error.message}\n`));
      await output.end();
      return EXIT_INTERNAL;
    } finally {
      output.stop();
      if (folder !== undefined) await rm(folder, { recursive: true, force: true });
    }
  }

  async #read(key: string, stale: boolean): Promise<Uint8Array | undefined> {
    const request = KeyRequest.make({
      Datacenter: this.#options.datacenter,
      Key: key,
      Token: this.#options.token(),
      AllowStale: stale,
      RequireConsistent: !stale,
    });
    const reply = await this.#ports.rpc.rpc("KVS.Get", request, { signal: this.#stopped.signal });
    return reply.Entries?.[0]?.Value ?? undefined;
  }

  /** Whether the write was taken: it is not once the caller's session has ended. */
  async #write(session: string, key: string, value: Buffer): Promise<boolean> {
    const request = KVSRequest.make({
      Datacenter: this.#options.datacenter,
      Op: "lock",
      DirEnt: DirEntry.make({ Key: key, Value: value, Session: session }),
      Token: this.#options.token(),
    });
    return this.#ports.rpc.rpc("KVS.Apply", request, { signal: this.#stopped.signal });
  }
}

/**
 * Cuts output into pieces (4096 bytes, or what came until half a second passed without more), sends them one after another, and an
 * empty one when nothing came for a while. A sender that cannot keep up slows the command down; one that fails drops the rest.
 */
export class OutputSender {
  readonly #waitMs: number;
  readonly #clock: Clock;
  readonly #send: (sequence: number, chunk: Buffer) => Promise<boolean>;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #sequence = 0;
  #total = 0;
  #queued = 0;
  /** Resolves when a piece was not taken: the rest is dropped. */
  readonly failed: Promise<undefined>;
  #fail: () => void = () => {};
  #failed = false;
  #cut = false;
  #sending: Promise<void> = Promise.resolve();
  #flushTimer: Timer | undefined;
  #idleTimer: Timer | undefined;

  constructor(
    options: { readonly waitMs: number; readonly clock: Clock },
    send: (sequence: number, chunk: Buffer) => Promise<boolean>,
  ) {
    this.#waitMs = options.waitMs;
    this.#clock = options.clock;
    this.#send = send;
    this.failed = new Promise((resolve) => {
      this.#fail = () => resolve(undefined);
    });
    this.#armIdle();
  }

  /** Resolves when more may be written. */
  async write(chunk: Buffer): Promise<void> {
    if (this.#failed || this.#cut) return;
    let taken = chunk;
    if (this.#total + chunk.length > EXEC_OUTPUT_BYTES_MAX) {
      this.#cut = true;
      taken = Buffer.concat([
        chunk.subarray(0, EXEC_OUTPUT_BYTES_MAX - this.#total),
        Buffer.from(`\n[output cut after ${EXEC_OUTPUT_BYTES_MAX} bytes]\n`),
      ]);
    }
    this.#total += chunk.length;
    this.#pending.push(taken);
    this.#pendingBytes += taken.length;
    if (this.#pendingBytes >= EXEC_CHUNK_BYTES) this.#flush(false);
    if (this.#pendingBytes > 0) {
      this.#flushTimer?.cancel();
      this.#flushTimer = this.#clock.timer(EXEC_CHUNK_WAIT_MS, () => this.#flush(true));
    }
    if (this.#queued > EXEC_PENDING_BYTES_MAX) await this.#sending;
  }

  /** Sends the rest. Whether all output was taken. */
  async end(): Promise<boolean> {
    this.#flush(true);
    this.stop();
    await this.#sending;
    return !this.#failed;
  }

  stop(): void {
    this.#flushTimer?.cancel();
    this.#idleTimer?.cancel();
  }

  #flush(all: boolean): void {
    this.#flushTimer?.cancel();
    let rest = this.#pending.length === 1 ? this.#pending[0]! : Buffer.concat(this.#pending);
    while (rest.length >= EXEC_CHUNK_BYTES || (all && rest.length > 0)) {
      this.#queue(rest.subarray(0, EXEC_CHUNK_BYTES));
      rest = rest.subarray(EXEC_CHUNK_BYTES);
    }
    this.#pending = rest.length > 0 ? [rest] : [];
    this.#pendingBytes = rest.length;
  }

  #queue(chunk: Buffer): void {
    this.#armIdle();
    const sequence = this.#sequence++;
    this.#queued += chunk.length;
    this.#sending = this.#sending.then(async () => {
      if (!this.#failed && !(await this.#send(sequence, chunk))) {
        this.#failed = true;
        this.#fail();
      }
      this.#queued -= chunk.length;
    });
  }

  #armIdle(): void {
    this.#idleTimer?.cancel();
    this.#idleTimer = this.#clock.timer(this.#waitMs, () => {
      if (!this.#failed) this.#queue(Buffer.alloc(0));
    });
  }
}
