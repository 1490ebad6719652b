/**
 * Raft's one loop around the core: persist, then let go what waited for it, then apply. Time, disk, network and the state
 * machine are ports; the simulator runs this very file on simulated ones.
 *
 * Group commit: one write is under way at a time; what is proposed meanwhile forms the next batch.
 */
import type { Timer } from "../ports/clock.ts";
import type { Logger } from "../ports/log.ts";
import { Applier, type ApplierHost } from "./applier.ts";
import { Callers } from "./callers.ts";
import type { RaftConfiguration, SnapshotMeta } from "./contract.ts";
import type {
  ConfigurationChange,
  CoreEvent,
  Effect,
  HardState,
  Output,
  Proposal,
  RaftRequest,
  RaftResponse,
  StoreOp,
} from "./core/messages.ts";
import { RaftCore, type Recovered } from "./core/raft-core.ts";
import { holdsLease } from "./core/reads.ts";
import type { Core, DriverOptions, DriverPorts } from "./driver-ports.ts";
import { RAFT_ERROR, RaftStorageError, raftError, unreachable } from "./errors.ts";
import { Exchange, type ExchangeHost } from "./exchange.ts";
import { APPEND_BYTES_MAX, UNCOMMITTED_ENTRIES_MAX } from "./limits.ts";
import { type Applied, type Done, Proposals } from "./proposals.ts";
import { openStore, reconcileStores, restoreNewest } from "./recovery.ts";
import { drain, type SnapshotHost, SnapshotWork } from "./snapshot-work.ts";

interface Batch {
  readonly ops: StoreOp[];
  hardState: HardState | undefined;
  last: { readonly index: number; readonly term: number };
  readonly after: Effect[];
}

/** First wait before the stores are opened again after a failed write, doubled up to the second. */
const REOPEN_MS_MIN = 500;
const REOPEN_MS_MAX = 30_000;

export class RaftDriver {
  readonly #options: DriverOptions;
  readonly #ports: DriverPorts;
  readonly #log: Logger;
  #core: Core | undefined;
  /** Counts cores: answers that an earlier one waited for are dropped. */
  #generation = 0;
  #stopped = false;
  #fault: Error | undefined;

  #pending: Batch | undefined;
  #writing: Batch | undefined;
  #durableTerm = 0;

  #pumpPlanned = false;

  readonly #callers = new Callers();
  readonly #exchange: Exchange;
  readonly #roleHandlers = new Set<
    (change: Pick<Extract<Effect, { kind: "role" }>, "role" | "leader">) => void
  >();

  #timer: Timer | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  /** Async work under way: the simulator lets promises settle while there is some. */
  busy = 0;

  readonly #proposals: Proposals;
  readonly #applier: Applier;
  readonly #snapshots: SnapshotWork;

  constructor(options: DriverOptions, ports: DriverPorts) {
    this.#options = options;
    this.#ports = ports;
    this.#log = ports.log;
    this.#proposals = new Proposals(ports.clock);
    this.#applier = new Applier(this.#applierHost());
    this.#snapshots = new SnapshotWork(this.#host());
    this.#exchange = new Exchange(this.#exchangeHost());
  }

  #exchangeHost(): ExchangeHost {
    const driver = this;
    return {
      ports: this.#ports,
      get generation() {
        return driver.#generation;
      },
      get stopped() {
        return driver.#stopped;
      },
      step: (event) => this.#step(event),
    };
  }

  #applierHost(): ApplierHost {
    const driver = this;
    return {
      ports: this.#ports,
      get core() {
        return driver.#core;
      },
      get generation() {
        return driver.#generation;
      },
      get stopped() {
        return driver.#stopped;
      },
      onApplied: (entry, result) => this.#proposals.onApplied(entry, result),
      settleApplied: () => this.#tellApplied(),
      resume: () => this.#continue(),
      storageFailed: (error) => this.#storageFailed(error),
    };
  }

  /** What the work on snapshots may see and do. */
  #host(): SnapshotHost {
    const driver = this;
    return {
      options: this.#options,
      ports: this.#ports,
      get requests() {
        return driver.#exchange.requests;
      },
      get core() {
        return driver.#core;
      },
      get generation() {
        return driver.#generation;
      },
      get stopped() {
        return driver.#stopped;
      },
      get fsmIndex() {
        return driver.#applier.index;
      },
      get fsmTerm() {
        return driver.#applier.term;
      },
      get busy() {
        return driver.busy;
      },
      set busy(n) {
        driver.busy = n;
      },
      fsmHolds: (index, term) => this.#applier.holds(index, term),
      fsmFree: () => this.#applier.free(),
      withFsm: (work) => this.#applier.withFsm(work),
      settleApplied: () => {
        this.#tellApplied();
        this.#applier.letReadsGo();
      },
      abortProposals: (through, text) => {
        if (through === Number.POSITIVE_INFINITY) this.#proposals.refuseQueue(text);
        this.#proposals.abort(0, through, text);
      },
      refusal: () => this.#refusal(),
      step: (event) => this.#step(event),
    };
  }

  takeSnapshot(): Promise<SnapshotMeta | undefined> {
    return this.#snapshots.take();
  }

  /** User restore: see {@link SnapshotWork.restore}. */
  restore(stream: AsyncIterable<Uint8Array>, indexAtLeast: number, size: number): Promise<void> {
    return this.#snapshots.restore(stream, indexAtLeast, size);
  }

  /** The core's state, for reading. Undefined before the start. */
  get core(): Core | undefined {
    return this.#core;
  }
  get fault(): Error | undefined {
    return this.#fault;
  }
  get appliedIndex(): number {
    return this.#applier.index;
  }
  get queued(): number {
    return this.#proposals.queued;
  }

  /** Opens the stores, restores the state machine, begins as follower. */
  async start(): Promise<void> {
    const { store, snapshots, fsm } = this.#ports;
    this.busy++;
    try {
      const stored = await openStore(store);
      const meta = await restoreNewest(snapshots, fsm, this.#log, stored);
      const recovered = await reconcileStores(store, stored, meta, this.#log);
      this.#applier.holds(recovered.applied, meta?.term ?? 0);
      this.#begin(recovered);
    } catch (error) {
      await new Promise<void>((resolve) => store.close(() => resolve()));
      throw error;
    } finally {
      this.busy--;
    }
    this.#snapshots.plan();
  }

  #begin(recovered: Recovered): void {
    const { clock, random } = this.#ports;
    const make = this.#ports.makeCore ?? ((...args) => new RaftCore(...args));
    this.#generation++;
    this.#durableTerm = recovered.hardState.term;
    const core = make(this.#options, recovered, random, clock.now());
    this.#core = core;
    this.#handle(core.start(clock.now()));
  }

  // --- what others ask of us ---

  /** Proposes an entry; `done` comes when it is applied here, or with the reason why that is not known. */
  propose(item: Proposal, timeoutMs: number, done: Done<Applied>): void {
    const refusal = this.#refusal();
    if (refusal !== undefined) return done(raftError(refusal), undefined as never);
    if (!this.#proposals.add(item, timeoutMs, done)) {
      this.#ports.metrics.count("raft.apply.refused");
      return done(raftError(RAFT_ERROR.enqueueTimeout), undefined as never);
    }
    if (this.#writing !== undefined && timeoutMs > 0) this.#proposals.sweepLater();
    this.#planPump();
  }

  #refusal(): string | undefined {
    if (this.#stopped) return RAFT_ERROR.shutdown;
    if (this.#core?.state.role !== "leader") return RAFT_ERROR.notLeader;
    if (this.#core.state.lead?.transfer !== undefined) return RAFT_ERROR.transferInProgress;
    return undefined;
  }

  verify(done: Done<void>): void {
    const refusal = this.#stopped
      ? RAFT_ERROR.shutdown
      : this.#core?.state.role !== "leader"
        ? RAFT_ERROR.notLeader
        : undefined;
    if (refusal !== undefined) return done(raftError(refusal));
    this.#step(this.#callers.verify(done));
  }

  change(change: ConfigurationChange, done: Done<number>): void {
    const refusal = this.#refusal();
    if (refusal !== undefined) return done(raftError(refusal), 0);
    this.#step(this.#callers.change(change, done));
  }

  bootstrap(configuration: RaftConfiguration, done: Done<void>): void {
    const event = this.#core === undefined ? undefined : this.#callers.bootstrap(configuration, done);
    if (event === undefined) return done(raftError(RAFT_ERROR.cannotBootstrap));
    this.#step(event);
  }

  transfer(to: string | undefined, done: Done<void>): void {
    const refusal = this.#refusal();
    if (refusal !== undefined) return done(raftError(refusal));
    this.#step(this.#callers.transfer(to, done));
  }

  /** Whether a read here sees every acknowledged write, by the lease. */
  holdsLease(): boolean {
    const s = this.#core?.state;
    return (
      s !== undefined &&
      !this.#stopped &&
      s.lead?.restoring === false &&
      this.#applier.index >= s.commit &&
      holdsLease(s, this.#ports.clock.now())
    );
  }

  onRole(handler: (change: Pick<Extract<Effect, { kind: "role" }>, "role" | "leader">) => void): () => void {
    this.#roleHandlers.add(handler);
    return () => this.#roleHandlers.delete(handler);
  }

  /** A request of another server. */
  receive(
    request: RaftRequest,
    body: AsyncIterable<Uint8Array> | undefined,
    reply: (answer: RaftResponse | Error) => void,
  ): void {
    if (this.#core === undefined || this.#stopped) {
      void drain(body).then(() => reply(raftError(RAFT_ERROR.shutdown)));
      return;
    }
    this.#exchange.receive(request, body, reply);
  }

  // --- the loop ---

  #step(event: CoreEvent): void {
    if (this.#core === undefined) return;
    this.#handle(this.#core.step(event, this.#ports.clock.now()));
  }

  #handle(output: Output): void {
    this.#take(output);
    this.#continue();
  }

  /** Merges what must be written, lets the rest go. */
  #take(output: Output): void {
    const { persist, afterPersist } = output;
    if (persist !== undefined) {
      this.#pending ??= { ops: [], hardState: undefined, last: persist.last, after: [] };
      this.#pending.ops.push(...persist.ops);
      this.#pending.hardState = persist.hardState ?? this.#pending.hardState;
      this.#pending.last = persist.last;
    }
    if (afterPersist.length > 0) {
      const behind = this.#pending ?? this.#writing;
      if (behind !== undefined) behind.after.push(...afterPersist);
      else for (const effect of afterPersist) this.#run(effect);
    }
    for (const effect of output.effects) this.#run(effect);
  }

  #continue(): void {
    this.#applier.apply();
    if (this.#proposals.queued > 0 && this.#writing === undefined) this.#planPump();
    else this.#flush();
    this.#arm();
  }

  #planPump(): void {
    if (this.#pumpPlanned || this.#writing !== undefined) return;
    this.#pumpPlanned = true;
    const generation = this.#generation;
    this.#ports.defer(() => {
      this.#pumpPlanned = false;
      if (generation === this.#generation) this.#pump();
    });
  }

  /** Offers the waiting proposals to the core, then writes. */
  #pump(): void {
    const core = this.#core;
    if (core === undefined || this.#writing !== undefined) return;
    const s = core.state;
    if (
      this.#proposals.queued > 0 &&
      s.role === "leader" &&
      s.log.last - s.commit < UNCOMMITTED_ENTRIES_MAX
    ) {
      const items = this.#proposals.offer();
      if (items.length > 0) this.#take(core.step({ kind: "propose", items }, this.#ports.clock.now()));
    }
    this.#flush();
    this.#applier.apply();
    this.#arm();
    if (this.#proposals.queued > 0) this.#proposals.sweepLater();
  }

  #flush(): void {
    if (this.#writing !== undefined || this.#pending === undefined || this.#stopped) return;
    const batch = this.#pending;
    this.#pending = undefined;
    this.#writing = batch;
    const generation = this.#generation;
    const started = this.#ports.clock.now();
    let entries = 0;
    for (const op of batch.ops) if (op.kind === "append") entries += op.entries.length;
    if (entries > 0) this.#ports.metrics.gauge("raft.leader.dispatchNumLogs", entries);
    this.#ports.store.write(batch, (error) => {
      if (generation !== this.#generation) return;
      if (error !== undefined) return this.#storageFailed(error);
      this.#ports.metrics.sample("raft.leader.dispatchLog", this.#ports.clock.now() - started);
      this.#writing = undefined;
      if (batch.hardState !== undefined) this.#durableTerm = batch.hardState.term;
      for (const effect of batch.after) this.#run(effect);
      this.#step({ kind: "persisted", ...batch.last, hardTerm: this.#durableTerm });
    });
  }

  #arm(): void {
    if (this.#core === undefined || this.#stopped) return;
    const at = this.#core.deadline();
    // An armed timer that is too early only looks and is set again: cheaper than setting it for every message.
    if (at >= this.#timerAt) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
    if (at === Number.POSITIVE_INFINITY) return;
    this.#timerAt = at;
    this.#timer = this.#ports.clock.timer(at - this.#ports.clock.now(), () => {
      this.#timerAt = Number.POSITIVE_INFINITY;
      this.#timer = undefined;
      this.#step({ kind: "tick" });
      this.#sampleContacts();
    });
  }

  /** How long ago each follower answered last, as the original tells it with each look at its lease. */
  #sampleContacts(): void {
    const lead = this.#core?.state.lead;
    if (lead === undefined) return;
    const now = this.#ports.clock.now();
    for (const p of lead.progress.values())
      if (p.contactAt !== undefined) this.#ports.metrics.sample("raft.leader.lastContact", now - p.contactAt);
  }

  #run(effect: Effect): void {
    switch (effect.kind) {
      case "send":
        return this.#exchange.send(effect);
      case "reply":
        return this.#exchange.reply(effect);
      case "log":
        return this.#log[effect.level](effect.message, effect.fields);
      case "role":
        return this.#onRole(effect);
      case "accepted":
        return this.#proposals.onAccepted(effect.firstIndex, effect.term);
      case "refused":
        return this.#proposals.onRefused(effect.error);
      case "verified":
        return this.#callers.onVerified(effect, (index, done) => this.#applier.whenApplied(index, done));
      case "changed":
      case "bootstrapped":
      case "transferred":
        return this.#callers.onAnswer(effect);
      case "read-entries":
        return this.#readEntries(effect);
      case "send-snapshot":
        this.#watch(this.#snapshots.send(effect.to, effect.term));
        return;
      case "receive-snapshot":
        this.#watch(this.#snapshots.receive(effect.id, effect.request));
        return;
      case "compact": {
        const started = this.#ports.clock.now();
        this.#ports.store.compact(effect.through, (error) => {
          this.#ports.metrics.sample("raft.compactLogs", this.#ports.clock.now() - started);
          if (error !== undefined) this.#log.error(`Failed to compact logs: ${error.message}`);
        });
        return;
      }
      case "restore-ready":
        return this.#snapshots.onRestoreReady(effect);
      case "restored":
        return this.#snapshots.onRestored(effect.ok);
      default:
        return unreachable(effect, "raft driver");
    }
  }

  /** Background work that reports its own failures. */
  #watch(work: Promise<void>): void {
    this.busy++;
    work
      .catch((error: unknown) => this.#log.error(`Unexpected failure: ${(error as Error).message}`))
      .finally(() => {
        this.busy--;
      });
  }

  #onRole(effect: Extract<Effect, { kind: "role" }>): void {
    const s = this.#core?.state;
    if (effect.role !== "leader" && s !== undefined) {
      this.#proposals.abort(s.commit, Number.POSITIVE_INFINITY, RAFT_ERROR.leadershipLost);
      this.#proposals.refuseQueue(RAFT_ERROR.notLeader);
    }
    this.#ports.metrics.count(`raft.state.${effect.role}`);
    if (effect.role === "candidate") this.#ports.metrics.count("raft.transition.heartbeat_timeout");
    for (const handler of [...this.#roleHandlers]) handler({ role: effect.role, leader: effect.leader });
  }

  #readEntries({ to, epoch, from, through }: Extract<Effect, { kind: "read-entries" }>): void {
    const generation = this.#generation;
    this.#ports.store.read(from, through, APPEND_BYTES_MAX, (error, entries) => {
      if (generation !== this.#generation) return;
      if (error !== undefined) this.#log.error(`Failed to read log entry ${from}: ${error.message}`);
      if (error instanceof RaftStorageError) return this.#storageFailed(error);
      this.#step({ kind: "entries-read", to, epoch, from, entries: error === undefined ? entries : [] });
    });
  }

  #tellApplied(): void {
    const core = this.#core;
    if (core === undefined) return;
    this.#take(core.step({ kind: "applied", index: this.#applier.index }, this.#ports.clock.now()));
  }

  // --- trouble and end ---

  /**
   * A write failed, so memory is ahead of the disk. The core is thrown away and made anew from what the disk holds; nothing
   * that depended on the write has left this server.
   */
  #storageFailed(error: Error): void {
    if (this.#stopped) return;
    this.#log.error(`Raft storage failed, this server takes no part until it works again: ${error.message}`);
    this.#fault = error;
    this.#ports.metrics.count("raft.storage.failed");
    this.#step({ kind: "step-down", reason: "storage failed" });
    this.#drop(RAFT_ERROR.leadershipLost);
    this.#reopen(REOPEN_MS_MIN);
  }

  /** Lets go of the core and of everybody who waits for it. */
  #drop(text: string): void {
    this.#generation++;
    this.#core = undefined;
    this.#pending = undefined;
    this.#writing = undefined;
    this.#pumpPlanned = false;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
    const error = raftError(text);
    this.#proposals.refuseQueue(text);
    this.#proposals.abort(0, Number.POSITIVE_INFINITY, text);
    this.#applier.drop(error);
    this.#exchange.fail(error);
    this.#callers.fail(error);
  }

  #reopen(waitMs: number): void {
    this.#ports.clock.timer(waitMs, () => {
      if (this.#stopped) return;
      this.#watch(
        this.#openAgain().catch((error: unknown) => {
          this.#log.error(`Raft storage still fails: ${(error as Error).message}`);
          this.#reopen(Math.min(waitMs * 2, REOPEN_MS_MAX));
        }),
      );
    });
  }

  async #openAgain(): Promise<void> {
    const { store, snapshots } = this.#ports;
    await new Promise<void>((resolve) => store.close(() => resolve()));
    const stored = await openStore(store);
    const metas = await snapshots.list();
    const recovered = await reconcileStores(store, stored, metas[0], this.#log);
    if (this.#stopped) return;
    // The state machine kept what was applied: that was committed and durable.
    if (this.#applier.index < recovered.applied)
      await this.#applier.withFsm(() => this.#restoreTo(metas[0]!));
    this.#fault = undefined;
    this.#begin({ ...recovered, applied: this.#applier.index });
  }

  async #restoreTo(meta: SnapshotMeta): Promise<void> {
    await this.#ports.fsm.restore((await this.#ports.snapshots.open(meta.id)).stream);
    this.#applier.holds(meta.index, meta.term);
  }

  /** Ends at once: what was not written is not acknowledged. */
  async shutdown(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    const snapshotsEnded = this.#snapshots.stop();
    this.#proposals.stopSweeping();
    this.#drop(RAFT_ERROR.shutdown);
    this.#ports.transport.close();
    await snapshotsEnded;
    await new Promise<void>((resolve) => this.#ports.store.close(() => resolve()));
    for (const handler of [...this.#roleHandlers]) handler({ role: "shutdown", leader: undefined });
  }
}
