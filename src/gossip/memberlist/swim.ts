/**
 * The SWIM core of one node: membership, probing, gossip and the schedule of push/pulls, without sockets or timers. The
 * driver (memberlist.ts) feeds it messages and the time, and carries out its effects.
 *
 * Source: SWIM (Das, Gupta, Motivala 2002); Lifeguard (arXiv 1707.00788); memberlist 0.2.2 as observed.
 */
import type { Logger } from "../../ports/log.ts";
import type { Metrics } from "../../ports/metrics.ts";
import type { Random } from "../../ports/random.ts";
import type { Deadlines } from "../deadlines.ts";
import { GossipDecodeError } from "../errors.ts";
import { COMPOUND_PARTS_MAX, PACKET_BUDGET_BYTES } from "../limits.ts";
import type { GossipTimings } from "../profile.ts";
import type { SwimDelegate, SwimEffect } from "./effects.ts";
import { Membership } from "./membership.ts";
import {
  ackResp,
  alive,
  claim,
  decodeBody,
  indirectPing,
  MESSAGE,
  nackResp,
  type PushPullNode,
  ping,
} from "./messages.ts";
import { type NodeRecord, PMAX_FOR, pmax } from "./node-table.ts";
import { Prober } from "./prober.ts";
import { pushPullDelayMs } from "./scaling.ts";
import type { PushPull } from "./stream.ts";

export interface SwimOptions {
  readonly name: string;
  readonly timings: GossipTimings;
  /** pmin, pmax, pcur, dmin, dmax, dcur. */
  readonly vsn: Buffer;
  /** Whether a failed ping is tried over TCP too. */
  readonly streamPings: boolean;
  /** Bytes that label and encryption add to a packet, as the keys are now. */
  readonly wireOverhead: () => number;
}

export interface SwimPorts {
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly deadlines: Deadlines;
}

/** A message's place in a compound: two bytes for its length. */
const PART_OVERHEAD = 2;
/** Type and count of a compound. */
const COMPOUND_OVERHEAD = 2;
/** Type byte that a delegate's message gets in front. */
const USER_OVERHEAD = 1;

export class Swim {
  readonly members: Membership;
  readonly prober: Prober;
  readonly #options: SwimOptions;
  readonly #ports: SwimPorts;
  readonly #delegate: SwimDelegate;
  #effects: SwimEffect[] = [];
  #pushPulling = false;

  constructor(options: SwimOptions, ports: SwimPorts, delegate: SwimDelegate) {
    this.#options = options;
    this.#ports = ports;
    this.#delegate = delegate;
    this.members = new Membership(
      options,
      { ...ports, broadcastDone: (token) => this.#emit({ kind: "broadcast-done", token }) },
      delegate,
    );
    this.prober = new Prober(
      options,
      {
        ...ports,
        emit: (e) => this.#emit(e),
        sendWithPiggyback: (host, port, message) => this.#sendWithPiggyback(host, port, message),
      },
      this.members,
      delegate,
    );
  }

  #emit(effect: SwimEffect): void {
    this.#effects.push(effect);
  }

  get hasEffects(): boolean {
    return this.#effects.length > 0;
  }

  /** What is to be done since the last call, in order. */
  takeEffects(): readonly SwimEffect[] {
    if (this.#effects.length === 0) return NOTHING;
    const out = this.#effects;
    this.#effects = [];
    return out;
  }

  /** Announces the local node and starts probing, gossip and push/pulls. */
  start(own: { readonly addr: Buffer; readonly port: number; readonly meta: Buffer }, now: number): void {
    this.members.announce(own, now);
    const { timings } = this.#options;
    this.prober.start(now);
    if (timings.gossipIntervalMs > 0 && timings.gossipNodes > 0) {
      const tick = (at: number): void => {
        this.#gossip(at);
        this.#ports.deadlines.add(at + timings.gossipIntervalMs, tick);
      };
      const phase = this.#ports.random.float() + 1;
      this.#ports.deadlines.add(now + phase * timings.gossipIntervalMs, tick);
    }
    if (timings.pushPullIntervalMs > 0)
      this.#ports.deadlines.add(now + this.#ports.random.float() * timings.pushPullIntervalMs, (at) =>
        this.#schedulePushPull(at),
      );
  }

  /**
   * One message of a datagram, from its type byte on. `receivedAt` is when the datagram was read (for round-trip times).
   * Throws {@link GossipDecodeError} and changes nothing when it is malformed.
   */
  onMessage(message: Buffer, fromHost: string, fromPort: number, receivedAt: number, now: number): void {
    switch (message[0]) {
      case MESSAGE.ping:
        return this.prober.onPing(decodeBody("ping", ping, message), fromHost, fromPort);
      case MESSAGE.indirectPing:
        return this.prober.onIndirectPing(
          decodeBody("indirectPing", indirectPing, message),
          fromHost,
          fromPort,
          now,
        );
      case MESSAGE.ackResp:
        return this.prober.onAck(decodeBody("ackResp", ackResp, message), receivedAt, now);
      case MESSAGE.nackResp:
        return this.prober.onNack(decodeBody("nackResp", nackResp, message));
      case MESSAGE.suspect:
        return this.members.applySuspect(decodeBody("suspect", claim, message), now);
      case MESSAGE.alive:
        return this.members.applyAlive(decodeBody("alive", alive, message), now);
      case MESSAGE.dead:
        return this.members.applyDead(decodeBody("dead", claim, message), now);
      case MESSAGE.user:
        return this.#delegate.onUser(message.subarray(1), now);
    }
    throw new GossipDecodeError("unknown-type", `message type ${message[0]} is not one for datagrams`);
  }

  /** Whole state for a push/pull. */
  localState(join: boolean): PushPull {
    return { join, nodes: this.members.localNodes(), userState: this.#delegate.localState(join) };
  }

  /** Takes over a peer's state. Throws GossipError when it must not be merged. */
  mergeState(
    remote: { readonly join: boolean; readonly nodes: readonly PushPullNode[]; readonly userState: Buffer },
    now: number,
  ): void {
    this.members.merge(remote.nodes, remote.join, now);
    if (remote.userState.length > 0) this.#delegate.mergeState(remote.userState, remote.join, now);
  }

  /** The push/pull asked for by the last `push-pull` effect is over, well or not. */
  pushPullDone(now: number): void {
    if (!this.#pushPulling) return;
    this.#pushPulling = false;
    this.#schedulePushPull(now);
  }

  #schedulePushPull(now: number): void {
    const ms = pushPullDelayMs(this.#options.timings.pushPullIntervalMs, this.members.nodes.size);
    this.#ports.deadlines.add(now + ms, (at) => {
      const [partner] = this.members.nodes.sample(
        1,
        (n) => n.state === "alive" && n.name !== this.#options.name,
      );
      if (partner === undefined) return this.#schedulePushPull(at);
      this.#pushPulling = true;
      this.#emit({ kind: "push-pull", node: partner.name, host: partner.host, port: partner.port });
    });
  }

  /** Fills `out` with broadcasts: the pool's own first, then the delegate's. */
  #broadcasts(room: number, out: Buffer[], countMax: number): void {
    if (room <= 0) return;
    const used = this.members.queue.take(PART_OVERHEAD, room, out, countMax);
    const left = room - used;
    if (left <= PART_OVERHEAD + USER_OVERHEAD || out.length >= countMax) return;
    const from = out.length;
    this.#delegate.broadcasts(PART_OVERHEAD + USER_OVERHEAD, left, out, countMax - from);
    for (let i = from; i < out.length; i++) out[i] = asUser(out[i]!);
  }

  #sendWithPiggyback(host: string, port: number, message: Buffer): void {
    const parts = [message];
    this.#broadcasts(
      PACKET_BUDGET_BYTES - message.length - COMPOUND_OVERHEAD - this.#options.wireOverhead(),
      parts,
      COMPOUND_PARTS_MAX,
    );
    this.#emit({ kind: "datagram", host, port, parts, crc: false });
  }

  #gossip(now: number): void {
    const { timings, name } = this.#options;
    const room = PACKET_BUDGET_BYTES - COMPOUND_OVERHEAD - this.#options.wireOverhead();
    const listeners = this.members.nodes.sample(timings.gossipNodes, (n) => {
      if (n.name === name) return false;
      if (n.state === "alive" || n.state === "suspect") return true;
      return n.state === "dead" && now - n.stateChange <= timings.gossipToTheDeadMs;
    });
    for (const node of listeners) {
      const parts: Buffer[] = [];
      this.#broadcasts(room, parts, COMPOUND_PARTS_MAX);
      if (parts.length === 0) return;
      this.#sendTo(node, parts);
    }
  }

  #sendTo(node: NodeRecord, parts: readonly Buffer[]): void {
    this.#emit({
      kind: "datagram",
      host: node.host,
      port: node.port,
      parts,
      crc: pmax(node) >= PMAX_FOR.crc,
    });
  }

  /** A delegate's message straight to one address, without piggyback; may get lost. */
  sendUser(host: string, port: number, raw: Buffer): void {
    this.#emit({ kind: "datagram", host, port, parts: [asUser(raw)], crc: false });
  }
}

const NOTHING: readonly SwimEffect[] = [];

function asUser(raw: Buffer): Buffer {
  const out = Buffer.allocUnsafe(1 + raw.length);
  out[0] = MESSAGE.user;
  raw.copy(out, 1);
  return out;
}
