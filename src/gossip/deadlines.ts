/**
 * Times at which a core wants to act. The core sets them, the driver keeps one timer for the earliest and calls
 * {@link Deadlines.run}; so the cores need no timers of their own and a simulation sees every one.
 */

export interface Deadline {
  cancel(): void;
}

interface Entry extends Deadline {
  readonly at: number;
  readonly order: number;
  fire: ((now: number) => void) | undefined;
}

export class Deadlines {
  /** Binary heap by (at, order). */
  readonly #heap: Entry[] = [];
  #order = 0;
  #cancelled = 0;

  /** Calls `fire` in the first {@link run} at or after `at` (monotonic ms), once. */
  add(at: number, fire: (now: number) => void): Deadline {
    const entry: Entry = {
      at,
      order: this.#order++,
      fire,
      cancel: () => {
        if (entry.fire === undefined) return;
        entry.fire = undefined;
        this.#cancelled++;
      },
    };
    this.#push(entry);
    return entry;
  }

  /** Time of the earliest deadline, or undefined when there is none. */
  next(): number | undefined {
    while (this.#heap.length > 0 && this.#heap[0]!.fire === undefined) {
      this.#pop();
      this.#cancelled--;
    }
    // Long deadlines that were cancelled must not pile up.
    if (this.#cancelled > 256 && this.#cancelled > this.#heap.length / 2) {
      const kept = this.#heap.filter((e) => e.fire !== undefined);
      this.#heap.length = 0;
      this.#cancelled = 0;
      for (const e of kept) this.#push(e);
    }
    return this.#heap[0]?.at;
  }

  /** Fires all that are due, in order, those added on the way too. */
  run(now: number): void {
    for (let at = this.next(); at !== undefined && at <= now; at = this.next()) {
      const entry = this.#pop()!;
      const fire = entry.fire!;
      // A later cancel must find it fired.
      entry.fire = undefined;
      fire(now);
    }
  }

  clear(): void {
    this.#heap.length = 0;
    this.#cancelled = 0;
  }

  #less(a: Entry, b: Entry): boolean {
    return a.at < b.at || (a.at === b.at && a.order < b.order);
  }

  #push(entry: Entry): void {
    const h = this.#heap;
    let i = h.push(entry) - 1;
    while (i > 0) {
      const up = (i - 1) >> 1;
      if (!this.#less(h[i]!, h[up]!)) break;
      [h[i], h[up]] = [h[up]!, h[i]!];
      i = up;
    }
  }

  #pop(): Entry | undefined {
    const h = this.#heap;
    const top = h[0];
    const last = h.pop();
    if (h.length > 0 && last !== undefined) {
      h[0] = last;
      for (let i = 0; ; ) {
        const l = 2 * i + 1;
        let m = i;
        if (l < h.length && this.#less(h[l]!, h[m]!)) m = l;
        if (l + 1 < h.length && this.#less(h[l + 1]!, h[m]!)) m = l + 1;
        if (m === i) break;
        [h[i], h[m]] = [h[m]!, h[i]!];
        i = m;
      }
    }
    return top;
  }
}
