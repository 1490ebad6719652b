/**
 * The members that serf knows and the intents that change their status. A graceful leave is told apart from a failure only by
 * the leave intent: with it a dead node has "left", without it "failed". Intents are ordered by Lamport times.
 *
 * Source: observed in serf 0.9.4.
 */
import { MEMBER_STATUS, type Member, type MemberStatus } from "../contract.ts";
import { INTENTS_MAX, MEMBERS_MAX } from "../limits.ts";
import type { NodeView } from "../memberlist/effects.ts";
import type { SerfContext } from "./context.ts";
import type { LamportClock } from "./lamport.ts";
import type { JoinIntent, LeaveIntent, WireMember } from "./messages.ts";
import { decodeTags } from "./tags.ts";

export interface MemberRecord {
  readonly name: string;
  addr: Buffer;
  host: string;
  port: number;
  tags: ReadonlyMap<string, string>;
  vsn: Buffer;
  status: MemberStatus;
  statusLTime: number;
  /** Monotonic ms at which it left or failed; undefined while it is here. */
  leaveTime: number | undefined;
}

interface Intent {
  readonly kind: "join" | "leave";
  readonly ltime: number;
  readonly at: number;
}

export interface MembersHooks {
  /** A leave intent about ourselves while we stay: say that we are here. */
  readonly refute: () => void;
  /** Whether we are leaving ourselves. */
  readonly leaving: () => boolean;
  /** A member is gone for good. */
  readonly erased: (name: string) => void;
}

export class Members {
  readonly #context: SerfContext;
  readonly #clock: LamportClock;
  readonly #hooks: MembersHooks;
  readonly #byName = new Map<string, MemberRecord>();
  readonly #failed = new Set<MemberRecord>();
  readonly #left = new Set<MemberRecord>();
  readonly #intents = new Map<string, Intent>();

  constructor(context: SerfContext, clock: LamportClock, hooks: MembersHooks) {
    this.#context = context;
    this.#clock = clock;
    this.#hooks = hooks;
  }

  get size(): number {
    return this.#byName.size;
  }
  get failedCount(): number {
    return this.#failed.size;
  }
  get leftCount(): number {
    return this.#left.size;
  }

  get(name: string): MemberRecord | undefined {
    return this.#byName.get(name);
  }

  all(): IterableIterator<MemberRecord> {
    return this.#byName.values();
  }

  left(): Iterable<MemberRecord> {
    return this.#left;
  }

  failed(): readonly MemberRecord[] {
    return [...this.#failed];
  }

  anyOtherAlive(): boolean {
    for (const m of this.#byName.values())
      if (m.name !== this.#context.name && m.status === "alive") return true;
    return false;
  }

  #event(
    kind: "member-join" | "member-leave" | "member-failed" | "member-update" | "member-reap",
    m: MemberRecord,
  ): void {
    this.#context.emit({ kind: "event", event: { kind, members: [memberView(m)] } });
  }

  #count(what: string): void {
    this.#context.metrics.count(`serf.member.${what}`);
  }

  #tags(n: NodeView): ReadonlyMap<string, string> {
    const { tags, damaged } = decodeTags(n.meta);
    if (damaged) this.#context.log.error(`Failed to decode tags of ${n.name}`);
    return tags;
  }

  /** memberlist says that a node came. */
  onJoin(n: NodeView, now: number): void {
    const tags = this.#tags(n);
    let m = this.#byName.get(n.name);
    if (m === undefined) {
      this.#makeRoom();
      const intent = this.#intents.get(n.name);
      m = {
        name: n.name,
        addr: n.addr,
        host: n.host,
        port: n.port,
        tags,
        vsn: n.vsn,
        status: intent?.kind === "leave" ? "leaving" : "alive",
        statusLTime: intent?.ltime ?? 0,
        leaveTime: undefined,
      };
      this.#byName.set(n.name, m);
    } else {
      const { flapTimeoutMs } = this.#context.timings;
      if (m.status === "failed" && m.leaveTime !== undefined && now - m.leaveTime < flapTimeoutMs)
        this.#count("flap");
      this.#failed.delete(m);
      this.#left.delete(m);
      m.status = "alive";
      m.leaveTime = undefined;
      m.addr = n.addr;
      m.host = n.host;
      m.port = n.port;
      m.tags = tags;
      m.vsn = n.vsn;
    }
    this.#count("join");
    this.#context.log.info(`EventMemberJoin: ${m.name} ${m.host}`);
    this.#event("member-join", m);
  }

  /** A pool that is flooded with names forgets those gone for longest. */
  #makeRoom(): void {
    if (this.#byName.size < MEMBERS_MAX) return;
    for (const gone of [this.#left, this.#failed])
      for (const m of gone) {
        this.#context.metrics.count("serf.member.dropped");
        return this.#erase(m);
      }
  }

  /** memberlist says that a node is dead or left; which of both, the intents tell. */
  onLeave(n: NodeView, now: number): void {
    const m = this.#byName.get(n.name);
    if (m === undefined) return;
    switch (m.status) {
      case "leaving":
        return this.#becomeLeft(m, now);
      case "alive":
        // Its own word that it goes, which overtook the intent: a farewell is not a failure.
        if (n.state === "left") return this.#becomeLeft(m, now);
        m.status = "failed";
        m.leaveTime = now;
        this.#failed.add(m);
        this.#count("failed");
        this.#context.log.info(`EventMemberFailed: ${m.name} ${m.host}`);
        return this.#event("member-failed", m);
      case "none":
      case "left":
      case "failed":
        this.#context.log.warn("Node left that was not here", { node: m.name, status: m.status });
        return;
      default:
        m.status satisfies never;
    }
  }

  #becomeLeft(m: MemberRecord, now: number): void {
    m.status = "left";
    m.leaveTime = now;
    this.#left.add(m);
    this.#count("left");
    this.#context.log.info(`EventMemberLeave: ${m.name} ${m.host}`);
    this.#event("member-leave", m);
  }

  onUpdate(n: NodeView): void {
    const m = this.#byName.get(n.name);
    if (m === undefined) return;
    m.addr = n.addr;
    m.host = n.host;
    m.port = n.port;
    m.tags = this.#tags(n);
    m.vsn = n.vsn;
    this.#count("update");
    this.#context.log.info(`EventMemberUpdate: ${m.name}`);
    this.#event("member-update", m);
  }

  /** Whether to tell others. */
  onLeaveIntent(intent: LeaveIntent, now: number): boolean {
    this.#clock.witness(intent.LTime);
    const m = this.#byName.get(intent.Node);
    if (m === undefined) return this.#buffer(intent.Node, "leave", intent.LTime, now);
    if (intent.LTime <= m.statusLTime) return false;
    if (m.name === this.#context.name && !this.#hooks.leaving()) {
      this.#context.log.debug("Refuting an older leave intent");
      this.#hooks.refute();
      return false;
    }
    switch (m.status) {
      case "alive":
        m.status = "leaving";
        break;
      case "failed":
        m.status = "left";
        this.#failed.delete(m);
        this.#left.add(m);
        this.#count("left");
        this.#context.log.info(`EventMemberLeave (forced): ${m.name} ${m.host}`);
        this.#event("member-leave", m);
        break;
      case "leaving":
      case "left":
        break;
      case "none":
        return false;
      default:
        m.status satisfies never;
    }
    m.statusLTime = intent.LTime;
    if (intent.Prune) this.#prune(m, now);
    return true;
  }

  /** Whether to tell others. */
  onJoinIntent(intent: JoinIntent, now: number): boolean {
    this.#clock.witness(intent.LTime);
    const m = this.#byName.get(intent.Node);
    if (m === undefined) return this.#buffer(intent.Node, "join", intent.LTime, now);
    if (intent.LTime <= m.statusLTime) return false;
    m.statusLTime = intent.LTime;
    if (m.status === "leaving") m.status = "alive";
    return true;
  }

  /** Remembers what was said about a node that is not known yet, if it is news. */
  #buffer(name: string, kind: Intent["kind"], ltime: number, now: number): boolean {
    const old = this.#intents.get(name);
    if (old !== undefined && ltime <= old.ltime) return false;
    if (old === undefined && this.#intents.size >= INTENTS_MAX) {
      this.#context.metrics.count("serf.intents.dropped");
      return false;
    }
    this.#intents.set(name, { kind, ltime, at: now });
    return true;
  }

  #prune(m: MemberRecord, now: number): void {
    if (m.status !== "leaving") return this.#erase(m);
    const { broadcastTimeoutMs, leavePropagateDelayMs } = this.#context.timings;
    this.#context.deadlines.add(now + broadcastTimeoutMs + leavePropagateDelayMs, () => {
      if (this.#byName.get(m.name) === m && m.status !== "alive") this.#erase(m);
    });
  }

  #erase(m: MemberRecord): void {
    this.#failed.delete(m);
    this.#left.delete(m);
    this.#byName.delete(m.name);
    this.#hooks.erased(m.name);
    this.#count("reap");
    this.#context.log.info(`EventMemberReap: ${m.name}`);
    this.#event("member-reap", m);
  }

  /** Erases those gone for longer than they are remembered, and old intents. */
  reap(now: number): void {
    const { reconnectTimeoutMs, tombstoneTimeoutMs, recentIntentTimeoutMs } = this.#context.timings;
    const due = (set: ReadonlySet<MemberRecord>, ms: number): MemberRecord[] =>
      [...set].filter((m) => m.leaveTime !== undefined && now - m.leaveTime > ms);
    for (const m of due(this.#failed, reconnectTimeoutMs)) this.#erase(m);
    for (const m of due(this.#left, tombstoneTimeoutMs)) this.#erase(m);
    for (const [name, intent] of this.#intents)
      if (now - intent.at > recentIntentTimeoutMs) this.#intents.delete(name);
  }

  /** A failed member to try again, by chance: the more of the pool has failed, the likelier. */
  reconnectCandidate(): MemberRecord | undefined {
    const failed = this.#failed.size;
    if (failed === 0) return undefined;
    const here = Math.max(1, this.#byName.size - failed - this.#left.size);
    if (this.#context.random.float() > failed / here) return undefined;
    return [...this.#failed][this.#context.random.int(failed)];
  }
}

/** A member as the rest of the program sees it; a value, not the live record. */
export const memberView = (m: MemberRecord): Member => ({
  name: m.name,
  addr: m.host,
  port: m.port,
  tags: m.tags,
  status: m.status,
  protocolMin: m.vsn[0] ?? 0,
  protocolMax: m.vsn[1] ?? 0,
  protocolCur: m.vsn[2] ?? 0,
  delegateMin: m.vsn[3] ?? 0,
  delegateMax: m.vsn[4] ?? 0,
  delegateCur: m.vsn[5] ?? 0,
});

/** As the answer to a conflict query carries it. */
export const wireMember = (m: MemberRecord): WireMember => ({
  Name: m.name,
  Addr: m.addr,
  Port: m.port,
  Tags: m.tags,
  Status: MEMBER_STATUS[m.status],
  ProtocolMin: m.vsn[0] ?? 0,
  ProtocolMax: m.vsn[1] ?? 0,
  ProtocolCur: m.vsn[2] ?? 0,
  DelegateMin: m.vsn[3] ?? 0,
  DelegateMax: m.vsn[4] ?? 0,
  DelegateCur: m.vsn[5] ?? 0,
});
