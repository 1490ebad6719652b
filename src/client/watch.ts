/**
 * Blocking reads as an async iterator. Rules observed by Consul's own watchers: an index that goes down starts anew at 0,
 * an unchanged index is no change, errors are retried after a growing pause (so a lost leader is a delay, never an end).
 */
import { setTimeout as delay } from "node:timers/promises";
import type { QueryOptions, QueryReply } from "./query.ts";

export interface WatchOptions extends QueryOptions {
  /** First pause after an error, doubled with each further one. Default 250 ms. */
  readonly retryMinMs?: number;
  /** Longest pause. Default 30 s. */
  readonly retryMaxMs?: number;
  /** Told about each failed attempt; throw here to end the watch with that error. */
  readonly onError?: (error: unknown, retryInMs: number) => void;
  /** An error on the very first read ends the watch. Default false. */
  readonly failFast?: boolean;
  /** False where indexes only differ and do not grow (events). Default true. */
  readonly ordered?: boolean;
}

const RETRY_MIN_MS = 250;
const RETRY_MAX_MS = 30_000;

/** First the present value, then each changed one, until `signal` is aborted (a plain end) or the consumer stops. */
export async function* watch<T>(
  read: (options: QueryOptions) => Promise<QueryReply<T>>,
  options: WatchOptions = {},
): AsyncGenerator<QueryReply<T>, void, undefined> {
  const {
    retryMinMs = RETRY_MIN_MS,
    retryMaxMs = RETRY_MAX_MS,
    onError,
    failFast,
    ordered = true,
    ...query
  } = options;
  // The consumer's `break` must end a read that waits for minutes: it gets a signal of its own.
  const stopped = new AbortController();
  const signal =
    query.signal === undefined ? stopped.signal : AbortSignal.any([query.signal, stopped.signal]);
  let index = query.index ?? 0n;
  let seen: bigint | undefined;
  let failures = 0;
  try {
    while (!signal.aborted) {
      let reply: QueryReply<T>;
      try {
        reply = await read({ ...query, index, signal });
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        if (failFast && seen === undefined) throw error;
        const pause = Math.min(retryMinMs * 2 ** Math.min(failures++, 20), retryMaxMs);
        onError?.(error, pause);
        try {
          await delay(pause, undefined, { signal });
        } catch {
          return;
        }
        // What was seen before may be gone after a change of leader: ask for the present state at once.
        index = 0n;
        continue;
      }
      if (reply.index !== seen) {
        seen = reply.index;
        yield reply;
      }
      // An endpoint without an index cannot block: asking on would be a busy loop.
      if (reply.index === 0n) return;
      index = ordered && reply.index < index ? 0n : reply.index;
    }
  } finally {
    stopped.abort();
  }
}
