/** Who watches what in one index or topic. A lookup costs one step a watched prefix length, whatever the number of watchers. */

/** A read that is told when something it touched has changed. */
export interface Watcher {
  /** The answer is stale; `abandoned` when the whole state was replaced. */
  invalidate(abandoned: boolean): void;
  /** Calls the waiters; after every stale read is invalid. */
  wake(): void;
}

/** The watchers of one index or topic. */
export class WatchSet {
  readonly #rows = new Map<string, Set<Watcher>>();
  readonly #ranges = new Map<string, Set<Watcher>>();
  /** Distinct lengths of the watched prefixes, ascending, with the number of prefixes of each. */
  readonly #lengths: number[] = [];
  readonly #lengthCounts = new Map<number, number>();

  get isEmpty(): boolean {
    return this.#rows.size === 0 && this.#ranges.size === 0;
  }

  add(key: string, range: boolean, read: Watcher): void {
    const map = range ? this.#ranges : this.#rows;
    const set = map.get(key);
    if (set !== undefined) {
      set.add(read);
      return;
    }
    map.set(key, new Set([read]));
    if (!range) return;
    const count = this.#lengthCounts.get(key.length) ?? 0;
    this.#lengthCounts.set(key.length, count + 1);
    if (count === 0) {
      this.#lengths.push(key.length);
      this.#lengths.sort((a, b) => a - b);
    }
  }

  remove(key: string, range: boolean, read: Watcher): void {
    const map = range ? this.#ranges : this.#rows;
    const set = map.get(key);
    if (set === undefined || !set.delete(read) || set.size > 0) return;
    map.delete(key);
    if (!range) return;
    const count = this.#lengthCounts.get(key.length)! - 1;
    if (count > 0) {
      this.#lengthCounts.set(key.length, count);
      return;
    }
    this.#lengthCounts.delete(key.length);
    this.#lengths.splice(this.#lengths.indexOf(key.length), 1);
  }

  /** Adds the reads that watch `key`, or a range that holds it, to `into`. */
  collect(key: string, into: Set<Watcher>): void {
    const row = this.#rows.get(key);
    if (row !== undefined) for (const read of row) into.add(read);
    for (const length of this.#lengths) {
      if (length > key.length) return;
      const range = this.#ranges.get(length === key.length ? key : key.slice(0, length));
      if (range !== undefined) for (const read of range) into.add(read);
    }
  }

  /** Adds every read to `into`. */
  collectAll(into: Set<Watcher>): void {
    for (const map of [this.#rows, this.#ranges])
      for (const set of map.values()) for (const read of set) into.add(read);
  }
}
