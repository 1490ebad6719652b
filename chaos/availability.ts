/** How clients fared: requests answered and failed, and the longest time in which none succeeded. Pure. */

export interface AvailabilityFigures {
  readonly ok: number;
  readonly failed: number;
  /** Nobody listened: the process was down. A client with a second address loses nothing by these. */
  readonly refused: number;
  /** Milliseconds between two successes, or between one and the start or end. */
  readonly longestGapMs: number;
  readonly longestGapAtMs: number;
  /** Sum of the gaps longer than `OUTAGE_MS`. */
  readonly outageMs: number;
  readonly latencyMedianMs: number;
  readonly latencyP99Ms: number;
}

/** A time without a success that counts as an outage. */
export const OUTAGE_MS = 1000;

export class Availability {
  readonly #startedAt: number;
  #lastOkAt: number;
  #failed = 0;
  #refused = 0;
  #longestGapMs = 0;
  #longestGapAtMs = 0;
  #outageMs = 0;
  readonly #latencies: number[] = [];

  constructor(startedAt: number) {
    this.#startedAt = startedAt;
    this.#lastOkAt = startedAt;
  }

  /** Answers must be told in the order of `at`, milliseconds on any clock. */
  record(answer: "ok" | "failed" | "refused", at: number, latencyMs: number): void {
    if (answer === "failed") this.#failed++;
    if (answer === "refused") this.#refused++;
    if (answer !== "ok") return;
    this.#latencies.push(latencyMs);
    this.#gap(at);
    this.#lastOkAt = at;
  }

  #gap(until: number): void {
    const gap = until - this.#lastOkAt;
    if (gap > OUTAGE_MS) this.#outageMs += gap;
    if (gap <= this.#longestGapMs) return;
    this.#longestGapMs = gap;
    this.#longestGapAtMs = this.#lastOkAt - this.#startedAt;
  }

  /** The figures of a run that ended at `endedAt`; nothing may be recorded afterwards. */
  finish(endedAt: number): AvailabilityFigures {
    this.#gap(endedAt);
    const sorted = Float64Array.from(this.#latencies).sort();
    return {
      ok: sorted.length,
      failed: this.#failed,
      refused: this.#refused,
      longestGapMs: this.#longestGapMs,
      longestGapAtMs: this.#longestGapAtMs,
      outageMs: this.#outageMs,
      latencyMedianMs: quantile(sorted, 0.5),
      latencyP99Ms: quantile(sorted, 0.99),
    };
  }
}

/** Nearest rank in a sorted list; NaN of an empty one. */
export function quantile(sorted: ArrayLike<number>, q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}

export function availabilityText(f: AvailabilityFigures): string {
  const total = f.ok + f.failed;
  const share = total === 0 ? 0 : (100 * f.ok) / total;
  return `${f.ok} ok, ${f.failed} failed (${share.toFixed(2)} % ok), ${f.refused} refused by dead processes; longest gap ${(f.longestGapMs / 1000).toFixed(1)} s at ${(f.longestGapAtMs / 1000).toFixed(0)} s, ${(f.outageMs / 1000).toFixed(0)} s in gaps over ${OUTAGE_MS / 1000} s; latency median ${f.latencyMedianMs.toFixed(1)} ms, p99 ${f.latencyP99Ms.toFixed(0)} ms`;
}
