/** How much the local node should doubt itself before it accuses others: Lifeguard's local health (section III-A). */
export class Awareness {
  readonly #max: number;
  readonly #changed: (score: number) => void;
  #score = 0;

  /** Scores run from 0 (healthy) to `max` - 1. */
  constructor(max: number, changed: (score: number) => void = () => {}) {
    this.#max = max;
    this.#changed = changed;
  }

  get score(): number {
    return this.#score;
  }

  apply(delta: number): void {
    const next = Math.min(this.#max - 1, Math.max(0, this.#score + delta));
    if (next === this.#score) return;
    this.#score = next;
    this.#changed(next);
  }

  /** A sick node probes less often and waits longer. */
  scale(ms: number): number {
    return ms * (this.#score + 1);
  }
}
