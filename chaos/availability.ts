/** How clients fared: requests answered and failed, and the longest time in which none succeeded. Pure. */

export interface AvailabilityFigures {
  readonly ok: number;
  readonly failed: number;
  /** Nobody listened: the process was down. A client with a second address loses nothing by these. */
  readonly refused: number;
  /** Milliseconds between two successes, or between one and the start or end. */
  readonly longestGapMs: number;
  readonly longestGapAtMs: number;
  /** The longest ones, longest first. */
  readonly gaps: readonly { readonly ms: number; readonly atMs: number }[];
  /** Sum of the gaps longer than `OUTAGE_MS`. */
  readonly outageMs: number;
  readonly latencyMedianMs: number;
  readonly latencyP99Ms: number;
}

/** Gaps that are told one by one. */
const GAPS_TOLD = 6;
/** A time without a success that counts as an outage. */
export const OUTAGE_MS = 1000;

export class Availability {
  readonly #startedAt: number;
  #lastOkAt: number;
  #failed = 0;
  #refused = 0;
  #gaps: { readonly ms: number; readonly atMs: number }[] = [];
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
    if (gap <= 0 || (this.#gaps.length === GAPS_TOLD && gap <= this.#gaps.at(-1)!.ms)) return;
    this.#gaps.push({ ms: gap, atMs: this.#lastOkAt - this.#startedAt });
    this.#gaps = this.#gaps.sort((a, b) => b.ms - a.ms).slice(0, GAPS_TOLD);
  }

  /** The figures of a run that ended at `endedAt`; nothing may be recorded afterwards. */
  finish(endedAt: number): AvailabilityFigures {
    this.#gap(endedAt);
    const sorted = Float64Array.from(this.#latencies).sort();
    return {
      ok: sorted.length,
      failed: this.#failed,
      refused: this.#refused,
      longestGapMs: this.#gaps[0]?.ms ?? 0,
      longestGapAtMs: this.#gaps[0]?.atMs ?? 0,
      gaps: this.#gaps,
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

export const gapsText = (f: AvailabilityFigures): string =>
  `longest gaps ${f.gaps.map((g) => `${(g.ms / 1000).toFixed(1)} s at ${(g.atMs / 1000).toFixed(0)} s`).join(", ")}; ${(f.outageMs / 1000).toFixed(0)} s in gaps over ${OUTAGE_MS / 1000} s`;

export function availabilityText(f: AvailabilityFigures): string {
  const total = f.ok + f.failed;
  const share = total === 0 ? 0 : (100 * f.ok) / total;
  return `${f.ok} ok, ${f.failed} failed (${share.toFixed(2)} % ok), ${f.refused} refused by dead processes; ${gapsText(f)}; latency median ${f.latencyMedianMs.toFixed(1)} ms, p99 ${f.latencyP99Ms.toFixed(0)} ms`;
}
