/**
 * Blocking queries that wait, each from its first look to its answer. There may be ten thousand of them, so a query is one object
 * and one promise however often it wakes, and no async function's frame.
 */
import type { Clock } from "../ports/clock.ts";
import type { Metrics } from "../ports/metrics.ts";
import type { TrackedRead } from "../state/tracked-read.ts";
import { ChangeWait, type Outcome, WakeQueue } from "./change-wait.ts";

/** What a query asks for. */
export interface Asked<T, A> {
  /** It waits for a higher index. */
  readonly index: number;
  /** By the clock's `now`. */
  readonly deadline: number;
  /** Aborted when the caller is gone. */
  readonly signal: AbortSignal | undefined;
  readonly evaluate: () => TrackedRead<T>;
  /** What the consistency mode asks for before each look. */
  readonly settle: () => Promise<void> | undefined;
  readonly answer: (read: TrackedRead<T>) => A;
}

/** All that wait at one server. */
export class BlockingQueries {
  readonly clock: Clock;
  readonly waits = new Set<ChangeWait>();
  readonly wakes: WakeQueue;
  readonly #metrics: Metrics;
  #count = 0;
  #stopped = false;

  constructor(ports: { readonly clock: Clock; readonly metrics: Metrics }) {
    this.clock = ports.clock;
    this.wakes = new WakeQueue(ports.clock);
    this.#metrics = ports.metrics;
  }

  get count(): number {
    return this.#count;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** The server stops: all end with what they have. */
  stop(): void {
    this.#stopped = true;
    for (const wait of [...this.waits]) wait.stop();
  }

  /**
   * Evaluates again at each change until the index passes the caller's, the time is over, or the state was replaced. `first` is
   * the look that was not enough. Rejects when the caller is gone.
   */
  add<T, A>(asked: Asked<T, A>, first: TrackedRead<T>): Promise<A> {
    return new Promise((resolve, reject) => {
      this.counted(1);
      new BlockingQuery(asked, first, this, resolve, reject).wait();
    });
  }

  counted(by: 1 | -1): void {
    this.#count += by;
    this.#metrics.gauge("rpc.queries_blocking", this.#count);
  }
}

class BlockingQuery<T, A> implements Outcome {
  readonly #asked: Asked<T, A>;
  readonly #all: BlockingQueries;
  readonly #resolve: (answer: A) => void;
  readonly #reject: (reason: unknown) => void;
  #read: TrackedRead<T>;

  constructor(
    asked: Asked<T, A>,
    first: TrackedRead<T>,
    all: BlockingQueries,
    resolve: (answer: A) => void,
    reject: (reason: unknown) => void,
  ) {
    this.#asked = asked;
    this.#read = first;
    this.#all = all;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  wait(): void {
    const { signal, deadline } = this.#asked;
    if (signal?.aborted) return this.reject(signal.reason);
    if (this.#all.stopped) return this.resolve(false);
    new ChangeWait(this.#read, deadline - this.#all.clock.now(), signal, this, this.#all);
  }

  /** The wait is over, by a change or without one. */
  resolve(changed: boolean): void {
    const replaced = this.#read.abandoned;
    let settled: Promise<void> | undefined;
    try {
      settled = changed ? this.#asked.settle() : undefined;
    } catch (error) {
      return this.reject(error);
    }
    if (settled === undefined) this.#look(!changed || replaced);
    else
      settled.then(
        () => this.#look(!changed || replaced),
        (error: unknown) => this.reject(error),
      );
  }

  reject(reason: unknown): void {
    this.#all.counted(-1);
    this.#reject(reason);
  }

  #look(last: boolean): void {
    let answer: A;
    try {
      this.#read = this.#asked.evaluate();
      if (!last && this.#read.index <= this.#asked.index) return this.wait();
      answer = this.#asked.answer(this.#read);
    } catch (error) {
      return this.reject(error);
    }
    this.#all.counted(-1);
    this.#resolve(answer);
  }
}
