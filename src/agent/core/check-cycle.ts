/**
 * One timed check as a machine: when to probe, and whether a result is published. No clock, no timers: the driver
 * (checks/check-runner.ts) asks for the first delay, reports results, and waits as long as it is told.
 *
 * Schedule: the first probe after a random part of the interval (many checks must not run at one moment), each next one an
 * interval after the end of the last. Thresholds: a result counts towards its side, and is published only once that side
 * has been seen often enough in a row; the counters start full, so the very first result is published.
 */
import type { CheckStatus } from "./check-definition.ts";

/** Shorter intervals are raised to this. As Consul. */
export const CHECK_INTERVAL_MS_MIN = 1000;

export interface ProbeResult {
  readonly status: CheckStatus;
  readonly output: string;
  /** Could not start, or ran out of time: published whatever the thresholds say. */
  readonly certain?: boolean;
}

export interface CheckCycleOptions {
  readonly intervalMs: number;
  readonly successBeforePassing: number;
  readonly failuresBeforeCritical: number;
  /** 0 takes {@link failuresBeforeCritical}. */
  readonly failuresBeforeWarning: number;
}

export type CheckVerdict =
  | { readonly kind: "publish"; readonly status: CheckStatus; readonly output: string }
  /** Status and output stay as they were; `count` of `threshold` have been seen. */
  | {
      readonly kind: "hold";
      readonly side: "success" | "failure";
      readonly status: CheckStatus;
      readonly count: number;
      readonly threshold: number;
    };

export class CheckCycle {
  readonly intervalMs: number;
  readonly #s: number;
  readonly #f: number;
  readonly #w: number;
  #ok: number;
  #bad: number;

  constructor(options: CheckCycleOptions) {
    this.intervalMs = Math.max(options.intervalMs, CHECK_INTERVAL_MS_MIN);
    this.#s = options.successBeforePassing;
    this.#f = options.failuresBeforeCritical;
    this.#w =
      options.failuresBeforeWarning > 0 ? options.failuresBeforeWarning : options.failuresBeforeCritical;
    this.#ok = this.#s;
    this.#bad = this.#f;
  }

  /** Milliseconds until the first probe; `chance` is uniform in [0, 1). */
  firstDelayMs(chance: number): number {
    return Math.floor(chance * this.intervalMs);
  }

  /** What to do about a probe's result. */
  onResult(result: ProbeResult): CheckVerdict {
    const publish = (status: CheckStatus): CheckVerdict => ({
      kind: "publish",
      status,
      output: result.output,
    });
    if (result.certain === true) return publish(result.status);
    if (result.status !== "critical") {
      this.#ok++;
      this.#bad = 0;
      if (this.#ok >= this.#s) return publish(result.status);
      return { kind: "hold", side: "success", status: result.status, count: this.#ok, threshold: this.#s };
    }
    this.#bad++;
    this.#ok = 0;
    if (this.#bad >= this.#f) return publish("critical");
    if (this.#bad >= this.#w) return publish("warning");
    return { kind: "hold", side: "failure", status: "critical", count: this.#bad, threshold: this.#f };
  }
}
