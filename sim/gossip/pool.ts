/** A pool of simulated nodes: the real program's pools wired to a simulated clock, network and chance. */

import type { SerfEvent, SerfPool, SerfPoolOptions } from "../../src/gossip/contract.ts";
import { createSerfPool } from "../../src/gossip/serf/pool.ts";
import { type Disk, memoryDisk } from "../../src/ports/disk.ts";
import { LogHub, type LogLine } from "../../src/ports/log.ts";
import { type Metrics, noMetrics } from "../../src/ports/metrics.ts";
import { type Random, seededRandom } from "../../src/ports/random.ts";
import { SimClock, settle } from "../clock.ts";
import { type NetworkOptions, SimNetwork } from "./network.ts";

export interface SimNode {
  readonly name: string;
  readonly host: string;
  pool: SerfPool;
  /** Everything that the application saw, with its time. */
  readonly events: { readonly at: number; readonly event: SerfEvent }[];
  readonly log: LogLine[];
  readonly disk: Disk;
  up: boolean;
}

export interface SimPoolOptions {
  readonly seed: number;
  readonly network?: Partial<NetworkOptions>;
  /** Keep log lines (large pools do without). */
  readonly keepLog?: boolean;
  readonly metrics?: Metrics;
}

export class SimPool {
  readonly clock: SimClock = new SimClock();
  readonly random: Random;
  readonly network: SimNetwork;
  readonly nodes: SimNode[] = [];
  readonly #keepLog: boolean;
  readonly #metrics: Metrics;

  constructor(options: SimPoolOptions) {
    this.random = seededRandom(options.seed);
    this.#keepLog = options.keepLog ?? true;
    this.#metrics = options.metrics ?? noMetrics;
    this.network = new SimNetwork(
      { delayMsMin: 0.2, delayMsMax: 1.5, loss: 0, ...options.network },
      { clock: this.clock, random: this.random },
    );
  }

  /** Makes a node and starts it; its address is derived from its number. */
  async add(
    name: string,
    options: Partial<SerfPoolOptions> = {},
    disk: Disk = memoryDisk(),
  ): Promise<SimNode> {
    const i = this.nodes.length + 1;
    const host = options.bindAddr ?? `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`;
    const log: LogLine[] = [];
    const events: SimNode["events"] = [];
    const node: SimNode = { name, host, events, log, disk, up: true, pool: undefined as unknown as SerfPool };
    node.pool = this.#make(node, options);
    this.nodes.push(node);
    await this.settled(node.pool.start());
    return node;
  }

  #make(node: SimNode, options: Partial<SerfPoolOptions>): SerfPool {
    const hub = new LogHub(this.clock);
    if (this.#keepLog) hub.attach((line) => node.log.push(line), "debug");
    const pool = createSerfPool(
      {
        nodeName: node.name,
        bindAddr: node.host,
        bindPort: 7946,
        tags: new Map(),
        profile: "lan",
        ...options,
      },
      {
        clock: this.clock,
        random: seededRandom(this.random.int(0x7fff_ffff)),
        log: hub.logger(""),
        metrics: this.#metrics,
        disk: node.disk,
        transport: this.network.transport(node.host, options.bindPort ?? 7946),
      },
    );
    pool.onEvent((event) => node.events.push({ at: this.clock.now(), event }));
    return pool;
  }

  /** Ends a node without a word, as kill -9 does. */
  async crash(node: SimNode): Promise<void> {
    node.up = false;
    await this.settled(node.pool.shutdown());
  }

  /** Starts a crashed or left node anew on the same disk. */
  async restart(node: SimNode, options: Partial<SerfPoolOptions> = {}): Promise<void> {
    node.pool = this.#make(node, options);
    node.up = true;
    await this.settled(node.pool.start());
  }

  /** Lets simulated time pass until the promise settles. */
  async settled<T>(promise: Promise<T>): Promise<T> {
    let done = false;
    const watched = promise.finally(() => {
      done = true;
    });
    watched.catch(() => {});
    for (let i = 0; i < 3; i++) await settle();
    while (!done && this.clock.step()) await settle();
    return watched;
  }

  /** Lets `ms` pass. Promises run after each timer only while streams are open: datagrams need none. */
  async run(ms: number): Promise<void> {
    const end = this.clock.now() + ms;
    await settle();
    for (let at = this.clock.next(); at !== undefined && at <= end; at = this.clock.next()) {
      const busy = this.network.streams;
      this.clock.step();
      if (busy > 0 || this.network.streams > 0) await settle();
    }
    this.clock.advance(Math.max(0, end - this.clock.now()));
    await settle();
  }

  /** Lets time pass until `condition` holds; the time it took, or undefined after `ms`. */
  async until(condition: () => boolean, ms: number, stepMs: number = 10): Promise<number | undefined> {
    const start = this.clock.now();
    for (;;) {
      if (condition()) return this.clock.now() - start;
      if (this.clock.now() - start >= ms) return undefined;
      await this.run(stepMs);
    }
  }

  /** Whether every node that is up holds every such node for alive, and nobody else. */
  converged(): boolean {
    const up = this.nodes.filter((n) => n.up);
    return up.every(
      (n) =>
        n.pool.members().filter((m) => m.status === "alive").length === up.length &&
        up.every((other) => n.pool.member(other.name)?.status === "alive"),
    );
  }

  async close(): Promise<void> {
    for (const n of this.nodes) if (n.up) await this.crash(n);
  }
}
