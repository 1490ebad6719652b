/**
 * A network in memory: delays, losses and partitions drawn from a seed, datagrams and streams between simulated hosts. It is
 * a {@link Transport} like the real one and passes the same suite (memberlist/transport-suite.ts).
 */

import { hostPort, ipBytes } from "../../src/gossip/address.ts";
import { GossipError } from "../../src/gossip/errors.ts";
import type { Stream, Transport, TransportHandlers } from "../../src/gossip/memberlist/transport.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { Random } from "../../src/ports/random.ts";

export interface NetworkOptions {
  /** One way, ms. */
  readonly delayMsMin: number;
  readonly delayMsMax: number;
  /** Share of datagrams lost, 0 to 1. Streams lose nothing, as TCP. */
  readonly loss: number;
}

interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly handlers: TransportHandlers;
}

export class SimNetwork {
  options: NetworkOptions;
  /** Since the start: what left a host, lost ones included. */
  packets = 0;
  bytes = 0;
  streamBytes = 0;
  /** Streams open: promises may be waiting for them. */
  streams = 0;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #endpoints = new Map<string, Endpoint>();
  readonly #names = new Map<string, readonly string[]>();
  readonly #links = new Set<SimLink>();
  #reachable: (from: string, to: string) => boolean = () => true;
  #nextPort = 20_000;

  constructor(options: NetworkOptions, ports: { readonly clock: Clock; readonly random: Random }) {
    this.options = options;
    this.#clock = ports.clock;
    this.#random = ports.random;
  }

  /** From now on only pairs of hosts that `reachable` admits hear each other. Streams across the cut fall silent. */
  partition(reachable: (from: string, to: string) => boolean): void {
    this.#reachable = reachable;
  }

  heal(): void {
    this.#reachable = () => true;
  }

  canReach(from: string, to: string): boolean {
    return this.#reachable(from, to);
  }

  /** What `resolve` answers for a host name. */
  name(host: string, addresses: readonly string[]): void {
    this.#names.set(host, addresses);
  }

  delayMs(): number {
    const { delayMsMin, delayMsMax } = this.options;
    return delayMsMin + this.#random.float() * (delayMsMax - delayMsMin);
  }

  after(ms: number, run: () => void): void {
    this.#clock.timer(ms, run);
  }

  transport(host: string, port: number): Transport {
    let endpoint: Endpoint | undefined;
    return {
      open: async (handlers) => {
        const bound = port === 0 ? this.#nextPort++ : port;
        const key = hostPort(host, bound);
        if (this.#endpoints.has(key)) throw new GossipError(`${key} is in use`);
        endpoint = { host, port: bound, handlers };
        this.#endpoints.set(key, endpoint);
        return { host, port: bound };
      },
      send: (bytes, toHost, toPort) => {
        if (endpoint !== undefined) this.#send(endpoint, bytes, toHost, toPort);
      },
      dial: (toHost, toPort, timeoutMs) => {
        const from = endpoint;
        if (from === undefined) return Promise.reject(new GossipError("transport is closed"));
        return this.#dial(from, toHost, toPort, timeoutMs);
      },
      resolve: async (name) => {
        if (ipBytes(name) !== undefined) return [name];
        const found = this.#names.get(name);
        if (found === undefined) throw new GossipError(`lookup ${name}: no such host`);
        return found;
      },
      close: async () => {
        if (endpoint === undefined) return;
        this.#endpoints.delete(hostPort(endpoint.host, endpoint.port));
        for (const link of [...this.#links]) if (link.touches(endpoint.host)) link.cut();
        endpoint = undefined;
      },
    };
  }

  #send(from: Endpoint, bytes: Buffer, toHost: string, toPort: number): void {
    this.packets++;
    this.bytes += bytes.length;
    if (!this.#reachable(from.host, toHost)) return;
    if (this.options.loss > 0 && this.#random.float() < this.options.loss) return;
    this.after(this.delayMs(), () => {
      const to = this.#endpoints.get(hostPort(toHost, toPort));
      // A copy, as the kernel makes: the receiver owns its bytes.
      to?.handlers.onDatagram(Buffer.from(bytes), from.host, from.port, this.#clock.now());
    });
  }

  #dial(from: Endpoint, toHost: string, toPort: number, timeoutMs: number): Promise<Stream> {
    return new Promise((resolve, reject) => {
      const late = this.#clock.timer(timeoutMs, () =>
        reject(new GossipError(`dial tcp ${hostPort(toHost, toPort)}: i/o timeout`)),
      );
      if (!this.#reachable(from.host, toHost)) return;
      this.after(2 * this.delayMs(), () => {
        const to = this.#endpoints.get(hostPort(toHost, toPort));
        late.cancel();
        if (to === undefined)
          return reject(new GossipError(`dial tcp ${hostPort(toHost, toPort)}: connect: connection refused`));
        const link = new SimLink(this, from, to, () => {
          this.#links.delete(link);
          this.streams--;
        });
        this.#links.add(link);
        this.streams++;
        to.handlers.onStream(link.acceptor);
        resolve(link.dialer);
      });
    });
  }
}

/** A stream's two ends. */
class SimLink {
  readonly dialer: SimStream;
  readonly acceptor: SimStream;
  readonly #hosts: readonly string[];
  #open = 2;
  readonly #closed: () => void;

  constructor(network: SimNetwork, from: Endpoint, to: Endpoint, closed: () => void) {
    this.#hosts = [from.host, to.host];
    this.#closed = closed;
    const done = (): void => {
      if (--this.#open === 0) this.#closed();
    };
    this.dialer = new SimStream(network, from.host, to.host, hostPort(to.host, to.port), done);
    this.acceptor = new SimStream(network, to.host, from.host, hostPort(from.host, from.port), done);
    this.dialer.peer = this.acceptor;
    this.acceptor.peer = this.dialer;
  }

  touches(host: string): boolean {
    return this.#hosts.includes(host);
  }

  cut(): void {
    this.dialer.fail();
    this.acceptor.fail();
  }
}

class SimStream implements Stream {
  readonly remote: string;
  peer: SimStream | undefined;
  readonly #network: SimNetwork;
  readonly #own: string;
  readonly #other: string;
  readonly #done: () => void;
  readonly #chunks: Buffer[] = [];
  #ended = false;
  #failed = false;
  #closed = false;
  #wake: (() => void) | undefined;
  /** One delay for all chunks: timers of equal delay fire in order, so the stream keeps its order. */
  readonly #delayMs: number;

  constructor(network: SimNetwork, own: string, other: string, remote: string, done: () => void) {
    this.#network = network;
    this.#own = own;
    this.#other = other;
    this.remote = remote;
    this.#done = done;
    this.#delayMs = network.delayMs();
  }

  #deliver(run: (peer: SimStream) => void): void {
    this.#network.after(this.#delayMs, () => {
      if (this.peer !== undefined && this.#network.canReach(this.#own, this.#other)) run(this.peer);
    });
  }

  write(bytes: Buffer): Promise<void> {
    if (this.#closed || this.#failed) return Promise.reject(new GossipError("stream is closed"));
    this.#network.streamBytes += bytes.length;
    const copy = Buffer.from(bytes);
    this.#deliver((peer) => peer.#push(copy));
    return Promise.resolve();
  }

  #push(bytes: Buffer): void {
    if (this.#closed) return;
    this.#chunks.push(bytes);
    this.#awake();
  }

  #awake(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  async read(): Promise<Buffer | undefined> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) return chunk;
      if (this.#failed || this.#closed) throw new GossipError("stream is closed");
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#awake();
    this.#done();
    this.#deliver((peer) => {
      peer.#ended = true;
      peer.#awake();
    });
  }

  /** The host behind one end is gone. */
  fail(): void {
    this.#failed = true;
    this.#awake();
    if (!this.#closed) {
      this.#closed = true;
      this.#done();
    }
  }
}
