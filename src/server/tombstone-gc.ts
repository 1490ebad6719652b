/**
 * When tombstones of deleted keys may go: indexes collect in bins of time, and when a bin is old enough its highest index is
 * handed out for reaping. Only the leader's runs.
 */
import type { Clock, Timer } from "../ports/clock.ts";

export class TombstoneGc {
  readonly #ttlMs: number;
  readonly #granularityMs: number;
  readonly #clock: Clock;
  readonly #expired: (index: number) => void;
  #enabled = false;
  /** Bin number to its highest index and its timer. */
  readonly #bins = new Map<number, { index: number; readonly timer: Timer }>();

  constructor(
    options: {
      readonly ttlMs: number;
      readonly granularityMs: number;
      /** Tombstones up to this index are old enough. */
      readonly expired: (index: number) => void;
    },
    ports: { readonly clock: Clock },
  ) {
    this.#ttlMs = options.ttlMs;
    this.#granularityMs = options.granularityMs;
    this.#expired = options.expired;
    this.#clock = ports.clock;
  }

  get pending(): boolean {
    return this.#bins.size > 0;
  }

  enable(): void {
    this.#enabled = true;
  }

  disable(): void {
    this.#enabled = false;
    for (const bin of this.#bins.values()) bin.timer.cancel();
    this.#bins.clear();
  }

  /** A tombstone was made at `index`. */
  hint(index: number): void {
    if (!this.#enabled) return;
    const now = this.#clock.now();
    const bin = Math.ceil((now + this.#ttlMs) / this.#granularityMs);
    const known = this.#bins.get(bin);
    if (known !== undefined) {
      known.index = Math.max(known.index, index);
      return;
    }
    const timer = this.#clock.timer(bin * this.#granularityMs - now, () => {
      const done = this.#bins.get(bin);
      this.#bins.delete(bin);
      if (done !== undefined) this.#expired(done.index);
    });
    this.#bins.set(bin, { index, timer });
  }
}
