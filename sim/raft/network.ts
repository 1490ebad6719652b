/**
 * The simulated network between servers: each message takes its own time (so they overtake each other), may be lost or come
 * twice, and a link can be cut in one direction. Nobody is told of a loss but by a time-out.
 */
import type { Random } from "../../src/ports/random.ts";
import type { SimClock } from "../clock.ts";

export class SimNetwork {
  readonly #clock: SimClock;
  readonly #random: Random;
  readonly #cut = new Set<string>();
  loss = 0;
  duplication = 0;
  delayMsMax = 4;
  delivered = 0;

  constructor(clock: SimClock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  cut(from: string, to: string): void {
    this.#cut.add(`${from}>${to}`);
  }
  isCut(from: string, to: string): boolean {
    return this.#cut.size > 0 && this.#cut.has(`${from}>${to}`);
  }
  heal(): void {
    this.#cut.clear();
    this.loss = 0;
    this.duplication = 0;
    this.delayMsMax = 4;
  }

  /** Delivers once, twice or never. */
  send(from: string, to: string, deliver: () => void): void {
    if (this.isCut(from, to) || (this.loss > 0 && this.#random.float() < this.loss)) return;
    const copies = this.duplication > 0 && this.#random.float() < this.duplication ? 2 : 1;
    for (let i = 0; i < copies; i++)
      this.#clock.timer(0.2 + this.#random.float() * this.delayMsMax, () => {
        this.delivered++;
        deliver();
      });
  }
}
