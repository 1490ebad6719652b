/** One server's raft: real disk, real connections, and the {@link RaftNode} that the rest of the program sees. */
import { join } from "node:path";
import type { Duplex } from "node:stream";
import type { Clock, Timer } from "../ports/clock.ts";
import { type Disk, realDisk } from "../ports/disk.ts";
import type { Logger } from "../ports/log.ts";
import type { Metrics } from "../ports/metrics.ts";
import type { Random } from "../ports/random.ts";
import { PROTOCOL_VERSION } from "./codec.ts";
import {
  type Fsm,
  LOG_TYPE,
  type RaftConfiguration,
  type RaftDialer,
  type RaftNode,
  type RaftOptions,
  type RaftRole,
  type SnapshotMeta,
  SUFFRAGE,
} from "./contract.ts";
import type { ConfigurationChange, Effect } from "./core/messages.ts";
import { RaftDriver } from "./driver.ts";
import { RAFT_ERROR, raftError } from "./errors.ts";
import { COMMAND_BYTES_MAX, CONNECTIONS_MAX } from "./limits.ts";
import { type LogStore, MemoryLogStore } from "./log-store.ts";
import type { Applied } from "./proposals.ts";
import { RaftConnection } from "./raft-connection.ts";
import { openStore, PEERS_FILE, readPeersFile, recoverCluster, refuseForeignLog } from "./recovery.ts";
import { FileSnapshotStore, MemorySnapshotStore, type SnapshotStore } from "./snapshot-store.ts";
import { SqliteLogStore } from "./sqlite-log-store.ts";
import { TcpRaftTransport } from "./transport.ts";

export interface RaftPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly dial: RaftDialer;
  readonly fsm: Fsm;
}

/** Below `options.dataDir`: raft.sqlite, raft.mark, snapshots, peers.json, as the original's `raft` folder. */
export const RAFT_FOLDER = "raft";

export function createRaft(options: RaftOptions, ports: RaftPorts): RaftNode {
  return new Node(options, ports);
}

type Change = Pick<Extract<Effect, { kind: "role" }>, "role" | "leader">;

class Node implements RaftNode {
  readonly #options: RaftOptions;
  readonly #ports: RaftPorts;
  readonly #log: Logger;
  readonly #disk: Disk = realDisk;
  readonly #folder: string | undefined;
  readonly #store: LogStore;
  readonly #snapshots: SnapshotStore;
  readonly #transport: TcpRaftTransport;
  readonly #driver: RaftDriver;
  readonly #connections = new Set<RaftConnection>();
  #lastContactBefore: number | undefined;
  #figuresTimer: Timer | undefined;
  #stopped = false;

  constructor(options: RaftOptions, ports: RaftPorts) {
    this.#options = options;
    this.#ports = ports;
    this.#log = ports.log;
    const { dataDir } = options;
    this.#folder = dataDir === undefined ? undefined : join(dataDir, RAFT_FOLDER);
    const wall = (): number => ports.clock.wall();
    this.#store =
      this.#folder === undefined
        ? new MemoryLogStore()
        : new SqliteLogStore(this.#folder, { startWorker: options.startLogWorker });
    this.#snapshots =
      this.#folder === undefined
        ? new MemorySnapshotStore(wall)
        : new FileSnapshotStore(join(this.#folder, "snapshots"), wall);
    this.#transport = new TcpRaftTransport(
      { id: options.id, address: options.address, heartbeatTimeoutMs: options.heartbeatTimeoutMs },
      ports,
    );
    this.#driver = new RaftDriver(
      {
        id: options.id,
        address: options.address,
        heartbeatTimeoutMs: options.heartbeatTimeoutMs,
        electionTimeoutMs: options.electionTimeoutMs,
        leaderLeaseTimeoutMs: options.leaderLeaseTimeoutMs,
        trailingLogs: options.trailingLogs,
        appendEntriesMax: options.maxAppendEntries,
        snapshotIntervalMs: options.snapshotIntervalMs,
        snapshotThreshold: options.snapshotThreshold,
      },
      {
        clock: ports.clock,
        random: ports.random,
        log: ports.log,
        metrics: ports.metrics,
        fsm: ports.fsm,
        store: this.#store,
        snapshots: this.#snapshots,
        transport: this.#transport,
        defer: (work) => setImmediate(work),
      },
    );
  }

  async start(): Promise<void> {
    if (this.#folder !== undefined) await this.#recover(this.#folder);
    await this.#driver.start();
    this.#tellIndexes();
    const s = this.#state;
    this.#log.info("Initial configuration", {
      index: s.configurations.latest.index,
      servers: describeServers(s.configurations.latest.servers),
    });
  }

  /** Once a second, so that who reads figures from time to time sees them also while nothing is written. */
  #tellIndexes(): void {
    if (this.#stopped) return;
    const { clock, metrics } = this.#ports;
    metrics.gauge("raft.applied_index", this.appliedIndex);
    metrics.gauge("raft.last_index", this.lastIndex);
    this.#figuresTimer = clock.timer(INDEX_FIGURES_MS, () => this.#tellIndexes());
  }

  async #recover(folder: string): Promise<void> {
    await this.#disk.mkdir(folder);
    await refuseForeignLog(folder, this.#disk);
    if (this.#snapshots instanceof FileSnapshotStore) await this.#snapshots.clean();
    const configuration = await readPeersFile(folder, this.#disk);
    if (configuration === undefined) return;
    const path = join(folder, PEERS_FILE);
    this.#log.info("found peers.json file, recovering Raft configuration...", { path });
    const stored = await openStore(this.#store);
    try {
      await recoverCluster(this.#store, stored, this.#snapshots, this.#ports.fsm, configuration, this.#log);
    } finally {
      await new Promise<void>((resolve) => this.#store.close(() => resolve()));
    }
    await this.#disk.remove(path);
    this.#log.info("deleted peers.json file after successful recovery", { path });
  }

  get #state() {
    const core = this.#driver.core;
    if (core === undefined) throw this.#driver.fault ?? raftError(RAFT_ERROR.shutdown);
    return core.state;
  }
  get #maybe() {
    return this.#driver.core?.state;
  }

  get hasState(): boolean {
    const s = this.#maybe;
    return s !== undefined && (s.term > 0 || s.log.last > 0);
  }

  bootstrap(configuration: RaftConfiguration): Promise<void> {
    return this.#ask<void>((done) => this.#driver.bootstrap(configuration, done));
  }

  #ask<T>(start: (done: (error: Error | undefined, value: T) => void) => void): Promise<T> {
    return new Promise((resolve, reject) =>
      start((error, value) => (error === undefined ? resolve(value) : reject(error))),
    );
  }

  apply(
    command: Uint8Array,
    options: { readonly timeoutMs?: number; readonly extensions?: Uint8Array } = {},
  ): Promise<Applied> {
    if (command.length > COMMAND_BYTES_MAX)
      return Promise.reject(
        raftError(`command of ${command.length} bytes is too large, the limit is ${COMMAND_BYTES_MAX}`),
      );
    const started = this.#ports.clock.now();
    this.#ports.metrics.count("raft.apply");
    return this.#ask<Applied>((done) =>
      this.#driver.propose(
        { type: LOG_TYPE.command, data: command, extensions: options.extensions ?? null },
        options.timeoutMs ?? 0,
        (error, value) => {
          if (error === undefined)
            this.#ports.metrics.sample("raft.commitTime", this.#ports.clock.now() - started);
          done(error, value);
        },
      ),
    );
  }

  async barrier(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    this.#ports.metrics.count("raft.barrier");
    await this.#ask<Applied>((done) =>
      this.#driver.propose(
        { type: LOG_TYPE.barrier, data: new Uint8Array(0), extensions: null },
        options.timeoutMs ?? 0,
        done,
      ),
    );
  }

  verifyLeader(): Promise<void> {
    this.#ports.metrics.count("raft.verify_leader");
    return this.#ask<void>((done) => this.#driver.verify(done));
  }

  holdsLease(): boolean {
    return this.#driver.holdsLease();
  }

  async #change(change: ConfigurationChange): Promise<void> {
    await this.#ask<number>((done) => this.#driver.change(change, done));
    this.#transport.keepOnly(new Set(this.configuration.servers.map((s) => s.address)));
  }

  addVoter(id: string, address: string): Promise<void> {
    return this.#change({ kind: "add-voter", id, address });
  }
  addNonvoter(id: string, address: string): Promise<void> {
    return this.#change({ kind: "add-nonvoter", id, address });
  }
  demoteVoter(id: string): Promise<void> {
    return this.#change({ kind: "demote-voter", id });
  }
  removeServer(id: string): Promise<void> {
    return this.#change({ kind: "remove-server", id });
  }

  transferLeadership(to?: { readonly id: string; readonly address: string }): Promise<void> {
    return this.#ask<void>((done) => this.#driver.transfer(to?.id, done));
  }

  snapshot(): Promise<SnapshotMeta | undefined> {
    return this.#driver.takeSnapshot();
  }
  snapshots(): Promise<readonly SnapshotMeta[]> {
    return this.#snapshots.list();
  }
  openSnapshot(
    id: string,
  ): Promise<{ readonly meta: SnapshotMeta; readonly stream: AsyncIterable<Uint8Array> }> {
    return this.#snapshots.open(id);
  }
  restore(meta: SnapshotMeta, stream: AsyncIterable<Uint8Array>): Promise<void> {
    return this.#driver.restore(stream, meta.index, meta.size);
  }

  get role(): RaftRole {
    return this.#maybe?.role ?? (this.#driver.fault === undefined ? "shutdown" : "follower");
  }
  get term(): number {
    return this.#maybe?.term ?? 0;
  }
  get leader(): { readonly id: string; readonly address: string } | undefined {
    return this.#maybe?.leader;
  }
  get lastIndex(): number {
    return this.#maybe?.log.last ?? 0;
  }
  get lastLogTerm(): number {
    return this.#maybe?.log.lastTerm ?? 0;
  }
  get commitIndex(): number {
    return this.#maybe?.commit ?? 0;
  }
  get appliedIndex(): number {
    return this.#driver.appliedIndex;
  }

  get lastContactMs(): number | undefined {
    const s = this.#maybe;
    if (s === undefined) return this.#lastContactBefore;
    if (s.role === "leader") return 0;
    return s.contactAt === undefined ? undefined : this.#ports.clock.now() - s.contactAt;
  }

  get configuration(): RaftNode["configuration"] {
    const s = this.#maybe;
    if (s === undefined) return { servers: [], index: 0, committed: true };
    const { servers, index } = s.configurations.latest;
    return { servers, index, committed: index <= s.commit };
  }

  get followers(): RaftNode["followers"] {
    const lead = this.#maybe?.lead;
    if (lead === undefined) return [];
    const now = this.#ports.clock.now();
    return [...lead.progress.values()].map((p) => ({
      id: p.server.id,
      address: p.server.address,
      matchIndex: p.match,
      nextIndex: p.next,
      mode: p.mode,
      lastContactMs: p.contactAt === undefined ? undefined : now - p.contactAt,
    }));
  }

  stats(): ReadonlyMap<string, string> {
    const s = this.#maybe;
    const contact = this.lastContactMs;
    const servers = this.configuration.servers;
    const voters = servers.filter((x) => x.suffrage === SUFFRAGE.voter);
    const others = voters.filter((x) => x.id !== this.#options.id).length;
    const isMember = voters.some((x) => x.id === this.#options.id);
    const roleName = {
      follower: "Follower",
      candidate: "Candidate",
      leader: "Leader",
      shutdown: "Shutdown",
    } as const;
    const all: Readonly<Record<string, string | number>> = {
      applied_index: this.appliedIndex,
      commit_index: this.commitIndex,
      fsm_pending: Math.max(0, this.commitIndex - this.appliedIndex),
      last_contact: contact === undefined ? "never" : s?.role === "leader" ? "0" : goDuration(contact),
      last_log_index: this.lastIndex,
      last_log_term: this.lastLogTerm,
      last_snapshot_index: s?.log.snapshotIndex ?? 0,
      last_snapshot_term: s?.log.snapshotTerm ?? 0,
      latest_configuration: `[${servers.map((x) => `{Suffrage:${suffrageName(x.suffrage)} ID:${x.id} Address:${x.address}}`).join(" ")}]`,
      latest_configuration_index: 0,
      num_peers: isMember ? others : 0,
      protocol_version: PROTOCOL_VERSION,
      protocol_version_max: PROTOCOL_VERSION,
      protocol_version_min: 0,
      snapshot_version_max: 1,
      snapshot_version_min: 0,
      state: roleName[this.role],
      term: this.term,
    };
    return new Map(Object.entries(all).map(([k, v]) => [k, String(v)]));
  }

  onChange(handler: (change: Change) => void): () => void {
    return this.#driver.onRole(handler);
  }

  accept(connection: Duplex, head: Uint8Array, from: string): void {
    if (this.#connections.size >= CONNECTIONS_MAX) {
      this.#log.warn(`Refusing raft connection from ${from}: ${CONNECTIONS_MAX} are open`);
      connection.destroy();
      return;
    }
    const raft = new RaftConnection(
      connection,
      head,
      { id: this.#options.id, address: this.#options.address },
      (request, body, reply) => this.#driver.receive(request, body, reply),
      (error) => this.#log.error(`Failed to decode incoming command: ${error.message}`, { from }),
    );
    this.#connections.add(raft);
    connection.on("close", () => this.#connections.delete(raft));
  }

  async shutdown(): Promise<void> {
    this.#lastContactBefore = this.lastContactMs;
    this.#stopped = true;
    this.#figuresTimer?.cancel();
    await this.#driver.shutdown();
    for (const connection of this.#connections) connection.close();
  }
}

const INDEX_FIGURES_MS = 1_000;

const suffrageName = (n: number): string =>
  n === SUFFRAGE.voter ? "Voter" : n === SUFFRAGE.nonvoter ? "Nonvoter" : "Staging";
const describeServers = (servers: RaftConfiguration["servers"]): string =>
  `[${servers.map((x) => `{Suffrage:${suffrageName(x.suffrage)} ID:${x.id} Address:${x.address}}`).join(" ")}]`;

/** Milliseconds as Go prints a Duration below an hour: 1.5ms, 20.3s. */
function goDuration(ms: number): string {
  const us = Math.round(ms * 1000);
  if (us < 1000) return us === 0 ? "0s" : `${us}µs`;
  if (us < 1_000_000) return `${us / 1000}ms`;
  const s = us / 1_000_000;
  const minutes = Math.floor(s / 60);
  const rest = Number((s - minutes * 60).toFixed(6));
  if (minutes < 60) return minutes === 0 ? `${rest}s` : `${minutes}m${rest}s`;
  return `${Math.floor(minutes / 60)}h${minutes % 60}m${rest}s`;
}
