/**
 * How a read is answered: consistency first, then the query, then, for a blocking query, waiting until what it read changes.
 * One for all endpoints.
 */

import type { QueryMeta } from "../model/query.ts";
import type { Clock } from "../ports/clock.ts";
import type { Metrics } from "../ports/metrics.ts";
import type { NowOrLater } from "../ports/now-or-later.ts";
import type { Random } from "../ports/random.ts";
import type { StateStore } from "../state/state-store.ts";
import type { Query, TrackedRead } from "../state/tracked-read.ts";
import { BlockingQueries } from "./blocking-query.ts";
import type { Call } from "./dispatcher.ts";
import { BLOCKING_JITTER_FRACTION, READ_KEYS_REMEMBERED } from "./limits.ts";

/** The query options that decide how a read is answered. */
export interface ReadOptions {
  readonly MinQueryIndex: number;
  /** Nanoseconds. */
  readonly MaxQueryTime: bigint;
  readonly RequireConsistent: boolean;
  readonly AllowStale: boolean;
}

export interface ReaderParts {
  readonly store: StateStore;
  readonly defaultQueryTimeMs: number;
  readonly maxQueryTimeMs: number;
  /** Metadata of an answer of this moment, index 0. */
  readonly meta: () => QueryMeta;
  readonly consistentRead: () => Promise<void>;
  /** Resolves when a read here sees every acknowledged write; undefined: it does already. */
  readonly leaderRead: () => Promise<void> | undefined;
}

/** Milliseconds that a blocking query waits before the jitter. */
export function queryTimeMs(
  asked: bigint,
  parts: { readonly defaultQueryTimeMs: number; readonly maxQueryTimeMs: number },
): number {
  if (asked <= 0n) return parts.defaultQueryTimeMs;
  return Math.min(Number(asked / 1_000n) / 1_000, parts.maxQueryTimeMs);
}

export class Reader {
  readonly #parts: ReaderParts;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #metrics: Metrics;
  /** Keys of reads that were asked for: most reads come once, and keeping those would only fill memory. */
  readonly #asked = new Set<string>();
  readonly #waiting: BlockingQueries;

  constructor(
    parts: ReaderParts,
    ports: { readonly clock: Clock; readonly random: Random; readonly metrics: Metrics },
  ) {
    this.#parts = parts;
    this.#clock = ports.clock;
    this.#waiting = new BlockingQueries(ports);
    this.#random = ports.random;
    this.#metrics = ports.metrics;
  }

  /** Blocking queries that wait at the moment. */
  get blocking(): number {
    return this.#waiting.count;
  }

  /** The server stops: waiting reads end with what they have. */
  stop(): void {
    this.#waiting.stop();
  }

  /** `key` names the query and the shape with all their arguments; without it nothing is kept. */
  read<T, R extends object>(
    request: ReadOptions,
    call: Call,
    query: Query<T>,
    shape: (value: T) => R,
    key?: string,
  ): NowOrLater<R & QueryMeta> {
    this.#metrics.count("rpc.query");
    const evaluate = this.#evaluation(query, key);
    const answer = (read: TrackedRead<T>): R & QueryMeta => this.#reply(read, shape);
    const look = (): NowOrLater<R & QueryMeta> => {
      const read = evaluate();
      return request.MinQueryIndex > 0 && read.index <= request.MinQueryIndex
        ? this.#wait(request, call, evaluate, read, answer)
        : answer(read);
    };
    const settled = this.#settle(request);
    return settled === undefined ? look() : settled.then(look);
  }

  #reply<T, R extends object>(read: TrackedRead<T>, shape: (value: T) => R): R & QueryMeta {
    let body = read.attached as R | undefined;
    if (body === undefined) {
      body = shape(read.value);
      read.attached = body;
    }
    const meta = this.#parts.meta();
    return { ...body, ...meta, Index: read.index };
  }

  /** How a read is looked up: with a key that was asked for before, from the kept ones while they hold. */
  #evaluation<T>(query: Query<T>, key: string | undefined): () => TrackedRead<T> {
    const { store } = this.#parts;
    if (key === undefined) return () => store.read(query);
    if (this.#asked.has(key)) return () => store.cached(key, query);
    if (this.#asked.size >= READ_KEYS_REMEMBERED) this.#asked.clear();
    this.#asked.add(key);
    return () => store.read(query);
  }

  /** What the consistency mode asks for before the state is looked at. */
  #settle(request: ReadOptions): Promise<void> | undefined {
    if (request.AllowStale) return undefined;
    return request.RequireConsistent ? this.#parts.consistentRead() : this.#parts.leaderRead();
  }

  #wait<T, A>(
    request: ReadOptions,
    call: Call,
    evaluate: () => TrackedRead<T>,
    first: TrackedRead<T>,
    answer: (read: TrackedRead<T>) => A,
  ): Promise<A> {
    const wait = queryTimeMs(request.MaxQueryTime, this.#parts);
    const jitter = (this.#random.float() * wait) / BLOCKING_JITTER_FRACTION;
    return this.#waiting.add(
      {
        index: request.MinQueryIndex,
        deadline: this.#clock.now() + roundedUp(wait + jitter),
        signal: call.signal,
        settle: () => this.#settle(request),
        evaluate,
        answer,
      },
      first,
    );
  }
}

/** In steps of a 500th: Node has a list for each duration that is waited for, and ten thousand waiters need not have one each. */
function roundedUp(ms: number): number {
  const step = Math.max(1, Math.floor(ms / 500));
  return Math.ceil(ms / step) * step;
}
