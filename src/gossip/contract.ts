/**
 * What the rest of the program sees of a gossip pool (serf on memberlist). The agent starts one LAN pool and, on a server,
 * one WAN pool; who implements it is behind `createSerfPool` in serf/.
 */

/** serf member status, as /v1/agent/members prints it. Append only: the numbers are the protocol. */
export const MEMBER_STATUS = { none: 0, alive: 1, leaving: 2, left: 3, failed: 4 } as const;
export type MemberStatus = keyof typeof MEMBER_STATUS;

export interface Member {
  readonly name: string;
  /** IP address text, without brackets. */
  readonly addr: string;
  readonly port: number;
  readonly tags: ReadonlyMap<string, string>;
  readonly status: MemberStatus;
  readonly protocolMin: number;
  readonly protocolMax: number;
  readonly protocolCur: number;
  readonly delegateMin: number;
  readonly delegateMax: number;
  readonly delegateCur: number;
}

/** A query that arrived; answering late or twice is refused with an error. */
export interface IncomingQuery {
  readonly ltime: bigint;
  readonly id: number;
  readonly name: string;
  readonly payload: Uint8Array;
  readonly sourceNode: string;
  respond(payload: Uint8Array): void;
}

export type SerfEvent =
  | {
      readonly kind: "member-join" | "member-leave" | "member-failed" | "member-update" | "member-reap";
      readonly members: readonly Member[];
    }
  | {
      readonly kind: "user";
      readonly ltime: bigint;
      readonly name: string;
      readonly payload: Uint8Array;
      readonly coalesce: boolean;
    }
  | { readonly kind: "query"; readonly query: IncomingQuery };

/** A network coordinate (Vivaldi): the same shape as the model's GossipCoordinate. */
export interface NetworkCoordinate {
  readonly Vec: readonly number[] | null;
  readonly Error: number;
  readonly Adjustment: number;
  readonly Height: number;
}

export interface QueryOptions {
  readonly filterNodes?: readonly string[];
  /** Tag name to regular expression. */
  readonly filterTags?: ReadonlyMap<string, string>;
  readonly requestAck?: boolean;
  readonly relayFactor?: number;
  readonly timeoutMs?: number;
}

export interface QueryHandlers {
  onAck?(from: string): void;
  onResponse?(from: string, payload: Uint8Array): void;
  /** The deadline passed or the query was closed; called once. */
  onDone?(): void;
}

/** Result of a keyring operation over the pool. */
export interface KeyResponse {
  readonly messages: ReadonlyMap<string, string>;
  readonly numNodes: number;
  readonly numResp: number;
  readonly numErr: number;
  readonly keys: ReadonlyMap<string, number>;
  readonly primaryKeys: ReadonlyMap<string, number>;
  /** `<n>/<m> nodes reported failure` or `... success`, when not every node agreed; undefined when all did. */
  readonly error?: string;
}

export interface JoinResult {
  /** Nodes contacted. */
  readonly joined: number;
  /** One per address that failed, with the original's text. */
  readonly errors: readonly Error[];
}

/** One gossip pool. Methods may be called from `start()` resolving until `shutdown()`; events come in order. */
export interface SerfPool {
  start(): Promise<void>;
  /** Addresses `host`, `host:port`, `[v6]:port`. Never rejects for an unreachable peer: see the result. */
  join(addresses: readonly string[], options?: { readonly ignoreOld?: boolean }): Promise<JoinResult>;
  /** Graceful leave: tells the pool, waits for it to spread, keeps sockets open until {@link shutdown}. */
  leave(): Promise<void>;
  shutdown(): Promise<void>;
  /** Turns a failed member into a left one. Rejects with the original's text for an unknown name. */
  forceLeave(name: string, options?: { readonly prune?: boolean }): Promise<void>;
  members(): readonly Member[];
  member(name: string): Member | undefined;
  localMember(): Member;
  /** Replaces the local member's tags and tells the pool. Also before start: then it starts with them. */
  setTags(tags: ReadonlyMap<string, string>): void;
  /** Throws when name and payload exceed the limit. */
  userEvent(name: string, payload: Uint8Array, options?: { readonly coalesce?: boolean }): void;
  query(name: string, payload: Uint8Array, options: QueryOptions, handlers: QueryHandlers): { close(): void };
  coordinate(): NetworkCoordinate;
  cachedCoordinate(name: string): NetworkCoordinate | undefined;
  /** `info`'s serf section: keys and texts as the original prints. */
  stats(): ReadonlyMap<string, string>;
  keyOperation(
    operation: "list" | "install" | "use" | "remove",
    key: string,
    relayFactor: number,
  ): Promise<KeyResponse>;
  /** Whether packets are encrypted. */
  readonly encrypted: boolean;
  /** Every event from now on. Returns the way to stop. */
  onEvent(handler: (event: SerfEvent) => void): () => void;
}

/** How a pool is made. Timings come from `profile` (profile.ts; Consul's own overrides included). */
export interface SerfPoolOptions {
  readonly nodeName: string;
  readonly bindAddr: string;
  readonly bindPort: number;
  readonly advertiseAddr?: string;
  readonly advertisePort?: number;
  readonly tags: ReadonlyMap<string, string>;
  readonly profile: "lan" | "wan" | "local";
  /** Overrides single timings by their name in profile.ts (`probeIntervalMs`, ...): gossip_lan, gossip_wan, -dev, tests. */
  readonly timings?: Readonly<Partial<Record<string, number>>>;
  /** File that remembers peers and clocks for rejoin; undefined keeps nothing. */
  readonly snapshotPath?: string;
  readonly rejoinAfterLeave?: boolean;
  readonly reconnectTimeoutMs?: number;
  /** AES keys; the first is used to encrypt. Empty or undefined: plain packets. */
  readonly keys?: readonly Uint8Array[];
  readonly encryptVerifyIncoming?: boolean;
  readonly encryptVerifyOutgoing?: boolean;
  /** Told after a keyring change, primary first, so that it can be stored. */
  readonly onKeysChanged?: (keys: readonly Uint8Array[]) => void;
  /** Refuses a join or a member: throw to refuse, with the text for the log. */
  readonly admit?: (members: readonly Member[]) => void;
  readonly disableCoordinates?: boolean;
  readonly userEventSizeLimitBytes?: number;
  /** Ask the pool, and give way to a majority, when another node claims our name. serf's default; Consul's is off. */
  readonly nameConflictResolution?: boolean;
  /** serf protocol announced: 4 as Consul (default), 5 as the serf agent. */
  readonly serfProtocol?: 4 | 5;
  /** Bytes before every packet that tell pools apart; peers before memberlist 0.3 do not know it. Default none. */
  readonly label?: string;
  readonly disableCompression?: boolean;
}
