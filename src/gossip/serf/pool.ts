/**
 * One gossip pool: the serf and SWIM cores with their driver, snapshot, keyring and event delivery.
 *
 * Order of the event chain, as in serf: core, snapshot, internal queries, coalescing, application.
 */
import { type Clock, sleep } from "../../ports/clock.ts";
import { type Disk, realDisk } from "../../ports/disk.ts";
import type { Logger } from "../../ports/log.ts";
import type { Metrics } from "../../ports/metrics.ts";
import { type Random, shuffled } from "../../ports/random.ts";
import { hostPort } from "../address.ts";
import type {
  JoinResult,
  KeyResponse,
  Member,
  NetworkCoordinate,
  QueryHandlers,
  QueryOptions,
  SerfEvent,
  SerfPool,
  SerfPoolOptions,
} from "../contract.ts";
import { Deadlines } from "../deadlines.ts";
import { errorText, GossipError } from "../errors.ts";
import { NODE_NAME_BYTES_MAX, USER_EVENT_BYTES } from "../limits.ts";
import { Memberlist } from "../memberlist/memberlist.ts";
import { type WireOptions, wireOverhead } from "../memberlist/packet.ts";
import { Keyring } from "../memberlist/security.ts";
import { SocketTransport } from "../memberlist/socket-transport.ts";
import type { Transport } from "../memberlist/transport.ts";
import { type GossipTimings, timingsOf } from "../profile.ts";
import { Coalescer } from "./coalesce.ts";
import type { SerfContext, SerfEffect } from "./context.ts";
import { InternalQueries, isInternalQuery } from "./internal-queries.ts";
import { runKeyOperation } from "./key-manager.ts";
import { memberView } from "./members.ts";
import type { PendingQuery } from "./queries.ts";
import { Serf } from "./serf.ts";
import { SnapshotWriter } from "./snapshot-writer.ts";
import { encodeTags } from "./tags.ts";

/** pmin, pmax, pcur, dmin, dmax of every node that speaks this protocol; the sixth byte is serf's protocol in use. */
const VERSIONS = [1, 5, 2, 2, 5] as const;
const SERF_PROTOCOL = 4;
/** How often the member clock is written even without member events, ms. */
const CLOCK_RECORD_INTERVAL_MS = 500;

export interface SerfPoolPorts {
  readonly clock: Clock;
  readonly random: Random;
  /** Lines come out under the names "serf" and "memberlist". */
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Default: the real disk. */
  readonly disk?: Disk;
  /** Default: sockets on the options' bind address. */
  readonly transport?: Transport;
}

/** A pool that has not started yet. Throws {@link GossipError} for options that cannot work. */
export function createSerfPool(options: SerfPoolOptions, ports: SerfPoolPorts): SerfPool {
  return new Pool(options, ports);
}

class Pool implements SerfPool {
  readonly #options: SerfPoolOptions;
  readonly #ports: SerfPoolPorts;
  readonly #log: Logger;
  readonly #timings: GossipTimings;
  readonly #deadlines = new Deadlines();
  readonly #keyring: Keyring;
  readonly #memberlist: Memberlist;
  readonly #serf: Serf;
  readonly #internal: InternalQueries;
  readonly #handlers = new Set<(event: SerfEvent) => void>();
  readonly #coalescers: readonly Coalescer[];
  readonly #stop = new AbortController();
  #effects: SerfEffect[] = [];
  #snapshot: SnapshotWriter | undefined;
  #meta: Buffer;
  #started = false;
  #reconnecting = false;

  constructor(options: SerfPoolOptions, ports: SerfPoolPorts) {
    const { nodeName } = options;
    if (nodeName === "" || Buffer.byteLength(nodeName) > NODE_NAME_BYTES_MAX)
      throw new GossipError(
        `node name of ${Buffer.byteLength(nodeName)} bytes: want 1 to ${NODE_NAME_BYTES_MAX}`,
      );
    this.#options = options;
    this.#ports = ports;
    this.#log = ports.log.named("serf");
    this.#timings = timingsOf(options.profile, {
      ...options.timings,
      ...(options.reconnectTimeoutMs === undefined ? {} : { reconnectTimeoutMs: options.reconnectTimeoutMs }),
    });
    this.#meta = encodeTags(options.tags);
    this.#keyring = new Keyring(options.keys ?? []);
    const wire: WireOptions = {
      keyring: this.#keyring,
      verifyIncoming: options.encryptVerifyIncoming ?? true,
      verifyOutgoing: options.encryptVerifyOutgoing ?? true,
      encryptionVersion: 1,
      compress: options.disableCompression !== true,
      label: Buffer.from(options.label ?? ""),
    };
    const { clock, random, metrics } = ports;
    const log = ports.log.named("memberlist");
    const { bindAddr, bindPort } = options;
    const transport = ports.transport ?? new SocketTransport({ bindAddr, bindPort }, { clock, log, metrics });
    const context: SerfContext = {
      name: nodeName,
      timings: this.#timings,
      random,
      log: this.#log,
      metrics,
      deadlines: this.#deadlines,
      emit: (effect) => this.#effects.push(effect),
    };
    this.#serf = new Serf(
      {
        userEventSizeLimitBytes: options.userEventSizeLimitBytes ?? USER_EVENT_BYTES,
        disableCoordinates: options.disableCoordinates ?? false,
        nameConflictResolution: options.nameConflictResolution ?? false,
        wireOverhead: () => wireOverhead(wire),
        admit: options.admit,
      },
      context,
      () => this.#memberlist.swim,
    );
    this.#memberlist = new Memberlist(
      {
        name: nodeName,
        timings: this.#timings,
        vsn: Buffer.from([...VERSIONS, options.serfProtocol ?? SERF_PROTOCOL]),
        wire,
        advertiseAddr: options.advertiseAddr,
        advertisePort: options.advertisePort,
      },
      { clock, random, log, metrics, transport, deadlines: this.#deadlines },
      this.#serf,
      () => this.#settle(),
    );
    this.#internal = new InternalQueries(context, this.#serf, this.#keyring, () => this.#keysChanged());
    this.#coalescers = this.#makeCoalescers();
  }

  #makeCoalescers(): readonly Coalescer[] {
    const t = this.#timings;
    const deadlines = this.#deadlines;
    let deliver = (event: SerfEvent): void => this.#deliver(event);
    const chain: Coalescer[] = [];
    const add = (
      kind: "members" | "user-events",
      coalescePeriodMs: number,
      quiescentPeriodMs: number,
    ): void => {
      if (coalescePeriodMs <= 0 || quiescentPeriodMs <= 0) return;
      const c = new Coalescer({ kind, coalescePeriodMs, quiescentPeriodMs }, deadlines, deliver);
      deliver = (event) => c.onEvent(event, this.#memberlist.now);
      chain.unshift(c);
    };
    add("user-events", t.userCoalescePeriodMs, t.userQuiescentPeriodMs);
    add("members", t.coalescePeriodMs, t.quiescentPeriodMs);
    return chain;
  }

  get encrypted(): boolean {
    return this.#keyring.primary !== undefined;
  }

  async start(): Promise<void> {
    const previous = await this.#openSnapshot();
    await this.#memberlist.start(this.#meta);
    this.#started = true;
    this.#serf.start(this.#memberlist.now);
    if (this.#snapshot !== undefined) this.#recordClocks();
    this.#memberlist.settle();
    if (previous.length > 0) void this.#rejoin(previous);
  }

  /** Reads the snapshot; returns the peers to try, in random order, as join addresses. */
  async #openSnapshot(): Promise<readonly string[]> {
    const { snapshotPath, rejoinAfterLeave = false, nodeName } = this.#options;
    if (snapshotPath === undefined) return [];
    const { clock, metrics, disk = realDisk } = this.#ports;
    const opened = await SnapshotWriter.open(
      snapshotPath,
      { rejoinAfterLeave },
      { clock, disk, log: this.#log, metrics },
    );
    this.#snapshot = opened.writer;
    const { state } = opened;
    this.#serf.clock.witness(state.clock);
    this.#serf.events.clock.witness(state.eventClock);
    this.#serf.queries.clock.witness(state.queryClock);
    this.#serf.events.ignoreBefore(state.eventClock + 1);
    this.#serf.queries.ignoreBefore(state.queryClock + 1);
    return shuffled(
      this.#ports.random,
      [...state.alive].filter(([name]) => name !== nodeName).map(([name, at]) => `${name}/${at}`),
    );
  }

  /** Tries the peers of the last life until one answers. No join intent: they know us. */
  async #rejoin(addresses: readonly string[]): Promise<void> {
    for (const address of addresses) {
      if (this.#stop.signal.aborted) return;
      this.#log.info(`Attempting re-join to previously known node: ${address}`);
      const { joined, errors } = await this.#memberlist.join([address]);
      if (joined > 0) {
        this.#log.info(`Re-joined to previously known node: ${address}`);
        return;
      }
      this.#log.warn(`Failed to re-join to previously known node: ${address}`, { error: errors[0]?.message });
    }
    this.#log.warn("Failed to re-join any previously known node");
  }

  #recordClocks(): void {
    const deadlines = this.#deadlines;
    const tick = (at: number): void => {
      this.#snapshot?.write(this.#snapshot.snapshot.memberClock(this.#serf.clock.time));
      deadlines.add(at + CLOCK_RECORD_INTERVAL_MS, tick);
    };
    deadlines.add(this.#memberlist.now + CLOCK_RECORD_INTERVAL_MS, tick);
  }

  #settle(): void {
    while (this.#effects.length > 0) {
      const effects = this.#effects;
      this.#effects = [];
      for (const e of effects) this.#perform(e);
    }
  }

  #perform(effect: SerfEffect): void {
    switch (effect.kind) {
      case "event":
        this.#record(effect.event);
        return this.#afterSnapshot(effect.event);
      case "query": {
        const { query } = effect;
        this.#snapshot?.write(this.#snapshot.snapshot.query(query.ltime));
        if (isInternalQuery(query.name)) return this.#internal.answer(query, this.#memberlist.now);
        return this.#afterSnapshot({ kind: "query", query: this.#incoming(query) });
      }
      case "send":
        return this.#memberlist.swim.sendUser(effect.host, effect.port, effect.message);
      case "broadcast-done":
        return this.#memberlist.broadcastDone(effect.token);
      case "reconnect":
        void this.#reconnect(`${effect.name}/${hostPort(effect.host, effect.port)}`);
        return;
      case "query-ack":
        return this.#guard(() => effect.handlers.onAck?.(effect.from));
      case "query-response":
        return this.#guard(() => effect.handlers.onResponse?.(effect.from, effect.payload));
      case "query-done":
        return this.#guard(() => effect.handlers.onDone?.());
      case "name-lost":
        this.#log.error("Another node owns this node's name: leaving the pool's sockets", {
          responses: effect.responses,
          matching: effect.matching,
        });
        void this.shutdown();
        return;
      default:
        effect satisfies never;
    }
  }

  /** A handler's mistake must not stop gossip. */
  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#log.error(`An event handler failed: ${errorText(error)}`);
    }
  }

  #incoming(q: PendingQuery): Extract<SerfEvent, { kind: "query" }>["query"] {
    return {
      ltime: BigInt(q.ltime),
      id: q.id,
      name: q.name,
      payload: q.payload,
      sourceNode: q.sourceNode,
      respond: (payload) => {
        this.#serf.respond(q, payload, this.#memberlist.now);
        this.#memberlist.settle();
      },
    };
  }

  #record(event: SerfEvent): void {
    const writer = this.#snapshot;
    if (writer === undefined) return;
    const { snapshot } = writer;
    switch (event.kind) {
      case "member-join":
        for (const m of event.members) writer.write(snapshot.memberAlive(m.name, m.addr, m.port));
        break;
      case "member-leave":
      case "member-failed":
        for (const m of event.members) writer.write(snapshot.memberGone(m.name));
        break;
      case "user":
        writer.write(snapshot.userEvent(Number(event.ltime)));
        return;
      case "query":
        return;
      case "member-update":
      case "member-reap":
        break;
      default:
        event satisfies never;
    }
    writer.write(snapshot.memberClock(this.#serf.clock.time));
  }

  #afterSnapshot(event: SerfEvent): void {
    const first = this.#coalescers[0];
    if (first === undefined) this.#deliver(event);
    else first.onEvent(event, this.#memberlist.now);
  }

  #deliver(event: SerfEvent): void {
    for (const handler of this.#handlers) this.#guard(() => handler(event));
  }

  async #reconnect(address: string): Promise<void> {
    if (this.#reconnecting) return;
    this.#reconnecting = true;
    try {
      const { joined, errors } = await this.#memberlist.join([address]);
      if (joined === 0) this.#log.debug(`Reconnect to ${address} failed`, { error: errors[0]?.message });
    } finally {
      this.#reconnecting = false;
    }
  }

  async join(
    addresses: readonly string[],
    options: { readonly ignoreOld?: boolean } = {},
  ): Promise<JoinResult> {
    if (this.#serf.phase !== "alive")
      return { joined: 0, errors: [new GossipError("Serf can't Join after Leave or Shutdown")] };
    const ended = options.ignoreOld === true ? this.#serf.ignoreOldEvents() : () => {};
    try {
      const result = await this.#memberlist.join(addresses);
      if (result.joined > 0) this.#serf.broadcastJoin(this.#memberlist.now);
      this.#memberlist.settle();
      return result;
    } finally {
      ended();
    }
  }

  async leave(): Promise<void> {
    const { broadcastTimeoutMs, leavePropagateDelayMs } = this.#timings;
    if (this.#serf.phase !== "alive") {
      if (this.#serf.phase === "shutdown") throw new GossipError("Leave called after Shutdown");
      return;
    }
    this.#serf.phase = "leaving";
    if (this.#snapshot !== undefined) {
      this.#snapshot.write(this.#snapshot.snapshot.leave());
      await this.#snapshot.flush({ sync: true });
    }
    const { nodeName } = this.#options;
    const { token, done } = this.#memberlist.awaitBroadcast(broadcastTimeoutMs);
    const told = this.#serf.broadcastLeave(nodeName, false, token, this.#memberlist.now);
    this.#memberlist.settle();
    if (!told) this.#memberlist.broadcastDone(token);
    if (!(await done)) this.#log.warn("timeout while waiting for graceful leave");
    if (!(await this.#memberlist.leave(broadcastTimeoutMs)))
      this.#log.warn("timeout waiting for leave broadcast");
    if (told)
      await sleep(this.#ports.clock, leavePropagateDelayMs, { signal: this.#stop.signal }).catch(() => {});
    if (!this.#stop.signal.aborted) this.#serf.phase = "left";
  }

  async shutdown(): Promise<void> {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort();
    if (this.#serf.phase === "alive") this.#log.warn("Shutdown without a Leave");
    this.#serf.shutdown();
    for (const c of this.#coalescers) c.flush();
    this.#memberlist.settle();
    await this.#memberlist.shutdown();
    await this.#snapshot?.close();
  }

  async forceLeave(name: string, options: { readonly prune?: boolean } = {}): Promise<void> {
    if (this.#serf.members.get(name) === undefined)
      throw new GossipError(`agent: No node found with name '${name}'`);
    const { token, done } = this.#memberlist.awaitBroadcast(this.#timings.broadcastTimeoutMs);
    const told = this.#serf.broadcastLeave(name, options.prune ?? false, token, this.#memberlist.now);
    this.#memberlist.settle();
    if (!told) {
      this.#memberlist.broadcastDone(token);
      return;
    }
    if (!(await done)) throw new GossipError("timed out broadcasting node removal");
  }

  members(): readonly Member[] {
    return [...this.#serf.members.all()].map(memberView);
  }

  member(name: string): Member | undefined {
    const m = this.#serf.members.get(name);
    return m && memberView(m);
  }

  localMember(): Member {
    return memberView(this.#serf.self);
  }

  setTags(tags: ReadonlyMap<string, string>): void {
    const meta = encodeTags(tags);
    if (this.#started) this.#memberlist.updateMeta(meta);
    this.#meta = meta;
  }

  userEvent(name: string, payload: Uint8Array, options: { readonly coalesce?: boolean } = {}): void {
    this.#serf.userEvent(name, payload, options.coalesce ?? false);
    this.#memberlist.settle();
  }

  query(
    name: string,
    payload: Uint8Array,
    options: QueryOptions,
    handlers: QueryHandlers,
  ): { close(): void } {
    if (isInternalQuery(name)) throw new GossipError(`Queries cannot contain the '_serf_' prefix`);
    return this.#ask(name, payload, options, handlers);
  }

  #ask(name: string, payload: Uint8Array, options: QueryOptions, handlers: QueryHandlers): { close(): void } {
    const { close } = this.#serf.query(name, payload, options, handlers, this.#memberlist.now);
    this.#memberlist.settle();
    return {
      close: () => {
        close();
        this.#memberlist.settle();
      },
    };
  }

  coordinate(): NetworkCoordinate {
    return this.#serf.coordinate;
  }

  cachedCoordinate(name: string): NetworkCoordinate | undefined {
    return this.#serf.cachedCoordinate(name);
  }

  stats(): ReadonlyMap<string, string> {
    const s = this.#serf;
    const queues = s.queueLengths;
    const out: [string, string | number][] = [
      ["members", s.members.size],
      ["failed", s.members.failedCount],
      ["left", s.members.leftCount],
      ["health_score", this.#memberlist.swim.members.awareness.score],
      ["member_time", s.clock.time],
      ["event_time", s.events.clock.time],
      ["query_time", s.queries.clock.time],
      ["intent_queue", queues.intent],
      ["event_queue", queues.event],
      ["query_queue", queues.query],
      ["encrypted", String(this.encrypted)],
    ];
    if (this.#options.disableCoordinates !== true) out.push(["coordinate_resets", s.coordinateResets]);
    return new Map(out.map(([k, v]) => [k, String(v)]));
  }

  async keyOperation(
    operation: "list" | "install" | "use" | "remove",
    key: string,
    relayFactor: number,
  ): Promise<KeyResponse> {
    return runKeyOperation(operation, key, { relayFactor, nodes: this.#serf.aliveNodes() }, (...args) =>
      this.#ask(...args),
    );
  }

  #keysChanged(): string | undefined {
    try {
      this.#options.onKeysChanged?.(this.#keyring.keys);
      return undefined;
    } catch (error) {
      return errorText(error);
    }
  }

  onEvent(handler: (event: SerfEvent) => void): () => void {
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  }
}
