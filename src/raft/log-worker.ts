/**
 * The worker thread that owns the log database. One request, one answer, in order. Bundled on its own for the executable.
 *
 * Once the database is open the thread sleeps on a word of shared memory instead of in its event loop (`log-channel.ts`).
 */
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { RaftStorageError } from "./errors.ts";
import { LogChannel } from "./log-channel.ts";
import { type DatabaseBatch, type DatabaseState, LogDatabase, type PackedEntries } from "./log-database.ts";

export type WorkerRequest =
  | {
      readonly kind: "open";
      readonly folder: string;
      readonly recentMax: number;
      readonly memory: SharedArrayBuffer;
    }
  | { readonly kind: "write"; readonly batch: DatabaseBatch }
  | { readonly kind: "read"; readonly from: number; readonly through: number; readonly bytesMax: number }
  | { readonly kind: "compact"; readonly through: number }
  | { readonly kind: "close" };

/** An error as it travels between threads. */
export interface WorkerFault {
  readonly message: string;
  readonly code: string | undefined;
  readonly damaged: { readonly path: string; readonly index: number | undefined } | undefined;
}

export type WorkerAnswer =
  | { readonly kind: "ok" }
  | { readonly kind: "opened"; readonly state: DatabaseState }
  | { readonly kind: "entries"; readonly entries: PackedEntries }
  | { readonly kind: "compacted"; readonly more: boolean }
  | { readonly kind: "fault"; readonly fault: WorkerFault }
  /** Of an append by shared memory; its success is told by the memory alone. */
  | { readonly kind: "append-fault"; readonly fault: WorkerFault };

let database: LogDatabase | undefined;

function answer(request: WorkerRequest): WorkerAnswer {
  switch (request.kind) {
    case "open":
      database = new LogDatabase(request.folder);
      return { kind: "opened", state: database.load(request.recentMax) };
    case "write":
      database!.write(request.batch);
      return { kind: "ok" };
    case "read":
      return { kind: "entries", entries: database!.read(request.from, request.through, request.bytesMax) };
    case "compact":
      return { kind: "compacted", more: database!.compactSome(request.through) };
    case "close":
      database?.close();
      database = undefined;
      return { kind: "ok" };
  }
}

function faultOf(error: unknown): WorkerFault {
  const e = error as NodeJS.ErrnoException;
  return {
    message: e.message,
    code: e.code,
    damaged: error instanceof RaftStorageError ? { path: error.path, index: error.index } : undefined,
  };
}

function serve(port: MessagePort, request: WorkerRequest): void {
  let reply: WorkerAnswer;
  try {
    reply = answer(request);
  } catch (error) {
    reply = { kind: "fault", fault: faultOf(error) };
  }
  port.postMessage(reply);
}

/** Until the database is closed. */
function serveByMemory(port: MessagePort, channel: LogChannel): void {
  while (database !== undefined) {
    const { asked } = channel;
    for (let more = true; more && database !== undefined; ) {
      const got = receiveMessageOnPort(port);
      // Looked for after the message was received: what was asked before the message is carried out before it.
      const entries = channel.take();
      if (entries !== undefined) append(port, channel, entries);
      if (got !== undefined) serve(port, got.message as WorkerRequest);
      more = got !== undefined;
    }
    if (database !== undefined) channel.sleep(asked);
  }
}

function append(port: MessagePort, channel: LogChannel, entries: PackedEntries): void {
  try {
    database!.write({ ops: [{ kind: "append", entries }], hardState: undefined });
  } catch (error) {
    port.postMessage({ kind: "append-fault", fault: faultOf(error) } satisfies WorkerAnswer);
    return;
  }
  channel.appended();
}

if (parentPort !== null && workerData?.role === "tribune-raft-log") {
  const port = parentPort;
  port.on("message", (request: WorkerRequest) => {
    serve(port, request);
    if (request.kind !== "open" || database === undefined) return;
    serveByMemory(port, new LogChannel(request.memory));
    port.close();
  });
}
