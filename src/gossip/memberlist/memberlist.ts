/**
 * Drives the SWIM core of one node: timers, datagrams, streams. All rules are in swim.ts; the byte layers in packet.ts and
 * stream.ts.
 */
import type { Clock, Timer } from "../../ports/clock.ts";
import type { Logger } from "../../ports/log.ts";
import type { Metrics } from "../../ports/metrics.ts";
import type { Random } from "../../ports/random.ts";
import { hostPort, ipBytes, type JoinTarget, parseJoinTarget } from "../address.ts";
import type { JoinResult } from "../contract.ts";
import type { Deadlines } from "../deadlines.ts";
import { errorText, GossipDecodeError, GossipError, GossipRemoteError } from "../errors.ts";
import { DATAGRAM_BYTES_MAX, PUSH_PULLS_SERVED_MAX, STREAMS_BUFFERED_BYTES_MAX } from "../limits.ts";
import type { GossipTimings } from "../profile.ts";
import { BadInputLog } from "./bad-input-log.ts";
import type { SwimDelegate, SwimEffect } from "./effects.ts";
import { ackResp, encodeMessage, errResp, MESSAGE } from "./messages.ts";
import { decodePacket, encodePackets, type WireOptions, wireOverhead } from "./packet.ts";
import { decodeStream, encodePushPull, encodeStream, type PushPull, type StreamMessage } from "./stream.ts";
import { Swim } from "./swim.ts";
import type { Stream, Transport } from "./transport.ts";

export interface MemberlistOptions {
  readonly name: string;
  readonly timings: GossipTimings;
  readonly vsn: Buffer;
  readonly wire: WireOptions;
  /** Address and port that others use; the transport's own where undefined. */
  readonly advertiseAddr?: string | undefined;
  readonly advertisePort?: number | undefined;
  readonly streamPings?: boolean;
}

export interface MemberlistPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly transport: Transport;
  /** Shared with the delegate, so that one timer serves both cores. */
  readonly deadlines: Deadlines;
}

export class Memberlist {
  readonly swim: Swim;
  readonly #options: MemberlistOptions;
  readonly #ports: MemberlistPorts;
  readonly #settled: () => void;
  readonly #badInput: BadInputLog;
  readonly #waiting = new Map<number, () => void>();
  #token = 0;
  #timer: Timer | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #settling = false;
  #served = 0;
  /** Bytes of streams that were read and not yet decoded. */
  #buffered = 0;
  #closed = false;
  #bindPort = 0;

  /** `settled` runs after each step of the core, for the delegate's own effects. */
  constructor(
    options: MemberlistOptions,
    ports: MemberlistPorts,
    delegate: SwimDelegate,
    settled: () => void = () => {},
  ) {
    this.#options = options;
    this.#ports = ports;
    this.#settled = settled;
    this.#badInput = new BadInputLog(ports);
    this.swim = new Swim(
      {
        name: options.name,
        timings: options.timings,
        vsn: options.vsn,
        streamPings: options.streamPings ?? true,
        wireOverhead: () => wireOverhead(options.wire),
      },
      { random: ports.random, log: ports.log, metrics: ports.metrics, deadlines: ports.deadlines },
      delegate,
    );
  }

  get now(): number {
    return this.#ports.clock.now();
  }

  /** Port of the listeners: the default for join addresses. */
  get bindPort(): number {
    return this.#bindPort;
  }

  /** Binds and announces the local node with `meta`. */
  async start(meta: Buffer): Promise<void> {
    const bound = await this.#ports.transport.open({
      onDatagram: (bytes, host, port, receivedAt) => this.#onDatagram(bytes, host, port, receivedAt),
      onStream: (stream) => void this.#serve(stream),
    });
    this.#bindPort = bound.port;
    const host = this.#options.advertiseAddr ?? bound.host;
    const addr = ipBytes(host);
    if (addr === undefined) throw new GossipError(`Failed to parse advertise address: "${host}"`);
    const port = this.#options.advertisePort ?? bound.port;
    this.swim.start({ addr, port, meta }, this.now);
    this.settle();
  }

  /** Carries out what the core wants, then arms the timer for its next deadline. */
  settle(): void {
    if (this.#settling) return;
    this.#settling = true;
    try {
      do {
        for (const e of this.swim.takeEffects()) this.#performSafely(e);
        this.#settled();
      } while (this.swim.hasEffects);
    } finally {
      this.#settling = false;
    }
    this.#arm();
  }

  #arm(): void {
    if (this.#closed) return;
    const at = this.#ports.deadlines.next() ?? Number.POSITIVE_INFINITY;
    if (at >= this.#timerAt) return;
    this.#timer?.cancel();
    this.#timerAt = at;
    this.#timer = this.#ports.clock.timer(Math.max(0, at - this.now), () => {
      this.#timerAt = Number.POSITIVE_INFINITY;
      // Timers may fire a fraction of a millisecond early.
      this.#ports.deadlines.run(Math.max(this.now, at));
      this.settle();
    });
  }

  /** One effect that fails (a packet that cannot be built) must not keep the others from happening. */
  #performSafely(effect: SwimEffect): void {
    try {
      this.#perform(effect);
    } catch (error) {
      this.#ports.metrics.count("memberlist.effect.failed");
      this.#ports.log.error(`Failed to carry out ${effect.kind}: ${errorText(error)}`);
    }
  }

  #perform(effect: SwimEffect): void {
    switch (effect.kind) {
      case "datagram": {
        if (this.#closed) return;
        const { transport, random } = this.#ports;
        for (const packet of encodePackets(effect.parts, { crc: effect.crc }, this.#options.wire, random))
          transport.send(packet, effect.host, effect.port);
        return;
      }
      case "stream-ping":
        void this.#streamPing(effect);
        return;
      case "push-pull":
        void this.#pushPull(
          { nodeName: effect.node, host: effect.host, port: effect.port },
          effect.host,
          false,
        )
          .catch((error: unknown) =>
            this.#ports.log.error(`Push/Pull with ${effect.node} failed: ${errorText(error)}`),
          )
          .finally(() => {
            this.swim.pushPullDone(this.now);
            this.settle();
          });
        return;
      case "broadcast-done":
        this.#waiting.get(effect.token)?.();
        return;
      default:
        effect satisfies never;
    }
  }

  #onDatagram(bytes: Buffer, host: string, port: number, receivedAt: number): void {
    if (this.#closed || bytes.length === 0) return;
    if (bytes.length > DATAGRAM_BYTES_MAX) return;
    try {
      decodePacket(bytes, this.#options.wire, (message) => {
        try {
          this.swim.onMessage(message, host, port, receivedAt, this.now);
        } catch (error) {
          this.#badInput.report(error, "packet", hostPort(host, port));
        }
      });
    } catch (error) {
      this.#badInput.report(error, "packet", hostPort(host, port));
    }
    this.settle();
  }

  /** A number for a broadcast and a promise that resolves when it is done, or after `timeoutMs` to false. */
  awaitBroadcast(timeoutMs: number): { readonly token: number; readonly done: Promise<boolean> } {
    const token = ++this.#token;
    const done = new Promise<boolean>((resolve) => {
      const finish = (told: boolean): void => {
        this.#waiting.delete(token);
        timer.cancel();
        resolve(told);
      };
      const timer = this.#ports.clock.timer(timeoutMs, () => finish(false));
      this.#waiting.set(token, () => finish(true));
    });
    return { token, done };
  }

  /** A broadcast of the delegate's with this token is done. */
  broadcastDone(token: number): void {
    this.#waiting.get(token)?.();
  }

  /** Changes the advertised meta. Throws GossipError when it is too large. */
  updateMeta(meta: Buffer): void {
    const self = this.swim.members.self;
    if (self === undefined) throw new GossipError("pool is not started");
    this.swim.members.announce({ addr: self.addr, port: self.port, meta }, this.now);
    this.settle();
  }

  /** Says farewell and waits until it was told often enough; false when that took longer than the timeout. */
  async leave(timeoutMs: number): Promise<boolean> {
    const others = this.swim.members.anyOther();
    const { token, done } = this.awaitBroadcast(timeoutMs);
    this.swim.members.leave(this.now, token);
    this.settle();
    if (others) return done;
    this.broadcastDone(token);
    return true;
  }

  /** Joins through every address that each entry stands for, one after another. */
  async join(
    entries: readonly string[],
    mode: { readonly join: boolean } = { join: true },
  ): Promise<JoinResult> {
    let joined = 0;
    const errors: Error[] = [];
    for (const entry of entries) {
      let target: JoinTarget;
      let hosts: readonly string[];
      try {
        target = parseJoinTarget(entry, this.#bindPort);
        hosts = await this.#ports.transport.resolve(target.host);
      } catch (error) {
        errors.push(new GossipError(`Failed to resolve ${entry}: ${errorText(error)}`, { cause: error }));
        continue;
      }
      for (const host of hosts) {
        try {
          await this.#pushPull(target, host, mode.join);
          joined++;
        } catch (error) {
          errors.push(new GossipError(`Failed to join ${host}: ${errorText(error)}`, { cause: error }));
        }
        this.settle();
      }
    }
    return { joined, errors };
  }

  async #pushPull(target: JoinTarget, host: string, join: boolean): Promise<void> {
    const { transport, random, metrics, log } = this.#ports;
    const { timings, wire } = this.#options;
    if (this.#closed) throw new GossipError("pool is shut down");
    const started = this.now;
    const stream = await transport.dial(host, target.port, timings.tcpTimeoutMs);
    try {
      log.debug(`Initiating push/pull sync with: ${target.nodeName} ${hostPort(host, target.port)}`);
      metrics.count("memberlist.tcp.connect");
      const state = this.swim.localState(join);
      const bytes = encodeStream(encodePushPull(state), "dialer", wire, random);
      metrics.count("memberlist.tcp.sent", bytes.length);
      const answer = await this.#within(timings.tcpTimeoutMs, stream, async () => {
        await stream.write(bytes);
        return this.#read(stream, "dialer");
      });
      if (answer.kind === "err") throw new GossipRemoteError(answer.body.Error);
      if (answer.kind !== "push-pull")
        throw new GossipError(`received ${answer.kind} message where a push/pull was expected`);
      if (this.#closed) throw new GossipError("pool is shut down");
      // The peer's echo is not trusted: whether we join is ours to say.
      this.swim.mergeState({ ...answer.body, join }, this.now);
      metrics.sample("memberlist.pushPullNode", this.now - started);
    } finally {
      stream.close();
    }
  }

  async #streamPing(effect: Extract<SwimEffect, { kind: "stream-ping" }>): Promise<void> {
    const { transport, random, log } = this.#ports;
    const { wire } = this.#options;
    let stream: Stream | undefined;
    try {
      const opened = await transport.dial(effect.host, effect.port, effect.deadline - this.now);
      stream = opened;
      const answer = await this.#within(effect.deadline - this.now, opened, async () => {
        await opened.write(encodeStream(effect.message, "dialer", wire, random));
        return this.#read(opened, "dialer");
      });
      if (answer.kind === "ack" && answer.body.SeqNo === effect.seq) this.swim.prober.onStreamAck(effect.seq);
    } catch (error) {
      log.debug("Fallback ping over TCP failed", {
        to: hostPort(effect.host, effect.port),
        error: errorText(error),
      });
    } finally {
      stream?.close();
    }
  }

  /** Runs an exchange, closing the stream when it takes longer. */
  async #within<T>(ms: number, stream: Stream, run: () => Promise<T>): Promise<T> {
    let timer: Timer | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = this.#ports.clock.timer(Math.max(0, ms), () => {
        stream.close();
        reject(new GossipError(`i/o timeout with ${stream.remote}`));
      });
    });
    const work = run();
    // When the timeout wins, the exchange still ends in an error of the closed stream.
    work.catch(() => {});
    try {
      return await Promise.race([work, late]);
    } finally {
      timer?.cancel();
    }
  }

  async #read(stream: Stream, side: "dialer" | "acceptor"): Promise<StreamMessage> {
    const held = { bytes: 0 };
    try {
      return await this.#readInto(held, stream, side);
    } finally {
      this.#buffered -= held.bytes;
    }
  }

  async #readInto(
    held: { bytes: number },
    stream: Stream,
    side: "dialer" | "acceptor",
  ): Promise<StreamMessage> {
    const chunks: Buffer[] = [];
    let size = 0;
    /** Bytes at which decoding is tried again: doubling keeps a slow sender from costing quadratic time. */
    let tryAt = 0;
    for (;;) {
      const chunk = await stream.read();
      if (chunk !== undefined) {
        chunks.push(chunk);
        size += chunk.length;
        held.bytes = size;
        this.#buffered += chunk.length;
        if (this.#buffered > STREAMS_BUFFERED_BYTES_MAX)
          throw new GossipDecodeError(
            "too-large",
            `streams hold more than ${STREAMS_BUFFERED_BYTES_MAX} bytes`,
          );
        this.#ports.metrics.count("memberlist.tcp.received", chunk.length);
      }
      if (size < tryAt && chunk !== undefined && chunk.length >= 16_384) continue;
      const all = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size);
      chunks.length = 0;
      chunks.push(all);
      const message = decodeStream(all, side, this.#options.wire);
      if (message !== undefined) return message;
      if (chunk === undefined)
        throw new GossipDecodeError("truncated", `stream ended after ${size} bytes, inside a message`);
      tryAt = size + (size >> 2);
    }
  }

  /** Answers one accepted connection. */
  async #serve(stream: Stream): Promise<void> {
    const { timings, wire } = this.#options;
    const { random, log } = this.#ports;
    const answer = (message: Buffer): Promise<void> =>
      stream.write(encodeStream(message, "acceptor", wire, random));
    log.debug(`Stream connection from=${stream.remote}`);
    try {
      await this.#within(timings.tcpTimeoutMs, stream, async () => {
        let message: StreamMessage;
        try {
          message = await this.#read(stream, "acceptor");
        } catch (error) {
          if (error instanceof GossipDecodeError && TOLD_TO_PEER.has(error.code))
            await answer(encodeMessage(MESSAGE.err, errResp, { Error: error.message }));
          throw error;
        }
        switch (message.kind) {
          case "push-pull":
            return await this.#servePushPull(message.body, answer, stream.remote);
          case "ping": {
            const { Node: node, SeqNo } = message.body;
            if (node !== "" && node !== this.#options.name) {
              log.warn(`Got a ping for node '${node}', which is not this one`, { from: stream.remote });
              return;
            }
            return await answer(encodeMessage(MESSAGE.ackResp, ackResp, { SeqNo, Payload: null }));
          }
          case "user":
            this.swim.onMessage(
              Buffer.concat([Buffer.from([MESSAGE.user]), message.body]),
              stream.remote,
              0,
              this.now,
              this.now,
            );
            return;
          case "ack":
          case "err":
            throw new GossipDecodeError("unknown-type", `a connection may not begin with ${message.kind}`);
          default:
            message satisfies never;
        }
      });
    } catch (error) {
      this.#badInput.report(error, "stream", stream.remote);
    } finally {
      stream.close();
      this.settle();
    }
  }

  async #servePushPull(
    remote: PushPull,
    answer: (message: Buffer) => Promise<void>,
    from: string,
  ): Promise<void> {
    if (this.#served >= PUSH_PULLS_SERVED_MAX) {
      this.#ports.metrics.count("memberlist.pushPull.refused");
      this.#ports.log.error("Too many pending push/pull requests");
      return;
    }
    this.#served++;
    try {
      // The answer goes out before the request is judged: the initiator learns of the pool even if we refuse it.
      await answer(encodePushPull(this.swim.localState(remote.join)));
      if (!this.#closed) this.swim.mergeState(remote, this.now);
    } catch (error) {
      if (error instanceof GossipDecodeError) throw error;
      this.#ports.log.error(`Failed push/pull merge: ${errorText(error)}`, { from });
    } finally {
      this.#served--;
    }
  }

  /** Closes the sockets and stops the timers; no message is sent. */
  async shutdown(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.cancel();
    this.#ports.deadlines.clear();
    for (const finish of [...this.#waiting.values()]) finish();
    await this.#ports.transport.close();
  }
}

/** Why reading failed, as far as a peer is told. */
const TOLD_TO_PEER: ReadonlySet<string> = new Set([
  "not-encrypted",
  "not-configured",
  "decrypt",
  "encryption-version",
  "compression",
  "too-large",
]);
