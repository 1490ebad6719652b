/** Complaints about bytes that could not be read: counted all, logged a few a second, so that noise cannot fill the log. */
import type { Clock } from "../../ports/clock.ts";
import type { Logger } from "../../ports/log.ts";
import type { Metrics } from "../../ports/metrics.ts";
import { errorText, GossipDecodeError } from "../errors.ts";
import { BAD_INPUT_LOG_LINES_PER_SECOND } from "../limits.ts";

export class BadInputLog {
  readonly #ports: { readonly clock: Clock; readonly log: Logger; readonly metrics: Metrics };
  #second = Number.NEGATIVE_INFINITY;
  #lines = 0;
  #hidden = 0;

  constructor(ports: { readonly clock: Clock; readonly log: Logger; readonly metrics: Metrics }) {
    this.#ports = ports;
  }

  /** `what` could not be read from `from`. Anything but a decode error is our own mistake or a broken connection. */
  report(error: unknown, what: "packet" | "stream", from: string): void {
    const { clock, log, metrics } = this.#ports;
    const code = error instanceof GossipDecodeError ? error.code : "failed";
    metrics.count("memberlist.input.bad", 1, { what, code });
    const now = clock.now();
    if (now - this.#second >= 1000) {
      if (this.#hidden > 0) log.warn("More bad input was not logged", { count: this.#hidden });
      this.#second = now;
      this.#lines = 0;
      this.#hidden = 0;
    }
    if (this.#lines >= BAD_INPUT_LOG_LINES_PER_SECOND) {
      this.#hidden++;
      return;
    }
    this.#lines++;
    log.warn(`Failed to read a ${what}: ${errorText(error)}`, { from });
  }
}
