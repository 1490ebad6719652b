/**
 * Gives committed entries to the state machine, in slices so that other events get their turn; lends the machine to snapshots;
 * lets reads go when what they must see is applied.
 */
import type { Clock } from "../ports/clock.ts";
import type { Metrics } from "../ports/metrics.ts";
import { type Fsm, LOG_TYPE, type LogEntry } from "./contract.ts";
import type { Core } from "./driver-ports.ts";
import { RaftStorageError } from "./errors.ts";
import { APPEND_BYTES_MAX, SLICE_MS } from "./limits.ts";
import type { LogStore } from "./log-store.ts";
import type { Done } from "./proposals.ts";

const APPLY_BATCH_MAX = 256;

/** What the driver lends. */
export interface ApplierHost {
  readonly ports: {
    readonly clock: Clock;
    readonly metrics: Metrics;
    readonly store: LogStore;
    readonly fsm: Fsm;
    readonly defer: (work: () => void) => void;
  };
  readonly core: Core | undefined;
  readonly generation: number;
  readonly stopped: boolean;
  onApplied(entry: LogEntry, result: unknown): void;
  /** The state machine got further. */
  settleApplied(): void;
  /** After a pause in applying. */
  resume(): void;
  storageFailed(error: Error): void;
}

export class Applier {
  readonly #host: ApplierHost;
  #index = 0;
  #term = 0;
  #locked = false;
  #lockWaiters: (() => void)[] = [];
  #applying = false;
  #readWaiters: { readonly index: number; readonly done: Done<void> }[] = [];

  constructor(host: ApplierHost) {
    this.#host = host;
  }

  /** Last entry that the state machine holds. */
  get index(): number {
    return this.#index;
  }
  get term(): number {
    return this.#term;
  }

  holds(index: number, term: number): void {
    this.#index = index;
    this.#term = term;
  }

  apply(): void {
    const { core, ports, stopped } = this.#host;
    if (core === undefined || this.#applying || this.#locked || stopped) return;
    const started = ports.clock.now();
    const before = this.#index;
    this.#applying = true;
    if (before < core.applicable) ports.metrics.gauge("raft.commitNumLogs", core.applicable - before);
    while (this.#index < core.applicable) {
      const count = Math.min(APPLY_BATCH_MAX, core.applicable - this.#index);
      const entries = core.state.log.slice(this.#index + 1, count, APPEND_BYTES_MAX);
      if (entries === undefined) {
        this.#applyFromStore(core);
        break;
      }
      this.#applyEntries(entries);
      if (ports.clock.now() - started < SLICE_MS) continue;
      const { generation } = this.#host;
      ports.defer(() => {
        if (generation !== this.#host.generation) return;
        this.#applying = false;
        this.#host.resume();
      });
      break;
    }
    if (this.#index >= core.applicable) this.#applying = false;
    if (this.#index > before) this.#settle();
  }

  /** The cache has let go of the entries: the log of a restarted server, for instance. */
  #applyFromStore(core: Core): void {
    const { generation, ports } = this.#host;
    ports.store.read(this.#index + 1, core.applicable, APPEND_BYTES_MAX, (error, entries) => {
      if (generation !== this.#host.generation) return;
      this.#applying = false;
      if (error !== undefined || entries.length === 0)
        return this.#host.storageFailed(
          error ?? new RaftStorageError("log", "a committed entry is missing", { index: this.#index + 1 }),
        );
      // Meanwhile a snapshot may have taken the state further.
      if (!this.#locked && entries[0]!.index === this.#index + 1) {
        this.#applyEntries(entries);
        this.#settle();
      }
      this.#host.resume();
    });
  }

  #applyEntries(entries: readonly LogEntry[]): void {
    const { fsm, clock, metrics } = this.#host.ports;
    for (const entry of entries) {
      let result: unknown;
      if (entry.type === LOG_TYPE.command) {
        const started = clock.now();
        result = fsm.apply(entry);
        metrics.sample("raft.fsm.apply", clock.now() - started);
      }
      this.holds(entry.index, entry.term);
      this.#host.onApplied(entry, result);
    }
  }

  #settle(): void {
    this.#host.settleApplied();
    this.letReadsGo();
  }

  letReadsGo(): void {
    if (this.#readWaiters.length === 0) return;
    const ready = this.#readWaiters.filter((w) => w.index <= this.#index);
    this.#readWaiters = this.#readWaiters.filter((w) => w.index > this.#index);
    for (const w of ready) w.done(undefined);
  }

  /** Calls `done` when `index` is applied. */
  whenApplied(index: number, done: Done<void>): void {
    if (this.#index >= index) return done(undefined);
    this.#readWaiters.push({ index, done });
  }

  /** Resolves when the state machine is not lent to anybody. */
  async free(): Promise<void> {
    while (this.#locked) await new Promise<void>((resolve) => this.#lockWaiters.push(resolve));
  }

  /** Runs `work` while no entry is applied. */
  async withFsm<T>(work: () => Promise<T>): Promise<T> {
    await this.free();
    this.#locked = true;
    try {
      return await work();
    } finally {
      this.#locked = false;
      for (const wake of this.#lockWaiters.splice(0)) wake();
      this.#host.resume();
    }
  }

  /** The core is gone: what waits for it fails. */
  drop(error: Error): void {
    this.#applying = false;
    for (const w of this.#readWaiters.splice(0)) w.done(error);
  }
}
