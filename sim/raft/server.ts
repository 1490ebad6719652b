/** One simulated server: the real driver, core and state store on simulated disk, network and clock. It can crash, restart and pause. */
import type { Logger } from "../../src/ports/log.ts";
import { noMetrics } from "../../src/ports/metrics.ts";
import { type Random, seededRandom } from "../../src/ports/random.ts";
import type { RaftServer } from "../../src/raft/contract.ts";
import { RaftCore } from "../../src/raft/core/raft-core.ts";
import { RaftDriver } from "../../src/raft/driver.ts";
import type { Core, DriverPorts } from "../../src/raft/driver-ports.ts";
import type { SimClock } from "../clock.ts";
import type { Checker } from "./checker.ts";
import { SimDisk, SimLogStore, SimSnapshotStore } from "./disk.ts";
import type { SimNetwork } from "./network.ts";
import { SkewedClock } from "./skewed-clock.ts";
import { SimFsm } from "./state-machine.ts";
import { wireTransport } from "./wire-transport.ts";

/** The original's timings at `raft_multiplier` 1. */
export const TIMINGS = {
  heartbeatTimeoutMs: 1000,
  electionTimeoutMs: 1000,
  leaderLeaseTimeoutMs: 500,
} as const;
/** Somebody starts a server again whose start failed. */
const START_AGAIN_MS = 3000;

export interface World {
  readonly clock: SimClock;
  readonly random: Random;
  readonly network: SimNetwork;
  readonly checker: Checker;
  readonly servers: readonly SimServer[];
  readonly logger: (server: string) => Logger;
  readonly makeCore: DriverPorts["makeCore"];
  /** Entries in one append: small ones give more states in between. */
  readonly appendEntriesMax: number;
  /** Names of servers that speak as 1.8.7 does: no id in their headers, no pre-vote. */
  readonly oldPeers: ReadonlySet<string>;
  /** Messages go through the real codec. */
  readonly wire: boolean;
  /** `raft_multiplier`: scales the timings. */
  readonly multiplier: number;
  /** Clocks beyond any drift that a lease bears: no reads by the lease, everything else must hold. */
  readonly wildClocks: boolean;
  onLeader(server: SimServer): void;
}

export class SimServer {
  /** Stays; the id in {@link self} changes when the server is replaced under its address. */
  readonly name: string;
  self: RaftServer;
  readonly disk: SimDisk;
  readonly clock: SkewedClock;
  readonly #world: World;
  #driver: RaftDriver | undefined;
  fsm: SimFsm;
  #life = 0;
  #replaced = 0;
  #paused: (() => void)[] | undefined;

  constructor(self: RaftServer, world: World) {
    const { random } = world;
    this.name = self.id;
    this.self = self;
    this.#world = world;
    this.disk = new SimDisk(world.checker, seededRandom(random.int(2 ** 31)));
    // Lease safety must bear a bounded drift.
    const rate = world.wildClocks ? 0.5 + random.float() : 0.95 + random.float() * 0.1;
    this.clock = new SkewedClock(world.clock, rate, (random.float() - 0.5) * 120_000);
    this.fsm = this.#newFsm();
  }

  #newFsm(): SimFsm {
    const clock = this.clock.port((work) => work);
    return new SimFsm(this.self.id, this.#world.checker, clock, () => this.#driver?.core?.state.term ?? 0);
  }

  get driver(): RaftDriver | undefined {
    return this.#driver;
  }
  get up(): boolean {
    return this.#driver !== undefined;
  }
  get paused(): boolean {
    return this.#paused !== undefined;
  }
  /** Changes with each crash. */
  get life(): number {
    return this.#life;
  }

  /** Runs `work` for the present life: never after a crash, later during a pause. */
  guarded(work: () => void): () => void {
    return this.#guardedFor(this.#life, work);
  }

  /** What a driver does belongs to its own life, also when one of its promises goes on after a crash. */
  #guardedFor(life: number, work: () => void): () => void {
    const run = (): void => {
      if (life !== this.#life) return;
      if (this.#paused !== undefined) this.#paused.push(run);
      else work();
    };
    return run;
  }

  start(): void {
    if (this.#driver !== undefined || this.disk.damaged) return;
    const world = this.#world;
    const life = this.#life;
    const later = (delayMs: number, work: () => void): void => {
      world.clock.timer(delayMs, this.#guardedFor(life, work));
    };
    const guarded = (work: () => void): (() => void) => this.#guardedFor(life, work);
    const clock = this.clock.port(guarded);
    const m = world.multiplier;
    this.fsm = this.#newFsm();
    const driver = new RaftDriver(
      {
        heartbeatTimeoutMs: TIMINGS.heartbeatTimeoutMs * m,
        electionTimeoutMs: TIMINGS.electionTimeoutMs * m,
        leaderLeaseTimeoutMs: TIMINGS.leaderLeaseTimeoutMs * m,
        id: this.self.id,
        address: this.self.address,
        trailingLogs: 20,
        appendEntriesMax: world.appendEntriesMax,
        snapshotIntervalMs: 2000,
        snapshotThreshold: 40,
      },
      {
        clock,
        random: seededRandom(world.random.int(2 ** 31)),
        log: world.logger(this.self.id),
        metrics: noMetrics,
        store: new SimLogStore(this.disk, later),
        snapshots: new SimSnapshotStore(this.disk, later, () => clock.wall()),
        transport: wireTransport(world, this, guarded),
        fsm: this.fsm,
        defer: (work) => later(0, work),
        makeCore: watchedCore(world),
      },
    );
    this.#driver = driver;
    driver.onRole(({ role }) => {
      if (role !== "leader" || life !== this.#life) return;
      world.checker.onLeader(this.self.id, driver.core!.state);
      world.onLeader(this);
    });
    // A read error at the start is like a crash; with a damaged log nobody can start it, it must be replaced.
    driver.start().catch(() => {
      if (this.#driver !== driver) return;
      this.crash();
      if (!this.disk.damaged) world.clock.timer(START_AGAIN_MS, () => this.start());
    });
  }

  crash(): void {
    this.#life++;
    this.#driver = undefined;
    this.#paused = undefined;
    this.disk.crash();
  }

  /** Another machine under the same address: new id, empty disk. */
  replace(): void {
    this.crash();
    this.disk.replace();
    this.self = { ...this.self, id: `${this.name}-${++this.#replaced}` };
  }

  pause(): void {
    if (this.up) this.#paused ??= [];
  }
  resume(): void {
    const waiting = this.#paused;
    this.#paused = undefined;
    for (const run of waiting ?? []) run();
  }
}

/** The core, broken on purpose or not, with its own assertions told to the checker whoever may catch them. */
const watchedCore =
  (world: World): NonNullable<DriverPorts["makeCore"]> =>
  (options, recovered, random, now): Core => {
    const make = world.makeCore ?? ((...args) => new RaftCore(...args));
    const inner = make(options, recovered, random, now);
    return {
      state: inner.state,
      start: (t) => inner.start(t),
      step: (event, t) => {
        try {
          return inner.step(event, t);
        } catch (error) {
          return world.checker.fail(`assertion: ${(error as Error).message}`);
        }
      },
      deadline: () => inner.deadline(),
      get applicable() {
        return inner.applicable;
      },
    };
  };
