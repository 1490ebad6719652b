/**
 * RPC calls to servers: one yamux session per address, one call at a time per stream, finished streams kept for the next
 * call. Errors carry the texts of Consul 1.8's pool, on which its agents match.
 */
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import {
  type MethodName,
  type MethodReply,
  type MethodRequest,
  type RpcMethod,
  rpcMethods,
} from "../model/methods.ts";
import type { SnapshotRequest, SnapshotResponse } from "../model/operator.ts";
import type { Clock, Timer } from "../ports/clock.ts";
import type { Metrics } from "../ports/metrics.ts";
import { MsgpackError } from "../wire/msgpack.ts";
import { decode } from "../wire/schema.ts";
import { ClientStream } from "./client-stream.ts";
import { CONNECTION_KIND } from "./connection-kind.ts";
import { dialText, RpcConnectionError, RpcError, RpcTimeoutError } from "./errors.ts";
import { KeptReplies } from "./kept-replies.ts";
import { DIAL_TIMEOUT_MS, IDLE_CLOSE_CLIENT_MS, IDLE_STREAMS_CLIENT } from "./limits.ts";
import { encodeRequest } from "./rpc-message.ts";
import { requestSnapshot } from "./snapshot.ts";
import { YamuxConnection } from "./yamux-connection.ts";

export interface RpcPoolOptions {
  /** A session without calls is closed after this time. */
  readonly idleCloseMs?: number;
  /** Finished streams kept per session. */
  readonly idleStreamsMax?: number;
  readonly dialTimeoutMs?: number;
  /** IP address that connections come from. */
  readonly sourceAddress?: string;
  /** Makes the TLS side of an outgoing connection, on which 0x03 has been written. Absent: plain connections. */
  readonly tls?: (connection: Socket, address: string) => Promise<Duplex>;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** No answer within this time: {@link RpcTimeoutError}. Absent: as long as it takes (blocking queries). */
  readonly timeoutMs?: number;
}

/** `ip:port` or `[ip]:port` apart. Throws RpcConnectionError for anything else. */
export function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(":");
  const port = Number(address.slice(colon + 1));
  if (colon <= 0 || !Number.isInteger(port) || port < 1 || port > 65535)
    throw new RpcConnectionError("dial", `dial tcp: address ${address}: want ip:port`);
  return { host: address.slice(0, colon).replace(/^\[(.*)\]$/, "$1"), port };
}

class Session {
  readonly connection: YamuxConnection;
  readonly free: ClientStream[] = [];
  active = 0;
  lastUsedAt: number;
  timer: Timer | undefined;
  constructor(connection: YamuxConnection, now: number) {
    this.connection = connection;
    this.lastUsedAt = now;
  }
}

/** A request's bytes, and what the reply was the last time. */
interface Exchange {
  readonly bytes: Buffer;
  readonly expected: Buffer | undefined;
}

/** Sequence numbers count calls of the whole process, over all sessions, from 1. */
let sequence = 0n;

export class RpcPool {
  readonly #options: RpcPoolOptions;
  readonly #clock: Clock;
  readonly #metrics: Metrics;
  readonly #sessions = new Map<string, Promise<Session>>();
  readonly #replies = new KeptReplies();
  readonly #closing = new AbortController();

  constructor(options: RpcPoolOptions, ports: { readonly clock: Clock; readonly metrics: Metrics }) {
    this.#options = options;
    this.#clock = ports.clock;
    this.#metrics = ports.metrics;
  }

  /** Addresses with a session, or with one being made. */
  get sessionCount(): number {
    return this.#sessions.size;
  }

  /**
   * Calls `method` on the server at `address` (`ip:port`). Rejects with RpcRemoteError (its text), RpcConnectionError (no
   * answer), RpcTimeoutError, or the signal's reason.
   */
  async call<M extends MethodName>(
    address: string,
    method: M,
    request: MethodRequest<M>,
    options: CallOptions = {},
  ): Promise<MethodReply<M>> {
    const declared = rpcMethods[method] as unknown as RpcMethod<MethodRequest<M>, MethodReply<M>>;
    options.signal?.throwIfAborted();
    this.#metrics.count("client.rpc");
    const { bytes, bodyAt } = encodeRequest(method, ++sequence, declared.request, request);
    const key = declared.blocking ? `${method} ${bytes.toString("latin1", bodyAt)}` : undefined;
    const expected = key === undefined ? undefined : this.#replies.get(key)?.bytes;
    const body = await this.#exchange(address, method, { bytes, expected }, options);
    try {
      const read = (from: Buffer): MethodReply<M> => decode(declared.reply, from);
      return key === undefined ? read(body) : this.#replies.value(key, body, read);
    } catch (error) {
      if (error instanceof MsgpackError) throw new RpcError(`rpc error making call: ${error.message}`);
      throw error;
    }
  }

  /** A connection to a peer's raft, its kind byte written. Rejects with RpcConnectionError. Fits `RaftDialer`. */
  dialRaft = async (address: string, options: { readonly timeoutMs: number }): Promise<Duplex> => {
    const connection = await this.#dial(address, options.timeoutMs);
    connection.write(Buffer.of(CONNECTION_KIND.raft));
    return connection;
  };

  /**
   * Saves or restores a snapshot on the server at `address`; `body` is the archive to restore. The response's `Error` is the
   * caller's to look at; a save's archive is in `stream`, which must be read to its end or returned.
   */
  async snapshot(
    address: string,
    request: SnapshotRequest,
    body: AsyncIterable<Uint8Array> | undefined,
  ): Promise<{ readonly response: SnapshotResponse; readonly stream: AsyncIterable<Uint8Array> }> {
    const connection = await this.#dial(address, this.#options.dialTimeoutMs ?? DIAL_TIMEOUT_MS);
    connection.write(Buffer.of(CONNECTION_KIND.snapshot));
    return requestSnapshot(connection, request, body, { clock: this.#clock });
  }

  /** Ends the session to one address, if there is one: its server is gone. */
  drop(address: string): void {
    const session = this.#sessions.get(address);
    if (session === undefined) return;
    this.#sessions.delete(address);
    void session.then((s) => this.#end(s)).catch(() => {});
  }

  /** Ends every session; calls under way reject. */
  async close(): Promise<void> {
    this.#closing.abort(
      new RpcConnectionError("dial", "rpc error getting client: connection pool is shut down"),
    );
    const sessions = [...this.#sessions.values()];
    this.#sessions.clear();
    for (const result of await Promise.allSettled(sessions))
      if (result.status === "fulfilled") this.#end(result.value);
  }

  async #exchange(address: string, method: string, request: Exchange, options: CallOptions): Promise<Buffer> {
    // A session may be found dead only when a stream is wanted from it: dial anew once.
    for (let attempt = 0; ; attempt++) {
      const session = await this.#session(address, options);
      const stream = this.#take(session);
      if (stream === undefined) {
        this.#forget(address, session);
        if (attempt === 0) continue;
        throw new RpcConnectionError(
          "dial",
          `rpc error getting client: failed to start stream: ${session.connection.ended?.message ?? "session shutdown"}`,
        );
      }
      session.active++;
      let keep = false;
      try {
        const body = await this.#callOn(stream, method, request, options);
        keep = true;
        return body;
      } finally {
        session.active--;
        session.lastUsedAt = this.#clock.now();
        if (
          keep &&
          stream.reusable &&
          session.free.length < (this.#options.idleStreamsMax ?? IDLE_STREAMS_CLIENT)
        )
          session.free.push(stream);
        else stream.end();
      }
    }
  }

  async #callOn(
    stream: ClientStream,
    method: string,
    { bytes, expected }: Exchange,
    options: CallOptions,
  ): Promise<Buffer> {
    const { signal, timeoutMs } = options;
    if (signal === undefined && timeoutMs === undefined) return stream.call(bytes, expected);
    const onAbort = (): void => stream.cancel(signal!.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    const timer =
      timeoutMs === undefined
        ? undefined
        : this.#clock.timer(timeoutMs, () => stream.cancel(new RpcTimeoutError(method, timeoutMs)));
    try {
      return await stream.call(bytes, expected);
    } finally {
      signal?.removeEventListener("abort", onAbort);
      timer?.cancel();
    }
  }

  #take(session: Session): ClientStream | undefined {
    for (let stream = session.free.pop(); stream !== undefined; stream = session.free.pop()) {
      if (stream.reusable) return stream;
      stream.end();
    }
    return session.connection.canOpen ? new ClientStream(session.connection.open()) : undefined;
  }

  async #session(address: string, options: CallOptions): Promise<Session> {
    if (this.#closing.signal.aborted) throw this.#closing.signal.reason;
    let pending = this.#sessions.get(address);
    if (pending === undefined) {
      const made: Promise<Session> = this.#open(
        address,
        () => this.#sessions.get(address) === made && this.#sessions.delete(address),
      );
      made.catch(() => this.#sessions.get(address) === made && this.#sessions.delete(address));
      this.#sessions.set(address, made);
      pending = made;
    }
    return options.signal === undefined ? pending : abortable(pending, options.signal);
  }

  async #open(address: string, onClose: () => void): Promise<Session> {
    let connection: Duplex;
    try {
      connection = await this.#dial(address, this.#options.dialTimeoutMs ?? DIAL_TIMEOUT_MS);
    } catch (error) {
      if (error instanceof RpcConnectionError && !this.#closing.signal.aborted)
        throw new RpcConnectionError(
          "dial",
          `rpc error getting client: failed to get conn: ${error.message}`,
        );
      throw error;
    }
    connection.write(Buffer.of(CONNECTION_KIND.yamux));
    const yamux = new YamuxConnection(
      connection,
      {
        role: "dialer",
        onGoAway: onClose,
        onClose: () => {
          session.timer?.cancel();
          onClose();
        },
      },
      { clock: this.#clock },
    );
    const session: Session = new Session(yamux, this.#clock.now());
    this.#watchIdle(address, session);
    return session;
  }

  #watchIdle(address: string, session: Session): void {
    const idleCloseMs = this.#options.idleCloseMs ?? IDLE_CLOSE_CLIENT_MS;
    const due = session.active > 0 ? idleCloseMs : session.lastUsedAt + idleCloseMs - this.#clock.now();
    session.timer = this.#clock.timer(due, () => {
      if (session.active === 0 && this.#clock.now() >= session.lastUsedAt + idleCloseMs)
        this.#forget(address, session);
      else this.#watchIdle(address, session);
    });
  }

  #forget(address: string, session: Session): void {
    const known = this.#sessions.get(address);
    void known
      ?.then((s) => s === session && this.#sessions.get(address) === known && this.#sessions.delete(address))
      .catch(() => {});
    // Calls that still run on it may finish; the peer, or the keepalive, ends it after them.
    if (session.active === 0) this.#end(session);
  }

  #end(session: Session): void {
    session.timer?.cancel();
    session.connection.close();
  }

  /** A connection, TLS handshake done where configured, on which the kind byte is to be written. */
  async #dial(address: string, timeoutMs: number): Promise<Duplex> {
    const { sourceAddress, tls } = this.#options;
    const socket = await dialTcp(
      address,
      { timeoutMs, signal: this.#closing.signal, sourceAddress },
      this.#clock,
    );
    if (tls === undefined) return socket;
    socket.write(Buffer.of(CONNECTION_KIND.tls));
    try {
      return await tls(socket, address);
    } catch (error) {
      socket.destroy();
      throw new RpcConnectionError("dial", (error as Error).message);
    }
  }
}

/** Connects. Rejects with RpcConnectionError in the words of Go's net package. */
export function dialTcp(
  address: string,
  options: {
    readonly timeoutMs: number;
    readonly signal?: AbortSignal;
    readonly sourceAddress?: string | undefined;
  },
  clock: Clock,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const { host, port } = splitAddress(address);
    const { signal, sourceAddress } = options;
    const shown =
      sourceAddress === undefined
        ? address
        : `${sourceAddress.includes(":") ? `[${sourceAddress}]` : sourceAddress}:0->${address}`;
    const socket = connect({
      host,
      port,
      noDelay: true,
      keepAlive: true,
      ...(sourceAddress === undefined ? {} : { localAddress: sourceAddress }),
    });
    const finish = (): void => {
      timer.cancel();
      signal?.removeEventListener("abort", onAbort);
      socket.off("error", onError);
    };
    const fail = (error: unknown): void => {
      finish();
      socket.on("error", () => {});
      socket.destroy();
      reject(error);
    };
    const onError = (error: Error): void => fail(new RpcConnectionError("dial", dialText(shown, error)));
    const onAbort = (): void => fail(signal!.reason);
    const timer = clock.timer(options.timeoutMs, () =>
      fail(new RpcConnectionError("dial", `dial tcp ${shown}: i/o timeout`)),
    );
    if (signal?.aborted) return onAbort();
    signal?.addEventListener("abort", onAbort, { once: true });
    socket.on("error", onError);
    socket.once("connect", () => {
      finish();
      // Whoever takes the connection listens to its close; an error before that must not end the process.
      socket.on("error", () => {});
      resolve(socket);
    });
  });
}

function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
