/** Keys that may not be locked for a while after a session that held them ended. In memory of this server only. */
import type { Clock } from "../ports/clock.ts";
import { LOCK_DELAY_MS_MAX, LOCK_DELAYS_SWEEP } from "./limits.ts";

export class LockDelays {
  readonly #clock: Clock;
  /** Key to the monotonic time when it is free. */
  readonly #until = new Map<string, number>();
  #sweepAt = LOCK_DELAYS_SWEEP;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Starts the delay of a key; no effect for 0. */
  start(key: string, delayMs: number): void {
    if (delayMs <= 0) return;
    const now = this.#clock.now();
    this.#until.set(key, now + Math.min(delayMs, LOCK_DELAY_MS_MAX));
    if (this.#until.size < this.#sweepAt) return;
    for (const [k, until] of this.#until) if (until <= now) this.#until.delete(k);
    // Sweep again when as many again have come: the cost stays constant per entry.
    this.#sweepAt = Math.max(LOCK_DELAYS_SWEEP, this.#until.size * 2);
  }

  /** Milliseconds until the key is free, 0 when it is. */
  remainingMs(key: string): number {
    const until = this.#until.get(key);
    if (until === undefined) return 0;
    const left = until - this.#clock.now();
    if (left > 0) return left;
    this.#until.delete(key);
    return 0;
  }
}
