/**
 * Failure detection: one probe after the other, and the answers to other nodes' probes.
 *
 * A probe of T: ping; without an ack after the probe timeout, ask some members to ping T for us and ping T over TCP; without
 * any ack by the end of the (scaled) interval, accuse T. Source: SWIM section 3 and 4.1, Lifeguard section III-A (nacks,
 * local health); the TCP path as observed in memberlist 0.2.2.
 */
import type { Logger } from "../../ports/log.ts";
import type { Metrics } from "../../ports/metrics.ts";
import type { Random } from "../../ports/random.ts";
import { ipText } from "../address.ts";
import type { Deadline, Deadlines } from "../deadlines.ts";
import { ACK_HANDLERS_MAX } from "../limits.ts";
import type { GossipTimings } from "../profile.ts";
import type { SwimDelegate, SwimEffect } from "./effects.ts";
import type { Membership } from "./membership.ts";
import {
  type AckResp,
  ackResp,
  claim,
  encodeMessage,
  type IndirectPing,
  indirectPing,
  MESSAGE,
  type NackResp,
  nackResp,
  type Ping,
  ping,
} from "./messages.ts";
import { isGone, type NodeRecord, PMAX_FOR, pmax } from "./node-table.ts";

interface Waiter {
  readonly onAck: (payload: Buffer | null, receivedAt: number, now: number) => void;
  readonly onNack: (() => void) | undefined;
  readonly expiry: Deadline;
}

export interface ProberOptions {
  readonly name: string;
  readonly timings: GossipTimings;
  readonly streamPings: boolean;
}

export interface ProberPorts {
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly deadlines: Deadlines;
  readonly emit: (effect: SwimEffect) => void;
  /** Sends with whatever broadcasts fit beside it. */
  readonly sendWithPiggyback: (host: string, port: number, message: Buffer) => void;
}

/** Sequence numbers stay in 32 bits. */
const U32 = 0x1_0000_0000;

export class Prober {
  readonly #options: ProberOptions;
  readonly #ports: ProberPorts;
  readonly #members: Membership;
  readonly #delegate: SwimDelegate;
  readonly #waiters = new Map<number, Waiter>();
  #seq = 0;
  #busy = false;
  #tickMissed = false;
  #streamAck: ((seq: number) => void) | undefined;

  constructor(options: ProberOptions, ports: ProberPorts, members: Membership, delegate: SwimDelegate) {
    this.#options = options;
    this.#ports = ports;
    this.#members = members;
    this.#delegate = delegate;
  }

  /** Begins to probe, at a random point of the interval so that members do not march in step. */
  start(now: number): void {
    const { probeIntervalMs } = this.#options.timings;
    const tick = (at: number): void => {
      // One tick that comes during a probe is kept, further ones are lost.
      if (this.#busy) this.#tickMissed = true;
      else this.#probeNext(at);
      this.#ports.deadlines.add(at + probeIntervalMs, tick);
    };
    this.#ports.deadlines.add(now + (this.#ports.random.float() + 1) * probeIntervalMs, tick);
  }

  #nextSeq(): number {
    this.#seq = (this.#seq + 1) % U32;
    return this.#seq;
  }

  #wait(
    seq: number,
    ms: number,
    now: number,
    onAck: Waiter["onAck"],
    onNack?: () => void,
    onExpired?: (now: number) => void,
  ): boolean {
    if (this.#waiters.size >= ACK_HANDLERS_MAX) {
      this.#ports.metrics.count("memberlist.ack.dropped");
      return false;
    }
    const expiry = this.#ports.deadlines.add(now + ms, (at) => {
      this.#waiters.delete(seq);
      onExpired?.(at);
    });
    this.#waiters.set(seq, { onAck, onNack, expiry });
    return true;
  }

  #ownPing(seq: number, node: string): Buffer {
    const self = this.#members.self!;
    return encodeMessage(MESSAGE.ping, ping, {
      SeqNo: seq,
      Node: node,
      SourceAddr: self.addr,
      SourcePort: self.port,
      SourceNode: self.name,
    });
  }

  #probeNext(now: number): void {
    const target = this.#members.nodes.nextProbe(
      (n) => n.name !== this.#options.name && !isGone(n),
      () => this.#members.reap(now),
    );
    if (target !== undefined) this.#probe(target, now);
  }

  #probe(target: NodeRecord, now: number): void {
    const { timings, name } = this.#options;
    const { emit, deadlines, log, metrics } = this.#ports;
    const interval = this.#members.awareness.scale(timings.probeIntervalMs);
    if (this.#members.awareness.score > 0) metrics.count("memberlist.degraded.probe");
    const seq = this.#nextSeq();
    const sent = now;
    const deadline = now + interval;
    let nacks = 0;
    let nacksExpected = 0;
    let indirect = false;
    let streamAcked = false;
    const end = (delta: number, at: number): void => {
      this.#members.awareness.apply(delta);
      this.#busy = false;
      this.#streamAck = undefined;
      escalation.cancel();
      if (this.#tickMissed) {
        this.#tickMissed = false;
        // Through the deadlines, so that a long round of instant answers does not grow the stack.
        deadlines.add(at, (later) => {
          if (this.#busy) this.#tickMissed = true;
          else this.#probeNext(later);
        });
      }
    };
    const onAck = (payload: Buffer | null, receivedAt: number, at: number): void => {
      if (!indirect) {
        const rttMs = receivedAt - sent;
        metrics.sample("memberlist.probeNode", rttMs);
        this.#delegate.onPingComplete(target, rttMs, payload);
      }
      end(-1, at);
    };
    const onExpired = (at: number): void => {
      if (streamAcked) {
        log.warn(
          `Was able to connect to ${target.name} over TCP but UDP probes failed, network may be misconfigured`,
        );
        return end(-1, at);
      }
      end(nacksExpected > 0 ? nacksExpected - Math.min(nacks, nacksExpected) : 1, at);
      if (isGone(target)) return;
      log.info(`Suspect ${target.name} has failed, no acks received`);
      this.#members.applySuspect({ Incarnation: target.incarnation, Node: target.name, From: name }, at);
    };
    // Before the expiry at the same moment, as the original's order of waiting.
    const escalation = deadlines.add(now + timings.probeTimeoutMs, (at) => {
      indirect = true;
      log.debug(`Failed ping: ${target.name} (timeout reached)`);
      const helpers = this.#members.nodes.sample(
        timings.indirectChecks,
        (n) => n.state === "alive" && n.name !== name && n !== target,
      );
      const self = this.#members.self!;
      for (const h of helpers) {
        const nack = pmax(h) >= PMAX_FOR.nack;
        if (nack) nacksExpected++;
        const message = encodeMessage(MESSAGE.indirectPing, indirectPing, {
          SeqNo: seq,
          Target: target.addr,
          Port: target.port,
          Node: target.name,
          Nack: nack,
          SourceAddr: self.addr,
          SourcePort: self.port,
          SourceNode: self.name,
        });
        this.#ports.sendWithPiggyback(h.host, h.port, message);
      }
      if (this.#options.streamPings && pmax(target) >= PMAX_FOR.tcpPing && at < deadline) {
        this.#streamAck = (acked) => {
          if (acked === seq) streamAcked = true;
        };
        emit({
          kind: "stream-ping",
          host: target.host,
          port: target.port,
          message: this.#ownPing(seq, target.name),
          seq,
          deadline,
        });
      }
    });
    if (!this.#wait(seq, interval, now, onAck, () => nacks++, onExpired)) {
      escalation.cancel();
      return;
    }
    this.#busy = true;
    if (target.state === "alive") {
      this.#ports.sendWithPiggyback(target.host, target.port, this.#ownPing(seq, target.name));
      return;
    }
    // A suspect hears the accusation with the ping, so that it can refute at once.
    const accusation = encodeMessage(MESSAGE.suspect, claim, {
      Incarnation: target.incarnation,
      Node: target.name,
      From: name,
    });
    emit({
      kind: "datagram",
      host: target.host,
      port: target.port,
      parts: [this.#ownPing(seq, target.name), accusation],
      crc: pmax(target) >= PMAX_FOR.crc,
    });
  }

  /** A TCP ping was answered with this number. */
  onStreamAck(seq: number): void {
    this.#streamAck?.(seq);
  }

  onAck(ack: AckResp, receivedAt: number, now: number): void {
    const waiter = this.#waiters.get(ack.SeqNo);
    if (waiter === undefined) return;
    this.#waiters.delete(ack.SeqNo);
    waiter.expiry.cancel();
    waiter.onAck(ack.Payload, receivedAt, now);
  }

  onNack(nack: NackResp): void {
    this.#waiters.get(nack.SeqNo)?.onNack?.();
  }

  /** Answers a datagram ping: to the source it names, else to where it came from. */
  onPing(p: Ping, fromHost: string, fromPort: number): void {
    if (p.Node !== "" && p.Node !== this.#options.name) {
      this.#ports.log.warn(`Got a ping for node '${p.Node}', which is not this one`, { from: fromHost });
      return;
    }
    const message = encodeMessage(MESSAGE.ackResp, ackResp, {
      SeqNo: p.SeqNo,
      Payload: this.#delegate.ackPayload(),
    });
    const to = replyAddress(p, fromHost, fromPort);
    this.#ports.sendWithPiggyback(to.host, to.port, message);
  }

  /** Pings somebody for a peer, and reports back. */
  onIndirectPing(p: IndirectPing, fromHost: string, fromPort: number, now: number): void {
    const self = this.#members.self;
    if (self === undefined || (p.Target?.length !== 4 && p.Target?.length !== 16)) return;
    const to = replyAddress(p, fromHost, fromPort);
    const seq = this.#nextSeq();
    const waits = this.#wait(
      seq,
      this.#options.timings.probeTimeoutMs,
      now,
      () => {
        const message = encodeMessage(MESSAGE.ackResp, ackResp, { SeqNo: p.SeqNo, Payload: null });
        this.#ports.sendWithPiggyback(to.host, to.port, message);
      },
      undefined,
      () => {
        if (!p.Nack) return;
        const message = encodeMessage(MESSAGE.nackResp, nackResp, { SeqNo: p.SeqNo });
        this.#ports.sendWithPiggyback(to.host, to.port, message);
      },
    );
    if (!waits) return;
    const port = p.Port === 0 ? self.port : p.Port;
    this.#ports.sendWithPiggyback(ipText(p.Target), port, this.#ownPing(seq, p.Node));
  }
}

function replyAddress(
  p: { readonly SourceAddr: Buffer | null; readonly SourcePort: number },
  fromHost: string,
  fromPort: number,
): { readonly host: string; readonly port: number } {
  const named = p.SourceAddr !== null && (p.SourceAddr.length === 4 || p.SourceAddr.length === 16);
  return named && p.SourcePort > 0
    ? { host: ipText(p.SourceAddr!), port: p.SourcePort }
    : { host: fromHost, port: fromPort };
}
