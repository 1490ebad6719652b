/**
 * Commands on their way into the log: they wait for the disk to be free, are offered to the core as one batch (group commit), and
 * are answered when they are applied here, or when that cannot be known any more.
 */
import type { Clock, Timer } from "../ports/clock.ts";
import type { LogEntry } from "./contract.ts";
import type { Proposal } from "./core/messages.ts";
import { RAFT_ERROR, raftError } from "./errors.ts";
import { BATCH_ENTRIES_MAX, PROPOSALS_QUEUED_BYTES_MAX, PROPOSALS_QUEUED_MAX } from "./limits.ts";

export type Done<T> = (error: Error | undefined, value: T) => void;

export interface Applied {
  readonly index: number;
  readonly result: unknown;
}

interface Waiting extends Proposal {
  readonly until: number;
  readonly done: Done<Applied>;
}

/** Between two looks at the queue for proposals whose time is up. */
const SWEEP_MS = 500;

const fail = (w: { readonly done: Done<Applied> }, text: string): void =>
  w.done(raftError(text), undefined as never);

export class Proposals {
  readonly #clock: Clock;
  #queue: Waiting[] = [];
  #queueBytes = 0;
  #offered: readonly Waiting[] = [];
  /** By index, of what the core has put into the log. */
  readonly #inflight = new Map<number, { readonly term: number; readonly done: Done<Applied> }>();
  #sweepTimer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get queued(): number {
    return this.#queue.length;
  }

  /** False, with nothing done, when too many wait already. */
  add(item: Proposal, timeoutMs: number, done: Done<Applied>): boolean {
    if (this.#queue.length >= PROPOSALS_QUEUED_MAX || this.#queueBytes > PROPOSALS_QUEUED_BYTES_MAX)
      return false;
    const until = timeoutMs > 0 ? this.#clock.now() + timeoutMs : Number.POSITIVE_INFINITY;
    this.#queue.push({ ...item, until, done });
    this.#queueBytes += item.data.length;
    return true;
  }

  /** The next batch for the core, which answers with {@link onAccepted} or {@link onRefused}. */
  offer(): readonly Proposal[] {
    const now = this.#clock.now();
    const batch = this.#queue.splice(0, BATCH_ENTRIES_MAX);
    for (const w of batch) this.#queueBytes -= w.data.length;
    const items = batch.filter((w) => w.until > now);
    for (const w of batch) if (w.until <= now) fail(w, RAFT_ERROR.enqueueTimeout);
    this.#offered = items;
    return items;
  }

  onAccepted(firstIndex: number, term: number): void {
    this.#offered.forEach((w, i) => {
      this.#inflight.set(firstIndex + i, { term, done: w.done });
    });
    this.#offered = [];
  }

  onRefused(text: string): void {
    const refused = this.#offered;
    this.#offered = [];
    for (const w of refused) fail(w, text);
  }

  /** An entry was applied: it is the one that was proposed, or took its place. */
  onApplied(entry: LogEntry, result: unknown): void {
    const waiting = this.#inflight.get(entry.index);
    if (waiting === undefined) return;
    this.#inflight.delete(entry.index);
    if (waiting.term === entry.term) waiting.done(undefined, { index: entry.index, result });
    else fail(waiting, RAFT_ERROR.leadershipLost);
  }

  /** Proposals that wait behind a slow disk time out. */
  sweepLater(): void {
    this.#sweepTimer ??= this.#clock.timer(SWEEP_MS, () => {
      this.#sweepTimer = undefined;
      const now = this.#clock.now();
      const late = this.#queue.filter((w) => w.until <= now);
      this.#queue = this.#queue.filter((w) => w.until > now);
      for (const w of late) {
        this.#queueBytes -= w.data.length;
        fail(w, RAFT_ERROR.enqueueTimeout);
      }
      if (this.#queue.length > 0) this.sweepLater();
    });
  }

  stopSweeping(): void {
    this.#sweepTimer?.cancel();
  }

  refuseQueue(text: string): void {
    const waiting = this.#queue;
    this.#queue = [];
    this.#queueBytes = 0;
    for (const w of waiting) fail(w, text);
  }

  /** Fails what is in the log with an index within the bounds and was not applied. */
  abort(after: number, through: number, text: string): void {
    for (const [index, p] of [...this.#inflight])
      if (index > after && index <= through) {
        this.#inflight.delete(index);
        fail(p, text);
      }
  }
}
