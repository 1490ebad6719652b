/**
 * Reads that know when they stop being true.
 *
 * A query runs over a view that records what it touches: rows (an index and a key), ranges (an index and a key prefix),
 * topics (named events, such as "anything about the health of service web"), and values of the index table. Rows, ranges
 * and topics are watched: a commit that changes one makes the read stale and wakes its waiters, once, and no others.
 * Values of the index table are only compared: they end the read's validity but wake nobody, because "some key changed
 * somewhere" is no news for one who waits for this key.
 */
import { ROW_WATCHES_MAX, WATCHED_PREFIX_CHARS_MAX } from "./limits.ts";
import type { TableIndex, Tables, Topic } from "./tables.ts";
import type { Watcher, WatchSet } from "./watch-set.ts";

/** What a query returns: the raft index of the last change that concerns the answer, and the answer. */
export interface Answer<T> {
  readonly index: number;
  readonly value: T;
}

export type Query<T> = (view: StateView) => Answer<T>;

/** An answer with a wake-up. */
export interface TrackedRead<T> extends Answer<T> {
  /**
   * Whether a fresh evaluation would give the same. Exact while the read is watched (by `track`, `cached`, or a waiter);
   * otherwise true only until the next commit.
   */
  readonly valid: boolean;
  /** The whole state was replaced by a restore: a blocking query ends. */
  readonly abandoned: boolean;
  /**
   * Calls `wake` once, at the end of the commit that changes something this read touched; at once when that has happened
   * already. To be called in the same tick as the read. `wake` must be short and must not write. Returns the way to stop.
   */
  onChange(wake: () => void): () => void;
  /** As `onChange`, for who has an object already: ten thousand waiters then need no functions of their own. */
  addWaiter(waiter: Waiter): void;
  removeWaiter(waiter: Waiter): void;
  /** The caller's own derivative (an encoded body), kept as long as the read. */
  attached: unknown;
  /** Ends the watching that `track` began. */
  release(): void;
}

/** Somebody who waits for a change. `changed` must be short and must not write. */
export interface Waiter {
  changed(): void;
}

/** What a read depends on. */
interface Watch {
  readonly set: WatchSet;
  readonly key: string;
  readonly range: boolean;
}

/** The state as a query sees it: rows and ranges of the tables, each look recorded. */
export class StateView {
  /** The tables themselves; looks that go past the methods below are not recorded. */
  readonly tables: Tables;
  readonly #recording: boolean;
  readonly #watches: Watch[] = [];
  readonly #indexKeys: string[] = [];
  readonly #indexValues: number[] = [];

  constructor(tables: Tables, recording: boolean) {
    this.tables = tables;
    this.#recording = recording;
  }

  /** One row of an index; that there is none is recorded too. */
  row<R>(index: TableIndex<R>, key: string): R | undefined {
    if (this.#recording) this.#watches.push({ set: index.watchers, key, range: false });
    return index.tree.get(key);
  }

  /** Visits the rows whose key starts with `prefix`, in order, until `visit` returns false; the whole range is recorded. */
  scan<R>(index: TableIndex<R>, prefix: string, visit: (row: R, key: string) => unknown): void {
    this.watchRange(index, prefix);
    index.tree.scan(prefix, visit);
  }

  /** The rows under a prefix, in order. */
  list<R>(index: TableIndex<R>, prefix: string): R[] {
    this.watchRange(index, prefix);
    return index.tree.list(prefix);
  }

  /** Records a range without reading it. */
  watchRange(index: TableIndex<unknown>, prefix: string): void {
    if (this.#recording)
      this.#watches.push({
        set: index.watchers,
        key: prefix.slice(0, WATCHED_PREFIX_CHARS_MAX),
        range: true,
      });
  }

  /** Records a topic: the read is stale after the next event of that name. */
  watchTopic(topic: Topic, name: string): void {
    if (this.#recording) this.#watches.push({ set: topic.watchers, key: name, range: false });
  }

  /** A value of the index table, 0 when absent. Its change ends the read's validity but wakes nobody. */
  lastChange(key: string): number {
    const value = this.tables.lastChange(key);
    if (this.#recording) {
      this.#indexKeys.push(key);
      this.#indexValues.push(value);
    }
    return value;
  }

  /** The highest of several values of the index table. */
  lastChangeOf(...keys: readonly string[]): number {
    let max = 0;
    for (const key of keys) max = Math.max(max, this.lastChange(key));
    return max;
  }

  /** For {@link Read}: what was touched, rows beyond the limit replaced by their index. */
  watches(): readonly Watch[] {
    if (this.#watches.length <= ROW_WATCHES_MAX) return this.#watches;
    const perSet = new Map<WatchSet, number>();
    for (const w of this.#watches) if (!w.range) perSet.set(w.set, (perSet.get(w.set) ?? 0) + 1);
    const wide = new Set<WatchSet>();
    for (const [set, count] of perSet) if (count > ROW_WATCHES_MAX) wide.add(set);
    if (wide.size === 0) return this.#watches;
    const out = this.#watches.filter((w) => !wide.has(w.set));
    for (const set of wide) out.push({ set, key: "", range: true });
    return out;
  }

  /** Whether every value of the index table is still what the query saw. */
  indexesUnchanged(): boolean {
    for (let i = 0; i < this.#indexKeys.length; i++)
      if (this.tables.lastChange(this.#indexKeys[i]!) !== this.#indexValues[i]) return false;
    return true;
  }
}

/** The store's side of tracking: what reads ask it. */
export interface Commits {
  /** Counts commits. */
  readonly version: number;
  readonly tables: Tables;
}

/** A tracked read; made by the store. */
export class Read<T> implements TrackedRead<T>, Watcher {
  readonly index: number;
  readonly value: T;
  attached: unknown = undefined;
  readonly #view: StateView;
  readonly #commits: Commits;
  readonly #version: number;
  /** The watches in force; undefined while the read is loose. */
  #watches: readonly Watch[] | undefined = undefined;
  #stale = false;
  #abandoned = false;
  #pinned = false;
  readonly #waiters = new Set<Waiter>();

  constructor(commits: Commits, query: Query<T>) {
    this.#commits = commits;
    this.#version = commits.version;
    this.#view = new StateView(commits.tables, true);
    const { index, value } = query(this.#view);
    // Blocking queries compare with "> index": 0 would return at once forever (observed in Consul 1.8.7: at least 1).
    this.index = Math.max(index, 1);
    this.value = value;
  }

  get valid(): boolean {
    if (this.#stale) return false;
    if (this.#watches === undefined) return this.#version === this.#commits.version;
    return this.#view.indexesUnchanged();
  }

  get abandoned(): boolean {
    return this.#abandoned || this.#view.tables !== this.#commits.tables;
  }

  onChange(wake: () => void): () => void {
    const waiter: Waiter = { changed: wake };
    this.addWaiter(waiter);
    return () => this.removeWaiter(waiter);
  }

  addWaiter(waiter: Waiter): void {
    if (this.#watches === undefined && !this.#stale && this.#version !== this.#commits.version)
      this.#stale = true;
    if (this.#stale) return waiter.changed();
    this.#watch();
    this.#waiters.add(waiter);
  }

  removeWaiter(waiter: Waiter): void {
    if (this.#waiters.delete(waiter) && this.#waiters.size === 0 && !this.#pinned) this.#unwatch();
  }

  /** Watches from now until {@link release}; called in the tick of the read. */
  pin(): void {
    this.#pinned = true;
    this.#watch();
  }

  release(): void {
    this.#pinned = false;
    if (this.#waiters.size === 0) this.#unwatch();
  }

  /** Something that the read touched has changed: watches no more. Waiters are woken by {@link wake}. */
  invalidate(abandoned: boolean): void {
    this.#stale = true;
    if (abandoned) this.#abandoned = true;
    this.#unwatch();
  }

  wake(): void {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const waiter of waiters) waiter.changed();
  }

  #watch(): void {
    if (this.#watches !== undefined || this.#stale) return;
    this.#watches = this.#view.watches();
    for (const w of this.#watches) w.set.add(w.key, w.range, this);
  }

  #unwatch(): void {
    if (this.#watches === undefined) return;
    for (const w of this.#watches) w.set.remove(w.key, w.range, this);
    // Loose again, of an old version: no longer valid after another commit.
    this.#watches = undefined;
    if (this.#version !== this.#commits.version) this.#stale = true;
  }
}
