/** Streams a frozen state into a sink in bounded steps, so that the agent keeps answering meanwhile. */
import { SNAPSHOT_CHUNK_BYTES, SNAPSHOT_SLICE_MS } from "./limits.ts";
import type { SnapshotSink } from "./snapshot-store.ts";

export interface Turns {
  now(): number;
  /** Lets other events have their turns. */
  rest(): Promise<void>;
}

const isAsync = (s: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): s is AsyncIterable<Uint8Array> =>
  Symbol.asyncIterator in s;

export async function writeState(
  state: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  sink: Pick<SnapshotSink, "write">,
  turns: Turns,
): Promise<void> {
  if (isAsync(state)) {
    for await (const chunk of state) await sink.write(chunk);
    return;
  }
  let chunks: Uint8Array[] = [];
  let bytes = 0;
  let started = turns.now();
  const flush = async (): Promise<void> => {
    if (bytes > 0) await sink.write(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks));
    chunks = [];
    bytes = 0;
  };
  for (const chunk of state) {
    chunks.push(chunk);
    bytes += chunk.length;
    const late = turns.now() - started >= SNAPSHOT_SLICE_MS;
    if (bytes < SNAPSHOT_CHUNK_BYTES && !late) continue;
    await flush();
    if (!late) continue;
    await turns.rest();
    started = turns.now();
  }
  await flush();
}
