/**
 * What the doors (HTTP, DNS, the 8400 protocol) see of the agent. `startAgent` in agent.ts makes one; the same interface holds for
 * servers and clients: `rpc` goes to the server in this process, or over the pool to one.
 */
import type { Member, NetworkCoordinate, SerfPool } from "../gossip/contract.ts";
import type { HealthCheck, NodeService } from "../model/catalog.ts";
import type { CheckDefinition, ServiceDefinition } from "../model/definition.ts";
import type { RpcCaller } from "../model/methods.ts";
import type { Clock } from "../ports/clock.ts";
import type { Logger, LogHub } from "../ports/log.ts";
import type { Metrics } from "../ports/metrics.ts";
import type { Random } from "../ports/random.ts";
import type { AnswerCache } from "./answer-cache.ts";
import type { RuntimeConfig } from "./config/runtime-config.ts";

/** Wakes when what it watches changes; the way to stop is returned. */
export type Subscribe = (wake: () => void) => () => void;

/** A refusal with the original's text and the HTTP status that belongs to it. */
export class AgentError extends Error {
  override readonly name = "AgentError";
  readonly httpStatus: number;
  constructor(httpStatus: number, message: string) {
    super(message);
    this.httpStatus = httpStatus;
  }
}

/** Where a registration came from. */
export type RegistrationSource = "local" | "remote";

/** This agent's own services and checks: the truth that anti-entropy writes to the catalog. */
export interface LocalState {
  services(): ReadonlyMap<string, NodeService>;
  service(id: string): NodeService | undefined;
  serviceToken(id: string): string;
  checks(): ReadonlyMap<string, HealthCheck>;
  check(id: string): HealthCheck | undefined;
  checkToken(id: string): string;
  /** The definition that a running check was made from. */
  checkDefinition(id: string): CheckDefinition | undefined;
  /** Registers or replaces a service with its checks; persists it. Throws AgentError. */
  addService(
    definition: ServiceDefinition,
    options: {
      readonly source: RegistrationSource;
      readonly token: string;
      readonly replaceExistingChecks: boolean;
    },
  ): Promise<void>;
  /** Removes a service with its checks. Unknown: AgentError. */
  removeService(id: string): Promise<void>;
  addCheck(
    definition: CheckDefinition,
    options: { readonly source: RegistrationSource; readonly token: string },
  ): Promise<void>;
  removeCheck(id: string): Promise<void>;
  /** TTL update: status passing, warning or critical. Throws AgentError for a check that is not TTL or not there. */
  updateTtlCheck(id: string, status: string, output: string): void;
  enableServiceMaintenance(id: string, reason: string, token: string): Promise<void>;
  disableServiceMaintenance(id: string): Promise<void>;
  enableNodeMaintenance(reason: string, token: string): Promise<void>;
  disableNodeMaintenance(): Promise<void>;
  /** Any change of a service or a check, for hash-blocking endpoints. */
  readonly onChange: Subscribe;
}

/** A user event as /v1/event/list shows it. */
export interface UserEvent {
  readonly ID: string;
  readonly Name: string;
  readonly Payload: Uint8Array | null;
  readonly NodeFilter: string;
  readonly ServiceFilter: string;
  readonly TagFilter: string;
  readonly Version: number;
  readonly LTime: bigint;
}

export interface UserEvents {
  /** Newest last, at most 256. */
  list(): readonly UserEvent[];
  /** Fires through a server (or directly); the event as sent, with its ID. Throws AgentError. */
  fire(event: {
    readonly name: string;
    readonly payload: Uint8Array | null;
    readonly nodeFilter: string;
    readonly serviceFilter: string;
    readonly tagFilter: string;
    readonly datacenter: string;
    readonly token: string;
  }): Promise<UserEvent>;
  readonly onChange: Subscribe;
}

export interface AgentApi extends RpcCaller {
  readonly config: RuntimeConfig;
  readonly nodeId: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly logHub: LogHub;
  readonly metrics: Metrics;
  readonly local: LocalState;
  readonly events: UserEvents;
  readonly lan: SerfPool;
  /** Answers kept for `?cached`. */
  readonly cache: AnswerCache;
  /** Servers only. */
  readonly wan: SerfPool | undefined;

  lanMembers(): readonly Member[];
  /** Empty on a client. */
  wanMembers(): readonly Member[];
  /** Throws AgentError ("Must be a server to join WAN cluster") or the joined texts of all failures when none was reached. Returns nodes contacted. */
  join(addresses: readonly string[], options: { readonly wan: boolean }): Promise<number>;
  /** Leaves the pools gracefully. A second later the agent ends with code 0, unless the caller calls {@link shutdown} before. */
  leave(): Promise<void>;
  forceLeave(node: string, options: { readonly prune: boolean }): Promise<void>;
  /** Re-reads the configuration. Throws with the config error's text; then nothing has changed. */
  reload(): Promise<void>;
  /** Ends the agent: closes doors, pools, server. `exitCode` of the first call is what the process will return. */
  shutdown(exitCode: number): Promise<void>;
  /** Groups of keys to texts: `info`, /v1/agent/self Stats, 8400 `stats`. */
  stats(): ReadonlyMap<string, ReadonlyMap<string, string>>;
  coordinate(): NetworkCoordinate | undefined;
  /** Streams a snapshot save or restore to a server. */
  snapshot(
    request: {
      readonly datacenter: string;
      readonly token: string;
      readonly allowStale: boolean;
      readonly op: "save" | "restore";
    },
    body: AsyncIterable<Uint8Array>,
  ): Promise<{
    readonly index: number;
    readonly knownLeader: boolean;
    readonly lastContact: bigint;
    readonly stream: AsyncIterable<Uint8Array>;
  }>;
  /** Full anti-entropy sync at once (after a token change). */
  triggerFullSync(): void;
}
