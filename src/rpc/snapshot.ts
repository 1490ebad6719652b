/**
 * Snapshot streams (connection kind 0x05): a request map, the archive's bytes when restoring, end of that direction; then a
 * response map and, when saving, the archive's bytes. Observed in Consul 1.8.7.
 */
import type { Duplex } from "node:stream";
import { SnapshotRequest, SnapshotResponse } from "../model/operator.ts";
import type { Clock } from "../ports/clock.ts";
import type { Logger } from "../ports/log.ts";
import { MsgpackError } from "../wire/msgpack.ts";
import { decode, encode, type Type } from "../wire/schema.ts";
import { MsgpackSplitter } from "../wire/value-splitter.ts";
import { RpcConnectionError } from "./errors.ts";
import { SNAPSHOT_HEAD_BYTES_MAX, SNAPSHOT_IDLE_TIMEOUT_MS } from "./limits.ts";

/** SnapshotRequest.Op. Append only: the numbers are the protocol. */
export const SNAPSHOT_OP = { save: 0, restore: 1 } as const;

export interface SnapshotResult {
  /** `Error` "" and the metadata of a success; a refusal is better thrown. */
  readonly response: SnapshotResponse;
  /** A save's archive. */
  readonly stream?: AsyncIterable<Uint8Array>;
}

/** Saves or restores; `body` is the archive to restore. A rejection's message is the error text that the dialer gets. */
export type SnapshotService = (
  request: SnapshotRequest,
  body: AsyncIterable<Uint8Array>,
  context: { readonly from: string; readonly signal: AbortSignal },
) => Promise<SnapshotResult>;

/** After the last byte the dialer may take this long to read it and close. */
const LINGER_MS = 30_000;

/** Resolves at the first of `events`. No listener stays behind: one for "readable" would keep the stream from flowing. */
function nextOf(connection: Duplex, events: readonly string[]): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      for (const event of events) connection.off(event, done);
      resolve();
    };
    for (const event of events) connection.on(event, done);
  });
}

/** Reads one value from the front of a connection; what follows it stays, first, in `rest`. */
async function readHead<T>(
  connection: Duplex,
  type: Type<T>,
): Promise<{ readonly head: T; readonly rest: Buffer }> {
  const splitter = new MsgpackSplitter(SNAPSHOT_HEAD_BYTES_MAX);
  for (;;) {
    const chunk = connection.read() as Buffer | null;
    if (chunk === null) {
      if (connection.readableEnded || connection.destroyed) throw new RpcConnectionError("call", "EOF");
      await nextOf(connection, ["readable", "end", "close"]);
      continue;
    }
    const known = splitter.heldBytes;
    // Only the map's own bytes count against its limit; the archive behind it may be of any size.
    const piece = chunk.subarray(0, Math.max(0, SNAPSHOT_HEAD_BYTES_MAX - known));
    splitter.push(piece);
    const value = splitter.next();
    if (value === undefined) {
      if (piece.length < chunk.length) throw new MsgpackError("snapshot head too long");
      continue;
    }
    return { head: decode(type, value), rest: chunk.subarray(value.length - known) };
  }
}

async function* bodyOf(connection: Duplex, rest: Buffer): AsyncIterable<Uint8Array> {
  if (rest.length > 0) yield rest;
  for await (const chunk of connection.iterator({ destroyOnReturn: false })) yield chunk as Buffer;
}

/** Ends the connection when it has been still for too long. */
function watchIdle(connection: Duplex, clock: Clock, idleMs: number): { touch(): void; stop(): void } {
  let timer = clock.timer(idleMs, fire);
  function fire(): void {
    connection.destroy(new RpcConnectionError("call", "snapshot stream timed out"));
  }
  return {
    touch: () => {
      timer.cancel();
      timer = clock.timer(idleMs, fire);
    },
    stop: () => timer.cancel(),
  };
}

async function* touching(stream: AsyncIterable<Uint8Array>, touch: () => void): AsyncIterable<Uint8Array> {
  for await (const chunk of stream) {
    touch();
    yield chunk;
  }
}

async function writeAll(
  connection: Duplex,
  stream: AsyncIterable<Uint8Array>,
  touch: () => void,
): Promise<void> {
  for await (const chunk of stream) {
    touch();
    if (connection.destroyed) throw new RpcConnectionError("call", "EOF");
    if (!connection.write(chunk)) await nextOf(connection, ["drain", "close"]);
  }
}

/** Serves one snapshot connection from after its kind byte to its end. Never rejects. */
export async function serveSnapshot(
  connection: Duplex,
  service: SnapshotService,
  parts: { readonly from: string; readonly clock: Clock; readonly log: Logger },
): Promise<void> {
  const abort = new AbortController();
  connection.once("close", () => abort.abort());
  connection.on("error", () => {});
  const idle = watchIdle(connection, parts.clock, SNAPSHOT_IDLE_TIMEOUT_MS);
  try {
    const { head, rest } = await readHead(connection, SnapshotRequest);
    idle.touch();
    let result: SnapshotResult;
    try {
      const body = touching(bodyOf(connection, rest), idle.touch);
      // Making a snapshot, or installing one, has its own time limits.
      result = await service(head, body, { from: parts.from, signal: abort.signal });
    } catch (error) {
      result = { response: SnapshotResponse.make({ Error: (error as Error).message || "unknown error" }) };
    }
    idle.touch();
    connection.write(encode(SnapshotResponse, result.response));
    if (result.response.Error === "" && result.stream !== undefined)
      await writeAll(connection, result.stream, idle.touch);
    connection.end();
    connection.resume();
    const linger = parts.clock.timer(LINGER_MS, () => connection.destroy());
    connection.once("close", () => linger.cancel());
  } catch (error) {
    parts.log.error("snapshot stream failed", { from: parts.from, error: (error as Error).message });
    connection.destroy();
  } finally {
    idle.stop();
  }
}

/** The dialer's half, on a connection whose kind byte has been written. Rejects with {@link RpcConnectionError} when it breaks. */
export async function requestSnapshot(
  connection: Duplex,
  request: SnapshotRequest,
  body: AsyncIterable<Uint8Array> | undefined,
  parts: { readonly clock: Clock },
): Promise<{ readonly response: SnapshotResponse; readonly stream: AsyncIterable<Uint8Array> }> {
  let failure: Error | undefined;
  connection.on("error", (error) => {
    failure = error;
  });
  const idle = watchIdle(connection, parts.clock, SNAPSHOT_IDLE_TIMEOUT_MS);
  connection.once("close", () => idle.stop());
  try {
    connection.write(encode(SnapshotRequest, request));
    if (body !== undefined) await writeAll(connection, body, idle.touch);
    connection.end();
    idle.touch();
    const { head, rest } = await readHead(connection, SnapshotResponse);
    return { response: head, stream: touching(bodyOf(connection, rest), idle.touch) };
  } catch (error) {
    connection.destroy();
    throw failure ?? error;
  }
}
