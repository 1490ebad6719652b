/**
 * Which server to ask: a list in random order whose first entry is used until it fails (then it goes to the end), and a
 * rebalance now and then that pings before it prefers. A client agent has one for its own datacenter; a server has one per
 * remote datacenter. Follows Consul 1.8.7's behaviour on the wire.
 */
import { type Clock, sleep } from "../ports/clock.ts";
import { type Random, shuffled } from "../ports/random.ts";

export interface ListedServer {
  /** Unique in the list. */
  readonly name: string;
  /** `ip:port` of 8300. */
  readonly address: string;
}

/** The list itself: no time, no network. */
export class ServerList<S extends ListedServer = ListedServer> {
  readonly #random: Random;
  #servers: S[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  get size(): number {
    return this.#servers.length;
  }

  all(): readonly S[] {
    return this.#servers;
  }

  /** The server to use now. */
  first(): S | undefined {
    return this.#servers[0];
  }

  /** Adds a server at a random place, or replaces the one of that name where it stands. Tells whether it is new. */
  add(server: S): boolean {
    const at = this.#servers.findIndex((s) => s.name === server.name);
    if (at >= 0) {
      this.#servers[at] = server;
      return false;
    }
    // Many clients learn of servers in the same order: a random place keeps them from all using the same one.
    this.#servers.splice(this.#random.int(this.#servers.length + 1), 0, server);
    return true;
  }

  remove(name: string): boolean {
    const at = this.#servers.findIndex((s) => s.name === name);
    if (at < 0) return false;
    this.#servers.splice(at, 1);
    return true;
  }

  /** A call to `server` failed: if it is still the first, the next one is used from now on. */
  failed(server: S): void {
    if (this.#servers.length > 1 && this.#servers[0]?.name === server.name)
      this.#servers.push(this.#servers.shift()!);
  }

  /** Random order anew. */
  shuffle(): void {
    this.#servers = shuffled(this.#random, this.#servers);
  }

  /** Makes `name` the first, if it is still there. */
  prefer(name: string): void {
    const at = this.#servers.findIndex((s) => s.name === name);
    if (at > 0) this.#servers.unshift(...this.#servers.splice(at, 1));
  }
}

/** Milliseconds: shortest time between rebalances, and the most that is added at random. */
export const REBALANCE_MIN_MS = 120_000;
export const REBALANCE_JITTER_MS = 60_000;
/** Rebalances a second that one server should see at most from all clients together. */
const REBALANCES_PER_SERVER_S = 64;

/** Delay to the next rebalance for `servers` servers and `nodes` members of the pool. */
export function rebalanceDelayMs(random: Random, servers: number, nodes: number): number {
  const spread = servers === 0 ? 0 : (nodes / (servers * REBALANCES_PER_SERVER_S)) * 1000;
  return Math.max(REBALANCE_MIN_MS + random.float() * REBALANCE_JITTER_MS, spread);
}

/** The list with its rebalance timer. */
export class ServerManager<S extends ListedServer = ListedServer> {
  readonly list: ServerList<S>;
  readonly #ping: (server: S) => Promise<boolean>;
  readonly #nodeCount: () => number;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #stopped = new AbortController();

  constructor(
    options: {
      /** Whether the server answers Status.Ping. */
      readonly ping: (server: S) => Promise<boolean>;
      /** Members of the pool, for the pace of rebalancing. */
      readonly nodeCount: () => number;
    },
    ports: { readonly clock: Clock; readonly random: Random },
  ) {
    this.list = new ServerList(ports.random);
    this.#ping = options.ping;
    this.#nodeCount = options.nodeCount;
    this.#clock = ports.clock;
    this.#random = ports.random;
  }

  /** Runs until {@link stop}. */
  start(): void {
    void this.#run();
  }

  stop(): void {
    this.#stopped.abort();
  }

  /** Shuffles, then uses the first server that answers a ping. */
  async rebalance(): Promise<void> {
    if (this.list.size < 2) return;
    this.list.shuffle();
    for (const server of [...this.list.all()])
      if (await this.#ping(server).catch(() => false)) {
        this.list.prefer(server.name);
        return;
      }
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        await sleep(this.#clock, rebalanceDelayMs(this.#random, this.list.size, this.#nodeCount()), {
          signal,
        });
      } catch {
        return;
      }
      await this.rebalance();
    }
  }
}
