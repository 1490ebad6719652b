/**
 * One blocking query's wait for a change, and the order in which many are woken. Ten thousand of them are usual: a wait is one
 * object, and a herd is woken in slices with a turn of the event loop between, so that raft's heartbeats, writes and other
 * requests get their turn as well.
 */
import type { Clock, Timer } from "../ports/clock.ts";
import type { TrackedRead, Waiter } from "../state/tracked-read.ts";
import { WAKES_A_TURN } from "./limits.ts";

export interface Outcome {
  readonly resolve: (changed: boolean) => void;
  readonly reject: (reason: unknown) => void;
}

export interface ChangeWaitPorts {
  readonly clock: Clock;
  /** Where it stands while it waits. */
  readonly waits: Set<ChangeWait>;
  readonly wakes: WakeQueue;
}

/** Resolves to true when the read may have changed, to false at the end of the time or on {@link stop}; rejects when the caller is gone. */
export class ChangeWait implements Waiter {
  readonly #outcome: Outcome;
  readonly #signal: AbortSignal | undefined;
  readonly #waits: Set<ChangeWait>;
  readonly #timer: Timer;
  readonly #read: TrackedRead<unknown>;
  readonly #wakes: WakeQueue;
  #over = false;

  constructor(
    read: TrackedRead<unknown>,
    timeMs: number,
    signal: AbortSignal | undefined,
    outcome: Outcome,
    ports: ChangeWaitPorts,
  ) {
    this.#outcome = outcome;
    this.#signal = signal;
    this.#waits = ports.waits;
    ports.waits.add(this);
    signal?.addEventListener("abort", this);
    this.#timer = ports.clock.timer(timeMs, () => this.stop());
    this.#read = read;
    this.#wakes = ports.wakes;
    read.addWaiter(this);
  }

  /** Within the commit that made the read stale. */
  changed(): void {
    this.#wakes.add(this);
  }

  /** The read may have changed. */
  wake(): void {
    if (this.#end()) this.#outcome.resolve(true);
  }

  /** The time is over, or the server stops. */
  stop(): void {
    if (this.#end()) this.#outcome.resolve(false);
  }

  /** The signal's listener, without a function of its own. */
  handleEvent(): void {
    if (this.#end()) this.#outcome.reject(this.#signal!.reason);
  }

  /** Whether it was still waiting. */
  #end(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#waits.delete(this);
    this.#timer.cancel();
    this.#signal?.removeEventListener("abort", this);
    this.#read.removeWaiter(this);
    return true;
  }
}

/** Wakes waits in the order they came, {@link WAKES_A_TURN} in one turn of the event loop. */
export class WakeQueue {
  readonly #clock: Clock;
  #queue: ChangeWait[] = [];
  #running = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Called in a commit: the wait is woken after it. */
  add(wait: ChangeWait): void {
    this.#queue.push(wait);
    if (this.#running) return;
    this.#running = true;
    queueMicrotask(() => this.#turn());
  }

  #turn(): void {
    const queue = this.#queue;
    for (const wait of queue.slice(0, WAKES_A_TURN)) wait.wake();
    this.#queue = queue.slice(WAKES_A_TURN);
    if (this.#queue.length === 0) this.#running = false;
    else this.#clock.timer(0, () => this.#turn());
  }
}
