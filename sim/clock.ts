/** A clock that only moves when told: simulations and tests run hours in milliseconds. */
import type { Clock, Timer } from "../src/ports/clock.ts";

interface Pending {
  readonly at: number;
  readonly order: number;
  readonly fire: () => void;
  cancelled: boolean;
}

/** Unix time at which every simulated clock starts. */
export const SIM_EPOCH_MS = 1_459_724_130_000;

export class SimClock implements Clock {
  #now = 0;
  #order = 0;
  /** Binary heap by (at, order). */
  readonly #heap: Pending[] = [];

  now(): number {
    return this.#now;
  }

  wall(): number {
    return SIM_EPOCH_MS + this.#now;
  }

  timer(delayMs: number, fire: () => void): Timer {
    const p: Pending = { at: this.#now + Math.max(delayMs, 0), order: this.#order++, fire, cancelled: false };
    this.#push(p);
    return {
      cancel: () => {
        p.cancelled = true;
      },
    };
  }

  /** Time of the next timer, or undefined when none is set. */
  next(): number | undefined {
    while (this.#heap.length > 0 && this.#heap[0]!.cancelled) this.#pop();
    return this.#heap[0]?.at;
  }

  /** Fires the next timer; tells whether there was one. */
  step(): boolean {
    if (this.next() === undefined) return false;
    const p = this.#pop()!;
    this.#now = Math.max(this.#now, p.at);
    p.fire();
    return true;
  }

  /** Fires all timers up to `ms` from now, in order, those set on the way too. Callers' promises do not run between. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (let at = this.next(); at !== undefined && at <= end; at = this.next()) this.step();
    this.#now = end;
  }

  /** As {@link advance}, letting promises settle after each timer. */
  async run(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (let at = this.next(); at !== undefined && at <= end; at = this.next()) {
      this.step();
      await settle();
    }
    this.#now = end;
  }

  #push(p: Pending): void {
    const h = this.#heap;
    let i = h.push(p) - 1;
    while (i > 0) {
      const up = (i - 1) >> 1;
      if (!less(p, h[up]!)) break;
      h[i] = h[up]!;
      i = up;
    }
    h[i] = p;
  }

  #pop(): Pending | undefined {
    const h = this.#heap;
    const top = h[0];
    const last = h.pop();
    if (h.length > 0 && last !== undefined) {
      let i = 0;
      for (;;) {
        let child = 2 * i + 1;
        if (child >= h.length) break;
        if (child + 1 < h.length && less(h[child + 1]!, h[child]!)) child++;
        if (!less(h[child]!, last)) break;
        h[i] = h[child]!;
        i = child;
      }
      h[i] = last;
    }
    return top;
  }
}

const less = (a: Pending, b: Pending): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

/** Lets every settled promise run its continuations. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
