/**
 * What a server does while it leads: brings its state up to date, takes over the timers that only a leader runs, and keeps the catalog
 * in step with gossip, fully once a minute and at each member event in between. Order as observed in Consul 1.8.7.
 */
import type { Member, SerfPool } from "../gossip/contract.ts";
import type { DeregisterRequest, HealthCheck, RegisterRequest } from "../model/catalog.ts";
import type { Session } from "../model/kv.ts";
import type { AutopilotConfig } from "../model/operator.ts";
import type { Clock } from "../ports/clock.ts";
import type { Logger } from "../ports/log.ts";
import type { Metrics } from "../ports/metrics.ts";
import type { RaftNode } from "../raft/contract.ts";
import type { Autopilot } from "./autopilot.ts";
import { minRaftVersion } from "./bootstrap.ts";
import type { ServerTimings } from "./contract.ts";
import { errorText } from "./errors.ts";
import { RECONCILE_QUEUE_MAX } from "./limits.ts";
import {
  belongsHere,
  type CatalogView,
  planMember,
  planRaftJoin,
  raftEntryOf,
  unknownToSerf,
} from "./reconcile.ts";
import { parseServer, type ServerInfo } from "./server-metadata.ts";
import type { SessionTimers } from "./session-timers.ts";
import type { TombstoneGc } from "./tombstone-gc.ts";

/** What the leader reads of the state store. */
export interface LeaderView {
  member(node: string): CatalogView;
  /** Every `serfHealth` check. */
  serfChecks(): readonly HealthCheck[];
  /** ID and RPC address of a node's `consul` service, for a server that gossip has forgotten. */
  serverOf(node: string): { readonly id: string; readonly address: string } | undefined;
  sessions(): readonly Session[];
  autopilotConfig(): AutopilotConfig | null;
  /** Whether what other datacenters should know of this one (its mesh gateways) is stored as it is. */
  federationStateStored(datacenter: string): boolean;
}

/** What the leader writes. Each resolves when the entry is applied here. */
export interface LeaderWriter {
  register(request: RegisterRequest): Promise<void>;
  deregister(request: DeregisterRequest): Promise<void>;
  setAutopilotConfig(config: AutopilotConfig): Promise<void>;
  /** Stores the mesh gateways of this datacenter as they are now. */
  storeFederationState(datacenter: string): Promise<void>;
}

export interface LeaderParts {
  readonly nodeName: string;
  readonly datacenter: string;
  readonly primaryDatacenter: string;
  readonly timings: ServerTimings;
  readonly raft: RaftNode;
  readonly lan: SerfPool;
  readonly view: LeaderView;
  readonly writer: LeaderWriter;
  readonly autopilot: Autopilot;
  readonly sessions: SessionTimers;
  readonly tombstones: TombstoneGc;
  /** Autopilot settings for a cluster that has none yet. */
  readonly initialAutopilot: AutopilotConfig;
}

interface Queued {
  readonly member: Member;
  readonly reaped: boolean;
}

export class Leader {
  readonly #parts: LeaderParts;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #metrics: Metrics;
  #term: AbortController | undefined;
  #done: Promise<void> = Promise.resolve();
  #ready = false;
  #queue: Queued[] = [];
  #reasserts: ((result: Promise<void>) => void)[] = [];
  #wake: (() => void) | undefined;

  constructor(
    parts: LeaderParts,
    ports: { readonly clock: Clock; readonly log: Logger; readonly metrics: Metrics },
  ) {
    this.#parts = parts;
    this.#clock = ports.clock;
    this.#log = ports.log;
    this.#metrics = ports.metrics;
  }

  /** Whether everything of earlier terms is applied, so that consistent reads may be answered. */
  get readyForConsistentReads(): boolean {
    return this.#ready;
  }

  /** This server won an election. */
  acquire(): void {
    if (this.#term !== undefined) return;
    const term = new AbortController();
    this.#term = term;
    this.#log.info("cluster leadership acquired");
    const before = this.#done;
    this.#done = before
      .then(() => this.#lead(term.signal))
      .catch((error) => {
        this.#log.error("leader loop failed", { error: errorText(error) });
      });
  }

  /** This server leads no longer. Resolves when its duties have stopped. */
  async lose(): Promise<void> {
    if (this.#term === undefined) return;
    this.#log.info("cluster leadership lost");
    this.#term.abort();
    this.#term = undefined;
    this.#revoke();
    this.#queue = [];
    this.#wake?.();
    await this.#done;
  }

  /** A member event; followers ignore it. */
  onMember(member: Member, reaped: boolean): void {
    if (this.#term === undefined) return;
    // What does not fit is found by the next full pass.
    if (this.#queue.length >= RECONCILE_QUEUE_MAX) return;
    this.#queue.push({ member, reaped });
    this.#wake?.();
  }

  /** Gives the duties up and takes them over anew, after the state was replaced. */
  reassert(): Promise<void> {
    if (this.#term === undefined)
      return Promise.reject(new Error("leadership lost while re-establishing it"));
    return new Promise((resolve) => {
      this.#reasserts.push(resolve);
      this.#wake?.();
    });
  }

  async #lead(signal: AbortSignal): Promise<void> {
    this.#announce();
    let established = false;
    try {
      while (!signal.aborted) {
        established = await this.#pass(established, signal);
        if (!(await this.#betweenPasses(signal, () => established))) return;
      }
    } finally {
      for (const resolve of this.#reasserts.splice(0))
        resolve(Promise.reject(new Error("leadership lost while re-establishing it")));
      this.#wake = undefined;
    }
  }

  /** Barrier, duties if they are not taken over yet, full reconciliation. Tells whether the duties are taken over. */
  async #pass(established: boolean, signal: AbortSignal): Promise<boolean> {
    let now = established;
    try {
      const started = this.#clock.now();
      await this.#parts.raft.barrier({ timeoutMs: this.#parts.timings.barrierTimeoutMs });
      this.#metrics.sample("leader.barrier", this.#clock.now() - started);
    } catch (error) {
      if (!signal.aborted) this.#log.error("failed to wait for barrier", { error: errorText(error) });
      return now;
    }
    if (signal.aborted) return now;
    if (!now) {
      try {
        await this.#establish();
        now = true;
      } catch (error) {
        this.#log.error("failed to establish leadership", { error: errorText(error) });
        this.#revoke();
        // Another server may be able to lead where this one is not.
        await this.#parts.raft.transferLeadership().catch((e: unknown) => {
          this.#log.error("failed to transfer leadership", { error: errorText(e) });
        });
        return now;
      }
      if (signal.aborted) {
        this.#revoke();
        return now;
      }
    }
    const started = this.#clock.now();
    try {
      await this.reconcileAll(signal);
      await this.#keepFederationState();
      this.#metrics.sample("leader.reconcile", this.#clock.now() - started);
    } catch (error) {
      if (!signal.aborted) this.#log.error("failed to reconcile", { error: errorText(error) });
    }
    return now;
  }

  /** Handles member events until the next full pass is due. False when leadership is over. */
  async #betweenPasses(signal: AbortSignal, established: () => boolean): Promise<boolean> {
    let due = false;
    const { reconcileIntervalMs, reconcileLeavingMs } = this.#parts.timings;
    // Who came back while the word of its leave was still about takes that word back, of which no event tells.
    const leaving = this.#parts.lan.members().some((m) => m.status === "leaving");
    const timer = this.#clock.timer(leaving ? reconcileLeavingMs : reconcileIntervalMs, () => {
      due = true;
      this.#wake?.();
    });
    try {
      while (!due && !signal.aborted) {
        const reassert = this.#reasserts.shift();
        if (reassert !== undefined) {
          this.#revoke();
          const result = this.#establish();
          reassert(result);
          await result.catch((error) =>
            this.#log.error("failed to re-establish leadership", { error: errorText(error) }),
          );
          if (signal.aborted) this.#revoke();
          else
            await this.reconcileAll(signal).catch((error) =>
              this.#log.error("failed to reconcile", { error: errorText(error) }),
            );
          continue;
        }
        const next = established() ? this.#queue.shift() : undefined;
        if (next !== undefined) {
          await this.#reconcile(next);
          continue;
        }
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = undefined;
      }
      return !signal.aborted;
    } finally {
      timer.cancel();
    }
  }

  #announce(): void {
    try {
      this.#parts.lan.userEvent("consul:new-leader", Buffer.from(this.#parts.nodeName), { coalesce: false });
    } catch (error) {
      this.#log.error("failed to broadcast new leader event", { error: errorText(error) });
    }
  }

  async #establish(): Promise<void> {
    const { tombstones, sessions, view, raft, writer, autopilot } = this.#parts;
    tombstones.enable();
    // Ages of older tombstones are not known here: they all get the full time once more.
    tombstones.hint(raft.appliedIndex);
    sessions.clearAll();
    for (const s of view.sessions()) sessions.reset(s.ID, s.TTL);
    if (view.autopilotConfig() === null) await writer.setAutopilotConfig(this.#parts.initialAutopilot);
    autopilot.start();
    this.#ready = true;
  }

  #revoke(): void {
    this.#ready = false;
    this.#parts.tombstones.disable();
    this.#parts.sessions.clearAll();
    this.#parts.autopilot.stop();
  }

  /** Where this datacenter is the primary one; the others' leaders write there. */
  async #keepFederationState(): Promise<void> {
    const { datacenter, primaryDatacenter, view, writer } = this.#parts;
    if (primaryDatacenter !== datacenter || view.federationStateStored(datacenter)) return;
    await writer.storeFederationState(datacenter);
  }

  /** Every member, then every node that gossip does not know. */
  async reconcileAll(signal: AbortSignal): Promise<void> {
    const members = this.#parts.lan.members();
    for (const member of members) {
      if (signal.aborted) return;
      await this.#reconcile({ member, reaped: false });
    }
    for (const node of unknownToSerf(this.#parts.view.serfChecks(), members)) {
      if (signal.aborted) return;
      await this.#deregisterUnknown(node);
    }
  }

  async #reconcile({ member, reaped }: Queued): Promise<void> {
    const { datacenter, view, nodeName } = this.#parts;
    if (!belongsHere(member, datacenter)) {
      this.#log.warn("skipping reconcile of node", { member: member.name });
      return;
    }
    const started = this.#clock.now();
    try {
      const server = parseServer(member);
      const gone = reaped || member.status === "left";
      if (gone && member.name === nodeName) {
        this.#log.warn("deregistering self should be done by follower", { name: nodeName });
        return;
      }
      if (server !== undefined && gone) await this.#removePeer(server);
      if (server !== undefined && !reaped && member.status === "alive") await this.#joinPeer(server);
      await this.#carryOut(planMember(member, view.member(member.name), { datacenter, reaped }));
    } catch (error) {
      this.#log.error("failed to reconcile member", { member: member.name, error: errorText(error) });
    }
    this.#metrics.sample("leader.reconcileMember", this.#clock.now() - started);
  }

  async #deregisterUnknown(node: string): Promise<void> {
    const { view, datacenter } = this.#parts;
    try {
      const server = view.serverOf(node);
      if (server !== undefined && node.toLowerCase() !== this.#parts.nodeName.toLowerCase())
        await this.#removePeer(server);
      const member = { name: node, status: "left" } as Member;
      await this.#carryOut(planMember(member, view.member(node), { datacenter, reaped: true }));
    } catch (error) {
      this.#log.error("failed to deregister an unknown node", { node, error: errorText(error) });
    }
  }

  async #carryOut(plan: ReturnType<typeof planMember>): Promise<void> {
    switch (plan.kind) {
      case "nothing":
        return;
      case "register":
        this.#log.info(plan.log);
        await this.#parts.writer.register(plan.request);
        return;
      case "deregister":
        this.#log.info(plan.log);
        await this.#parts.writer.deregister(plan.request);
        return;
      default:
        plan satisfies never;
    }
  }

  async #joinPeer(server: ServerInfo): Promise<void> {
    const { raft, lan, nodeName, datacenter, autopilot } = this.#parts;
    const servers = serversOf(lan.members(), datacenter);
    const plan = planRaftJoin(server, {
      self: nodeName,
      servers,
      configuration: raft.configuration.servers,
      minRaftVersion: minRaftVersion(servers),
    });
    if (plan.kind === "nothing") return;
    if (plan.kind === "refuse") {
      this.#log.error(plan.log);
      return;
    }
    for (const step of plan.steps)
      switch (step.kind) {
        case "remove":
          await raft.removeServer(step.id);
          this.#log.info(`removed server with duplicate ${step.why}`, { id: step.id });
          break;
        case "add-nonvoter":
          await raft.addNonvoter(step.id, step.address);
          break;
        case "add-voter":
          await raft.addVoter(step.id, step.address);
          break;
        default:
          step satisfies never;
      }
    // A new server may replace a dead one whose removal the quorum did not allow before.
    autopilot.removeDeadServers().catch((error) => {
      this.#log.error("failed to remove dead servers", { error: errorText(error) });
    });
  }

  async #removePeer(server: { readonly id: string; readonly address: string }): Promise<void> {
    const entry = raftEntryOf(server, this.#parts.raft.configuration.servers);
    if (entry === undefined) return;
    this.#log.info("removing server by ID", { id: entry.id, address: entry.address });
    await this.#parts.raft.removeServer(entry.id);
  }
}

/** Servers of one datacenter among members, in any status. */
export function serversOf(members: readonly Member[], datacenter: string): readonly ServerInfo[] {
  const out: ServerInfo[] = [];
  for (const m of members) {
    const s = parseServer(m);
    if (s !== undefined && s.datacenter === datacenter && s.segment === "") out.push(s);
  }
  return out;
}
