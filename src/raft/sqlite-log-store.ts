/** The log store on disk: hands batches to the worker thread that owns the database, so that no fsync blocks the event loop. */
import { getAsset, isSea } from "node:sea";
import { Worker } from "node:worker_threads";
import { decodeLogEntry, encodeLogEntry } from "./codec.ts";
import type { LogEntry } from "./contract.ts";
import type { Persist, StoreOp } from "./core/messages.ts";
import { RaftStorageError } from "./errors.ts";
import { COLUMN_BYTES, columns, LogChannel } from "./log-channel.ts";
import type { DatabaseOp, PackedEntries } from "./log-database.ts";
import { type LogStore, RECENT_ENTRIES, type StoreCallback, type StoredLog } from "./log-store.ts";
import type { WorkerAnswer, WorkerFault, WorkerRequest } from "./log-worker.ts";

/** What a worker must be started with to take up its role. */
export const WORKER_DATA = { role: "tribune-raft-log" } as const;
/** Starts the thread that runs log-worker.ts. */
export type StartWorker = (workerData: typeof WORKER_DATA) => Worker;

/** The bundled worker's name among the executable's assets. */
const WORKER_ASSET = "log-worker.cjs";
/** In the npm package the sources are JavaScript. */
const SUFFIX = import.meta.url?.endsWith(".js") ? ".js" : ".ts";
const EXEC_ARGV = ["--disable-warning=ExperimentalWarning"];

/** From the assets of the single executable when this is it, else from the source beside this file. */
export const startLogWorker: StartWorker = (workerData) =>
  isSea()
    ? new Worker(getAsset(WORKER_ASSET, "utf8"), { eval: true, workerData, execArgv: EXEC_ARGV })
    : new Worker(new URL(`./log-worker${SUFFIX}`, import.meta.url), { workerData, execArgv: EXEC_ARGV });

/** Writes entries into columns of the room that `roomFor` has for them; undefined when it has none. */
function pack(
  entries: readonly LogEntry[],
  roomFor: (n: number, bytes: number) => PackedEntries | undefined,
): PackedEntries | undefined {
  const rows = entries.map(encodeLogEntry);
  let total = 0;
  for (const r of rows) total += r.length;
  const packed = roomFor(rows.length, total);
  if (packed === undefined) return undefined;
  let at = 0;
  for (let i = 0; i < rows.length; i++) {
    const entry = entries[i]!;
    packed.index[i] = entry.index;
    packed.term[i] = entry.term;
    packed.type[i] = entry.type;
    packed.length[i] = rows[i]!.length;
    packed.bytes.set(rows[i]!, at);
    at += rows[i]!.length;
  }
  return packed;
}

/** One piece of memory for all columns: it moves to the worker instead of being copied, and costs a fraction of five. */
const movable = (n: number, bytes: number): PackedEntries =>
  columns(new ArrayBuffer(COLUMN_BYTES * n + bytes), 0, n, bytes);

function unpack(path: string, packed: PackedEntries): LogEntry[] {
  let at = 0;
  return Array.from(packed.index, (index, i) => {
    const end = at + packed.length[i]!;
    let entry: LogEntry;
    try {
      entry = decodeLogEntry(packed.bytes.subarray(at, end));
    } catch (cause) {
      throw new RaftStorageError(path, (cause as Error).message, { index, cause });
    }
    if (entry.index !== index || entry.term !== packed.term[i])
      throw new RaftStorageError(path, `it holds entry ${entry.index} of term ${entry.term}`, { index });
    at = end;
    return entry;
  });
}

const packOp = (op: StoreOp): DatabaseOp =>
  op.kind === "append" ? { kind: "append", entries: pack(op.entries, movable)! } : op;

function errorOf(fault: WorkerFault): Error {
  if (fault.damaged === undefined)
    return Object.assign(new Error(fault.message), fault.code === undefined ? {} : { code: fault.code });
  const error = new RaftStorageError(fault.damaged.path, "", { index: fault.damaged.index });
  error.message = fault.message;
  return error;
}

export class SqliteLogStore implements LogStore {
  readonly #folder: string;
  readonly #startWorker: StartWorker;
  #worker: Worker | undefined;
  /** Of the present worker, once it has opened the database. */
  #channel: LogChannel | undefined;
  readonly #waiting: ((error: Error | undefined, answer: WorkerAnswer | undefined) => void)[] = [];
  /** The first of {@link #waiting}, when it is an append by shared memory. */
  #appending: ((error: Error | undefined) => void) | undefined;
  #broken: Error | undefined;
  #closing = false;

  /** `folder` (made if missing) will hold raft.sqlite and its companions. */
  constructor(folder: string, options: { readonly startWorker?: StartWorker | undefined } = {}) {
    this.#folder = folder;
    this.#startWorker = options.startWorker ?? startLogWorker;
  }

  #ask(
    request: WorkerRequest,
    done: (error: Error | undefined, answer: WorkerAnswer | undefined) => void,
    transfer: ArrayBuffer[] = [],
  ): void {
    if (this.#broken !== undefined || this.#worker === undefined) {
      const error = this.#broken ?? new Error("raft log store is not open");
      queueMicrotask(() => done(error, undefined));
      return;
    }
    this.#waiting.push(done);
    this.#worker.postMessage(request, transfer);
    this.#channel?.wake();
  }

  #break(error: Error): void {
    this.#broken ??= error;
    this.#appending = undefined;
    for (const done of this.#waiting.splice(0)) done(error, undefined);
  }

  open(done: StoreCallback<StoredLog>): void {
    this.#broken = undefined;
    this.#closing = false;
    const worker = this.#startWorker(WORKER_DATA);
    this.#worker = worker;
    this.#channel = undefined;
    const channel = new LogChannel();
    // Of a worker that is not the present one any more nothing is heard.
    const current = (): boolean => this.#worker === worker;
    worker.on("message", (answer: WorkerAnswer) => {
      // Answers are given in the order of requests, so an append before this one was carried out, if it did not fail here.
      if (answer.kind === "append-fault") this.#appending = undefined;
      else if (this.#appending !== undefined) this.#appended(this.#appending);
      const waiting = this.#waiting.shift();
      if (answer.kind === "fault" || answer.kind === "append-fault")
        waiting?.(errorOf(answer.fault), undefined);
      else waiting?.(undefined, answer);
    });
    worker.on("error", (error) => current() && this.#break(error as Error));
    worker.on(
      "exit",
      (code) => current() && this.#break(new Error(`raft log worker ended with code ${code}`)),
    );
    const { memory } = channel;
    this.#ask({ kind: "open", folder: this.#folder, recentMax: RECENT_ENTRIES, memory }, (error, answer) => {
      if (error !== undefined || answer?.kind !== "opened") {
        void worker.terminate();
        return done(error ?? new Error("raft log worker: unexpected answer"), undefined as never);
      }
      const { state } = answer;
      let stored: StoredLog;
      try {
        stored = {
          ...state,
          recent: unpack(this.#folder, state.recent),
          configurations: unpack(this.#folder, state.configurations),
        };
      } catch (decodeError) {
        void worker.terminate();
        return done(decodeError as Error, undefined as never);
      }
      this.#channel = channel;
      done(undefined, stored);
    });
  }

  write(batch: Persist, done: StoreCallback<void>): void {
    if (this.#append(batch, done)) return;
    const ops = batch.ops.map(packOp);
    const transfer = ops.flatMap((op) =>
      op.kind === "append" ? [op.entries.bytes.buffer as ArrayBuffer] : [],
    );
    this.#ask(
      { kind: "write", batch: { ops, hardState: batch.hardState } },
      (error) => done(error),
      transfer,
    );
  }

  /** Entries alone go by shared memory, when nothing else is under way and they fit. */
  #append(batch: Persist, done: StoreCallback<void>): boolean {
    const channel = this.#channel;
    const op = batch.ops[0];
    if (
      channel === undefined ||
      this.#broken !== undefined ||
      this.#waiting.length > 0 ||
      batch.ops.length !== 1 ||
      op?.kind !== "append" ||
      batch.hardState !== undefined ||
      pack(op.entries, (n, bytes) => channel.room(n, bytes)) === undefined
    )
      return false;
    // Its own function: `done` may be the same for many.
    const append = (error: Error | undefined): void => done(error);
    this.#appending = append;
    this.#waiting.push(append);
    channel.append(() => this.#appended(append));
    return true;
  }

  /** Unless that is known by other ways: from the answer to a later request, or because the append failed. */
  #appended(append: (error: Error | undefined) => void): void {
    if (this.#appending !== append) return;
    this.#appending = undefined;
    this.#waiting.shift();
    append(undefined);
  }

  read(from: number, through: number, bytesMax: number, done: StoreCallback<readonly LogEntry[]>): void {
    this.#ask({ kind: "read", from, through, bytesMax }, (error, answer) => {
      if (error !== undefined || answer?.kind !== "entries")
        return done(error ?? new Error("raft log worker: unexpected answer"), []);
      let entries: readonly LogEntry[];
      try {
        entries = unpack(this.#folder, answer.entries);
      } catch (decodeError) {
        return done(decodeError as Error, []);
      }
      done(undefined, entries);
    });
  }

  compact(through: number, done: StoreCallback<void>): void {
    // In parts, so that a write in between does not wait for all of it.
    this.#ask({ kind: "compact", through }, (error, answer) => {
      if (error === undefined && answer?.kind === "compacted" && answer.more && !this.#closing)
        this.compact(through, done);
      else done(error);
    });
  }

  close(done: StoreCallback<void>): void {
    const worker = this.#worker;
    this.#closing = true;
    if (worker === undefined || this.#broken !== undefined) {
      queueMicrotask(() => done(undefined));
      return;
    }
    this.#ask({ kind: "close" }, (error) => {
      this.#broken = new Error("raft log store is closed");
      worker.terminate().then(() => done(error), done);
    });
  }
}
