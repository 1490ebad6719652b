/** The real network: one UDP socket and one TCP listener on the same port. */
import { createSocket, type Socket as DatagramSocket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { connect, createServer, isIP, type Server, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import type { Clock } from "../../ports/clock.ts";
import type { Logger } from "../../ports/log.ts";
import type { Metrics } from "../../ports/metrics.ts";
import { hostPort } from "../address.ts";
import { errorText, GossipError } from "../errors.ts";
import { RECEIVE_BUFFER_BYTES, STREAMS_SERVED_MAX } from "../limits.ts";
import type { Stream, Transport, TransportHandlers } from "./transport.ts";

export interface SocketTransportOptions {
  /** IP literal; 0.0.0.0 or :: for all. */
  readonly bindAddr: string;
  /** 0 for any free port. */
  readonly bindPort: number;
}

export interface SocketTransportPorts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** Attempts to find a port that is free for both UDP and TCP when any will do. */
const ANY_PORT_TRIES = 10;
/** Unsent datagrams that the system holds, bytes; beyond, new ones are dropped, as a full socket would. */
const SEND_QUEUE_BYTES_MAX = 4 << 20;

/** How long a closed stream waits for the other end to close too, ms. */
const LINGER_MS = 2000;

const MAPPED_PREFIX = "::ffff:";
const unmapped = (host: string): string =>
  host.startsWith(MAPPED_PREFIX) && host.includes(".") ? host.slice(MAPPED_PREFIX.length) : host;

class SocketStream implements Stream {
  readonly remote: string;
  readonly #socket: Socket;
  readonly #chunks: Buffer[] = [];
  #ended = false;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(socket: Socket, idleMs: number) {
    this.#socket = socket;
    this.remote = hostPort(unmapped(socket.remoteAddress ?? "?"), socket.remotePort ?? 0);
    const wake = (): void => {
      this.#wake?.();
      this.#wake = undefined;
    };
    socket.setNoDelay(true);
    if (idleMs > 0) socket.setTimeout(idleMs, () => socket.destroy(new GossipError("i/o timeout")));
    socket.on("data", (chunk: Buffer) => {
      this.#chunks.push(chunk);
      socket.pause();
      wake();
    });
    socket.on("end", () => {
      this.#ended = true;
      wake();
    });
    socket.on("error", (error) => {
      this.#failure ??= error;
      wake();
    });
    socket.on("close", () => {
      this.#ended = true;
      wake();
    });
  }

  write(bytes: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
  }

  async read(): Promise<Buffer | undefined> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) return chunk;
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        this.#socket.resume();
      });
    }
  }

  close(): void {
    if (this.#socket.destroyed) return;
    // Half-close first, so that what was written arrives; whoever keeps his half open is cut off by the idle timeout.
    this.#socket.end();
    this.#socket.setTimeout(LINGER_MS, () => this.#socket.destroy());
    this.#socket.resume();
  }
}

/** A private IPv4 address of this host, else any other IPv4 one, else IPv6; what to advertise when bound to all. */
export function hostAddress(family: 4 | 6): string | undefined {
  const all = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter((i) => !i.internal && i.family === `IPv${family}` && !i.address.startsWith("fe80:"));
  const isPrivate = (ip: string): boolean => /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|f[cd])/.test(ip);
  return (all.find((i) => isPrivate(i.address)) ?? all[0])?.address;
}

/** How long an accepted connection may be silent, ms: memberlist's TCPTimeout for WANs, the longest. */
const IDLE_MS = 30_000;

export class SocketTransport implements Transport {
  readonly #options: SocketTransportOptions;
  readonly #ports: SocketTransportPorts;
  readonly #open = new Set<Socket>();
  #udp: DatagramSocket | undefined;
  #tcp: Server | undefined;
  #closed = false;

  constructor(options: SocketTransportOptions, ports: SocketTransportPorts) {
    this.#options = options;
    this.#ports = ports;
  }

  async open(handlers: TransportHandlers): Promise<{ readonly host: string; readonly port: number }> {
    const { bindAddr, bindPort } = this.#options;
    if (isIP(bindAddr) === 0) throw new GossipError(`bind address "${bindAddr}" is not an IP address`);
    for (let tries = 1; ; tries++) {
      const tcp = await this.#listen(bindAddr, bindPort, handlers);
      const { port } = tcp.address() as { port: number };
      try {
        this.#udp = await this.#bind(bindAddr, port, handlers);
        this.#tcp = tcp;
        return { host: this.#advertised(bindAddr), port };
      } catch (error) {
        await new Promise((resolve) => tcp.close(resolve));
        if (bindPort !== 0 || tries >= ANY_PORT_TRIES) throw error;
      }
    }
  }

  #advertised(bindAddr: string): string {
    if (bindAddr === "0.0.0.0") return hostAddress(4) ?? "127.0.0.1";
    if (bindAddr === "::") return hostAddress(4) ?? hostAddress(6) ?? "::1";
    return bindAddr;
  }

  #listen(host: string, port: number, handlers: TransportHandlers): Promise<Server> {
    const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => {
      if (this.#open.size >= STREAMS_SERVED_MAX) {
        this.#ports.metrics.count("memberlist.tcp.refused");
        socket.destroy();
        return;
      }
      this.#keep(socket);
      handlers.onStream(new SocketStream(socket, IDLE_MS));
    });
    return new Promise((resolve, reject) => {
      server.once("error", (error) =>
        reject(
          new GossipError(`Failed to start TCP listener on ${hostPort(host, port)}: ${error.message}`, {
            cause: error,
          }),
        ),
      );
      server.listen({ host, port, exclusive: true }, () => {
        server.removeAllListeners("error");
        server.on("error", (error) => this.#ports.log.error("TCP listener failed", { error: error.message }));
        resolve(server);
      });
    });
  }

  #bind(host: string, port: number, handlers: TransportHandlers): Promise<DatagramSocket> {
    const family = isIP(host);
    const socket = createSocket({
      type: family === 6 ? "udp6" : "udp4",
      // Destinations are always literals: no resolver on the packet path.
      lookup: (name, _options, callback) => callback(null, name, isIP(name)),
    });
    const { clock, metrics } = this.#ports;
    return new Promise((resolve, reject) => {
      socket.once("error", (error) => {
        socket.close();
        reject(
          new GossipError(`Failed to start UDP listener on ${hostPort(host, port)}: ${error.message}`, {
            cause: error,
          }),
        );
      });
      socket.bind({ address: host, port, exclusive: true }, () => {
        socket.removeAllListeners("error");
        // An ICMP answer to an earlier packet, for one; the socket stays usable.
        socket.on("error", (error) =>
          this.#ports.log.debug("UDP socket reported an error", { error: error.message }),
        );
        socket.on("message", (bytes, from) => {
          const receivedAt = clock.now();
          metrics.count("memberlist.udp.received", bytes.length);
          handlers.onDatagram(bytes, unmapped(from.address), from.port, receivedAt);
        });
        for (let size = RECEIVE_BUFFER_BYTES; size > 0; size >>= 1) {
          try {
            socket.setRecvBufferSize(size);
            break;
          } catch {
            // Refused: half of it, then.
          }
        }
        resolve(socket);
      });
    });
  }

  #keep(socket: Socket): void {
    this.#open.add(socket);
    socket.once("close", () => this.#open.delete(socket));
  }

  send(bytes: Buffer, host: string, port: number): void {
    const udp = this.#udp;
    const { metrics } = this.#ports;
    if (udp === undefined || this.#closed) return;
    if (udp.getSendQueueSize() > SEND_QUEUE_BYTES_MAX) {
      metrics.count("memberlist.udp.dropped");
      return;
    }
    let to = host;
    if (isIP(this.#options.bindAddr) === 6) to = isIP(host) === 4 ? `${MAPPED_PREFIX}${host}` : host;
    else if (isIP(host) !== 4) {
      metrics.count("memberlist.udp.unreachable");
      return;
    }
    metrics.count("memberlist.udp.sent", bytes.length);
    udp.send(bytes, port, to, (error) => {
      if (error) metrics.count("memberlist.udp.failed");
    });
  }

  dial(host: string, port: number, timeoutMs: number): Promise<Stream> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(new GossipError("transport is closed"));
      const socket = connect({ host, port, localAddress: this.#localAddress(host) });
      this.#keep(socket);
      const fail = (error: Error): void => {
        socket.destroy();
        reject(error);
      };
      const timer = setTimeout(
        () => fail(new GossipError(`dial tcp ${hostPort(host, port)}: i/o timeout`)),
        Math.max(1, timeoutMs),
      );
      socket.once("error", (error) => {
        clearTimeout(timer);
        fail(new GossipError(`dial tcp ${hostPort(host, port)}: ${dialErrorText(error)}`, { cause: error }));
      });
      socket.once("connect", () => {
        clearTimeout(timer);
        socket.removeAllListeners("error");
        resolve(new SocketStream(socket, 0));
      });
    });
  }

  /** A loopback address other than 127.0.0.1 speaks from itself, so that peers see whom they talk to. */
  #localAddress(to: string): string | undefined {
    const { bindAddr } = this.#options;
    return bindAddr.startsWith("127.") && to.startsWith("127.") ? bindAddr : undefined;
  }

  async resolve(host: string): Promise<readonly string[]> {
    if (isIP(host) !== 0) return [unmapped(host)];
    try {
      const found = await lookup(host, { all: true });
      return [...new Set(found.map((a) => a.address))];
    } catch (error) {
      throw new GossipError(`lookup ${host}: ${lookupErrorText(error)}`, { cause: error });
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const udp = this.#udp;
    const tcp = this.#tcp;
    await Promise.all([
      udp && new Promise<void>((resolve) => udp.close(() => resolve())),
      tcp && new Promise<void>((resolve) => tcp.close(() => resolve())),
      ...[...this.#open].map((s) => s.destroy()),
    ]);
  }
}

/** Go's words for the usual refusals; clients of the original know them. */
function dialErrorText(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case "ECONNREFUSED":
      return "connect: connection refused";
    case "EHOSTUNREACH":
      return "connect: no route to host";
    case "ENETUNREACH":
      return "connect: network is unreachable";
    default:
      return errorText(error);
  }
}

function lookupErrorText(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  return code === "ENOTFOUND" ? "no such host" : errorText(error);
}
