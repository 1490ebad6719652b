/**
 * How a server is made and what the agent sees of it. `createServer` in server.ts takes these options and ports.
 *
 * The gossip pools are made by the agent and handed in **not started**: the server starts them once it listens on 8300, watches
 * their events, and stops them in `leave` and `shutdown`. Their tags and their `admit` function come from `serverTags` and
 * `lanAdmission`/`wanAdmission` (server-metadata.ts, admission.ts), so that a client agent and a server say who they are by one rule.
 */
import type { SerfPool } from "../gossip/contract.ts";
import type { RpcCaller } from "../model/methods.ts";
import type { Clock } from "../ports/clock.ts";
import type { Disk } from "../ports/disk.ts";
import type { Logger } from "../ports/log.ts";
import type { Metrics } from "../ports/metrics.ts";
import type { Random } from "../ports/random.ts";

export interface ServerOptions {
  readonly nodeName: string;
  /** UUID text; also the raft server ID. */
  readonly nodeId: string;
  readonly datacenter: string;
  readonly primaryDatacenter: string;
  /** IP to listen on for 8300. */
  readonly bindAddr: string;
  /** 0 picks a free port (tests); `Server.addresses.rpc` tells which. */
  readonly port: number;
  /** Told where 8300 really is, before the pools start: their tags name it. */
  readonly onRpcListening?: (port: number) => void;
  /** IP that other servers dial; the LAN pool must advertise the same. */
  readonly advertiseAddr: string;
  /** Bootstrap mode: elect itself at the first start. `-bootstrap-expect 1` is the same. */
  readonly bootstrap: boolean;
  /** 0: wait to be added by a leader; N > 1: form a cluster once N servers see each other. */
  readonly bootstrapExpect: number;
  readonly nonVoter: boolean;
  /** Folder of the agent's data; the server uses `raft/` below it. undefined keeps all in memory. */
  readonly dataDir: string | undefined;
  /** Version text for tags and the `consul` service, e.g. "1.8.7". */
  readonly version: string;
  readonly sessionTtlMinMs: number;
  readonly defaultQueryTimeMs: number;
  readonly maxQueryTimeMs: number;
  readonly rpcHoldTimeoutMs: number;
  readonly leaveDrainTimeMs: number;
  readonly rpcHandshakeTimeoutMs: number;
  readonly rpcMaxConnsPerClient: number;
  /** What a new cluster's autopilot configuration is made of; an existing one stays as it is. */
  readonly autopilot: {
    readonly cleanupDeadServers: boolean;
    readonly lastContactThresholdMs: number;
    readonly maxTrailingLogs: number;
    readonly minQuorum: number;
    readonly serverStabilizationTimeMs: number;
  };
  readonly raft: {
    readonly heartbeatTimeoutMs: number;
    readonly electionTimeoutMs: number;
    readonly leaderLeaseTimeoutMs: number;
    readonly commitTimeoutMs: number;
    readonly snapshotIntervalMs: number;
    readonly snapshotThreshold: number;
    readonly trailingLogs: number;
    readonly maxAppendEntries: number;
  };
  /** Overrides of timings.ts; tests only. */
  readonly timings?: Partial<ServerTimings>;
}

/** Intervals of the server's duties, in milliseconds. Defaults (Consul 1.8.7's) stand in timings.ts. */
export interface ServerTimings {
  readonly reconcileIntervalMs: number;
  readonly reconcileLeavingMs: number;
  readonly coordinateFlushMs: number;
  readonly tombstoneTtlMs: number;
  readonly tombstoneGranularityMs: number;
  readonly barrierTimeoutMs: number;
  readonly autopilotHealthMs: number;
  readonly autopilotHealthBudgetMs: number;
  readonly autopilotCleanupMs: number;
  readonly floodIntervalMs: number;
  readonly leaveRaftRemovalMs: number;
  readonly handOverMs: number;
  readonly enqueueTimeoutMs: number;
  readonly bootstrapRetryBaseMs: number;
  readonly sessionDestroyRetryBaseMs: number;
}

export interface ServerPorts {
  readonly clock: Clock;
  readonly random: Random;
  /** Any logger of the hub: the server names its own ("consul", "raft", "raft-net"). */
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly disk: Disk;
  /** Not started yet. */
  readonly lan: SerfPool;
  /** Not started yet; undefined when the WAN pool is off. */
  readonly wan: SerfPool | undefined;
}

export interface SnapshotSaveOrRestore {
  readonly datacenter: string;
  readonly token: string;
  readonly allowStale: boolean;
  readonly op: "save" | "restore";
}

export interface SnapshotReply {
  readonly index: number;
  readonly knownLeader: boolean;
  /** Nanoseconds. */
  readonly lastContact: bigint;
  /** The archive's bytes for a save; empty for a restore. */
  readonly stream: AsyncIterable<Uint8Array>;
}

/** What an agent may do with the server in its process. */
export interface ServerApi extends RpcCaller {
  /** Opens stores and the listener, starts the pools, takes part in raft. Rejects with the cause; then all is closed again. */
  start(): Promise<void>;
  /** Graceful leave: hands the leadership over, goes out of raft, WAN and LAN; drains. Call {@link shutdown} after it. */
  leave(): Promise<void>;
  /** Hands the leadership over where that is possible at once, then ends. */
  shutdown(): Promise<void>;
  /** `info`'s "consul" and "raft" sections, with the pools' own sections "serf_lan" and "serf_wan". */
  stats(): ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** Saves or restores a snapshot, in this datacenter or another. Errors carry the original's text. */
  snapshot(request: SnapshotSaveOrRestore, body: AsyncIterable<Uint8Array>): Promise<SnapshotReply>;
  /** Turns failed members into left ones in both pools; `<node>` or `<node>.<dc>`. */
  forceLeave(node: string, options: { readonly prune: boolean }): Promise<void>;
  /** Called when a leader appeared or a server came up: the agent then syncs (anti-entropy "server up"). Returns the way to stop. */
  onServerUp(handler: () => void): () => void;
  readonly isLeader: boolean;
  readonly addresses: { readonly rpc: { readonly host: string; readonly port: number } };
}
