/** What the endpoint families share: the state, the log, the pools, and the way a read is answered. server.ts makes one. */

import type { SerfPool } from "../gossip/contract.ts";
import type { MethodName, MethodReply, MethodRequest } from "../model/methods.ts";
import type { AutopilotConfig } from "../model/operator.ts";
import type { QueryMeta } from "../model/query.ts";
import type { Clock } from "../ports/clock.ts";
import type { Logger } from "../ports/log.ts";
import type { Metrics } from "../ports/metrics.ts";
import type { NowOrLater } from "../ports/now-or-later.ts";
import type { Random } from "../ports/random.ts";
import type { RaftNode } from "../raft/contract.ts";
import type { CommandBody, CommandKind } from "../state/commands.ts";
import type { StateStore } from "../state/state-store.ts";
import type { Query } from "../state/tracked-read.ts";
import type { Autopilot } from "./autopilot.ts";
import type { ServerOptions, ServerTimings } from "./contract.ts";
import type { CoordinateBuffer } from "./coordinate-buffer.ts";
import type { Call } from "./dispatcher.ts";
import type { ReadOptions } from "./read.ts";
import type { ServerInfo } from "./server-metadata.ts";
import type { SessionTimers } from "./session-timers.ts";

export interface ServerCore {
  readonly options: ServerOptions;
  readonly timings: ServerTimings;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly raft: RaftNode;
  readonly store: StateStore;
  readonly lan: SerfPool;
  readonly wan: SerfPool | undefined;
  readonly autopilot: Autopilot;
  readonly sessionTimers: SessionTimers;
  readonly coordinates: CoordinateBuffer;

  /**
   * Logs a command and resolves with the FSM's result once it is applied here. A refusal by the FSM rejects with its text.
   */
  commit<K extends CommandKind>(kind: K, body: CommandBody<K>): Promise<unknown>;
  /** Answers a read: consistency, blocking, then `shape` makes the reply's body, to which the query metadata is added. `key`: see {@link readKey}. */
  read<T, R extends object>(
    request: ReadOptions,
    call: Call,
    query: Query<T>,
    shape: (value: T) => R,
    key?: string,
  ): NowOrLater<R & QueryMeta>;
  /** Metadata of an answer that is given now, without an index. */
  queryMeta(): QueryMeta;
  /** Confirms that this server still leads and has applied everything before its term. */
  consistentRead(): Promise<void>;
  /** Resolves when a default read here sees every acknowledged write; undefined: it does already. */
  leaderRead(): Promise<void> | undefined;
  /** Servers of this datacenter by gossip, in any status. */
  servers(): readonly ServerInfo[];
  minRaftVersion(): number;
  autopilotConfig(): AutopilotConfig | null;
  /** Datacenters with a known server, this one first or by distance where coordinates tell. */
  datacenters(): readonly string[];
  /** Sends a request to another datacenter, or serves it here when it is this one. */
  callDatacenter<M extends MethodName>(
    datacenter: string,
    method: M,
    request: MethodRequest<M>,
    call: Call,
  ): Promise<MethodReply<M>>;
  /** Raft protocol of a server that gossip does not show, from the metadata of its `consul` service; "" when unknown. */
  raftVersionInCatalog(id: string): string;
}
