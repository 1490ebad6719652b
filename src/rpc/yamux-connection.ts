/**
 * Runs a {@link YamuxSession} on a connection: hands bytes in, writes frames out as fast as the peer reads, keeps the
 * keepalive timer. Data waits in the session while the connection is full, so a slow peer costs at most its windows.
 */
import type { Duplex } from "node:stream";
import type { Clock, Timer } from "../ports/clock.ts";
import { type ChannelHandler, peerAddress, type RpcChannel } from "./channel.ts";
import { STREAMS_MAX, WRITE_TIMEOUT_MS } from "./limits.ts";
import { YamuxError, type YamuxEvent, YamuxSession } from "./yamux.ts";

/** Data bytes taken from the session in one go; more would only wait in the connection's own queue. */
const OUTPUT_BYTES = 262_144;

/** Frames of up to so many bytes in all are joined into one buffer. */
const JOINED_BYTES_MAX = 16_384;

/** A stream that one `write` leaves with more than this unsent asks its writer to wait. */
const STREAM_UNSENT_BYTES_MAX = 65_536;

export class YamuxStream implements RpcChannel {
  readonly id: number;
  readonly from: string;
  readonly endMeansGone = true;
  handler: ChannelHandler | undefined;
  /** Neither side has ended it and the session lives. */
  open = true;
  waiting = false;
  readonly #connection: YamuxConnection;
  readonly #session: YamuxSession;

  constructor(connection: YamuxConnection, session: YamuxSession, id: number) {
    this.#connection = connection;
    this.#session = session;
    this.id = id;
    this.from = connection.from;
  }

  consume(bytes: number): void {
    this.#session.consume(this.id, bytes);
    this.#connection.wake();
  }

  write(bytes: Buffer): boolean {
    this.#session.write(this.id, bytes);
    this.#connection.wake();
    if (this.#session.pendingBytes(this.id) <= STREAM_UNSENT_BYTES_MAX) return true;
    this.waiting = true;
    return false;
  }

  end(): void {
    this.open = false;
    this.#session.abandon(this.id);
    this.#connection.wake();
  }

  destroy(): void {
    this.open = false;
    this.#session.reset(this.id);
    this.#connection.wake();
  }
}

export interface YamuxConnectionOptions {
  readonly role: "dialer" | "acceptor";
  /** Called for each stream that the peer opens, before its first byte. */
  readonly onStream?: (stream: YamuxStream) => void;
  /** The session is over; every stream has been told before. */
  readonly onClose?: (error: YamuxError) => void;
  /** The peer takes no new streams. */
  readonly onGoAway?: () => void;
  readonly streamsMax?: number;
  readonly writeTimeoutMs?: number;
}

export class YamuxConnection {
  readonly from: string;
  readonly #connection: Duplex;
  readonly #session: YamuxSession;
  readonly #options: YamuxConnectionOptions;
  readonly #clock: Clock;
  readonly #streams = new Map<number, YamuxStream>();
  #pumpQueued = false;
  #full = false;
  #dispatching = false;
  #over = false;
  #keepalive: Timer | undefined;
  #writeTimer: Timer | undefined;

  /** Takes over `connection`; `head` is what was already read from it. */
  constructor(connection: Duplex, options: YamuxConnectionOptions, ports: { readonly clock: Clock }) {
    this.#connection = connection;
    this.#options = options;
    this.#clock = ports.clock;
    this.from = peerAddress(connection);
    this.#session = new YamuxSession(
      { role: options.role, streamsMax: options.streamsMax ?? STREAMS_MAX },
      ports.clock.now(),
    );
    connection.on("data", (bytes: Buffer) => {
      this.#session.receive(bytes, this.#clock.now());
      this.#dispatch();
      this.wake();
    });
    connection.on("drain", () => {
      this.#full = false;
      this.#writeTimer?.cancel();
      this.#writeTimer = undefined;
      this.wake();
    });
    let failure: string | undefined;
    connection.on("error", (error) => {
      failure = error.message;
    });
    const lost = (): void => {
      this.#session.connectionLost(new YamuxError("closed", failure ?? "EOF"));
      this.#dispatch();
    };
    connection.on("end", lost);
    connection.on("close", lost);
    this.#arm();
  }

  get streamCount(): number {
    return this.#streams.size;
  }

  /** Whether {@link open} can succeed. */
  get canOpen(): boolean {
    return this.#session.canOpen;
  }

  get ended(): YamuxError | undefined {
    return this.#session.ended;
  }

  get rttMs(): number | undefined {
    return this.#session.rttMs;
  }

  /** Opens a stream. Throws {@link YamuxError}. */
  open(): YamuxStream {
    const id = this.#session.open();
    const stream = new YamuxStream(this, this.#session, id);
    this.#streams.set(id, stream);
    this.wake();
    return stream;
  }

  /** GO_AWAY, then the end of the connection and of every stream. */
  close(): void {
    this.#session.close();
    this.#dispatch();
  }

  /**
   * Something may have to be sent: done once for all that happens in this turn of the event loop, so that calls made for many
   * clients share a write.
   */
  wake(): void {
    if (this.#pumpQueued || this.#over) return;
    this.#pumpQueued = true;
    setImmediate(this.#onWake);
  }

  readonly #onWake = (): void => {
    this.#pumpQueued = false;
    this.#pump();
    this.#dispatch();
  };

  #pump(): void {
    if (this.#over) return;
    if (this.#full || !this.#session.hasOutput) return;
    const connection = this.#connection;
    connection.cork();
    while (!this.#full && this.#session.hasOutput)
      for (const f of joined(this.#session.takeOutput(OUTPUT_BYTES)))
        if (!connection.write(f)) this.#full = true;
    connection.uncork();
    // A corked stream answers false early; what counts is whether bytes stayed behind.
    if (this.#full && !connection.writableNeedDrain) this.#full = false;
    if (this.#full && this.#writeTimer === undefined)
      this.#writeTimer = this.#clock.timer(this.#options.writeTimeoutMs ?? WRITE_TIMEOUT_MS, () => {
        this.#session.connectionLost(new YamuxError("write-overflow", "connection write timeout"));
        this.#dispatch();
      });
    else if (!this.#full && this.#session.hasOutput) this.wake();
  }

  /** Tells streams and owner what has happened. Not re-entrant: what handlers cause is told after what came before it. */
  #dispatch(): void {
    if (this.#dispatching) return;
    this.#dispatching = true;
    try {
      for (let events = this.#session.takeEvents(); events.length > 0; events = this.#session.takeEvents())
        for (const event of events) this.#on(event);
    } finally {
      this.#dispatching = false;
    }
  }

  #on(event: YamuxEvent): void {
    switch (event.kind) {
      case "stream": {
        const stream = new YamuxStream(this, this.#session, event.id);
        this.#streams.set(event.id, stream);
        if (this.#options.onStream === undefined) stream.destroy();
        else this.#options.onStream(stream);
        return;
      }
      case "data": {
        const stream = this.#streams.get(event.id);
        if (stream?.open && stream.handler !== undefined) stream.handler.onData(event.bytes);
        else this.#session.consume(event.id, event.bytes.length);
        return;
      }
      case "end":
        this.#streams.get(event.id)?.handler?.onEnd();
        return;
      case "drained": {
        const stream = this.#streams.get(event.id);
        if (stream?.waiting) {
          stream.waiting = false;
          stream.handler?.onDrain();
        }
        return;
      }
      case "gone": {
        const stream = this.#streams.get(event.id);
        this.#streams.delete(event.id);
        if (stream === undefined) return;
        stream.open = false;
        stream.handler?.onClose(
          event.reset ? (this.#session.ended ?? new YamuxError("closed", "stream reset")) : undefined,
        );
        return;
      }
      case "go-away":
        this.#options.onGoAway?.();
        return;
      case "ended":
        return this.#end(event.error);
      default:
        return unreachable(event);
    }
  }

  #end(error: YamuxError): void {
    if (this.#over) return;
    this.#over = true;
    this.#keepalive?.cancel();
    this.#writeTimer?.cancel();
    const connection = this.#connection;
    if (error.reason === "write-overflow" || error.reason === "keepalive-timeout") connection.destroy();
    else if (!connection.destroyed) {
      for (const f of this.#session.takeOutput(0)) connection.write(f);
      connection.end();
      // The peer has nothing more to say to us; do not wait for its FIN for ever.
      connection.resume();
      const timer = this.#clock.timer(LINGER_MS, () => connection.destroy());
      connection.once("close", () => timer.cancel());
    }
    this.#options.onClose?.(error);
  }

  #arm(): void {
    this.#keepalive = this.#clock.timer(Math.max(0, this.#session.nextTickAt - this.#clock.now()), () => {
      this.#session.tick(this.#clock.now());
      this.#dispatch();
      this.wake();
      if (!this.#over) this.#arm();
    });
  }
}

/** Small frames as one buffer: copying them costs less than handing the kernel a list. */
function joined(frames: Buffer[]): Buffer[] {
  if (frames.length < 2) return frames;
  let bytes = 0;
  for (const f of frames) bytes += f.length;
  return bytes <= JOINED_BYTES_MAX ? [Buffer.concat(frames, bytes)] : frames;
}

/** After GO_AWAY the connection may take this long to close by itself. */
const LINGER_MS = 1_000;

function unreachable(event: never): never {
  throw new Error(`yamux: unknown event ${JSON.stringify(event)}`);
}
