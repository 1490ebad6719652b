/**
 * The serf core: what serf adds to SWIM, without IO. It is memberlist's delegate: it hears of nodes that come and go, adds its
 * own broadcasts to packets, and keeps members, user events, queries and coordinates.
 *
 * Source: observed in serf 0.9.4 and Consul 1.8.7.
 */

import { hostPort, ipText } from "../address.ts";
import type { Member, NetworkCoordinate, QueryHandlers, QueryOptions } from "../contract.ts";
import { coordinateCodec } from "../coordinate/coordinate.ts";
import { CoordinateClient } from "../coordinate/coordinate-client.ts";
import { errorText, GossipDecodeError, GossipError } from "../errors.ts";
import { PACKET_BUDGET_BYTES, QUERY_RESPONSE_BYTES_MAX, SERF_MESSAGE_BYTES_MAX } from "../limits.ts";
import { BroadcastQueue } from "../memberlist/broadcast-queue.ts";
import type { NodeView, SwimDelegate } from "../memberlist/effects.ts";
import { retransmitLimit } from "../memberlist/scaling.ts";
import type { Swim } from "../memberlist/swim.ts";
import { decodeValue, encodeValue } from "../record.ts";
import type { SerfContext } from "./context.ts";
import { LamportClock } from "./lamport.ts";
import { type MemberRecord, Members, memberView } from "./members.ts";
import {
  decodeRelay,
  decodeSerf,
  encodeSerf,
  joinIntent,
  leaveIntent,
  query,
  queryResponse,
  SERF_MESSAGE,
  serfState,
  userEvent,
} from "./messages.ts";
import { NameConflict } from "./name-conflict.ts";
import { type PendingQuery, Queries } from "./queries.ts";
import { decodeTags } from "./tags.ts";
import { UserEvents } from "./user-events.ts";

/** Version byte in front of the coordinate that acks carry. */
const PING_VERSION = 1;

export interface SerfOptions {
  readonly userEventSizeLimitBytes: number;
  readonly disableCoordinates: boolean;
  /** Ask the pool who owns our name when another node claims it, and leave if it is not us. */
  readonly nameConflictResolution: boolean;
  /** Bytes that label and encryption add to a packet. */
  readonly wireOverhead: () => number;
  /** Refuses a join or a member by throwing. */
  readonly admit?: ((members: readonly Member[]) => void) | undefined;
}

export type SerfPhase = "alive" | "leaving" | "left" | "shutdown";

export class Serf implements SwimDelegate {
  readonly clock: LamportClock = new LamportClock();
  readonly members: Members;
  readonly events: UserEvents;
  readonly queries: Queries;
  readonly guards: boolean;
  readonly #options: SerfOptions;
  readonly #context: SerfContext;
  readonly #swim: () => Swim;
  readonly #intentQueue: BroadcastQueue;
  readonly #eventQueue: BroadcastQueue;
  readonly #queryQueue: BroadcastQueue;
  readonly #coordinates: CoordinateClient;
  readonly #coordinateCache = new Map<string, NetworkCoordinate>();
  readonly #conflict: NameConflict;
  phase: SerfPhase = "alive";
  /** While a join that ignores old events is under way: push/pulls bring no events. */
  #joinsIgnoringOld = 0;

  constructor(options: SerfOptions, context: SerfContext, swim: () => Swim) {
    this.#options = options;
    this.#context = context;
    this.#swim = swim;
    this.guards = options.admit !== undefined;
    this.members = new Members(context, this.clock, {
      refute: () => this.broadcastJoin(this.#now),
      leaving: () => this.phase !== "alive",
      erased: (name) => {
        this.#coordinates.forget(name);
        this.#coordinateCache.delete(name);
      },
    });
    this.events = new UserEvents(context, options.userEventSizeLimitBytes);
    this.queries = new Queries(context, this.members, () => this.aliveNodes());
    this.#coordinates = new CoordinateClient(context.random);
    this.#conflict = new NameConflict(context, this);
    const done = (token: number): void => context.emit({ kind: "broadcast-done", token });
    const limit = (): number => retransmitLimit(context.timings.retransmitMult, this.members.size);
    this.#intentQueue = new BroadcastQueue(limit, done);
    this.#eventQueue = new BroadcastQueue(limit, done);
    this.#queryQueue = new BroadcastQueue(limit, done);
  }

  /** Time of the step under way: hooks that come from members need it. */
  #now = 0;

  /** Nodes that are neither dead nor left, self included. */
  aliveNodes(): number {
    let n = 0;
    for (const node of this.#swim().members.nodes.all())
      if (node.state === "alive" || node.state === "suspect") n++;
    return n;
  }

  get self(): MemberRecord {
    const self = this.members.get(this.#context.name);
    if (self === undefined) throw new GossipError("pool is not started");
    return self;
  }

  /** Starts reaping, reconnecting and watching the queues. */
  start(now: number): void {
    const { timings, deadlines } = this.#context;
    const every = (ms: number, run: (at: number) => void): void => {
      const tick = (at: number): void => {
        this.#now = at;
        run(at);
        deadlines.add(at + ms, tick);
      };
      deadlines.add(now + ms, tick);
    };
    every(timings.reapIntervalMs, (at) => this.members.reap(at));
    every(timings.reconnectIntervalMs, () => this.#reconnect());
    every(timings.queueCheckIntervalMs, () => this.#checkQueues());
  }

  #reconnect(): void {
    const m = this.members.reconnectCandidate();
    if (m === undefined) return;
    this.#context.log.info(`attempting reconnect to ${m.name} ${hostPort(m.host, m.port)}`);
    this.#context.emit({ kind: "reconnect", name: m.name, host: m.host, port: m.port });
  }

  #checkQueues(): void {
    const { maxQueueDepth, minQueueDepth, queueDepthWarning } = this.#context.timings;
    const max = minQueueDepth > 0 ? Math.max(minQueueDepth, 2 * this.members.size) : maxQueueDepth;
    for (const [name, queue] of this.#queues()) {
      this.#context.metrics.sample(`serf.queue.${name}`, queue.length);
      if (queue.length >= queueDepthWarning) this.#context.log.warn(`${name} queue depth: ${queue.length}`);
      if (queue.length <= max) continue;
      const dropped = queue.prune(max);
      this.#context.metrics.count(`serf.queue.${name}.dropped`, dropped);
      this.#context.log.warn(`${name} queue is over its limit of ${max}: dropped ${dropped} messages`);
    }
  }

  #queues(): readonly (readonly [string, BroadcastQueue])[] {
    return [
      ["Intent", this.#intentQueue],
      ["Event", this.#eventQueue],
      ["Query", this.#queryQueue],
    ];
  }

  get queueLengths(): { readonly intent: number; readonly event: number; readonly query: number } {
    return {
      intent: this.#intentQueue.length,
      event: this.#eventQueue.length,
      query: this.#queryQueue.length,
    };
  }

  /** A queue that nobody drains must not grow between two checks either. */
  #queue(queue: BroadcastQueue, message: Buffer, token: number = 0): void {
    const { maxQueueDepth, minQueueDepth } = this.#context.timings;
    // A compound's head, the message's length and type byte. A larger one would wait in the queue forever.
    if (message.length > PACKET_BUDGET_BYTES - 5 - this.#options.wireOverhead()) {
      this.#context.metrics.count("serf.queue.oversized");
      this.#context.log.warn(
        `A broadcast of ${message.length} bytes fits into no packet and is not gossiped`,
      );
      if (token !== 0) this.#context.emit({ kind: "broadcast-done", token });
      return;
    }
    const max = 2 * Math.max(maxQueueDepth, minQueueDepth, 2 * this.members.size);
    if (queue.length >= max) this.#context.metrics.count("serf.queue.dropped", queue.prune(max - 1));
    queue.queue(message, { token });
  }

  // What the pool asks for.

  broadcastJoin(now: number): void {
    this.#now = now;
    const intent = { LTime: this.clock.time, Node: this.#context.name };
    this.members.onJoinIntent(intent, now);
    this.#queue(this.#intentQueue, encodeSerf(SERF_MESSAGE.join, joinIntent, intent));
  }

  /** Tells that a member leaves. `token` is done when it was told; false when there is nobody to tell. */
  broadcastLeave(name: string, prune: boolean, token: number, now: number): boolean {
    this.#now = now;
    const intent = { LTime: this.clock.time, Node: name, Prune: prune };
    this.clock.increment();
    this.members.onLeaveIntent(intent, now);
    if (!this.members.anyOtherAlive()) return false;
    this.#queue(this.#intentQueue, encodeSerf(SERF_MESSAGE.leave, leaveIntent, intent), token);
    return true;
  }

  userEvent(name: string, payload: Uint8Array, coalesce: boolean): void {
    this.#queue(this.#eventQueue, this.events.create(name, payload, coalesce));
  }

  query(
    name: string,
    payload: Uint8Array,
    options: QueryOptions,
    handlers: QueryHandlers,
    now: number,
  ): { readonly close: () => void } {
    const { message, close } = this.queries.create(name, payload, options, handlers, this.self, now);
    this.#queue(this.#queryQueue, message);
    return { close };
  }

  /** From now until the returned call, push/pulls deliver no old events. */
  ignoreOldEvents(): () => void {
    this.#joinsIgnoringOld++;
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      this.#joinsIgnoringOld--;
    };
  }

  get coordinate(): NetworkCoordinate {
    return this.#coordinates.coordinate;
  }

  get coordinateResets(): number {
    return this.#coordinates.resets;
  }

  cachedCoordinate(name: string): NetworkCoordinate | undefined {
    if (name === this.#context.name) return this.coordinate;
    return this.#coordinateCache.get(name);
  }

  respond(q: PendingQuery, payload: Uint8Array, now: number): void {
    this.queries.respond(q, payload, now);
  }

  // What memberlist reports.

  onJoin(node: NodeView, now: number): void {
    this.members.onJoin(node, now);
  }

  onLeave(node: NodeView, now: number): void {
    this.members.onLeave(node, now);
  }

  onUpdate(node: NodeView, _now: number): void {
    this.members.onUpdate(node);
  }

  onConflict(existing: NodeView, other: { readonly host: string; readonly port: number }, now: number): void {
    const { log } = this.#context;
    if (existing.name !== this.#context.name) {
      log.warn(
        `Name conflict for '${existing.name}' both ${hostPort(existing.host, existing.port)} and ${hostPort(other.host, other.port)} are claiming`,
      );
      return;
    }
    log.error(
      `Node name conflicts with another node at ${hostPort(other.host, other.port)}. Names must be unique!`,
      { resolution: this.#options.nameConflictResolution },
    );
    if (this.#options.nameConflictResolution) this.#conflict.resolve(now);
  }

  refuseAlive(node: NodeView): string | undefined {
    return this.#refuse([this.#viewOf(node, "none")]);
  }

  refuseMerge(nodes: readonly NodeView[]): string | undefined {
    for (const n of nodes) {
      if (n.addr.length !== 4 && n.addr.length !== 16) return `Member '${n.name}' has no usable address`;
    }
    return this.#refuse(nodes.map((n) => this.#viewOf(n, n.state === "left" ? "left" : "none")));
  }

  #viewOf(n: NodeView, status: "none" | "left"): Member {
    return memberView({
      name: n.name,
      addr: n.addr,
      host: ipText(n.addr),
      port: n.port,
      tags: decodeTags(n.meta).tags,
      vsn: n.vsn,
      status,
      statusLTime: 0,
      leaveTime: undefined,
    });
  }

  #refuse(members: readonly Member[]): string | undefined {
    try {
      this.#options.admit?.(members);
      return undefined;
    } catch (error) {
      return errorText(error);
    }
  }

  broadcasts(overhead: number, room: number, out: Buffer[], countMax: number): number {
    let used = 0;
    const from = out.length;
    for (const queue of [this.#intentQueue, this.#queryQueue, this.#eventQueue])
      used += queue.take(overhead, room - used, out, countMax - (out.length - from));
    if (out.length > from) this.#context.metrics.count("serf.msgs.sent", out.length - from);
    return used;
  }

  /** One serf message. Throws GossipDecodeError, having changed nothing, when it is malformed. */
  onUser(raw: Buffer, now: number): void {
    this.#now = now;
    const { metrics, log } = this.#context;
    metrics.sample("serf.msgs.received", raw.length);
    if (raw.length > SERF_MESSAGE_BYTES_MAX)
      throw new GossipDecodeError("too-large", `serf message of ${raw.length} bytes`);
    switch (raw[0]) {
      case SERF_MESSAGE.leave: {
        if (this.members.onLeaveIntent(decodeSerf("leave intent", leaveIntent, raw), now))
          this.#queue(this.#intentQueue, Buffer.from(raw));
        return;
      }
      case SERF_MESSAGE.join: {
        if (this.members.onJoinIntent(decodeSerf("join intent", joinIntent, raw), now))
          this.#queue(this.#intentQueue, Buffer.from(raw));
        return;
      }
      case SERF_MESSAGE.userEvent: {
        if (this.events.onEvent(decodeSerf("user event", userEvent, raw)))
          this.#queue(this.#eventQueue, Buffer.from(raw));
        return;
      }
      case SERF_MESSAGE.query: {
        if (this.queries.onQuery(decodeSerf("query", query, raw), now))
          this.#queue(this.#queryQueue, Buffer.from(raw));
        return;
      }
      case SERF_MESSAGE.queryResponse:
        return this.queries.onResponse(decodeSerf("query response", queryResponse, raw));
      case SERF_MESSAGE.relay:
        return this.#relay(raw);
    }
    log.warn(`Received a message of unknown type: ${raw[0] ?? "none"}`);
  }

  #relay(raw: Buffer): void {
    const { header, inner } = decodeRelay(raw);
    const { IP, Port } = header.DestAddr;
    if (IP === null || (IP.length !== 4 && IP.length !== 16) || Port < 1 || Port > 65535)
      throw new GossipDecodeError("bad-value", "relay names no usable address");
    if (inner.length === 0 || inner.length > QUERY_RESPONSE_BYTES_MAX)
      throw new GossipDecodeError("too-large", `relayed message of ${inner.length} bytes`);
    this.#context.emit({ kind: "send", host: ipText(IP), port: Port, message: Buffer.from(inner) });
  }

  localState(_join: boolean): Buffer {
    const times = new Map<string, number>();
    for (const m of this.members.all()) times.set(m.name, m.statusLTime);
    const left = [...this.members.left()].map((m) => m.name);
    return encodeSerf(SERF_MESSAGE.pushPull, serfState, {
      LTime: this.clock.time,
      StatusLTimes: times,
      LeftMembers: left,
      EventLTime: this.events.clock.time,
      Events: this.events.past(),
      QueryLTime: this.queries.clock.time,
    });
  }

  mergeState(state: Buffer, join: boolean, now: number): void {
    this.#now = now;
    const { log } = this.#context;
    if (state[0] !== SERF_MESSAGE.pushPull) {
      log.error("Remote state is not one of serf's", { type: state[0] ?? "none" });
      return;
    }
    let remote: ReturnType<typeof serfState.zero>;
    try {
      remote = decodeSerf("push/pull state", serfState, state);
    } catch (error) {
      if (!(error instanceof GossipDecodeError)) throw error;
      log.error("Failed to decode remote state", { error: error.message });
      return;
    }
    if (remote.LTime > 0) this.clock.witness(remote.LTime - 1);
    if (remote.EventLTime > 0) this.events.clock.witness(remote.EventLTime - 1);
    if (remote.QueryLTime > 0) this.queries.clock.witness(remote.QueryLTime - 1);
    const left = new Set(remote.LeftMembers ?? []);
    const times = remote.StatusLTimes ?? new Map<string, number>();
    for (const name of left)
      this.members.onLeaveIntent({ LTime: (times.get(name) ?? 0) + 1, Node: name, Prune: false }, now);
    for (const [name, LTime] of times)
      if (!left.has(name)) this.members.onJoinIntent({ LTime, Node: name }, now);
    if (join && this.#joinsIgnoringOld > 0) {
      this.events.ignoreBefore(remote.EventLTime);
      return;
    }
    for (const slot of remote.Events ?? [])
      if (slot !== null)
        for (const e of slot.Events ?? [])
          this.events.onEvent({ LTime: slot.LTime, Name: e.Name, Payload: e.Payload, CC: false });
  }

  ackPayload(): Buffer | null {
    if (this.#options.disableCoordinates) return null;
    return encodeValue([PING_VERSION], coordinateCodec, this.#coordinates.coordinate);
  }

  onPingComplete(node: NodeView, rttMs: number, payload: Buffer | null): void {
    if (this.#options.disableCoordinates || payload === null || payload.length === 0) return;
    const { log, metrics } = this.#context;
    if (payload[0] !== PING_VERSION) {
      log.error(`Unsupported ping version: ${payload[0]}`, { node: node.name });
      return;
    }
    try {
      const other = decodeValue("coordinate", coordinateCodec, payload, 1);
      this.#coordinates.update(node.name, other, rttMs / 1000);
      if (this.members.get(node.name) !== undefined) this.#coordinateCache.set(node.name, other);
      metrics.sample("serf.coordinate.rtt", rttMs);
    } catch (error) {
      metrics.count("serf.coordinate.rejected");
      log.trace("Rejected a coordinate", { node: node.name, error: errorText(error) });
    }
  }

  /** Ends queries and drops broadcasts, telling who waits. */
  shutdown(): void {
    this.phase = "shutdown";
    this.queries.closeAll();
    for (const [, queue] of this.#queues()) queue.clear();
  }
}
