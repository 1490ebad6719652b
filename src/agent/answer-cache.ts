/**
 * The agent's cache of read answers (`?cached`). Two kinds, as in Consul 1.8.7: a refreshed one keeps a blocking query running after its
 * first fetch, so that a hit is current; a plain one is fetched again when it is older than the caller allows.
 */
import type { MethodName, MethodReply, MethodRequest, RpcCaller } from "../model/methods.ts";
import type { QueryMeta, QueryOptions } from "../model/query.ts";
import { type Clock, sleep } from "../ports/clock.ts";
import { type Metrics, noMetrics } from "../ports/metrics.ts";
import {
  CACHE_ENTRIES_MAX,
  CACHE_ENTRY_IDLE_MS,
  CACHE_REFRESH_RETRY_MS_MAX,
  CACHE_REFRESH_WAIT_NS,
} from "./limits.ts";

export type CacheKind = "refreshed" | "plain";

export interface Cached<T> {
  readonly value: T;
  /** Answered without asking a server now. */
  readonly hit: boolean;
  /** Whole seconds since a server last confirmed the answer. */
  readonly ageS: number;
}

interface Entry {
  value: (object & Partial<QueryMeta>) | undefined;
  /** Clock time of the last confirmation. */
  confirmedMs: number;
  /** The last refresh failed; until the next success the answer ages. */
  stale: boolean;
  usedMs: number;
  readonly waiters: Set<() => void>;
  readonly stop: AbortController;
  first: Promise<void> | undefined;
}

const NS_PER_MS = 1_000_000n;
const RETRY_FIRST_MS = 100;

const keyOf = (method: MethodName, request: QueryOptions): string => {
  // How an answer may be read is no part of what it answers: one entry serves all modes.
  const {
    MinQueryIndex,
    MaxQueryTime,
    MaxAge,
    MustRevalidate,
    StaleIfError,
    UseCache,
    AllowStale,
    RequireConsistent,
    MaxStaleDuration,
    ...rest
  } = request;
  return `${method} ${JSON.stringify(rest, (_, v: unknown) => (typeof v === "bigint" ? `${v}n` : v instanceof Map ? [...v] : v))}`;
};

/** How Consul 1.8.7 calls the kinds of answers in its figures, which begin with its name a second time: `consul.consul.cache...`. */
const FIGURES: Partial<Record<MethodName, string>> = {
  "Catalog.ListDatacenters": "catalog-datacenters",
  "Catalog.ListServices": "catalog-list-services",
  "Catalog.NodeServices": "node-services",
  "Catalog.ServiceNodes": "catalog-services",
  "Health.ServiceNodes": "health-services",
  "PreparedQuery.Execute": "prepared-query",
};
const figureOf = (method: MethodName): string => FIGURES[method] ?? method.toLowerCase().replace(".", "-");

export class AnswerCache {
  readonly #rpc: RpcCaller;
  readonly #clock: Clock;
  readonly #metrics: Metrics;
  readonly #entries = new Map<string, Entry>();
  #closed = false;

  constructor(ports: { readonly rpc: RpcCaller; readonly clock: Clock; readonly metrics?: Metrics }) {
    this.#rpc = ports.rpc;
    this.#clock = ports.clock;
    this.#metrics = ports.metrics ?? noMetrics;
  }

  /** Rejects as the call itself would when there is no answer to fall back on. */
  async get<M extends MethodName>(
    kind: CacheKind,
    method: M,
    request: MethodRequest<M> & QueryOptions,
    signal?: AbortSignal,
  ): Promise<Cached<MethodReply<M>>> {
    const key = keyOf(method, request);
    let entry = this.#entries.get(key);
    const now = this.#clock.now();
    if (entry?.value !== undefined && (kind === "refreshed" || this.#fresh(entry, request, now))) {
      entry.usedMs = now;
      this.#count(method, "hit");
      if (kind === "refreshed" && request.MinQueryIndex > 0) await this.#wait(entry, request, signal);
      return this.#cached(kind, entry, true);
    }
    const before = entry?.value;
    this.#count(method, before === undefined ? "miss_new" : "miss_expired");
    if (entry === undefined) entry = this.#add(key, now);
    entry.usedMs = now;
    try {
      // Callers that come at once share one fetch.
      entry.first ??= this.#fetch(entry, kind, method, request).finally(() => {
        entry.first = undefined;
      });
      await entry.first;
    } catch (error) {
      const ageNs = BigInt(Math.round(now - entry.confirmedMs)) * NS_PER_MS;
      if (before !== undefined && request.StaleIfError > 0n && ageNs <= request.StaleIfError)
        return this.#cached(kind, entry, true);
      if (entry.value === undefined) this.#drop(key, entry);
      throw error;
    }
    return this.#cached(kind, entry, false);
  }

  /** Ends all refreshing. */
  close(): void {
    this.#closed = true;
    for (const entry of this.#entries.values()) entry.stop.abort(new Error("the agent ends"));
    this.#entries.clear();
  }

  #cached<M extends MethodName>(kind: CacheKind, entry: Entry, hit: boolean): Cached<MethodReply<M>> {
    // A blocking query that runs confirms the answer all the time.
    const current = kind === "refreshed" && !entry.stale;
    const aged = current ? 0 : this.#clock.now() - entry.confirmedMs;
    return { value: entry.value as MethodReply<M>, hit, ageS: Math.floor(aged / 1_000) };
  }

  #fresh(entry: Entry, request: QueryOptions, now: number): boolean {
    if (request.MustRevalidate) return false;
    return request.MaxAge <= 0n || BigInt(Math.round(now - entry.confirmedMs)) * NS_PER_MS <= request.MaxAge;
  }

  #add(key: string, now: number): Entry {
    // The one that was not asked for the longest makes room.
    if (this.#entries.size >= CACHE_ENTRIES_MAX) {
      const [oldest, entry] = [...this.#entries].reduce((a, b) => (b[1].usedMs < a[1].usedMs ? b : a));
      this.#drop(oldest, entry);
    }
    const entry: Entry = {
      value: undefined,
      confirmedMs: now,
      stale: false,
      usedMs: now,
      waiters: new Set(),
      stop: new AbortController(),
      first: undefined,
    };
    this.#entries.set(key, entry);
    this.#tellSize();
    return entry;
  }

  #drop(key: string, entry: Entry): void {
    entry.stop.abort(new Error("left the cache"));
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
    this.#tellSize();
  }

  #count(method: MethodName, what: "hit" | "miss_new" | "miss_expired"): void {
    this.#metrics.count(`consul.cache.${figureOf(method)}.${what}`);
  }

  #countFetch(method: MethodName, what: "fetch_success" | "fetch_error"): void {
    this.#metrics.count(`consul.cache.${what}`);
    this.#metrics.count(`consul.cache.${figureOf(method)}.${what}`);
  }

  #tellSize(): void {
    this.#metrics.gauge("consul.cache.entries_count", this.#entries.size);
  }

  async #fetch<M extends MethodName>(
    entry: Entry,
    kind: CacheKind,
    method: M,
    request: MethodRequest<M> & QueryOptions,
  ): Promise<void> {
    const plain = { ...request, MinQueryIndex: 0, MaxQueryTime: 0n };
    let value: object;
    try {
      value = (await this.#rpc.rpc(method, plain)) as object;
    } catch (error) {
      this.#countFetch(method, "fetch_error");
      throw error;
    }
    this.#countFetch(method, "fetch_success");
    entry.value = value;
    entry.confirmedMs = this.#clock.now();
    if (kind === "refreshed" && !entry.stop.signal.aborted && !this.#closed)
      void this.#refresh(entry, method, plain);
  }

  /** Keeps an entry current until nobody has asked for it for long. */
  async #refresh<M extends MethodName>(
    entry: Entry,
    method: M,
    request: MethodRequest<M> & QueryOptions,
  ): Promise<void> {
    const { signal } = entry.stop;
    let pauseMs = RETRY_FIRST_MS;
    while (!signal.aborted) {
      if (this.#clock.now() - entry.usedMs > CACHE_ENTRY_IDLE_MS) {
        this.#metrics.count("consul.cache.evict_expired");
        this.#drop(keyOf(method, request), entry);
        return;
      }
      try {
        const index = Math.max(1, entry.value?.Index ?? 1);
        const next = (await this.#rpc.rpc(
          method,
          { ...request, MinQueryIndex: index, MaxQueryTime: CACHE_REFRESH_WAIT_NS },
          { signal },
        )) as object & Partial<QueryMeta>;
        this.#countFetch(method, "fetch_success");
        // An index that went back starts anew with the next round.
        entry.value = (next.Index ?? 0) < index ? { ...next, Index: 0 } : next;
        entry.confirmedMs = this.#clock.now();
        entry.stale = false;
        pauseMs = RETRY_FIRST_MS;
        for (const wake of [...entry.waiters]) wake();
      } catch {
        if (signal.aborted) return;
        this.#countFetch(method, "fetch_error");
        entry.stale = true;
        await sleep(this.#clock, pauseMs, { signal }).catch(() => {});
        pauseMs = Math.min(pauseMs * 2, CACHE_REFRESH_RETRY_MS_MAX);
      }
    }
  }

  /** Until the entry's index is beyond the caller's, or the caller's time is over. */
  #wait(entry: Entry, request: QueryOptions, signal: AbortSignal | undefined): Promise<void> {
    const beyond = (): boolean => (entry.value?.Index ?? 0) > request.MinQueryIndex;
    const limitMs = Number(
      (request.MaxQueryTime > 0n ? request.MaxQueryTime : CACHE_REFRESH_WAIT_NS) / NS_PER_MS,
    );
    return new Promise((resolve, reject) => {
      if (beyond()) return resolve();
      const done = (act: () => void) => () => {
        timer.cancel();
        entry.waiters.delete(wake);
        signal?.removeEventListener("abort", onAbort);
        act();
      };
      const wake = (): void => {
        if (beyond()) done(resolve)();
      };
      const onAbort = (): void => done(() => reject(signal!.reason))();
      const timer = this.#clock.timer(limitMs, done(resolve));
      entry.waiters.add(wake);
      if (signal?.aborted) return onAbort();
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }
}
