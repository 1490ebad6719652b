/** The DNS door: UDP and TCP sockets on every DNS address, each packet to the resolver, its answer back. */
import { createSocket, type RemoteInfo, type SocketOptions, type Socket as UdpSocket } from "node:dgram";
import { lookup } from "node:dns";
import { createServer, isIP, isIPv6, type Server, type Socket } from "node:net";
import type { AgentApi } from "../agent/contract.ts";
import type { Timer } from "../ports/clock.ts";
import type { Logger } from "../ports/log.ts";
import type { Labels } from "../ports/metrics.ts";
import { type NowOrLater, whenReady } from "../ports/now-or-later.ts";
import {
  ANY_PORT_TRIES,
  MESSAGE_BYTES_MAX,
  TCP_CONNECTIONS_MAX,
  TCP_FIRST_QUERY_MS,
  TCP_IDLE_MS,
  TCP_QUERIES_MAX,
  UDP_IN_FLIGHT_MAX,
} from "./limits.ts";
import { type Query, receiveQuery, TYPE } from "./message.ts";
import { type Client, Resolver } from "./resolver.ts";

export interface DnsDoor {
  /** Rejects, with every address that could not be had, when one could not; then nothing listens. */
  start(): Promise<void>;
  close(): Promise<void>;
  /** Where it listens; the same port for UDP and TCP. */
  readonly addresses: readonly { readonly host: string; readonly port: number }[];
}

/** One or more listeners could not be opened. */
export class DnsListenError extends Error {
  override readonly name = "DnsListenError";
  constructor(problems: readonly string[]) {
    super(
      `${problems.length} error${problems.length === 1 ? "" : "s"} occurred:\n${problems.map((p) => `\t* ${p}\n`).join("")}`,
    );
  }
}

export function createDnsDoor(agent: AgentApi): DnsDoor {
  return new Door(agent);
}

const LISTEN_TEXT: Readonly<Record<string, string>> = {
  EADDRINUSE: "bind: address already in use",
  EACCES: "bind: permission denied",
  EADDRNOTAVAIL: "bind: cannot assign requested address",
};
const bracketed = (host: string): string => (isIPv6(host) ? `[${host}]` : host);
const listenText = (network: string, host: string, port: number, error: NodeJS.ErrnoException): string =>
  `listen ${network} ${bracketed(host)}:${port}: ${LISTEN_TEXT[error.code ?? ""] ?? error.message}`;

const TYPE_NAMES = new Map<number, string>(Object.entries(TYPE).map(([name, n]) => [n, name]));

type LookupDone = (error: NodeJS.ErrnoException | null, address: string, family: number) => void;
/** The option's declared type names the callback second; dgram calls it with the family between (Node 26). */
type DatagramLookup = NonNullable<SocketOptions["lookup"]>;

const ignoreSendResult = (): void => {};

class Door implements DnsDoor {
  readonly #agent: AgentApi;
  readonly #log: Logger;
  readonly #resolver: Resolver;
  /** Of the query timings. */
  readonly #labels: Labels;
  readonly #udp: UdpSocket[] = [];
  readonly #tcp: Server[] = [];
  readonly #connections = new Set<Socket>();
  readonly #addresses: { host: string; port: number }[] = [];
  #inFlight = 0;

  constructor(agent: AgentApi) {
    this.#agent = agent;
    this.#resolver = new Resolver(agent);
    this.#labels = { node: agent.config.nodeName };
    this.#log = agent.log.named("agent.dns");
  }

  get addresses(): readonly { readonly host: string; readonly port: number }[] {
    return this.#addresses;
  }

  async start(): Promise<void> {
    const problems: string[] = [];
    for (const { host, port } of this.#agent.config.dnsAddrs) {
      if (port < 0) continue;
      if (port === 0) {
        this.#addresses.push({ host, port: await this.#listenAnywhere(host, problems) });
        continue;
      }
      const bound = await this.#listenUdp(host, port).catch((error: NodeJS.ErrnoException) => {
        problems.push(listenText("udp", host, port, error));
        return port;
      });
      await this.#listenTcp(host, bound).catch((error: NodeJS.ErrnoException) => {
        problems.push(listenText("tcp", host, bound, error));
      });
      this.#addresses.push({ host, port: bound });
    }
    if (problems.length === 0) return;
    await this.close();
    throw new DnsListenError(problems);
  }

  async close(): Promise<void> {
    this.#addresses.length = 0;
    for (const socket of this.#udp.splice(0))
      await new Promise<void>((resolve) => socket.close(() => resolve()));
    for (const socket of this.#connections) socket.destroy();
    for (const server of this.#tcp.splice(0))
      await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  /** TCP takes the port that the system gave UDP; where another program has it, both try the next. */
  async #listenAnywhere(host: string, problems: string[]): Promise<number> {
    for (let tries = 1; ; tries++) {
      let port = 0;
      try {
        port = await this.#listenUdp(host, 0);
        await this.#listenTcp(host, port);
        return port;
      } catch (error) {
        if (tries < ANY_PORT_TRIES) {
          if (port > 0) await new Promise<void>((resolve) => this.#udp.pop()!.close(() => resolve()));
          continue;
        }
        problems.push(listenText(port > 0 ? "tcp" : "udp", host, port, error as NodeJS.ErrnoException));
        return port;
      }
    }
  }

  #listenUdp(host: string, port: number): Promise<number> {
    // Clients ask again: the last one's address need not be looked at anew.
    let last: string | undefined;
    return new Promise((resolve, reject) => {
      const socket = createSocket({
        type: isIPv6(host) ? "udp6" : "udp4",
        recvBufferSize: 1 << 20,
        // Answers go to where queries came from: an address, for which the resolver would take a further turn of the loop.
        lookup: ((address: string, of: number, done: LookupDone) => {
          if (address !== last && isIP(address) === 0) return lookup(address, of, done);
          last = address;
          done(null, address, of);
        }) as DatagramLookup,
      });
      socket.once("error", reject);
      socket.on("message", (bytes, from) => this.#onPacket(socket, bytes, from));
      socket.bind({ address: host, port }, () => {
        socket.off("error", reject);
        socket.on("error", (error) => this.#log.error("DNS socket failed", { error: error.message }));
        this.#udp.push(socket);
        resolve(socket.address().port);
      });
    });
  }

  #listenTcp(host: string, port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) =>
        this.#onConnection(socket),
      );
      server.once("error", reject);
      server.listen({ host, port }, () => {
        server.off("error", reject);
        server.on("error", (error) =>
          this.#log.error("failed to accept DNS connection", { error: error.message }),
        );
        this.#tcp.push(server);
        resolve();
      });
    });
  }

  #onPacket(socket: UdpSocket, bytes: Buffer, from: RemoteInfo): void {
    if (this.#inFlight >= UDP_IN_FLIGHT_MAX) {
      this.#agent.metrics.count("dns.dropped_queries");
      return;
    }
    const send = (answer: Buffer | undefined): void => {
      // A client that is gone, or an answer that the network refuses, is not our failure.
      if (answer !== undefined) socket.send(answer, from.port, from.address, ignoreSendResult);
    };
    try {
      const answer = this.#answer(bytes, { network: "udp", address: from.address }, from.port);
      if (!(answer instanceof Promise)) return send(answer);
      this.#inFlight++;
      void answer
        .then(send)
        .catch(this.#onFailure)
        .finally(() => this.#inFlight--);
    } catch (error) {
      this.#onFailure(error);
    }
  }

  readonly #onFailure = (error: unknown): void => {
    if ((error as NodeJS.ErrnoException).code !== "ERR_SOCKET_DGRAM_NOT_RUNNING")
      this.#log.error("DNS query failed", { error: (error as Error).message });
  };

  #answer(bytes: Buffer, client: Client, port: number): NowOrLater<Buffer | undefined> {
    const received = receiveQuery(bytes);
    if (received.kind === "ignore") return undefined;
    if (received.kind === "reply") return received.bytes;
    return this.#serve(received.query, bytes, client, port);
  }

  #serve(query: Query, bytes: Buffer, client: Client, port: number): NowOrLater<Buffer> {
    const started = this.#agent.clock.now();
    return whenReady(this.#resolver.answer(query, bytes, client), (answer) => {
      this.#served(query, client, port, started);
      return answer;
    });
  }

  #served(query: Query, client: Client, port: number, started: number): void {
    const elapsed = this.#agent.clock.now() - started;
    const reverse = query.name.toLowerCase().endsWith(".arpa.");
    this.#agent.metrics.sample(reverse ? "dns.ptr_query" : "dns.domain_query", elapsed, this.#labels);
    this.#log.debug("request served from client", () => ({
      name: query.name,
      type: TYPE_NAMES.get(query.type) ?? `TYPE${query.type}`,
      class: query.class === 1 ? "IN" : String(query.class),
      latency: `${elapsed.toFixed(3)}ms`,
      client: `${bracketed(client.address)}:${port}`,
      client_network: client.network,
    }));
  }

  #onConnection(socket: Socket): void {
    socket.on("error", () => {});
    if (this.#connections.size >= TCP_CONNECTIONS_MAX) {
      socket.destroy();
      return;
    }
    this.#connections.add(socket);
    const { clock } = this.#agent;
    const client: Client = { network: "tcp", address: socket.remoteAddress ?? "" };
    let held: Buffer = Buffer.alloc(0);
    let queries = 0;
    let open = 0;
    let timer: Timer = clock.timer(TCP_FIRST_QUERY_MS, () => socket.destroy());
    const wait = (): void => {
      timer.cancel();
      timer = clock.timer(TCP_IDLE_MS, () => (open > 0 ? wait() : socket.destroy()));
    };
    const finish = (): void => {
      if (open === 0 && (queries >= TCP_QUERIES_MAX || socket.readableEnded)) socket.end();
    };
    const serve = async (bytes: Buffer): Promise<void> => {
      open++;
      try {
        const answer = await this.#answer(bytes, client, socket.remotePort ?? 0);
        if (answer === undefined || socket.destroyed) return;
        const length = Buffer.alloc(2);
        length.writeUInt16BE(Math.min(answer.length, MESSAGE_BYTES_MAX));
        // A client that does not read its answers gets no further ones.
        if (!socket.write(Buffer.concat([length, answer.subarray(0, MESSAGE_BYTES_MAX)]))) socket.pause();
      } catch (error) {
        this.#log.error("DNS query failed", { error: (error as Error).message });
      } finally {
        open--;
        finish();
      }
    };
    socket.on("drain", () => socket.resume());
    socket.on("data", (chunk: Buffer) => {
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      while (queries < TCP_QUERIES_MAX && held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
        const length = held.readUInt16BE(0);
        queries++;
        wait();
        void serve(held.subarray(2, 2 + length));
        held = held.subarray(2 + length);
      }
      if (queries >= TCP_QUERIES_MAX) socket.pause();
    });
    socket.on("end", finish);
    socket.once("close", () => {
      timer.cancel();
      this.#connections.delete(socket);
    });
  }
}
