/**
 * What the rest of the program sees of raft. `createRaft` in raft.ts makes one; the FSM is the server's.
 */
import type { Duplex } from "node:stream";
import type { StartWorker } from "./sqlite-log-store.ts";

/** Log entry types (Log.Type). Append only: the numbers are the protocol. */
export const LOG_TYPE = {
  command: 0,
  noop: 1,
  addPeer: 2,
  removePeer: 3,
  barrier: 4,
  configuration: 5,
} as const;

export interface LogEntry {
  readonly index: number;
  readonly term: number;
  readonly type: number;
  readonly data: Uint8Array;
  readonly extensions: Uint8Array | null;
}

export const SUFFRAGE = { voter: 0, nonvoter: 1, staging: 2 } as const;
export interface RaftServer {
  readonly id: string;
  /** `ip:port` text. */
  readonly address: string;
  readonly suffrage: number;
}
export interface RaftConfiguration {
  readonly servers: readonly RaftServer[];
}

export interface SnapshotMeta {
  readonly id: string;
  readonly index: number;
  readonly term: number;
  readonly configuration: RaftConfiguration;
  readonly configurationIndex: number;
  /** Bytes of the state stream. */
  readonly size: number;
}

/** The replicated state machine. Calls never overlap, except that a snapshot may be written while entries apply. */
export interface Fsm {
  /** Applies a committed command; the result goes to the proposer. An Error returned (not thrown) is a refused command. */
  apply(entry: LogEntry): unknown;
  /** A frozen copy of the state, cheap to take; its chunks are the state stream. */
  snapshot(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  /** Replaces the state by a stream. Rejects, leaving the old state, when the stream is bad. */
  restore(stream: AsyncIterable<Uint8Array>): Promise<void>;
}

export type RaftRole = "follower" | "candidate" | "leader" | "shutdown";

/** Error whose message is the original's text (clients match substrings). */
export class RaftError extends Error {
  override readonly name = "RaftError";
}

/** What a leader knows of one other server. */
export interface RaftFollower {
  readonly id: string;
  readonly address: string;
  /** Highest index known to be durable there. */
  readonly matchIndex: number;
  readonly nextIndex: number;
  readonly mode: "probe" | "pipeline" | "snapshot";
  /** Since the sending of the last request that it answered; undefined when it never did. */
  readonly lastContactMs: number | undefined;
}

export interface RaftNode {
  /** Opens the stores, recovers, and begins to take part. */
  start(): Promise<void>;
  /** Writes the first configuration. Rejects with RaftError when there is state already. */
  bootstrap(configuration: RaftConfiguration): Promise<void>;
  /** Whether log, snapshots or term exist. */
  readonly hasState: boolean;
  /** Proposes a command. Resolves after it is committed and applied here, with the FSM's result. */
  apply(
    command: Uint8Array,
    options?: { readonly timeoutMs?: number; readonly extensions?: Uint8Array },
  ): Promise<{ readonly index: number; readonly result: unknown }>;
  /** Resolves when everything before it is applied here. */
  barrier(options?: { readonly timeoutMs?: number }): Promise<void>;
  /** Confirms leadership with a quorum (ReadIndex / VerifyLeader). */
  verifyLeader(): Promise<void>;
  addVoter(id: string, address: string): Promise<void>;
  addNonvoter(id: string, address: string): Promise<void>;
  demoteVoter(id: string): Promise<void>;
  removeServer(id: string): Promise<void>;
  transferLeadership(to?: { readonly id: string; readonly address: string }): Promise<void>;
  /** Whether a read of the local state now sees every acknowledged write, judged by the leader lease; never waits. */
  holdsLease(): boolean;
  /** Takes a snapshot now; undefined when there is nothing new to snapshot. */
  snapshot(): Promise<SnapshotMeta | undefined>;
  /** What is kept, newest first. */
  snapshots(): Promise<readonly SnapshotMeta[]>;
  /** One snapshot's stream; it throws when the bytes are not what was written. */
  openSnapshot(
    id: string,
  ): Promise<{ readonly meta: SnapshotMeta; readonly stream: AsyncIterable<Uint8Array> }>;
  /** Replaces the state of all servers by an archive's; leader only. */
  restore(meta: SnapshotMeta, stream: AsyncIterable<Uint8Array>): Promise<void>;

  readonly role: RaftRole;
  readonly term: number;
  /** Known leader, undefined during an election. */
  readonly leader: { readonly id: string; readonly address: string } | undefined;
  readonly lastIndex: number;
  readonly lastLogTerm: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  /** Milliseconds since the leader was last heard; 0 on the leader; undefined when never. */
  readonly lastContactMs: number | undefined;
  readonly configuration: {
    readonly servers: readonly RaftServer[];
    readonly index: number;
    readonly committed: boolean;
  };
  /** The leader's view of the other servers; empty elsewhere. */
  readonly followers: readonly RaftFollower[];
  /** `info`'s raft section: keys and texts as the original prints. */
  stats(): ReadonlyMap<string, string>;
  /** Role and leader changes, in order. Returns the way to stop. */
  onChange(
    handler: (change: {
      readonly role: RaftRole;
      readonly leader: { readonly id: string; readonly address: string } | undefined;
    }) => void,
  ): () => void;
  /** A connection on 8300 whose first byte 0x01 has been read; `head` is what came after it. */
  accept(connection: Duplex, head: Uint8Array, from: string): void;
  shutdown(): Promise<void>;
}

export interface RaftOptions {
  readonly id: string;
  readonly address: string;
  /** Folder for log, vote and snapshots; undefined keeps all in memory (-dev). */
  readonly dataDir: string | undefined;
  readonly heartbeatTimeoutMs: number;
  readonly electionTimeoutMs: number;
  readonly leaderLeaseTimeoutMs: number;
  readonly commitTimeoutMs: number;
  readonly snapshotIntervalMs: number;
  readonly snapshotThreshold: number;
  readonly trailingLogs: number;
  readonly maxAppendEntries: number;
  /** How to start the thread of log-worker.ts; from source when not given. The executable passes its bundled text. */
  readonly startLogWorker?: StartWorker | undefined;
}

/** Dials a peer's raft port: the connection comes with 0x01 already written. */
export type RaftDialer = (address: string, options: { readonly timeoutMs: number }) => Promise<Duplex>;
