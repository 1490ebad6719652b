/** A server's own clock over the simulation's: it runs fast or slow, nearly stands still, and its wall time is off. */
import type { Clock, Timer } from "../../src/ports/clock.ts";
import type { SimClock } from "../clock.ts";

/** A timer that fires a rounding error too early is set again: time must move, or that never ends. */
const STEP_MS = 0.001;
const STANDSTILL_RATE = 0.02;

export class SkewedClock {
  readonly #true: SimClock;
  /** Wall time shown minus the true one, ms. */
  readonly #wallOffsetMs: number;
  readonly #usualRate: number;
  #rate: number;
  /** Own time `#own` was at true time `#at`. */
  #own = 0;
  #at = 0;

  constructor(trueClock: SimClock, rate: number, wallOffsetMs: number) {
    this.#true = trueClock;
    this.#usualRate = rate;
    this.#rate = rate;
    this.#wallOffsetMs = wallOffsetMs;
  }

  /** Nearly: its timers still fire in the end. */
  standStill(): void {
    this.#setRate(STANDSTILL_RATE);
  }
  run(): void {
    this.#setRate(this.#usualRate);
  }

  /** Timers that are set already keep their true time: they come early or late by this clock. */
  #setRate(rate: number): void {
    this.#own = this.now();
    this.#at = this.#true.now();
    this.#rate = rate;
  }

  now(): number {
    return this.#own + (this.#true.now() - this.#at) * this.#rate;
  }

  /** The clock port for one life of the server. */
  port(guarded: (work: () => void) => () => void): Clock {
    return {
      now: () => this.now(),
      wall: () => this.#true.wall() + this.#wallOffsetMs,
      timer: (delayMs, fire): Timer =>
        this.#true.timer(Math.max(delayMs / this.#rate, STEP_MS), guarded(fire)),
    };
  }
}
