/**
 * Drives anti-entropy: reads this node from the catalog now and then, and pushes what differs. Timers as observed in Consul 1.8.7:
 * a full comparison every minute and a random part of as many minutes as the cluster is large; after a failure 15 s and
 * a random part of 15 s; soon (within 3 s) after a server came up; a local change is pushed at once.
 */
import type { IndexedNodeServiceList } from "../model/catalog.ts";
import { NodeSpecificRequest } from "../model/catalog.ts";
import type { RpcCaller } from "../model/methods.ts";
import type { Clock, Timer } from "../ports/clock.ts";
import type { Logger } from "../ports/log.ts";
import type { Metrics } from "../ports/metrics.ts";
import type { Random } from "../ports/random.ts";
import {
  acknowledge,
  CONSUL_SERVICE_ID,
  compare,
  deregisterRequest,
  type NodeIdentity,
  plan,
  type RemoteNode,
  registerRequest,
  type SyncOperation,
  setAside,
} from "./core/anti-entropy.ts";
import type { LocalRecords } from "./core/local-records.ts";
import { PUSHES_MAX } from "./limits.ts";

export const SYNC_INTERVAL_MS = 60_000;
export const SYNC_RETRY_MS = 15_000;
export const SYNC_SERVER_UP_MS = 3_000;
/** Age of a follower's answer that is good enough for a comparison. */
const SYNC_STALE_NS = 2_000_000_000n;
/** Pool size up to which intervals are not stretched. */
const SCALE_THRESHOLD = 128;

/** How much the random parts grow with the pool: 1 up to 128 members, then one more for each doubling. */
export function syncScale(members: number): number {
  return members <= SCALE_THRESHOLD ? 1 : Math.ceil(Math.log2(members) - Math.log2(SCALE_THRESHOLD)) + 1;
}

export interface SyncerOptions {
  readonly identity: () => NodeIdentity;
  /** Members of the LAN pool. */
  readonly members: () => number;
  readonly server: boolean;
  /** Tokens by use; "" is the anonymous one. */
  readonly agentToken: () => string;
  readonly userToken: () => string;
  /** Shortens the three intervals; -dev and tests. */
  readonly timings?: {
    readonly intervalMs?: number;
    readonly retryMs?: number;
    readonly serverUpMs?: number;
  };
}

export interface SyncerPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly rpc: RpcCaller;
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
const isDenial = (text: string): boolean =>
  text.includes("Permission denied") || text.includes("ACL not found");

export class Syncer {
  readonly #records: LocalRecords;
  readonly #options: SyncerOptions;
  readonly #ports: SyncerPorts;
  readonly #intervalMs: number;
  readonly #retryMs: number;
  readonly #serverUpMs: number;
  readonly #stopped = new AbortController();
  #fullTimer: Timer | undefined;
  #deferralTimer: Timer | undefined;
  #deferralAt: number | undefined;
  #stopRecords: (() => void) | undefined;
  #started = false;
  /** The last full sync failed: local changes wait for one that does not. */
  #failed = true;
  #paused = 0;
  #wantFull = false;
  #wantPush = false;
  #running: Promise<void> | undefined;
  #consulSeen = false;

  constructor(records: LocalRecords, options: SyncerOptions, ports: SyncerPorts) {
    this.#records = records;
    this.#options = options;
    this.#ports = ports;
    this.#intervalMs = options.timings?.intervalMs ?? SYNC_INTERVAL_MS;
    this.#retryMs = options.timings?.retryMs ?? SYNC_RETRY_MS;
    this.#serverUpMs = options.timings?.serverUpMs ?? SYNC_SERVER_UP_MS;
  }

  start(): void {
    if (this.#started) return;
    this.#started = true;
    this.#stopRecords = this.#records.onChange(() => this.#armDeferral());
    this.#ports.log.info("started state syncer");
    this.triggerFull();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#fullTimer?.cancel();
    this.#deferralTimer?.cancel();
    this.#stopRecords?.();
    await this.#running;
  }

  /** Compares with the catalog at once. */
  triggerFull(): void {
    this.#wantFull = true;
    this.#pump();
  }

  /** Something changed here: push it. */
  triggerPush(): void {
    this.#wantPush = true;
    this.#pump();
  }

  /** A server came up or a leader appeared: compare soon, and not all agents at one moment. */
  serverUp(): void {
    if (!this.#started) return;
    this.#armFull(this.#stagger(this.#serverUpMs));
  }

  /** Holds back all pushes until the returned function is called; then what was asked for is done. */
  pause(): () => void {
    this.#paused++;
    let open = true;
    return () => {
      if (!open) return;
      open = false;
      if (--this.#paused === 0) this.triggerPush();
    };
  }

  #stagger(ms: number): number {
    return this.#ports.random.float() * ms * syncScale(this.#options.members());
  }

  #armFull(delayMs: number): void {
    this.#fullTimer?.cancel();
    if (this.#stopped.signal.aborted) return;
    this.#fullTimer = this.#ports.clock.timer(delayMs, () => {
      this.#fullTimer = undefined;
      this.triggerFull();
    });
  }

  /** After a full sync: unless a server came up meanwhile, which has set a sooner time. */
  #rearmFull(delayMs: number): void {
    if (this.#fullTimer === undefined) this.#armFull(delayMs);
  }

  #armDeferral(): void {
    const at = this.#records.nextDeferral();
    if (at === this.#deferralAt) return;
    this.#deferralTimer?.cancel();
    this.#deferralAt = at;
    if (at === undefined || this.#stopped.signal.aborted) return;
    this.#deferralTimer = this.#ports.clock.timer(at - this.#ports.clock.now(), () => {
      this.#deferralAt = undefined;
      if (this.#records.expireDeferrals(this.#ports.clock.now())) this.triggerPush();
      this.#armDeferral();
    });
  }

  /** Runs what is wanted, one thing at a time. */
  #pump(): void {
    if (this.#running !== undefined || !this.#started || this.#paused > 0 || this.#stopped.signal.aborted)
      return;
    this.#running = this.#work().finally(() => {
      this.#running = undefined;
      if (this.#wantFull || (this.#wantPush && !this.#failed)) this.#pump();
    });
  }

  async #work(): Promise<void> {
    const { log } = this.#ports;
    if (this.#wantFull) {
      this.#wantFull = false;
      this.#wantPush = false;
      this.#fullTimer?.cancel();
      this.#fullTimer = undefined;
      try {
        await this.#fullSync();
        this.#failed = false;
        // A server's start is whole once the leader has it in the catalog: until then it looks more often.
        const waiting = this.#options.server && !this.#consulSeen;
        this.#rearmFull(waiting ? this.#serverUpMs : this.#intervalMs + this.#stagger(this.#intervalMs));
      } catch (error) {
        if (this.#stopped.signal.aborted) return;
        this.#failed = true;
        log.error(`failed to sync remote state: ${textOf(error)}`);
        this.#rearmFull(this.#retryMs + this.#stagger(this.#retryMs));
      }
      return;
    }
    // Without a comparison that worked there is a retry on its way, and it pushes all.
    if (this.#failed || !this.#wantPush) return;
    this.#wantPush = false;
    try {
      await this.#push();
    } catch (error) {
      if (this.#stopped.signal.aborted) return;
      log.error(`failed to sync changes: ${textOf(error)}`);
      // What could not be pushed is still marked: it goes out with the next comparison, which then comes sooner.
      this.#armFull(this.#retryMs + this.#stagger(this.#retryMs));
    }
  }

  async #fullSync(): Promise<void> {
    const remote = await this.#readRemote();
    const { server } = this.#options;
    const { log, metrics } = this.#ports;
    if (server && !this.#consulSeen && remote.services.some((s) => s.ID === CONSUL_SERVICE_ID)) {
      this.#consulSeen = true;
      // The leader registers it; to the people at the log it is this agent's own service.
      log.info(`Synced service '${CONSUL_SERVICE_ID}'`);
    }
    compare(this.#records, this.#options.identity(), remote);
    metrics.count("agent.full_sync");
    await this.#push();
  }

  async #readRemote(): Promise<RemoteNode> {
    const { rpc } = this.#ports;
    const identity = this.#options.identity();
    const request = NodeSpecificRequest.make({
      Datacenter: identity.datacenter,
      Node: identity.node,
      Token: this.#options.agentToken(),
      AllowStale: true,
      MaxStaleDuration: SYNC_STALE_NS,
    });
    const { signal } = this.#stopped;
    const [services, checks] = await Promise.all([
      this.#readServices(request),
      rpc.rpc("Health.NodeChecks", request, { signal }),
    ]);
    return { ...services, checks: (checks.HealthChecks ?? []).filter((c) => c !== null) };
  }

  async #readServices(request: NodeSpecificRequest): Promise<Pick<RemoteNode, "node" | "services">> {
    const { rpc } = this.#ports;
    const { signal } = this.#stopped;
    try {
      const reply: IndexedNodeServiceList = await rpc.rpc("Catalog.NodeServiceList", request, { signal });
      return {
        node: reply.NodeServices.Node,
        services: (reply.NodeServices.Services ?? []).filter((s) => s !== null),
      };
    } catch (error) {
      // Servers before 1.7 have only the older form.
      if (!textOf(error).includes("rpc: can't find method")) throw error;
      const reply = await rpc.rpc("Catalog.NodeServices", request, { signal });
      return {
        node: reply.NodeServices?.Node ?? null,
        services: [...(reply.NodeServices?.Services?.values() ?? [])].filter((s) => s !== null),
      };
    }
  }

  /** Node, services, checks: what comes later relies on what comes before it, and within each several calls go at once. */
  async #push(): Promise<void> {
    const operations = plan(this.#records);
    for (let at = 0; at < operations.length; ) {
      const stage = stageOf(operations[at]!);
      let end = at + 1;
      while (end < operations.length && stageOf(operations[end]!) === stage) end++;
      await this.#pushAll(operations.slice(at, end));
      at = end;
    }
  }

  /** Rejects with the first failure, once nothing is under way any more. */
  async #pushAll(operations: readonly SyncOperation[]): Promise<void> {
    let next = 0;
    let failed = false;
    const lane = async (): Promise<void> => {
      while (next < operations.length && !failed && !this.#stopped.signal.aborted)
        try {
          await this.#pushOne(operations[next++]!);
        } catch (error) {
          failed = true;
          throw error;
        }
    };
    const lanes = Array.from({ length: Math.min(PUSHES_MAX, operations.length) }, lane);
    for (const result of await Promise.allSettled(lanes))
      if (result.status === "rejected") throw result.reason;
  }

  async #pushOne(operation: SyncOperation): Promise<void> {
    const { log } = this.#ports;
    try {
      await this.#perform(operation);
    } catch (error) {
      const text = textOf(error);
      if (isDenial(text)) return this.#denied(operation);
      const missing = /Unknown (service|check)/.test(text);
      if (missing && (operation.kind === "deregister-service" || operation.kind === "deregister-check"))
        return acknowledge(this.#records, operation);
      // A batch of outputs relies on the services in the catalog: if one is not there, the next try sends each check alone.
      if (operation.kind === "register-checks")
        for (const c of operation.checks) this.#records.markCheck(c.id, false, c.revision);
      throw error;
    }
    acknowledge(this.#records, operation);
    for (const line of syncedLines(operation)) log.info(line);
  }

  async #perform(operation: SyncOperation): Promise<void> {
    const { rpc } = this.#ports;
    const { signal } = this.#stopped;
    const identity = this.#options.identity();
    switch (operation.kind) {
      case "register-node":
        await rpc.rpc("Catalog.Register", registerRequest(operation, identity, this.#options.agentToken()), {
          signal,
        });
        break;
      case "register-service":
      case "register-checks": {
        const token = operation.token || this.#options.userToken();
        await rpc.rpc("Catalog.Register", registerRequest(operation, identity, token), { signal });
        break;
      }
      case "deregister-service":
      case "deregister-check": {
        // A service whose own token is gone can still be removed by the node's.
        const token = operation.token || this.#options.userToken();
        try {
          await rpc.rpc("Catalog.Deregister", deregisterRequest(operation, identity, token), { signal });
        } catch (error) {
          const own = this.#options.agentToken();
          if (own === token || !isDenial(textOf(error))) throw error;
          await rpc.rpc("Catalog.Deregister", deregisterRequest(operation, identity, own), { signal });
        }
        break;
      }
      default:
        unreachable(operation);
    }
  }

  #denied(operation: SyncOperation): void {
    const { log, metrics } = this.#ports;
    setAside(this.#records, operation);
    switch (operation.kind) {
      case "register-node":
        log.warn("Node info update blocked by ACLs");
        metrics.count("acl.blocked.node.registration");
        break;
      case "register-service":
        log.warn(`Service '${operation.id}' registration blocked by ACLs`);
        metrics.count("acl.blocked.service.registration");
        break;
      case "register-checks":
        for (const c of operation.checks) log.warn(`Check '${c.id}' registration blocked by ACLs`);
        metrics.count("acl.blocked.check.registration");
        break;
      case "deregister-service":
        log.warn(`Service '${operation.id}' deregistration blocked by ACLs`);
        metrics.count("acl.blocked.service.deregistration");
        break;
      case "deregister-check":
        log.warn(`Check '${operation.id}' deregistration blocked by ACLs`);
        metrics.count("acl.blocked.check.deregistration");
        break;
      default:
        unreachable(operation);
    }
  }
}

const stageOf = ({ kind }: SyncOperation): number =>
  kind === "register-node" ? 0 : kind === "register-service" || kind === "deregister-service" ? 1 : 2;

/** The log's words for a push that was made. */
function syncedLines(operation: SyncOperation): readonly string[] {
  switch (operation.kind) {
    case "register-node":
      return ["Synced node info"];
    case "register-service":
      return [`Synced service '${operation.id}'`];
    case "register-checks":
      return operation.checks.map((c) => `Synced check '${c.id}'`);
    case "deregister-service":
      return [`Deregistered service '${operation.id}'`];
    case "deregister-check":
      return [`Deregistered check '${operation.id}'`];
    default:
      return unreachable(operation);
  }
}

function unreachable(value: never): never {
  throw new Error(`syncer: unknown operation ${JSON.stringify(value)}`);
}
