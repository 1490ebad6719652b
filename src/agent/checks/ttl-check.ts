/**
 * A check that somebody else reports: the last report holds until its time is over, then the check is critical until the next.
 */
import type { Clock, Timer } from "../../ports/clock.ts";
import type { Logger } from "../../ports/log.ts";
import type { CheckStatus } from "../core/check-definition.ts";
import { headOfOutput } from "../core/output-ring.ts";

export interface TtlCheckOptions {
  readonly checkId: string;
  readonly ttlMs: number;
  readonly outputBytesMax: number;
  readonly publish: (status: CheckStatus, output: string) => void;
}

export class TtlCheck {
  readonly #options: TtlCheckOptions;
  readonly #ports: { readonly clock: Clock; readonly log: Logger };
  #timer: Timer | undefined;
  #lastOutput: string;

  /** `lastOutput` is what a report before a restart said. */
  constructor(
    options: TtlCheckOptions,
    ports: { readonly clock: Clock; readonly log: Logger },
    lastOutput: string = "",
  ) {
    this.#options = options;
    this.#ports = ports;
    this.#lastOutput = lastOutput;
  }

  start(): void {
    this.#timer?.cancel();
    this.#timer = this.#ports.clock.timer(this.#options.ttlMs, () => this.#expire());
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** A report. The output as it is kept is returned. */
  update(status: CheckStatus, output: string): string {
    const { checkId, outputBytesMax, publish } = this.#options;
    const kept = headOfOutput(output, outputBytesMax);
    this.#lastOutput = kept;
    this.#ports.log.debug(`Check '${checkId}' status is now ${status}`);
    this.start();
    publish(status, kept);
    return kept;
  }

  #expire(): void {
    const { checkId, publish } = this.#options;
    this.#ports.log.warn(`Check '${checkId}' missed TTL, is now critical`);
    publish(
      "critical",
      this.#lastOutput === ""
        ? "TTL expired"
        : `TTL expired (last output before timeout follows): ${this.#lastOutput}`,
    );
  }
}
