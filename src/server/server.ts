/**
 * A server: the one wiring place of raft, state store, gossip, RPC and the leader's duties. Read contract.ts first for what an agent
 * sees of it, then forwarding.ts for who answers what, read.ts for how reads are answered, leader.ts for what only a leader does.
 */

import { Session } from "../model/kv.ts";
import type { MethodName, MethodReply, MethodRequest } from "../model/methods.ts";
import { AutopilotConfig } from "../model/operator.ts";
import type { QueryMeta } from "../model/query.ts";
import { sleep, type Timer } from "../ports/clock.ts";
import type { Logger } from "../ports/log.ts";
import type { NowOrLater } from "../ports/now-or-later.ts";
import type { RaftNode } from "../raft/contract.ts";
import { createRaft } from "../raft/raft.ts";
import { IDLE_CLOSE_SERVER_MS, IDLE_STREAMS_SERVER } from "../rpc/limits.ts";
import { createRpcListener, type RpcListener } from "../rpc/listener.ts";
import { RpcPool } from "../rpc/pool.ts";
import { RpcServer } from "../rpc/rpc-server.ts";
import type { CommandBody, CommandKind } from "../state/commands.ts";
import { StateFsm } from "../state/fsm.ts";
import { StateStore } from "../state/state-store.ts";
import type { Query } from "../state/tracked-read.ts";
import { Autopilot } from "./autopilot.ts";
import { minRaftVersion } from "./bootstrap.ts";
import { Bootstrapper } from "./bootstrapper.ts";
import { Committer } from "./committer.ts";
import type {
  ServerApi,
  ServerOptions,
  ServerPorts,
  ServerTimings,
  SnapshotReply,
  SnapshotSaveOrRestore,
} from "./contract.ts";
import { CoordinateBuffer } from "./coordinate-buffer.ts";
import type { ServerCore } from "./core.ts";
import { type Departing, drainWrites, handOver, leaveCluster } from "./departure.ts";
import { type Call, Dispatcher } from "./dispatcher.ts";
import { createHandlers } from "./endpoints.ts";
import { errorText, ServerError } from "./errors.ts";
import { type RoutingState, retryDelayMs } from "./forwarding.ts";
import { Leader } from "./leader.ts";
import { currentAutopilotConfig, leaderView, leaderWriter, raftVersionInCatalog } from "./leader-store.ts";
import { Membership } from "./membership.ts";
import { Reader, type ReadOptions } from "./read.ts";
import { hostPort, type ServerInfo } from "./server-metadata.ts";
import { serverStats } from "./server-stats.ts";
import { SessionTimers } from "./session-timers.ts";
import { SnapshotEndpoint } from "./snapshot.ts";
import { raftStats } from "./status.ts";
import { DEFAULT_TIMINGS } from "./timings.ts";
import { TombstoneGc } from "./tombstone-gc.ts";

const NS_PER_MS = 1_000_000;

/** A caller in this process that will not go away. */
const IN_PROCESS: Call = { signal: undefined, from: "" };

export class Server implements ServerApi, ServerCore {
  readonly options: ServerOptions;
  readonly timings: ServerTimings;
  readonly clock;
  readonly random;
  readonly log: Logger;
  readonly metrics;
  readonly lan;
  readonly wan;
  readonly store: StateStore;
  readonly coordinates = new CoordinateBuffer();
  readonly sessionTimers: SessionTimers;
  readonly #ports: ServerPorts;
  readonly #pool: RpcPool;
  readonly #tombstones: TombstoneGc;
  readonly #reader: Reader;
  readonly #serverUp = new Set<() => void>();
  readonly #leaderWakers = new Set<() => void>();
  readonly #fsm: StateFsm;
  /** Made in {@link start}, when the port is known. */
  #parts: Parts | undefined;
  #listener: RpcListener | undefined;
  #coordinateTimer: Timer | undefined;
  #everLed = false;
  #leaving = false;
  #stopping = false;
  #stopped = false;

  constructor(options: ServerOptions, ports: ServerPorts) {
    this.options = options;
    this.timings = { ...DEFAULT_TIMINGS, ...options.timings };
    this.#ports = ports;
    this.clock = ports.clock;
    this.random = ports.random;
    this.metrics = ports.metrics;
    this.log = ports.log.named("consul");
    this.lan = ports.lan;
    this.wan = ports.wan;
    this.#tombstones = new TombstoneGc(
      {
        ttlMs: this.timings.tombstoneTtlMs,
        granularityMs: this.timings.tombstoneGranularityMs,
        expired: (index) => void this.#reapTombstones(index),
      },
      ports,
    );
    this.store = new StateStore({ clock: ports.clock, onTombstone: (index) => this.#tombstones.hint(index) });
    this.#fsm = new StateFsm(this.store, ports);
    this.#pool = new RpcPool(
      { idleCloseMs: IDLE_CLOSE_SERVER_MS, idleStreamsMax: IDLE_STREAMS_SERVER },
      ports,
    );
    this.#reader = new Reader(
      {
        store: this.store,
        defaultQueryTimeMs: options.defaultQueryTimeMs,
        maxQueryTimeMs: options.maxQueryTimeMs,
        meta: () => this.queryMeta(),
        consistentRead: () => this.consistentRead(),
        leaderRead: () => this.leaderRead(),
      },
      ports,
    );
    this.sessionTimers = new SessionTimers(
      { destroy: (id) => this.#destroySession(id), retryBaseMs: this.timings.sessionDestroyRetryBaseMs },
      { ...ports, log: this.log },
    );
  }

  async start(): Promise<void> {
    try {
      const rpc = new RpcServer(
        (method, request, context) =>
          this.#answer(method, request, { signal: context.signal, from: context.from }),
        {},
        { log: this.#ports.log.named("rpc"), metrics: this.metrics },
      );
      const { bindAddr: host, port, rpcMaxConnsPerClient, rpcHandshakeTimeoutMs } = this.options;
      this.#listener = createRpcListener(
        { host, port, connsPerClientMax: rpcMaxConnsPerClient, handshakeTimeoutMs: rpcHandshakeTimeoutMs },
        {
          rpc,
          raft: (connection, head, from) => {
            if (this.#parts === undefined) connection.destroy();
            else this.#parts.raft.accept(connection, head, from);
          },
          snapshot: (request, body) => this.#need().snapshots.serve(request, body),
        },
        { ...this.#ports, log: this.#ports.log.named("rpc") },
      );
      await this.#listener.start();
      this.options.onRpcListening?.(this.#listener.address.port);
      const parts = this.#assemble();
      this.#parts = parts;
      await parts.raft.start();
      await parts.bootstrapper.alone();
      parts.membership.start();
      await this.lan.start();
      if (this.wan !== undefined) {
        await this.wan.start();
        parts.membership.wanStarted();
      }
      this.#scheduleCoordinates();
    } catch (error) {
      await this.shutdown();
      throw error;
    }
  }

  get addresses(): { readonly rpc: { readonly host: string; readonly port: number } } {
    const address = this.#listener!.address;
    return { rpc: { host: address.address, port: address.port } };
  }

  get isLeader(): boolean {
    return this.#parts?.raft.role === "leader";
  }

  get raft(): RaftNode {
    return this.#need().raft;
  }

  get autopilot(): Autopilot {
    return this.#need().autopilot;
  }

  rpc<M extends MethodName>(
    method: M,
    request: MethodRequest<M>,
    options: { readonly signal?: AbortSignal } | Call = {},
  ): Promise<MethodReply<M>> {
    return this.#serve(method, request, {
      signal: options.signal,
      from: "from" in options ? options.from : "",
    });
  }

  answer<M extends MethodName>(
    method: M,
    request: MethodRequest<M>,
    options?: { readonly signal?: AbortSignal },
  ): NowOrLater<MethodReply<M>> {
    const signal = options?.signal;
    return this.#answer(method, request, signal === undefined ? IN_PROCESS : { signal, from: "" });
  }

  onServerUp(handler: () => void): () => void {
    this.#serverUp.add(handler);
    return () => this.#serverUp.delete(handler);
  }

  snapshot(request: SnapshotSaveOrRestore, body: AsyncIterable<Uint8Array>): Promise<SnapshotReply> {
    return this.#need().snapshots.request(request, body);
  }

  async forceLeave(node: string, options: { readonly prune: boolean }): Promise<void> {
    const suffix = `.${this.options.datacenter}`;
    const wide = node.endsWith(suffix) ? node : `${node}${suffix}`;
    // A client is in the LAN pool only; whoever asks has seen that one of the two knows the node.
    if (this.lan.member(node) !== undefined) await this.lan.forceLeave(node, options);
    if (this.wan?.member(wide) !== undefined) await this.wan.forceLeave(wide, options);
  }

  leave(): Promise<void> {
    return leaveCluster(this.#departing(this.#need().raft), () => {
      // Clients have seen us leave, and go to another server when we refuse them.
      this.#leaving = true;
      this.#wakeHeld();
    });
  }

  #departing(raft: RaftNode): Departing {
    const { options, timings } = this;
    return {
      nodeId: options.nodeId,
      raft,
      lan: this.lan,
      wan: this.wan,
      clock: this.clock,
      log: this.log,
      leaseMs: options.raft.leaderLeaseTimeoutMs,
      handOverMs: timings.handOverMs,
      drainMs: options.leaveDrainTimeMs,
      raftRemovalMs: timings.leaveRaftRemovalMs,
    };
  }

  async shutdown(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    // Who waits at this server meanwhile is sent on to the next leader.
    if (this.#parts !== undefined) {
      const { raft, dispatcher } = this.#parts;
      const departing = this.#departing(raft);
      if (await handOver(departing)) await drainWrites(departing, () => dispatcher.writesRestMs);
    }
    this.#stopped = true;
    this.#leaving = true;
    this.#coordinateTimer?.cancel();
    this.#reader.stop();
    this.#wakeHeld();
    this.#parts?.bootstrapper.stop();
    this.#parts?.membership.stop();
    await this.#parts?.leader.lose();
    await this.lan.shutdown();
    await this.wan?.shutdown();
    await this.#parts?.raft.shutdown();
    await this.#pool.close();
    await this.#listener?.close();
  }

  stats(): ReadonlyMap<string, ReadonlyMap<string, string>> {
    const { raft, membership } = this.#need();
    return serverStats(this.options, {
      raft,
      lan: this.lan,
      wan: this.wan,
      datacenters: membership.datacenters(),
    });
  }

  // What the endpoints use (ServerCore).

  commit<K extends CommandKind>(kind: K, body: CommandBody<K>): Promise<unknown> {
    return this.#need().committer.commit(kind, body);
  }

  read<T, R extends object>(
    request: ReadOptions,
    call: Call,
    query: Query<T>,
    shape: (value: T) => R,
    key?: string,
  ): NowOrLater<R & QueryMeta> {
    return this.#reader.read(request, call, query, shape, key);
  }

  queryMeta(): QueryMeta {
    const raft = this.raft;
    if (raft.role === "leader") return { Index: 0, LastContact: 0n, KnownLeader: true, ConsistencyLevel: "" };
    const contact = raft.lastContactMs;
    return {
      Index: 0,
      LastContact: contact === undefined ? 0n : BigInt(Math.round(contact * NS_PER_MS)),
      KnownLeader: raft.leader !== undefined,
      ConsistencyLevel: "",
    };
  }

  async consistentRead(): Promise<void> {
    const { raft, leader } = this.#need();
    const started = this.clock.now();
    await raft.verifyLeader().catch(() => {
      throw new ServerError("noLeader");
    });
    const deadline = started + this.options.rpcHoldTimeoutMs;
    while (!leader.readyForConsistentReads) {
      // No longer the leader, or about to go: the next one answers.
      if (this.#leaving || raft.role !== "leader") throw new ServerError("noLeader");
      if (this.clock.now() >= deadline) throw new ServerError("notReadyForConsistentReads");
      await sleep(this.clock, retryDelayMs(this.random, this.options.rpcHoldTimeoutMs));
    }
    this.metrics.sample("rpc.consistentRead", this.clock.now() - started);
  }

  /**
   * A default read at a leader that cannot be sure by its lease (it was paused, cut off, or has just been elected) asks the quorum
   * first; Consul 1.8.7 answers at once and may be out of date.
   */
  leaderRead(): Promise<void> | undefined {
    const { raft } = this.#need();
    if (raft.holdsLease()) return undefined;
    return raft.verifyLeader().catch(() => {
      throw new ServerError("noLeader");
    });
  }

  servers(): readonly ServerInfo[] {
    return this.#need().membership.servers();
  }

  minRaftVersion(): number {
    return minRaftVersion(this.servers());
  }

  autopilotConfig(): AutopilotConfig | null {
    return currentAutopilotConfig(this.store);
  }

  datacenters(): readonly string[] {
    return this.#need().membership.datacenters();
  }

  routing(): RoutingState {
    const { raft } = this.#need();
    return {
      datacenter: this.options.datacenter,
      isLeader: raft.role === "leader",
      leaving: this.#leaving,
      knownLeader: raft.leader !== undefined && raft.leader.id !== this.options.nodeId,
      hadLeader: this.#everLed || raft.role === "leader" || raft.lastContactMs !== undefined,
    };
  }

  async callDatacenter<M extends MethodName>(
    datacenter: string,
    method: M,
    request: MethodRequest<M>,
    call: Call,
  ): Promise<MethodReply<M>> {
    if (datacenter === this.options.datacenter) return this.#serve(method, request, call);
    return this.#need().dispatcher.callDatacenter(datacenter, method, request, call);
  }

  #serve<M extends MethodName>(method: M, request: MethodRequest<M>, call: Call): Promise<MethodReply<M>> {
    if (this.#stopped) return Promise.reject(new ServerError("noLeader"));
    return this.#need().dispatcher.dispatch(method, request, call);
  }

  #answer<M extends MethodName>(
    method: M,
    request: MethodRequest<M>,
    call: Call,
  ): NowOrLater<MethodReply<M>> {
    if (this.#stopped) throw new ServerError("noLeader");
    return this.#need().dispatcher.answer(method, request, call);
  }

  #need(): Parts {
    if (this.#parts === undefined) throw new ServerError("noLeader");
    return this.#parts;
  }

  /** Everything that needs to know the port. */
  #assemble(): Parts {
    const { options, timings, log } = this;
    const ports = { ...this.#ports, log };
    const address = hostPort(options.advertiseAddr, this.addresses.rpc.port);
    const raft = createRaft(
      {
        ...options.raft,
        id: options.nodeId,
        address,
        dataDir: options.dataDir,
      },
      { ...this.#ports, log: this.#ports.log.named("raft"), fsm: this.#fsm, dial: this.#pool.dialRaft },
    );
    const membership: Membership = new Membership(
      {
        datacenter: options.datacenter,
        lan: this.lan,
        wan: this.wan,
        floodIntervalMs: timings.floodIntervalMs,
        onMember: (member, reaped) => leader.onMember(member, reaped),
        onServerJoin: () => void bootstrapper.withPeers(),
        onNewLeader: () => {
          for (const handler of [...this.#serverUp]) handler();
        },
      },
      ports,
    );
    const bootstrapper = new Bootstrapper(
      { options, timings, address, raft, pool: this.#pool, servers: () => membership.servers() },
      ports,
    );
    const autopilot = new Autopilot(
      {
        nodeId: options.nodeId,
        datacenter: options.datacenter,
        timings,
        raft,
        lan: this.lan,
        wan: this.wan,
        servers: () => membership.servers(),
        config: () => this.autopilotConfig(),
        stats: async (server, timeoutMs) =>
          server.id === options.nodeId
            ? raftStats(raft)
            : this.#pool.call(server.address, "Status.RaftStats", {}, { timeoutMs }),
      },
      { ...ports, log: this.#ports.log.named("autopilot") },
    );
    const committer = new Committer(raft, timings, ports);
    const leader = new Leader(
      {
        nodeName: options.nodeName,
        datacenter: options.datacenter,
        primaryDatacenter: options.primaryDatacenter,
        timings,
        raft,
        lan: this.lan,
        view: leaderView(this.store),
        writer: leaderWriter(committer, this.store, ports),
        autopilot,
        sessions: this.sessionTimers,
        tombstones: this.#tombstones,
        initialAutopilot: AutopilotConfig.make({
          CleanupDeadServers: options.autopilot.cleanupDeadServers,
          LastContactThreshold: BigInt(options.autopilot.lastContactThresholdMs * NS_PER_MS),
          MaxTrailingLogs: options.autopilot.maxTrailingLogs,
          MinQuorum: options.autopilot.minQuorum,
          ServerStabilizationTime: BigInt(options.autopilot.serverStabilizationTimeMs * NS_PER_MS),
        }),
      },
      ports,
    );
    const dispatcher = new Dispatcher(
      {
        handlers: createHandlers(this),
        routing: () => this.routing(),
        primaryDatacenter: options.primaryDatacenter,
        holdTimeoutMs: options.rpcHoldTimeoutMs,
        call: (to, method, request, o) => this.#pool.call(to, method, request, o),
        leaderAddress: () => (raft.role === "leader" ? undefined : raft.leader?.address),
        remoteServer: (datacenter) => membership.remoteServer(datacenter),
        onLeaderChange: (wake) => {
          this.#leaderWakers.add(wake);
          return () => this.#leaderWakers.delete(wake);
        },
      },
      ports,
    );
    const snapshots = new SnapshotEndpoint(this, {
      pool: this.#pool,
      membership,
      reassertLeadership: () => leader.reassert(),
    });
    raft.onChange(({ role }) => {
      if (role === "leader") {
        this.#everLed = true;
        leader.acquire();
      } else void leader.lose();
      this.#wakeHeld();
    });
    return { raft, membership, autopilot, committer, leader, dispatcher, snapshots, bootstrapper };
  }

  raftVersionInCatalog(id: string): string {
    return raftVersionInCatalog(this.store, id);
  }

  async #destroySession(id: string): Promise<void> {
    await this.commit("session", {
      Datacenter: this.options.datacenter,
      Op: "destroy",
      Session: Session.make({ ID: id }),
      Token: "",
    });
  }

  async #reapTombstones(ReapIndex: number): Promise<void> {
    if (!this.isLeader) return;
    try {
      await this.commit("tombstone", {
        Datacenter: this.options.datacenter,
        Op: "reap",
        ReapIndex,
        Token: "",
      });
    } catch (error) {
      this.log.error("failed to reap tombstones", { up_to: ReapIndex, error: errorText(error) });
    }
  }

  #scheduleCoordinates(): void {
    this.#coordinateTimer = this.clock.timer(this.timings.coordinateFlushMs, () => {
      void this.#flushCoordinates().finally(() => {
        if (!this.#stopped) this.#scheduleCoordinates();
      });
    });
  }

  async #flushCoordinates(): Promise<void> {
    for (const batch of this.coordinates.flush())
      try {
        await this.commit("coordinateBatch", batch);
      } catch (error) {
        if (!this.#stopped) this.log.warn("Batch update failed", { error: errorText(error) });
      }
  }

  #wakeHeld(): void {
    for (const wake of [...this.#leaderWakers]) wake();
  }
}

interface Parts {
  readonly raft: RaftNode;
  readonly membership: Membership;
  readonly autopilot: Autopilot;
  readonly committer: Committer;
  readonly leader: Leader;
  readonly dispatcher: Dispatcher;
  readonly snapshots: SnapshotEndpoint;
  readonly bootstrapper: Bootstrapper;
}

export const createServer = (options: ServerOptions, ports: ServerPorts): ServerApi =>
  new Server(options, ports);
