/**
 * The server port (8300): one byte tells what a connection is for, then that protocol begins. Nothing is answered to the byte.
 *
 *   0x00 plain RPC   0x01 raft   0x03 TLS (another kind byte inside)   0x04 yamux   0x05 snapshot   0x07 TLS without client
 *   certificate (RPC directly inside, two services only)   anything else: logged and closed
 *
 * Source: observed in Consul 1.8.7.
 */
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Clock } from "../ports/clock.ts";
import type { Logger } from "../ports/log.ts";
import type { Metrics } from "../ports/metrics.ts";
import { ConnectionChannel, peerAddress } from "./channel.ts";
import { CONNECTION_KIND } from "./connection-kind.ts";
import { CONNS_PER_CLIENT_DEFAULT, HANDSHAKE_TIMEOUT_DEFAULT_MS } from "./limits.ts";
import type { RpcServer } from "./rpc-server.ts";
import { type SnapshotService, serveSnapshot } from "./snapshot.ts";
import { YamuxConnection } from "./yamux-connection.ts";

export interface RpcListenerOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  readonly connsPerClientMax?: number;
  readonly handshakeTimeoutMs?: number;
  /** Refuse every kind but the two TLS ones (`verify_incoming`). */
  readonly tlsOnly?: boolean;
}

export interface RpcListenerHandlers {
  readonly rpc: RpcServer;
  /** Takes a raft connection; `head` is what came right behind the kind byte. Absent: such connections are closed. */
  readonly raft?: (connection: Duplex, head: Uint8Array, from: string) => void;
  readonly snapshot?: SnapshotService;
  /**
   * Makes the TLS side of a connection; resolves when its handshake is done. `head` is what was already read. Absent, as
   * without a certificate: the connection is left unanswered until the dialer gives up, as 1.8 does.
   */
  readonly tls?: (
    connection: Duplex,
    head: Uint8Array,
    options: { readonly requireClientCertificate: boolean },
  ) => Promise<Duplex>;
}

export interface RpcListener {
  /** Rejects when the address cannot be had. */
  start(): Promise<void>;
  /** Stops listening and ends every connection. */
  close(): Promise<void>;
  /** Where it listens. Throws before {@link start}. */
  readonly address: AddressInfo;
  readonly connectionCount: number;
}

export function createRpcListener(
  options: RpcListenerOptions,
  handlers: RpcListenerHandlers,
  ports: { readonly clock: Clock; readonly log: Logger; readonly metrics: Metrics },
): RpcListener {
  return new Listener(options, handlers, ports);
}

class Listener implements RpcListener {
  readonly #options: RpcListenerOptions;
  readonly #handlers: RpcListenerHandlers;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #metrics: Metrics;
  readonly #server: Server;
  readonly #connections = new Set<Socket>();
  readonly #sessions = new Set<YamuxConnection>();
  readonly #perClient = new Map<string, number>();

  constructor(
    options: RpcListenerOptions,
    handlers: RpcListenerHandlers,
    ports: { readonly clock: Clock; readonly log: Logger; readonly metrics: Metrics },
  ) {
    this.#options = options;
    this.#handlers = handlers;
    this.#clock = ports.clock;
    this.#log = ports.log;
    this.#metrics = ports.metrics;
    // Half-open: a snapshot's sender ends its direction and still reads the answer.
    this.#server = createServer({ allowHalfOpen: true, noDelay: true, keepAlive: true }, (socket) =>
      this.#onConnection(socket),
    );
  }

  get address(): AddressInfo {
    const address = this.#server.address();
    if (address === null || typeof address === "string")
      throw new Error("RPC listener: address asked before start");
    return address;
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host: this.#options.host, port: this.#options.port }, () => {
        this.#server.off("error", reject);
        this.#server.on("error", (error) =>
          this.#log.error("failed to accept RPC conn", { error: error.message }),
        );
        resolve();
      });
    });
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const session of this.#sessions) session.close();
    // Let GO_AWAY and answers under way leave first.
    await new Promise((resolve) => setImmediate(resolve));
    for (const socket of this.#connections) socket.destroy();
    await closed;
  }

  #onConnection(socket: Socket): void {
    const ip = socket.remoteAddress ?? "";
    const count = (this.#perClient.get(ip) ?? 0) + 1;
    socket.on("error", () => {});
    if (count > (this.#options.connsPerClientMax ?? CONNS_PER_CLIENT_DEFAULT)) {
      this.#log.warn("too many RPC connections from one address, closing the newest", {
        from: peerAddress(socket),
      });
      socket.destroy();
      return;
    }
    this.#perClient.set(ip, count);
    this.#connections.add(socket);
    this.#metrics.count("rpc.accept_conn");
    socket.once("close", () => {
      this.#connections.delete(socket);
      const left = this.#perClient.get(ip)! - 1;
      if (left === 0) this.#perClient.delete(ip);
      else this.#perClient.set(ip, left);
    });
    this.#readKind(socket, socket, false);
  }

  /** Waits for the kind byte, at most the handshake time. */
  #readKind(connection: Duplex, socket: Socket, inTls: boolean): void {
    const timer = this.#clock.timer(this.#options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_DEFAULT_MS, () =>
      socket.destroy(),
    );
    // The peer may end before it has said what it wants.
    const onEnd = (): void => void socket.destroy();
    const onReadable = (): void => {
      const first = connection.read(1) as Buffer | null;
      if (first === null) return;
      timer.cancel();
      connection.off("readable", onReadable);
      connection.off("end", onEnd);
      this.#begin(first[0]!, connection, socket, inTls);
    };
    connection.on("readable", onReadable);
    connection.on("end", onEnd);
    socket.once("close", () => timer.cancel());
    // A connection accepted while paused starts reading when asked for bytes.
    onReadable();
  }

  #begin(kind: number, connection: Duplex, socket: Socket, inTls: boolean): void {
    const from = peerAddress(socket);
    if (
      this.#options.tlsOnly &&
      !inTls &&
      kind !== CONNECTION_KIND.tls &&
      kind !== CONNECTION_KIND.tlsInsecure
    ) {
      this.#log.warn("Non-TLS connection attempted with VerifyIncoming set", { from });
      socket.destroy();
      return;
    }
    switch (kind) {
      case CONNECTION_KIND.rpc:
        this.#handlers.rpc.serve(new ConnectionChannel(connection));
        connection.resume();
        return;
      case CONNECTION_KIND.yamux: {
        const session: YamuxConnection = new YamuxConnection(
          connection,
          {
            role: "acceptor",
            onStream: (stream) => this.#handlers.rpc.serve(stream),
            onClose: () => this.#sessions.delete(session),
          },
          { clock: this.#clock },
        );
        this.#sessions.add(session);
        connection.resume();
        return;
      }
      case CONNECTION_KIND.raft: {
        if (this.#handlers.raft === undefined) break;
        this.#metrics.count("rpc.raft_handoff");
        this.#handlers.raft(connection, takeHead(connection), from);
        return;
      }
      case CONNECTION_KIND.snapshot:
        if (this.#handlers.snapshot === undefined) break;
        void serveSnapshot(connection, this.#handlers.snapshot, { from, clock: this.#clock, log: this.#log });
        return;
      case CONNECTION_KIND.tls:
      case CONNECTION_KIND.tlsInsecure:
        if (inTls) break;
        void this.#upgrade(connection, socket, kind === CONNECTION_KIND.tlsInsecure);
        return;
      default:
        break;
    }
    this.#log.error("unrecognized RPC byte", { byte: kind, from });
    socket.destroy();
  }

  async #upgrade(connection: Duplex, socket: Socket, insecure: boolean): Promise<void> {
    const upgrade = this.#handlers.tls;
    if (upgrade === undefined) {
      this.#log.warn("TLS connection attempted, server not configured for TLS", {
        from: peerAddress(socket),
      });
      // Unanswered until the dialer gives up; its end ends the connection.
      connection.on("end", () => socket.destroy());
      connection.resume();
      return;
    }
    const timer = this.#clock.timer(this.#options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_DEFAULT_MS, () =>
      socket.destroy(),
    );
    try {
      const inner = await upgrade(connection, takeHead(connection), { requireClientCertificate: !insecure });
      inner.on("error", () => socket.destroy());
      if (insecure) {
        this.#handlers.rpc.serve(new ConnectionChannel(inner), { insecure: true });
        inner.resume();
      } else this.#readKind(inner, socket, true);
    } catch (error) {
      this.#log.warn("TLS handshake failed", { from: peerAddress(socket), error: (error as Error).message });
      socket.destroy();
    } finally {
      timer.cancel();
    }
  }
}

/** What a connection has already received. */
const takeHead = (connection: Duplex): Buffer => (connection.read() as Buffer | null) ?? Buffer.alloc(0);
