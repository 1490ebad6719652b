/** Drives one timed check: waits, probes, publishes what the cycle lets through. */
import type { Clock, Timer } from "../../ports/clock.ts";
import type { Logger } from "../../ports/log.ts";
import type { Random } from "../../ports/random.ts";
import type { CheckCycle } from "../core/check-cycle.ts";
import type { CheckStatus } from "../core/check-definition.ts";
import type { Probe } from "./probe.ts";

export interface CheckRunnerOptions {
  readonly checkId: string;
  readonly cycle: CheckCycle;
  readonly probe: Probe;
  /** Takes a result that counts. */
  readonly publish: (status: CheckStatus, output: string) => void;
}

export class CheckRunner {
  readonly #options: CheckRunnerOptions;
  readonly #ports: { readonly clock: Clock; readonly random: Random; readonly log: Logger };
  #stopped = false;
  /** Of the probe in flight. One for each: listeners must not gather on a signal that lives as long as the check. */
  #probing: AbortController | undefined;
  #timer: Timer | undefined;

  constructor(
    options: CheckRunnerOptions,
    ports: { readonly clock: Clock; readonly random: Random; readonly log: Logger },
  ) {
    this.#options = options;
    this.#ports = ports;
  }

  start(): void {
    this.#wait(this.#options.cycle.firstDelayMs(this.#ports.random.float()));
  }

  /** No probe starts any more. One in flight may go on; its result is dropped. */
  stop(): void {
    this.#timer?.cancel();
    this.#stopped = true;
    this.#probing?.abort();
  }

  #wait(delayMs: number): void {
    this.#timer = this.#ports.clock.timer(delayMs, () => void this.#probe());
  }

  async #probe(): Promise<void> {
    const { checkId, cycle, probe, publish } = this.#options;
    const { log } = this.#ports;
    this.#probing = new AbortController();
    const result = await probe.run(this.#probing.signal);
    this.#probing = undefined;
    if (this.#stopped) return;
    const verdict = cycle.onResult(result);
    if (verdict.kind === "publish") {
      if (verdict.status === "passing") log.debug(`Check '${checkId}' is passing`);
      else log.warn(`Check '${checkId}' is now ${verdict.status}`);
      publish(verdict.status, verdict.output);
    } else {
      const text =
        verdict.side === "success"
          ? "Check passed but has not reached success threshold"
          : "Check failed but has not reached warning/failure threshold";
      log.debug(text, {
        check: checkId,
        status: verdict.status,
        [`${verdict.side}_count`]: verdict.count,
        [`${verdict.side}_threshold`]: verdict.threshold,
      });
    }
    this.#wait(cycle.intervalMs);
  }
}
