/**
 * A suspicion about one node: starts long and gets shorter with every other member that agrees (Lifeguard, section III-B:
 * local health aware suspicion).
 */
import type { Deadline, Deadlines } from "../deadlines.ts";
import { remainingSuspicionMs, type SuspicionBounds } from "./scaling.ts";

export class Suspicion {
  readonly #deadlines: Deadlines;
  readonly #bounds: SuspicionBounds;
  readonly #start: number;
  readonly #expired: (now: number, confirmations: number) => void;
  /** Everyone who said so, the first accuser included. */
  readonly #from = new Set<string>();
  #confirmations = 0;
  #deadline: Deadline;

  constructor(
    options: {
      readonly deadlines: Deadlines;
      readonly bounds: SuspicionBounds;
      readonly accuser: string;
      readonly expired: (now: number, confirmations: number) => void;
    },
    now: number,
  ) {
    this.#deadlines = options.deadlines;
    this.#bounds = options.bounds;
    this.#start = now;
    this.#expired = options.expired;
    this.#from.add(options.accuser);
    const ms = options.bounds.k >= 1 ? options.bounds.maxMs : options.bounds.minMs;
    this.#deadline = this.#arm(now + ms);
  }

  #arm(at: number): Deadline {
    return this.#deadlines.add(at, (now) => this.#expired(now, this.#confirmations));
  }

  /** Counts `from` if it is new and still needed; tells whether it counted. */
  confirm(from: string, now: number): boolean {
    if (this.#confirmations >= this.#bounds.k || this.#from.has(from)) return false;
    this.#from.add(from);
    this.#confirmations++;
    this.#deadline.cancel();
    this.#deadline = this.#arm(
      now + remainingSuspicionMs(this.#confirmations, now - this.#start, this.#bounds),
    );
    return true;
  }

  cancel(): void {
    this.#deadline.cancel();
  }
}
