/**
 * Messages that every member should hear, least told first. Each is handed out a limited number of times; gossip's epidemic
 * spread does the rest (SWIM, section 4.1).
 *
 * Order: transmits ascending, length descending, then newest first. Within one packet nothing is given twice.
 */

/** Given up or told often enough; `token` is what the caller passed. */
export type BroadcastDone = (token: number) => void;

interface Entry {
  readonly message: Buffer;
  readonly name: string | undefined;
  readonly token: number;
  readonly id: number;
  transmits: number;
}

const before = (a: Entry, b: Entry): boolean =>
  a.message.length > b.message.length || (a.message.length === b.message.length && a.id > b.id);

export class BroadcastQueue {
  readonly #limit: () => number;
  readonly #done: BroadcastDone;
  /** Index is the number of transmits; each tier is in order. */
  readonly #tiers: Entry[][] = [];
  readonly #byName = new Map<string, Entry>();
  #length = 0;
  #id = 0;

  /** `limit` gives the transmissions that an entry gets, as the pool is now. */
  constructor(limit: () => number, done: BroadcastDone = () => {}) {
    this.#limit = limit;
    this.#done = done;
  }

  get length(): number {
    return this.#length;
  }

  /** Adds a message; an older one of the same `name` is dropped as done. `token` 0 asks for no notice. */
  queue(message: Buffer, options: { readonly name?: string; readonly token?: number } = {}): void {
    const { name, token = 0 } = options;
    if (name !== undefined) {
      const old = this.#byName.get(name);
      if (old !== undefined) this.#finish(old);
    }
    const entry: Entry = { message, name, token, id: ++this.#id, transmits: 0 };
    if (name !== undefined) this.#byName.set(name, entry);
    this.#insert(entry);
  }

  #insert(entry: Entry): void {
    while (this.#tiers.length <= entry.transmits) this.#tiers.push([]);
    const tier = this.#tiers[entry.transmits]!;
    let lo = 0;
    let hi = tier.length;
    while (lo < hi) {
      const mid = (lo + hi) >> 1;
      if (before(tier[mid]!, entry)) lo = mid + 1;
      else hi = mid;
    }
    tier.splice(lo, 0, entry);
    this.#length++;
  }

  #remove(entry: Entry): void {
    const tier = this.#tiers[entry.transmits]!;
    tier.splice(tier.indexOf(entry), 1);
    this.#length--;
  }

  #finish(entry: Entry): void {
    this.#remove(entry);
    this.#forget(entry);
  }

  #forget(entry: Entry): void {
    if (entry.name !== undefined && this.#byName.get(entry.name) === entry) this.#byName.delete(entry.name);
    if (this.#length === 0) this.#id = 0;
    if (entry.token !== 0) this.#done(entry.token);
  }

  /**
   * Messages for one packet, appended to `out`; each costs its length and `overhead`. Returns the bytes used.
   * `countMax` bounds how many.
   */
  take(overhead: number, room: number, out: Buffer[], countMax: number = Number.POSITIVE_INFINITY): number {
    if (this.#length === 0) return 0;
    const limit = this.#limit();
    const again: Entry[] = [];
    const told: Entry[] = [];
    let used = 0;
    let count = 0;
    for (let t = 0; t < this.#tiers.length; t++) {
      const tier = this.#tiers[t]!;
      let from = 0;
      while (count < countMax) {
        const free = room - used - overhead;
        if (free <= 0) break;
        // Longest first: the first that fits, by binary search.
        let lo = from;
        let hi = tier.length;
        while (lo < hi) {
          const mid = (lo + hi) >> 1;
          if (tier[mid]!.message.length > free) lo = mid + 1;
          else hi = mid;
        }
        const entry = tier[lo];
        if (entry === undefined) break;
        tier.splice(lo, 1);
        this.#length--;
        from = lo;
        out.push(entry.message);
        used += overhead + entry.message.length;
        count++;
        entry.transmits++;
        if (entry.transmits >= limit) told.push(entry);
        else again.push(entry);
      }
    }
    for (const entry of again) this.#insert(entry);
    for (const entry of told) this.#forget(entry);
    return used;
  }

  /** Drops the most told, smallest, oldest until `max` are left. Returns how many went. */
  prune(max: number): number {
    let dropped = 0;
    for (let t = this.#tiers.length - 1; t >= 0 && this.#length > max; t--) {
      const tier = this.#tiers[t]!;
      while (tier.length > 0 && this.#length > max) {
        this.#finish(tier[tier.length - 1]!);
        dropped++;
      }
    }
    return dropped;
  }

  /** Drops everything; who waits for completion is told. */
  clear(): void {
    this.prune(0);
  }
}
