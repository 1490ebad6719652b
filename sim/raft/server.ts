/** One simulated server: the real driver and core on simulated disk, network and clock. It can crash, restart and pause. */
import type { Clock, Timer } from "../../src/ports/clock.ts";
import type { Logger } from "../../src/ports/log.ts";
import { noMetrics } from "../../src/ports/metrics.ts";
import { type Random, seededRandom } from "../../src/ports/random.ts";
import type { RaftServer } from "../../src/raft/contract.ts";
import type {
  InstallRequest,
  InstallResponse,
  RaftRequest,
  RaftResponse,
} from "../../src/raft/core/messages.ts";
import { type DriverPorts, RaftDriver } from "../../src/raft/driver.ts";
import { NoAnswerError, type RaftTransport } from "../../src/raft/transport-contract.ts";
import type { SimClock } from "../clock.ts";
import type { Checker } from "./checker.ts";
import { SimDisk, SimLogStore, SimSnapshotStore } from "./disk.ts";
import { KvFsm } from "./kv.ts";
import type { SimNetwork } from "./network.ts";

/** Multiplier 1 of the original's timings. */
export const TIMINGS = {
  heartbeatTimeoutMs: 1000,
  electionTimeoutMs: 1000,
  leaderLeaseTimeoutMs: 500,
} as const;
/** An answer that has not come by then does not come. */
const RPC_TIMEOUT_MS = 2000;

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
  /** Servers that speak as 1.8.7 does: no id in their headers, no pre-vote. */
  readonly oldPeers: ReadonlySet<string>;
  onLeader(server: SimServer): void;
}

export class SimServer {
  readonly self: RaftServer;
  readonly disk: SimDisk;
  /** Clock rate: lease safety must bear a bounded drift. */
  readonly rate: number;
  readonly #world: World;
  #driver: RaftDriver | undefined;
  fsm: KvFsm;
  #life = 0;
  #paused: (() => void)[] | undefined;

  constructor(self: RaftServer, world: World) {
    this.self = self;
    this.#world = world;
    this.disk = new SimDisk(self.id, world.checker, seededRandom(world.random.int(2 ** 31)));
    this.rate = 0.95 + world.random.float() * 0.1;
    this.fsm = new KvFsm(self.id, world.checker, () => 0);
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
    if (this.#driver !== undefined) return;
    const world = this.#world;
    const life = this.#life;
    const later = (delayMs: number, work: () => void): void => {
      world.clock.timer(delayMs, this.#guardedFor(life, work));
    };
    const clock: Clock = {
      now: () => world.clock.now() * this.rate,
      wall: () => world.clock.wall(),
      timer: (delayMs, fire): Timer => world.clock.timer(delayMs / this.rate, this.#guardedFor(life, fire)),
    };
    this.fsm = new KvFsm(this.self.id, world.checker, () => this.#driver?.core?.state.term ?? 0);
    const driver = new RaftDriver(
      {
        ...TIMINGS,
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
        snapshots: new SimSnapshotStore(this.disk, later, () => world.clock.wall()),
        transport: this.#transport(life, later),
        fsm: this.fsm,
        defer: (work) => later(0, work),
        ...(world.makeCore === undefined ? {} : { makeCore: world.makeCore }),
      },
    );
    this.#driver = driver;
    driver.onRole(({ role }) => {
      if (role !== "leader" || life !== this.#life) return;
      world.checker.onLeader(this.self.id, driver.core!.state);
      world.onLeader(this);
    });
    // A read error at the start is like a crash: somebody starts it again.
    driver.start().catch(() => {
      if (this.#driver === driver) this.crash();
    });
  }

  crash(): void {
    this.#life++;
    this.#driver = undefined;
    this.#paused = undefined;
    this.disk.crash();
  }

  pause(): void {
    if (this.up) this.#paused ??= [];
  }
  resume(): void {
    const waiting = this.#paused;
    this.#paused = undefined;
    for (const run of waiting ?? []) run();
  }

  #transport(life: number, later: (delayMs: number, work: () => void) => void): RaftTransport {
    const { network, servers } = this.#world;
    const exchange = (
      to: RaftServer,
      request: RaftRequest,
      body: AsyncIterable<Uint8Array> | undefined,
      done: (error: Error | undefined, response: RaftResponse | undefined) => void,
    ): void => {
      let answered = false;
      // A zombie says nothing, and an answer belongs to the life that asked.
      if (life !== this.#life) return;
      const once = (error: Error | undefined, response: RaftResponse | undefined): void => {
        if (answered) return;
        answered = true;
        done(error, response);
      };
      later(RPC_TIMEOUT_MS, () => once(new NoAnswerError("time-out", false), undefined));
      const target = servers.find((s) => s.self.address === to.address);
      if (target === undefined) return;
      const { oldPeers } = this.#world;
      const sent = oldPeers.has(this.self.id) ? { ...request, from: "" } : request;
      network.send(this.self.id, target.self.id, () =>
        target.guarded(() => {
          if (request.kind === "pre-vote" && oldPeers.has(target.self.id)) {
            this.#guardedFor(life, () => once(new NoAnswerError("closed", true), undefined))();
            return;
          }
          target.driver?.receive(sent, body, (answer) => {
            const deliver = this.#guardedFor(life, () =>
              answer instanceof Error
                ? once(answer, undefined)
                : once(
                    undefined,
                    oldPeers.has(target.self.id) && "from" in answer ? { ...answer, from: "" } : answer,
                  ),
            );
            network.send(target.self.id, this.self.id, deliver);
          });
        })(),
      );
    };
    return {
      send: (to, _lane, request, done) => exchange(to, request, undefined, done),
      install: async (to, request: InstallRequest, state) => {
        const chunks: Uint8Array[] = [];
        for await (const c of state) chunks.push(c);
        return new Promise<InstallResponse>((resolve, reject) => {
          exchange(to, request, replay(chunks), (error, response) =>
            response === undefined ? reject(error) : resolve(response as InstallResponse),
          );
        });
      },
      keepOnly: () => {},
      close: () => {},
    };
  }
}

/** Each reader of a duplicated message gets all chunks. */
function replay(chunks: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
  return {
    async *[Symbol.asyncIterator]() {
      yield* chunks;
    },
  };
}
