/** Simulated clients: each does one operation after the other at some server, and writes down when it asked and what it heard. */
import { crc32 } from "node:zlib";
import { LOG_TYPE } from "../../src/raft/contract.ts";
import { RAFT_ERROR } from "../../src/raft/errors.ts";
import { INITIAL, isLinearizable, type Operation, type RegisterOp } from "./linearizability.ts";
import type { SimServer, World } from "./server.ts";
import { casCommand, setCommand } from "./state-machine.ts";
import { Violation } from "./violation.ts";

const OPERATION_TIMEOUT_MS = 3000;
/** Keys change with time, so that each one's history stays short enough to be checked. */
const KEY_LIFE_MS = 20_000;
const KEYS_AT_ONCE = 4;

/** Refusals before anything was proposed: the operation did not happen. */
const NEVER_PROPOSED: readonly string[] = [
  RAFT_ERROR.notLeader,
  RAFT_ERROR.enqueueTimeout,
  RAFT_ERROR.transferInProgress,
];

export class Clients {
  readonly #world: World;
  readonly #history = new Map<string, Operation[]>();
  /** Lease reads ask this; a breakage replaces it. */
  readonly #mayReadByLease: (server: SimServer) => boolean;
  #value = 0;
  #stopped = false;
  acknowledged = 0;
  reads = 0;
  lastAcknowledgedAt = 0;

  constructor(world: World, count: number, mayReadByLease: (server: SimServer) => boolean) {
    this.#world = world;
    this.#mayReadByLease = mayReadByLease;
    for (let i = 0; i < count; i++) this.#next();
  }

  stop(): void {
    this.#stopped = true;
  }

  #next(): void {
    const { clock, random } = this.#world;
    clock.timer(20 + random.float() * 600, () => {
      if (this.#stopped) return;
      this.#operate(() => this.#next());
    });
  }

  #pickServer(): SimServer {
    const { servers, random } = this.#world;
    const leaders = servers.filter((s) => s.driver?.core?.state.role === "leader");
    // Mostly who says it leads, be it true or not; sometimes anyone.
    if (leaders.length > 0 && random.int(10) > 0) return leaders[random.int(leaders.length)]!;
    return servers[random.int(servers.length)]!;
  }

  #operate(next: () => void): void {
    const { clock, random, network } = this.#world;
    const server = this.#pickServer();
    const key = `k${Math.floor(clock.now() / KEY_LIFE_MS)}-${random.int(KEYS_AT_ONCE)}`;
    const call = clock.now();
    const kind = random.int(10);
    let ended = false;
    const end = (op: RegisterOp | undefined, known: boolean): void => {
      if (ended) return;
      ended = true;
      timeout.cancel();
      if (op !== undefined)
        this.#record(key, { op, call, return: known ? clock.now() : Number.POSITIVE_INFINITY });
      next();
    };
    let command: Buffer | undefined;
    let unknown: RegisterOp | undefined;
    if (kind < 4) {
      const value = kind === 0 && random.int(3) === 0 ? INITIAL : `v${++this.#value}`;
      command = setCommand(key, value);
      unknown = { kind: "write", value };
    } else if (kind < 6) {
      // Values are never written twice, so the index that the store compares stands for the value that was seen.
      const seen = server.fsm.get(key);
      const value = `v${++this.#value}`;
      command = casCommand(key, value, seen);
      unknown = { kind: "cas", expect: seen.value, value, result: undefined };
    }
    const timeout = clock.timer(OPERATION_TIMEOUT_MS, () => end(unknown, false));
    const answer = (work: () => void): void => {
      clock.timer(0.2 + random.float() * 3, work);
    };
    network.delivered++;
    clock.timer(
      0.2 + random.float() * 3,
      server.guarded(() => {
        const driver = server.driver;
        if (driver === undefined) return;
        if (command !== undefined)
          return driver.propose(
            { type: LOG_TYPE.command, data: command, extensions: null },
            OPERATION_TIMEOUT_MS,
            (error, applied) => {
              const known = error === undefined || NEVER_PROPOSED.includes(error.message);
              if (!known) return answer(() => end(unknown, false));
              if (error !== undefined) return answer(() => end(undefined, true));
              this.#world.checker.onAcknowledged(applied.index, crc32(command, LOG_TYPE.command));
              this.acknowledged++;
              this.lastAcknowledgedAt = clock.now();
              const done: RegisterOp =
                unknown?.kind === "cas" ? { ...unknown, result: applied.result === true } : unknown!;
              answer(() => end(done, true));
            },
          );
        const read = (): void => {
          const result = server.fsm.get(key).value;
          this.reads++;
          answer(() => end({ kind: "read", result }, true));
        };
        if (kind < 8 && !this.#world.wildClocks) {
          if (this.#mayReadByLease(server)) return read();
          return answer(() => end(undefined, true));
        }
        driver.verify((error) => (error === undefined ? read() : answer(() => end(undefined, true))));
      }),
    );
  }

  #record(key: string, operation: Operation): void {
    let list = this.#history.get(key);
    if (list === undefined) {
      list = [];
      this.#history.set(key, list);
    }
    list.push(operation);
  }

  /** Throws for a history that no single register could have given. */
  check(): void {
    for (const [key, history] of this.#history) {
      if (isLinearizable(history)) continue;
      const lines = [...history]
        .sort((a, b) => a.call - b.call)
        .map((o) => `  ${o.call.toFixed(1)} .. ${o.return.toFixed(1)} ${JSON.stringify(o.op)}`)
        .join("\n");
      throw new Violation(`linearizability of ${key}:\n${lines}`);
    }
  }
}
