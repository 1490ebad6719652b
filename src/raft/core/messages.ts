/**
 * What raft's core says and hears: requests and responses between servers, events from the driver, effects for it.
 * Source: the raft paper (figures 2 and 13, sections 4.2.3, 6.4 and 9.6 of the dissertation) and the transport observed in
 * Consul 1.8.7; the byte forms are in ../codec.ts.
 */
import type { LogEntry, RaftConfiguration, RaftRole, RaftServer } from "../contract.ts";

export interface AppendRequest {
  readonly kind: "append";
  readonly term: number;
  /** The leader's address text; it decides who is believed to lead. */
  readonly leader: string;
  /** Sender's server id; "" from peers older than the header that carries it. */
  readonly from: string;
  readonly prevIndex: number;
  readonly prevTerm: number;
  readonly entries: readonly LogEntry[];
  readonly commit: number;
  /** Only for the sender when the answer comes; never on the wire. */
  readonly context: AppendContext | undefined;
}

export interface AppendContext {
  readonly heartbeat: boolean;
  /** Which attempt at this follower's log: refusals of an older one say nothing new. */
  readonly epoch: number;
  /** Leadership verification that an answer counts for. */
  readonly round: number;
  /** Lease time starts when the request left, not when the answer came. */
  readonly sentAt: number;
  readonly bytes: number;
}

export interface AppendResponse {
  readonly kind: "append-response";
  readonly term: number;
  /** Responder's last index before this request. */
  readonly lastLog: number;
  readonly success: boolean;
  readonly noRetryBackoff: boolean;
  readonly from: string;
}

export interface VoteRequest {
  readonly kind: "vote";
  readonly term: number;
  readonly candidate: string;
  readonly from: string;
  readonly lastIndex: number;
  readonly lastTerm: number;
  readonly leadershipTransfer: boolean;
}

export interface PreVoteRequest {
  readonly kind: "pre-vote";
  readonly term: number;
  readonly candidate: string;
  readonly from: string;
  readonly lastIndex: number;
  readonly lastTerm: number;
}

export interface VoteResponse {
  readonly kind: "vote-response";
  readonly term: number;
  readonly granted: boolean;
  readonly from: string;
}

export interface PreVoteResponse {
  readonly kind: "pre-vote-response";
  readonly term: number;
  readonly granted: boolean;
  readonly from: string;
}

export interface TimeoutNowRequest {
  readonly kind: "timeout-now";
  readonly from: string;
}

export interface TimeoutNowResponse {
  readonly kind: "timeout-now-response";
}

/** The head of an InstallSnapshot; the state's bytes follow it. */
export interface InstallRequest {
  readonly kind: "install";
  readonly term: number;
  readonly leader: string;
  readonly from: string;
  readonly lastIndex: number;
  readonly lastTerm: number;
  readonly configuration: RaftConfiguration;
  readonly configurationIndex: number;
  readonly size: number;
}

export interface InstallResponse {
  readonly kind: "install-response";
  readonly term: number;
  readonly success: boolean;
}

export type RaftRequest = AppendRequest | VoteRequest | PreVoteRequest | TimeoutNowRequest | InstallRequest;
export type RaftResponse =
  | AppendResponse
  | VoteResponse
  | PreVoteResponse
  | TimeoutNowResponse
  | InstallResponse;

/** Which connection a request uses: heartbeats must not queue behind entries, nor votes behind either. */
export type Lane = "heartbeat" | "replication" | "control";

/** Survives restarts. `voteTerm`: the term in which `voteFor` (an address text) got our vote. */
export interface HardState {
  readonly term: number;
  readonly voteTerm: number;
  readonly voteFor: string;
}

export type StoreOp =
  | { readonly kind: "append"; readonly entries: readonly LogEntry[] }
  /** Deletes `from` and all after it. */
  | { readonly kind: "truncate"; readonly from: number }
  /** Deletes all entries: a snapshot took their place. */
  | { readonly kind: "reset" };

/** To be made durable in order, all or nothing. */
export interface Persist {
  readonly ops: readonly StoreOp[];
  readonly hardState: HardState | undefined;
  /** Last entry once this is written. */
  readonly last: { readonly index: number; readonly term: number };
}

export interface Proposal {
  readonly type: number;
  readonly data: Uint8Array;
  readonly extensions: Uint8Array | null;
}

export type ConfigurationChange =
  | { readonly kind: "add-voter"; readonly id: string; readonly address: string }
  | { readonly kind: "add-nonvoter"; readonly id: string; readonly address: string }
  | { readonly kind: "demote-voter"; readonly id: string }
  | { readonly kind: "remove-server"; readonly id: string };

export type CoreEvent =
  | { readonly kind: "tick" }
  | { readonly kind: "request"; readonly id: number; readonly request: RaftRequest }
  | {
      readonly kind: "response";
      readonly to: RaftServer;
      readonly request: RaftRequest;
      readonly response: RaftResponse;
    }
  /** No answer. `closed`: the peer took the request and closed the connection, as one does that does not know the request. */
  | {
      readonly kind: "failed";
      readonly to: RaftServer;
      readonly request: RaftRequest;
      readonly closed: boolean;
    }
  | { readonly kind: "propose"; readonly items: readonly Proposal[] }
  | { readonly kind: "change"; readonly id: number; readonly change: ConfigurationChange }
  | { readonly kind: "bootstrap"; readonly configuration: RaftConfiguration }
  | { readonly kind: "verify"; readonly id: number }
  | { readonly kind: "transfer"; readonly to: string | undefined }
  /** What a {@link Persist} with this `last` asked for is durable; `hardTerm`: the term that is durable now. */
  | { readonly kind: "persisted"; readonly index: number; readonly term: number; readonly hardTerm: number }
  | { readonly kind: "applied"; readonly index: number }
  /** Entries that the cache no longer had; none when they are gone from the store too. */
  | {
      readonly kind: "entries-read";
      readonly to: string;
      readonly epoch: number;
      readonly from: number;
      readonly entries: readonly LogEntry[];
    }
  | {
      readonly kind: "snapshot-sent";
      readonly to: string;
      readonly request: InstallRequest | undefined;
      readonly response: InstallResponse | undefined;
    }
  /** An own snapshot is durable. */
  | { readonly kind: "snapshot-taken"; readonly index: number; readonly term: number }
  /** A leader's snapshot is durable and the state machine holds it; `id` is the request to answer. */
  | { readonly kind: "snapshot-installed"; readonly id: number; readonly meta: InstalledMeta }
  | { readonly kind: "restore-begin" }
  | { readonly kind: "restore-end"; readonly meta: InstalledMeta | undefined }
  | { readonly kind: "step-down"; readonly reason: string };

export interface InstalledMeta {
  readonly index: number;
  readonly term: number;
  readonly configuration: RaftConfiguration;
  readonly configurationIndex: number;
}

export type Effect =
  | { readonly kind: "send"; readonly to: RaftServer; readonly lane: Lane; readonly request: RaftRequest }
  | { readonly kind: "reply"; readonly id: number; readonly response: RaftResponse }
  /** Stream the newest snapshot to a follower; answer with "snapshot-sent". */
  | { readonly kind: "send-snapshot"; readonly to: RaftServer; readonly term: number }
  /** The InstallSnapshot `id` is welcome: store its bytes. Otherwise a "reply" is given and the bytes are thrown away. */
  | { readonly kind: "receive-snapshot"; readonly id: number; readonly request: InstallRequest }
  | {
      readonly kind: "read-entries";
      readonly to: string;
      readonly epoch: number;
      readonly from: number;
      readonly through: number;
    }
  | { readonly kind: "accepted"; readonly firstIndex: number; readonly term: number }
  | { readonly kind: "refused"; readonly error: string }
  | {
      readonly kind: "changed";
      readonly id: number;
      readonly index: number;
      readonly error: string | undefined;
    }
  | { readonly kind: "bootstrapped"; readonly error: string | undefined }
  /** `index`: a read may be served once this index is applied. */
  | {
      readonly kind: "verified";
      readonly id: number;
      readonly index: number;
      readonly error: string | undefined;
    }
  | { readonly kind: "transferred"; readonly error: string | undefined }
  | {
      readonly kind: "restore-ready";
      readonly index: number;
      readonly term: number;
      readonly configuration: RaftConfiguration;
      readonly configurationIndex: number;
      readonly error: string | undefined;
    }
  | { readonly kind: "restored"; readonly ok: boolean }
  /** Entries up to `through` may leave the store. */
  | { readonly kind: "compact"; readonly through: number }
  | {
      readonly kind: "role";
      readonly role: RaftRole;
      readonly leader: { readonly id: string; readonly address: string } | undefined;
    }
  | {
      readonly kind: "log";
      readonly level: "debug" | "info" | "warn" | "error";
      readonly message: string;
      readonly fields: Readonly<Record<string, string | number | boolean>>;
    };

export interface Output {
  readonly persist: Persist | undefined;
  /** At once, in order. */
  readonly effects: readonly Effect[];
  /** Only when `persist` and everything asked for before it is durable. */
  readonly afterPersist: readonly Effect[];
}
