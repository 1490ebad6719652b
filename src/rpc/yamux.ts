/**
 * One yamux session as a pure core: bytes and wishes in, frames and events out. The driver is yamux-connection.ts.
 *
 * Sources: the yamux specification; order and timing of frames as observed in Consul 1.8.7.
 */
import {
  ACCEPT_BACKLOG,
  CONTROL_BYTES_MAX,
  DATA_FRAME_BYTES_MAX,
  KEEPALIVE_INTERVAL_MS,
  KEEPALIVE_TIMEOUT_MS,
  SESSION_UNSENT_BYTES_MAX,
  STREAMS_MAX,
  WINDOW_BYTES,
} from "./limits.ts";
import { FLAG, FRAME_TYPE, frame, GO_AWAY, HEADER_BYTES } from "./yamux-frame.ts";

/** Why a session ended. */
export type YamuxEnd =
  | "closed"
  | "protocol-error"
  | "keepalive-timeout"
  | "write-overflow"
  | "remote-protocol-error";

export class YamuxError extends Error {
  override readonly name = "YamuxError";
  readonly reason: YamuxEnd;
  constructor(reason: YamuxEnd, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** What the driver must know, in order. */
export type YamuxEvent =
  /** The peer opened a stream. */
  | { readonly kind: "stream"; readonly id: number }
  /** Bytes for a stream (a view into what was received). Give them back with {@link YamuxSession.consume}. */
  | { readonly kind: "data"; readonly id: number; readonly bytes: Buffer }
  /** The peer will send no more on this stream. */
  | { readonly kind: "end"; readonly id: number }
  /** All bytes handed to `write` have left. */
  | { readonly kind: "drained"; readonly id: number }
  /** The stream is forgotten: both sides ended it, or one reset it. */
  | { readonly kind: "gone"; readonly id: number; readonly reset: boolean }
  /** The peer will accept no new streams. */
  | { readonly kind: "go-away"; readonly code: number }
  /** The session is over; what {@link YamuxSession.takeOutput} still gives may be sent, then the connection is to be closed. */
  | { readonly kind: "ended"; readonly error: YamuxError };

interface Stream {
  readonly id: number;
  /** Opened here (SYN is ours to send), or by the peer. */
  readonly local: boolean;
  synSent: boolean;
  acked: boolean;
  /** Bytes that the peer may still send. */
  recvWindow: number;
  /** Bytes consumed but not yet given back as credit. */
  unclaimed: number;
  sendWindow: number;
  readonly pending: Buffer[];
  pendingBytes: number;
  endWanted: boolean;
  endSent: boolean;
  remoteEnded: boolean;
  /** The owner has gone: inbound bytes are dropped at once. */
  abandoned: boolean;
  /** In the round of streams with something to send. */
  queued: boolean;
}

export interface YamuxOptions {
  /** The dialer opens odd streams, the acceptor even ones. */
  readonly role: "dialer" | "acceptor";
  readonly streamsMax?: number;
  readonly unsentBytesMax?: number;
}

export class YamuxSession {
  readonly #streams = new Map<number, Stream>();
  readonly #streamsMax: number;
  readonly #dialer: boolean;
  #nextId: number;
  /** Streams that we opened and the peer has not acknowledged; at most {@link ACCEPT_BACKLOG} SYNs are out. */
  #unacked = 0;
  readonly #waitingSyn: Stream[] = [];

  #control: Buffer[] = [];
  #controlBytes = 0;
  #ready: Stream[] = [];
  #events: YamuxEvent[] = [];

  readonly #head = Buffer.allocUnsafe(HEADER_BYTES);
  #headBytes = 0;
  /** Payload bytes of the current DATA frame still to come, and whose they are (undefined: dropped). */
  #payloadLeft = 0;
  #payloadStream: Stream | undefined;
  #payloadFin = false;

  /** Bytes queued over all streams. */
  #unsentBytes = 0;
  readonly #unsentBytesMax: number;

  #pingId = 0;
  #pingOut: number | undefined;
  #pingSentAt = 0;
  #nextPingAt: number;
  /** Last measured ping round trip in milliseconds. */
  rttMs: number | undefined;
  #remoteGoAway = false;
  #localGoAway = false;
  #error: YamuxError | undefined;

  constructor(options: YamuxOptions, now: number) {
    this.#dialer = options.role === "dialer";
    this.#nextId = this.#dialer ? 1 : 2;
    this.#streamsMax = options.streamsMax ?? STREAMS_MAX;
    this.#unsentBytesMax = options.unsentBytesMax ?? SESSION_UNSENT_BYTES_MAX;
    this.#nextPingAt = now + KEEPALIVE_INTERVAL_MS;
  }

  get ended(): YamuxError | undefined {
    return this.#error;
  }

  get streamCount(): number {
    return this.#streams.size;
  }

  /** Whether {@link open} can succeed. */
  get canOpen(): boolean {
    return (
      this.#error === undefined &&
      !this.#remoteGoAway &&
      !this.#localGoAway &&
      this.#nextId <= 0xffff_ffff &&
      this.#streams.size < this.#streamsMax
    );
  }

  /** Opens a stream and returns its id. Throws {@link YamuxError} when the session takes no more. */
  open(): number {
    if (this.#error !== undefined) throw this.#error;
    if (!this.canOpen)
      throw new YamuxError(
        "closed",
        this.#remoteGoAway ? "remote end is not accepting connections" : "streams exhausted",
      );
    const s = this.#add(this.#nextId, true);
    this.#nextId += 2;
    if (this.#unacked < ACCEPT_BACKLOG) this.#sendSyn(s);
    else this.#waitingSyn.push(s);
    return s.id;
  }

  /** Queues bytes on a stream; they leave as its window and the connection allow. Ignored for a stream that is gone or ended. */
  write(id: number, bytes: Buffer): void {
    const s = this.#streams.get(id);
    if (s === undefined || s.endWanted || bytes.length === 0) return;
    s.pending.push(bytes);
    s.pendingBytes += bytes.length;
    this.#unsentBytes += bytes.length;
    if (this.#unsentBytes > this.#unsentBytesMax)
      return this.#finish(new YamuxError("write-overflow", "peer does not take what it asked for"));
    this.#queue(s);
  }

  /** Bytes queued on a stream that have not left. */
  pendingBytes(id: number): number {
    return this.#streams.get(id)?.pendingBytes ?? 0;
  }

  /** Ends our direction after what is queued. */
  end(id: number): void {
    const s = this.#streams.get(id);
    if (s === undefined || s.endWanted) return;
    s.endWanted = true;
    this.#queue(s);
  }

  /** Ends our direction and drops all that still comes. */
  abandon(id: number): void {
    const s = this.#streams.get(id);
    if (s === undefined) return;
    s.abandoned = true;
    this.end(id);
  }

  /** Forgets the stream on both sides at once. */
  reset(id: number): void {
    const s = this.#streams.get(id);
    if (s === undefined) return;
    if (s.synSent) this.#sendControl(FRAME_TYPE.windowUpdate, FLAG.rst, id, 0);
    this.#forget(s, true);
  }

  /** The owner took `n` received bytes: credit for as many goes back to the peer, in large pieces. */
  consume(id: number, n: number): void {
    const s = this.#streams.get(id);
    if (s !== undefined) this.#consume(s, n);
  }

  /** Tells the peer to open no more streams. Those that are open go on. */
  goAway(code: number = GO_AWAY.normal): void {
    if (this.#localGoAway || this.#error !== undefined) return;
    this.#localGoAway = true;
    this.#sendControl(FRAME_TYPE.goAway, 0, 0, code);
  }

  /** Ends the session: GO_AWAY, every stream gone. */
  close(): void {
    this.goAway();
    this.#finish(new YamuxError("closed", "session shutdown"));
  }

  /** The connection has ended (`error`: how). */
  connectionLost(error: YamuxError): void {
    this.#finish(error);
  }

  /** When {@link tick} is due. */
  get nextTickAt(): number {
    return this.#pingOut === undefined ? this.#nextPingAt : this.#pingSentAt + KEEPALIVE_TIMEOUT_MS;
  }

  /** Keepalive. */
  tick(now: number): void {
    if (this.#error !== undefined) return;
    if (this.#pingOut !== undefined) {
      if (now >= this.#pingSentAt + KEEPALIVE_TIMEOUT_MS)
        this.#finish(new YamuxError("keepalive-timeout", "keepalive timeout"));
      return;
    }
    if (now < this.#nextPingAt) return;
    this.#pingOut = this.#pingId;
    this.#pingId = (this.#pingId + 1) >>> 0;
    this.#pingSentAt = now;
    this.#sendControl(FRAME_TYPE.ping, FLAG.syn, 0, this.#pingOut);
  }

  /** Events since the last call, in order. */
  takeEvents(): readonly YamuxEvent[] {
    if (this.#events.length === 0) return NO_EVENTS;
    const out = this.#events;
    this.#events = [];
    return out;
  }

  /** Whether {@link takeOutput} has something. */
  get hasOutput(): boolean {
    return this.#control.length > 0 || this.#ready.length > 0;
  }

  /** Frames to send, about `bytesMax` of data at most: answers first, then the streams in turn. */
  takeOutput(bytesMax: number): Buffer[] {
    const out = this.#control;
    this.#control = [];
    this.#controlBytes = 0;
    let room = bytesMax;
    while (room > 0 && this.#ready.length > 0) {
      const s = this.#ready.shift()!;
      s.queued = false;
      if (!this.#streams.has(s.id)) continue;
      room -= this.#emit(s, Math.min(room, DATA_FRAME_BYTES_MAX), out);
      if (this.#sendable(s)) {
        s.queued = true;
        this.#ready.push(s);
      }
    }
    return out;
  }

  /** Bytes from the connection. */
  receive(bytes: Buffer, now: number): void {
    let at = 0;
    while (at < bytes.length && this.#error === undefined) {
      if (this.#payloadLeft > 0) {
        const n = Math.min(this.#payloadLeft, bytes.length - at);
        this.#payloadLeft -= n;
        this.#onPayload(bytes.subarray(at, at + n));
        at += n;
        continue;
      }
      let head = bytes;
      let start = at;
      if (this.#headBytes > 0 || bytes.length - at < HEADER_BYTES) {
        const n = Math.min(HEADER_BYTES - this.#headBytes, bytes.length - at);
        bytes.copy(this.#head, this.#headBytes, at, at + n);
        this.#headBytes += n;
        at += n;
        if (this.#headBytes < HEADER_BYTES) return;
        this.#headBytes = 0;
        head = this.#head;
        start = 0;
      } else at += HEADER_BYTES;
      this.#onHeader(
        head[start]!,
        head[start + 1]!,
        head.readUInt16BE(start + 2),
        head.readUInt32BE(start + 4),
        head.readUInt32BE(start + 8),
        now,
      );
    }
  }

  #onHeader(version: number, type: number, flags: number, id: number, length: number, now: number): void {
    if (version !== 0) return this.#protocolError(`unknown protocol version ${version}`, false);
    switch (type) {
      case FRAME_TYPE.data:
      case FRAME_TYPE.windowUpdate:
        return this.#onStreamFrame(type, flags, id, length);
      case FRAME_TYPE.ping:
        if ((flags & FLAG.syn) !== 0) this.#sendControl(FRAME_TYPE.ping, FLAG.ack, 0, length);
        else if (length === this.#pingOut) {
          this.#pingOut = undefined;
          this.rttMs = now - this.#pingSentAt;
          this.#nextPingAt = this.#pingSentAt + KEEPALIVE_INTERVAL_MS;
        }
        return;
      case FRAME_TYPE.goAway:
        if (length === GO_AWAY.normal) {
          this.#remoteGoAway = true;
          this.#events.push({ kind: "go-away", code: length });
          return;
        }
        return this.#finish(
          new YamuxError(
            "remote-protocol-error",
            `remote end reported ${length === GO_AWAY.protocolError ? "a protocol error" : `error ${length}`}`,
          ),
        );
      default:
        return this.#protocolError(`unknown frame type ${type}`, false);
    }
  }

  #onStreamFrame(type: number, flags: number, id: number, length: number): void {
    if ((flags & FLAG.syn) !== 0 && !this.#onSyn(id)) return;
    const s = this.#streams.get(id);
    if (type === FRAME_TYPE.data && length > 0) {
      this.#payloadLeft = length;
      this.#payloadStream = undefined;
      this.#payloadFin = false;
    }
    // Late frames of a stream that is forgotten here: their payload is dropped.
    if (s === undefined) return;
    if ((flags & FLAG.ack) !== 0) this.#onAck(s);
    if ((flags & FLAG.rst) !== 0) return this.#forget(s, true);
    if (type === FRAME_TYPE.windowUpdate) {
      s.sendWindow += length;
      if (s.sendWindow > 0xffff_ffff) return this.#protocolError(`window of stream ${id} overflows`, true);
      if (s.pendingBytes > 0) this.#queue(s);
    } else if (length > 0) {
      if (s.remoteEnded) return this.#protocolError(`data after the end of stream ${id}`, true);
      if (length > s.recvWindow)
        return this.#protocolError(
          `receive window exceeded on stream ${id} (left: ${s.recvWindow}, got: ${length})`,
          true,
        );
      s.recvWindow -= length;
      this.#payloadStream = s;
      this.#payloadFin = (flags & FLAG.fin) !== 0;
      return;
    }
    if ((flags & FLAG.fin) !== 0) this.#onFin(s);
  }

  #onSyn(id: number): boolean {
    const fromPeer = id !== 0 && (id % 2 === 1) !== this.#dialer;
    if (!fromPeer) {
      this.#protocolError(`peer opened stream ${id}, whose number is not its own`, true);
      return false;
    }
    if (this.#streams.has(id)) {
      this.#protocolError(`duplicate stream ${id}`, true);
      return false;
    }
    if (this.#localGoAway || this.#streams.size >= this.#streamsMax) {
      this.#sendControl(FRAME_TYPE.windowUpdate, FLAG.rst, id, 0);
      return true;
    }
    const s = this.#add(id, false);
    s.synSent = true;
    s.acked = true;
    this.#sendControl(FRAME_TYPE.windowUpdate, FLAG.ack, id, 0);
    this.#events.push({ kind: "stream", id });
    return true;
  }

  #onAck(s: Stream): void {
    if (s.acked) return;
    s.acked = true;
    this.#releaseSlot();
  }

  #onFin(s: Stream): void {
    if (s.remoteEnded) return this.#protocolError(`unexpected FIN on stream ${s.id}`, true);
    s.remoteEnded = true;
    if (!s.abandoned) this.#events.push({ kind: "end", id: s.id });
    if (s.endSent) this.#forget(s, false);
  }

  #onPayload(bytes: Buffer): void {
    const s = this.#payloadStream;
    if (s !== undefined && this.#streams.get(s.id) === s) {
      if (s.abandoned) this.#consume(s, bytes.length);
      else this.#events.push({ kind: "data", id: s.id, bytes });
      if (this.#payloadLeft === 0 && this.#payloadFin) this.#onFin(s);
    }
    if (this.#payloadLeft === 0) this.#payloadStream = undefined;
  }

  #consume(s: Stream, n: number): void {
    s.unclaimed += n;
    if (s.unclaimed < WINDOW_BYTES / 2 || s.remoteEnded) return;
    s.recvWindow += s.unclaimed;
    this.#sendControl(FRAME_TYPE.windowUpdate, 0, s.id, s.unclaimed);
    s.unclaimed = 0;
  }

  #add(id: number, local: boolean): Stream {
    const s: Stream = {
      id,
      local,
      synSent: false,
      acked: false,
      recvWindow: WINDOW_BYTES,
      unclaimed: 0,
      sendWindow: WINDOW_BYTES,
      pending: [],
      pendingBytes: 0,
      endWanted: false,
      endSent: false,
      remoteEnded: false,
      abandoned: false,
      queued: false,
    };
    this.#streams.set(id, s);
    return s;
  }

  #sendSyn(s: Stream): void {
    this.#unacked++;
    s.synSent = true;
    this.#sendControl(FRAME_TYPE.windowUpdate, FLAG.syn, s.id, 0);
    this.#queue(s);
  }

  /** One SYN of ours was answered or given up: the next stream that waits may be opened. */
  #releaseSlot(): void {
    this.#unacked--;
    for (let s = this.#waitingSyn.shift(); s !== undefined; s = this.#waitingSyn.shift()) {
      if (!this.#streams.has(s.id)) continue;
      this.#sendSyn(s);
      return;
    }
  }

  #sendable(s: Stream): boolean {
    if (!s.synSent) return false;
    return s.pendingBytes > 0 ? s.sendWindow > 0 : s.endWanted && !s.endSent;
  }

  #queue(s: Stream): void {
    if (s.queued || !this.#sendable(s)) return;
    s.queued = true;
    this.#ready.push(s);
  }

  /** Appends one frame of `s` to `out`; returns the payload bytes in it. */
  #emit(s: Stream, bytesMax: number, out: Buffer[]): number {
    let n = 0;
    if (s.pendingBytes > 0 && s.sendWindow > 0) {
      n = Math.min(s.pendingBytes, s.sendWindow, bytesMax);
      out.push(frame(FRAME_TYPE.data, 0, s.id, n));
      for (let left = n; left > 0; ) {
        const first = s.pending[0]!;
        if (first.length <= left) {
          out.push(first);
          s.pending.shift();
          left -= first.length;
        } else {
          out.push(first.subarray(0, left));
          s.pending[0] = first.subarray(left);
          left = 0;
        }
      }
      s.pendingBytes -= n;
      this.#unsentBytes -= n;
      s.sendWindow -= n;
      if (s.pendingBytes === 0 && !s.endWanted) this.#events.push({ kind: "drained", id: s.id });
    }
    if (s.pendingBytes === 0 && s.endWanted && !s.endSent) {
      s.endSent = true;
      out.push(frame(FRAME_TYPE.windowUpdate, FLAG.fin, s.id, 0));
      if (s.remoteEnded) this.#forget(s, false);
    }
    return n;
  }

  #forget(s: Stream, reset: boolean): void {
    if (!this.#streams.delete(s.id)) return;
    s.pending.length = 0;
    this.#unsentBytes -= s.pendingBytes;
    s.pendingBytes = 0;
    if (s.local && s.synSent && !s.acked) this.#releaseSlot();
    this.#events.push({ kind: "gone", id: s.id, reset });
  }

  #sendControl(type: number, flags: number, id: number, length: number): void {
    this.#control.push(frame(type, flags, id, length));
    this.#controlBytes += HEADER_BYTES;
    if (this.#controlBytes > CONTROL_BYTES_MAX)
      this.#finish(new YamuxError("write-overflow", "peer does not read its answers"));
  }

  #protocolError(message: string, tell: boolean): void {
    if (tell) this.goAway(GO_AWAY.protocolError);
    this.#finish(new YamuxError("protocol-error", `yamux: ${message}`));
  }

  #finish(error: YamuxError): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    this.#ready = [];
    this.#waitingSyn.length = 0;
    this.#unacked = 0;
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    for (const s of streams) this.#events.push({ kind: "gone", id: s.id, reset: true });
    this.#events.push({ kind: "ended", error });
  }
}

const NO_EVENTS: readonly YamuxEvent[] = [];
