/**
 * Everything a server does with snapshots: takes its own, sends the newest to followers that need it, installs a leader's,
 * restores a user's. Works for the driver, which lends it the state machine and the core.
 */
import type { Timer } from "../ports/clock.ts";
import { RaftError, type RaftServer, type SnapshotMeta } from "./contract.ts";
import type { CoreEvent, Effect, InstalledMeta, InstallRequest, RaftResponse } from "./core/messages.ts";
import type { Core, DriverOptions, DriverPorts } from "./driver-ports.ts";
import { RAFT_ERROR, RaftStorageError, raftError } from "./errors.ts";
import { SNAPSHOT_REST_MS } from "./limits.ts";
import { writeState } from "./snapshot-writer.ts";

/** An inbound request that waits for its answer. */
export interface HeldRequest {
  readonly body: AsyncIterable<Uint8Array> | undefined;
  readonly reply: (answer: RaftResponse | Error) => void;
}

/** What the driver lends. */
export interface SnapshotHost {
  readonly options: DriverOptions;
  readonly ports: DriverPorts;
  readonly core: Core | undefined;
  /** Changes when the core is made anew: what an earlier one asked for is void. */
  readonly generation: number;
  readonly stopped: boolean;
  readonly requests: Map<number, HeldRequest>;
  /** Last entry that the state machine holds. */
  readonly fsmIndex: number;
  readonly fsmTerm: number;
  fsmHolds(index: number, term: number): void;
  /** Resolves when the state machine is not lent to anybody. */
  fsmFree(): Promise<void>;
  /** Runs `work` while no entry is applied. */
  withFsm<T>(work: () => Promise<T>): Promise<T>;
  settleApplied(): void;
  /** Fails the proposals up to an index; all, also those in the queue, for Infinity. */
  abortProposals(through: number, text: string): void;
  /** Why nothing may be proposed here, if so. */
  refusal(): string | undefined;
  step(event: CoreEvent): void;
  /** Asynchronous work under way. */
  busy: number;
}

type RestoreReady = Extract<Effect, { kind: "restore-ready" }>;

export class SnapshotWork {
  readonly #host: SnapshotHost;
  #timer: Timer | undefined;
  #snapshotting: Promise<SnapshotMeta | undefined> | undefined;
  #installing = false;
  #restoreReady: ((effect: RestoreReady) => void) | undefined;
  #restored: ((ok: boolean) => void) | undefined;

  constructor(host: SnapshotHost) {
    this.#host = host;
  }

  onRestoreReady(effect: RestoreReady): void {
    this.#restoreReady?.(effect);
  }
  onRestored(ok: boolean): void {
    this.#restored?.(ok);
  }

  /** Ends the looking; resolves when a snapshot under way has ended. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    await this.#snapshotting?.catch(() => {});
  }

  /** Looks from time to time whether a snapshot is due. */
  plan(): void {
    if (this.#host.stopped) return;
    const { clock, random } = this.#host.ports;
    const wait = this.#host.options.snapshotIntervalMs * (1 + random.float());
    this.#timer = clock.timer(wait, () => {
      const log = this.#host.core?.state.log;
      const due = log !== undefined && log.last - log.snapshotIndex >= this.#host.options.snapshotThreshold;
      const taken = due ? this.take() : Promise.resolve(undefined);
      taken
        .catch((error: unknown) =>
          this.#host.ports.log.error(`Failed to take snapshot: ${(error as Error).message}`),
        )
        .finally(() => this.plan());
    });
  }

  /** A snapshot of what is applied now; undefined when the newest one holds it all. */
  take(): Promise<SnapshotMeta | undefined> {
    if (this.#snapshotting !== undefined) return this.#snapshotting;
    this.#host.busy++;
    this.#snapshotting = this.#snapshot().finally(() => {
      this.#snapshotting = undefined;
      this.#host.busy--;
    });
    return this.#snapshotting;
  }

  async #snapshot(): Promise<SnapshotMeta | undefined> {
    const { snapshots, fsm, clock, metrics } = this.#host.ports;
    if (this.#host.core === undefined || this.#host.stopped) throw raftError(RAFT_ERROR.shutdown);
    const creating = clock.now();
    const sink = await snapshots.create();
    metrics.sample("raft.snapshot.create", clock.now() - creating);
    try {
      await this.#host.fsmFree();
      // From here to the first chunk nothing is applied: index, term, configuration and state belong together.
      const s = this.#host.core.state;
      const index = this.#host.fsmIndex;
      const term = this.#host.fsmTerm;
      if (index === 0 || index <= s.log.snapshotIndex) {
        await sink.cancel();
        return undefined;
      }
      const committed = s.configurations.committed(s.commit);
      if (index < committed.index)
        throw new RaftError(
          `cannot take snapshot now, wait until the configuration entry at ${committed.index} has been applied (have applied ${index})`,
        );
      const started = clock.now();
      const state = fsm.snapshot();
      metrics.sample("raft.fsm.snapshot", clock.now() - started);
      this.#host.ports.log.info(`Starting snapshot up to ${index}`);
      const writing = clock.now();
      await writeState(state, sink, {
        now: () => clock.now(),
        rest: () => new Promise((resolve) => void clock.timer(SNAPSHOT_REST_MS, resolve)),
      });
      const meta = await sink.commit({
        index,
        term,
        configuration: { servers: committed.servers },
        configurationIndex: committed.index,
      });
      const ended = clock.now();
      metrics.sample("raft.snapshot.persist", ended - writing);
      metrics.sample("raft.snapshot.takeSnapshot", ended - started);
      this.#host.ports.log.info(`Snapshot to ${index} complete`, { bytes: meta.size });
      this.#host.step({ kind: "snapshot-taken", index, term });
      return meta;
    } catch (error) {
      await sink.cancel();
      throw error;
    }
  }

  /** Sends the newest snapshot to a follower. */
  async send(to: RaftServer, term: number): Promise<void> {
    const { snapshots, transport } = this.#host.ports;
    const generation = this.#host.generation;
    let request: InstallRequest | undefined;
    try {
      const newest = (await snapshots.list())[0];
      if (newest === undefined) throw new Error("there is no snapshot to send");
      const { meta, stream } = await snapshots.open(newest.id);
      request = {
        kind: "install",
        term,
        leader: this.#host.options.address,
        from: this.#host.options.id,
        lastIndex: meta.index,
        lastTerm: meta.term,
        configuration: meta.configuration,
        configurationIndex: meta.configurationIndex,
        size: meta.size,
      };
      this.#host.ports.log.info(`Sending snapshot ${meta.id} to ${to.address}`, { bytes: meta.size });
      const response = await transport.install(to, request, stream);
      if (generation === this.#host.generation)
        this.#host.step({ kind: "snapshot-sent", to: to.id, request, response });
    } catch (error) {
      this.#host.ports.log.error(`Failed to send snapshot to ${to.address}: ${(error as Error).message}`);
      if (generation === this.#host.generation)
        this.#host.step({ kind: "snapshot-sent", to: to.id, request, response: undefined });
    }
  }

  /** Stores a leader's snapshot and restores it, then lets the core answer. */
  async receive(id: number, request: InstallRequest): Promise<void> {
    const held = this.#host.requests.get(id);
    if (held === undefined) return;
    const generation = this.#host.generation;
    const refuse = async (error: Error): Promise<void> => {
      this.#host.requests.delete(id);
      await drain(held.body);
      held.reply(error);
    };
    if (this.#installing) return refuse(new Error("another snapshot is being installed"));
    this.#installing = true;
    try {
      const head = {
        index: request.lastIndex,
        term: request.lastTerm,
        configuration: request.configuration,
        configurationIndex: request.configurationIndex,
      };
      const stored = await this.#storeSnapshot(held.body, request.size, head);
      await this.#host.withFsm(async () => {
        if (generation !== this.#host.generation) return;
        if (stored !== undefined && head.index > this.#host.fsmIndex) {
          const { stream } = await this.#host.ports.snapshots.open(stored.id);
          const { clock, metrics, fsm } = this.#host.ports;
          const started = clock.now();
          await fsm.restore(stream);
          metrics.sample("raft.fsm.restore", clock.now() - started);
          this.#host.fsmHolds(head.index, head.term);
          this.#host.abortProposals(head.index, RAFT_ERROR.leadershipLost);
          this.#host.ports.log.info("Installed remote snapshot", { index: head.index });
        }
        this.#host.requests.set(id, { body: undefined, reply: held.reply });
        this.#host.step({ kind: "snapshot-installed", id, meta: head });
        this.#host.settleApplied();
      });
    } catch (error) {
      this.#host.ports.log.error(`Failed to install snapshot: ${(error as Error).message}`);
      await refuse(error as Error);
    } finally {
      this.#installing = false;
    }
  }

  /** Undefined when the state machine is already past it: then only the bytes are read. */
  async #storeSnapshot(
    body: AsyncIterable<Uint8Array> | undefined,
    size: number,
    head: InstalledMeta,
  ): Promise<SnapshotMeta | undefined> {
    if (head.index <= this.#host.fsmIndex) {
      await drain(body);
      return undefined;
    }
    const sink = await this.#host.ports.snapshots.create();
    try {
      let read = 0;
      for await (const chunk of body ?? []) {
        read += chunk.length;
        await sink.write(chunk);
      }
      if (read !== size) throw new Error(`failed to receive snapshot: short read, ${read} of ${size} bytes`);
      return await sink.commit(head);
    } catch (error) {
      await sink.cancel();
      throw error;
    }
  }

  /**
   * Replaces the cluster's state by a user's snapshot. The state becomes a snapshot behind the last entry, which followers
   * cannot match, so that they take it whole.
   */
  async restore(stream: AsyncIterable<Uint8Array>, indexAtLeast: number, size: number): Promise<void> {
    this.#host.busy++;
    try {
      await this.#restore(stream, indexAtLeast, size);
    } finally {
      this.#host.busy--;
    }
  }

  async #restore(stream: AsyncIterable<Uint8Array>, indexAtLeast: number, size: number): Promise<void> {
    const { snapshots, fsm } = this.#host.ports;
    const refusal = this.#host.refusal();
    if (refusal !== undefined) throw raftError(refusal);
    // The way back, should the leadership be lost on the way.
    if ((await snapshots.list()).length === 0) await this.take();
    const sink = await snapshots.create();
    let stored: SnapshotMeta | undefined;
    try {
      let read = 0;
      for await (const chunk of stream) {
        read += chunk.length;
        await sink.write(chunk);
      }
      if (read !== size)
        throw new RaftError(`failed to write snapshot: short read, ${read} of ${size} bytes`);
      await this.#host.withFsm(async () => {
        let ready: Extract<Effect, { kind: "restore-ready" }> | undefined;
        this.#restoreReady = (effect) => {
          ready = effect;
        };
        this.#host.step({ kind: "restore-begin" });
        this.#restoreReady = undefined;
        if (ready === undefined || ready.error !== undefined)
          throw raftError(ready?.error ?? RAFT_ERROR.shutdown);
        let ok = false;
        try {
          this.#host.abortProposals(Number.POSITIVE_INFINITY, RAFT_ERROR.abortedByRestore);
          const index = Math.max(ready.index, indexAtLeast + 1);
          stored = await sink.commit({
            index,
            term: ready.term,
            configuration: ready.configuration,
            configurationIndex: ready.configurationIndex,
          });
          await fsm.restore((await snapshots.open(stored.id)).stream);
          this.#restored = (result) => {
            ok = result;
          };
          this.#host.step({ kind: "restore-end", meta: { ...ready, index } });
          this.#restored = undefined;
          if (!ok) throw raftError(RAFT_ERROR.leadershipLost);
          this.#host.fsmHolds(index, ready.term);
        } finally {
          if (!ok) {
            this.#restored = undefined;
            this.#host.step({ kind: "restore-end", meta: undefined });
            if (stored !== undefined) await this.#undoRestore(stored);
          }
        }
      });
      this.#host.ports.log.info("Restored user snapshot", { index: stored?.index ?? 0 });
    } catch (error) {
      await sink.cancel();
      throw error;
    }
  }

  /** The restore did not become part of the log: the state machine goes back to what the log says. */
  async #undoRestore(stored: SnapshotMeta): Promise<void> {
    const { snapshots, fsm } = this.#host.ports;
    await snapshots.remove(stored.id);
    const newest = (await snapshots.list())[0];
    if (newest === undefined)
      throw new RaftStorageError("snapshots", "the snapshot taken before a restore is missing");
    await fsm.restore((await snapshots.open(newest.id)).stream);
    this.#host.fsmHolds(newest.index, newest.term);
  }
}

/** Reads what nobody wants, so that the connection stays in step. */
export async function drain(body: AsyncIterable<Uint8Array> | undefined): Promise<void> {
  if (body === undefined) return;
  try {
    for await (const _ of body);
  } catch {
    // The connection is gone, and the answer with it.
  }
}
