/**
 * The log as the core sees it: the term of every entry (as runs, so a million entries of one term cost one record) and the
 * newest entries themselves. Older entries are only in the store; who needs them asks the driver to read them.
 *
 * Invariant: snapshot.index <= last; entries first..last are on the store or on their way to it.
 */
import assert from "node:assert/strict";
import type { LogEntry } from "../contract.ts";

export interface TermRun {
  readonly from: number;
  readonly term: number;
}

export interface LogViewLimits {
  readonly cacheEntriesMax: number;
  readonly cacheBytesMax: number;
}

export const entryBytes = (e: LogEntry): number => e.data.length + (e.extensions?.length ?? 0);

export class LogView {
  /** Ascending in both fields. */
  #runs: TermRun[];
  #first: number;
  #last: number;
  #snapshotIndex: number;
  #snapshotTerm: number;
  /** Entries `#cacheFirst`.. in order, up to `#last`; `#head` of the array have been evicted. */
  #cache: LogEntry[];
  #head = 0;
  #cacheFirst: number;
  #cacheBytes = 0;
  readonly #limits: LogViewLimits;

  constructor(
    stored: {
      readonly first: number;
      readonly last: number;
      readonly runs: readonly TermRun[];
      readonly recent: readonly LogEntry[];
    },
    snapshot: { readonly index: number; readonly term: number },
    limits: LogViewLimits,
  ) {
    this.#limits = limits;
    this.#snapshotIndex = snapshot.index;
    this.#snapshotTerm = snapshot.term;
    const empty = stored.last === 0;
    this.#first = empty ? snapshot.index + 1 : stored.first;
    this.#last = empty ? snapshot.index : stored.last;
    this.#runs = [...stored.runs];
    this.#cache = [...stored.recent];
    this.#cacheFirst = stored.recent[0]?.index ?? this.#last + 1;
    for (const e of this.#cache) this.#cacheBytes += entryBytes(e);
  }

  /** First index that the store holds (last + 1 when it holds none). */
  get first(): number {
    return this.#first;
  }
  /** Last index of log or snapshot. */
  get last(): number {
    return this.#last;
  }
  get lastTerm(): number {
    return this.termAt(this.#last) ?? 0;
  }
  get snapshotIndex(): number {
    return this.#snapshotIndex;
  }
  get snapshotTerm(): number {
    return this.#snapshotTerm;
  }

  /** Term of an entry, 0 for index 0, undefined when the index is neither in the log nor the snapshot's. */
  termAt(index: number): number | undefined {
    if (index === 0) return 0;
    if (index >= this.#first && index <= this.#last) {
      const runs = this.#runs;
      // The newest run almost always answers.
      for (let i = runs.length - 1; i >= 0; i--) if (runs[i]!.from <= index) return runs[i]!.term;
    }
    return index === this.#snapshotIndex ? this.#snapshotTerm : undefined;
  }

  append(entry: LogEntry): void {
    assert(entry.index === this.#last + 1, `raft log gap: last=${this.#last} next=${entry.index}`);
    const run = this.#runs.at(-1);
    assert(
      run === undefined || run.term <= entry.term,
      `raft log term falls: ${run?.term} -> ${entry.term} at ${entry.index}`,
    );
    if (run === undefined || run.term !== entry.term)
      this.#runs.push({ from: entry.index, term: entry.term });
    if (this.#first > this.#last) this.#first = entry.index;
    this.#last = entry.index;
    if (this.#head === this.#cache.length) {
      this.#cache = [];
      this.#head = 0;
      this.#cacheFirst = entry.index;
    }
    this.#cache.push(entry);
    this.#cacheBytes += entryBytes(entry);
  }

  /** Deletes `from` and all after it. */
  truncate(from: number): void {
    assert(
      from > this.#snapshotIndex,
      `raft log cut into the snapshot: from=${from} snapshot=${this.#snapshotIndex}`,
    );
    while (this.#runs.length > 0 && this.#runs.at(-1)!.from >= from) this.#runs.pop();
    while (this.#cache.length > this.#head && this.#cache.at(-1)!.index >= from)
      this.#cacheBytes -= entryBytes(this.#cache.pop()!);
    this.#last = from - 1;
    if (this.#first > this.#last) this.#clear();
    else if (this.#cacheFirst > this.#last) this.#dropCache();
  }

  /** Forgets all entries: the log continues behind a snapshot. */
  reset(index: number, term: number): void {
    this.#snapshotIndex = index;
    this.#snapshotTerm = term;
    this.#last = index;
    this.#clear();
  }

  /** A newer snapshot of entries that the log still has. */
  setSnapshot(index: number, term: number): void {
    this.#snapshotIndex = index;
    this.#snapshotTerm = term;
  }

  /** Forgets entries up to `through`. */
  compact(through: number): void {
    if (through < this.#first) return;
    assert(
      through <= this.#snapshotIndex,
      `raft log compacted beyond the snapshot: ${through} > ${this.#snapshotIndex}`,
    );
    if (through >= this.#last) {
      this.#clear();
      return;
    }
    this.#first = through + 1;
    while (this.#runs.length > 1 && this.#runs[1]!.from <= this.#first) this.#runs.shift();
    this.#evictTo(this.#first);
  }

  #clear(): void {
    this.#runs = [];
    this.#first = this.#last + 1;
    this.#dropCache();
  }

  #dropCache(): void {
    this.#cache = [];
    this.#head = 0;
    this.#cacheFirst = this.#last + 1;
    this.#cacheBytes = 0;
  }

  #evictTo(first: number): void {
    while (this.#head < this.#cache.length && this.#cacheFirst < first) {
      this.#cacheBytes -= entryBytes(this.#cache[this.#head]!);
      this.#head++;
      this.#cacheFirst++;
    }
    if (this.#head > 1024 && this.#head * 2 > this.#cache.length) {
      this.#cache = this.#cache.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Lets go of cached entries up to `settled` (durable and applied) beyond the limits. */
  trimCache(settled: number): void {
    const { cacheEntriesMax, cacheBytesMax } = this.#limits;
    while (
      this.#cacheFirst <= settled &&
      (this.#cache.length - this.#head > cacheEntriesMax || this.#cacheBytes > cacheBytesMax)
    )
      this.#evictTo(this.#cacheFirst + 1);
  }

  /** Entries from `from` on, within the bounds (always one at least); undefined when the cache has not got `from`. */
  slice(from: number, countMax: number, bytesMax: number): readonly LogEntry[] | undefined {
    if (from > this.#last) return [];
    if (from < this.#cacheFirst) return undefined;
    const out: LogEntry[] = [];
    let bytes = 0;
    for (
      let i = this.#head + (from - this.#cacheFirst);
      i < this.#cache.length && out.length < countMax;
      i++
    ) {
      const e = this.#cache[i]!;
      bytes += entryBytes(e);
      if (out.length > 0 && bytes > bytesMax) break;
      out.push(e);
    }
    return out;
  }
}
