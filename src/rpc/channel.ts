/**
 * A two-way byte channel with backpressure that RPC messages travel on: one yamux stream, or a connection of its own. The
 * owner sets `handler` before the first byte can come.
 */
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";

export interface ChannelHandler {
  /** Bytes came; tell by {@link RpcChannel.consume} when they have been taken. */
  onData(bytes: Buffer): void;
  /** The peer will send no more. */
  onEnd(): void;
  /** Everything written has left for the peer (called only after `write` returned false). */
  onDrain(): void;
  /** The channel is over. Called once, last. */
  onClose(error: Error | undefined): void;
}

export interface RpcChannel {
  /** The peer's address, `ip:port`. */
  readonly from: string;
  /** Whether a peer that ended its direction has stopped listening too (a yamux stream in Consul 1.8 has). */
  readonly endMeansGone: boolean;
  handler: ChannelHandler | undefined;
  consume(bytes: number): void;
  /** False when the caller should wait for `onDrain`; the bytes are queued all the same. */
  write(bytes: Buffer): boolean;
  /** Ends our direction after what was written, and drops what still comes. */
  end(): void;
  /** Ends both directions at once. */
  destroy(): void;
}

/** `ip:port` of a connection's peer; IPv6 in brackets. */
export function peerAddress(connection: Duplex): string {
  const { remoteAddress, remotePort } = connection as Socket;
  if (remoteAddress === undefined) return "unknown";
  const host = remoteAddress.startsWith("::ffff:") ? remoteAddress.slice(7) : remoteAddress;
  return host.includes(":") ? `[${host}]:${remotePort}` : `${host}:${remotePort}`;
}

/** Bytes that a handler may leave unconsumed before the connection is paused. */
const UNCONSUMED_BYTES_MAX = 262_144;

/** A whole connection as one channel: first byte 0x00, or inside 0x07. */
export class ConnectionChannel implements RpcChannel {
  readonly from: string;
  readonly endMeansGone = false;
  handler: ChannelHandler | undefined;
  readonly #connection: Duplex;
  #unconsumed = 0;
  #closed = false;

  constructor(connection: Duplex) {
    this.#connection = connection;
    this.from = peerAddress(connection);
    let failure: Error | undefined;
    connection.on("data", (bytes: Buffer) => {
      this.#unconsumed += bytes.length;
      if (this.#unconsumed > UNCONSUMED_BYTES_MAX) connection.pause();
      this.handler?.onData(bytes);
    });
    connection.on("end", () => this.handler?.onEnd());
    connection.on("drain", () => this.handler?.onDrain());
    connection.on("error", (error) => {
      failure = error;
    });
    connection.on("close", () => {
      if (this.#closed) return;
      this.#closed = true;
      this.handler?.onClose(failure);
    });
  }

  consume(bytes: number): void {
    const before = this.#unconsumed;
    this.#unconsumed -= bytes;
    if (before > UNCONSUMED_BYTES_MAX && this.#unconsumed <= UNCONSUMED_BYTES_MAX) this.#connection.resume();
  }

  write(bytes: Buffer): boolean {
    return this.#connection.write(bytes);
  }

  end(): void {
    this.#connection.end();
    this.#connection.resume();
  }

  destroy(): void {
    this.#connection.destroy();
  }
}
