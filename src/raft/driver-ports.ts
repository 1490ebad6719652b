/** What the driver is given: options, ports, and the core as it sees it. */
import type { Clock } from "../ports/clock.ts";
import type { Logger } from "../ports/log.ts";
import type { Metrics } from "../ports/metrics.ts";
import type { Random } from "../ports/random.ts";
import type { Fsm } from "./contract.ts";
import type { RaftCore, Recovered } from "./core/raft-core.ts";
import type { CoreOptions } from "./core/state.ts";
import type { LogStore } from "./log-store.ts";
import type { SnapshotStore } from "./snapshot-store.ts";
import type { RaftTransport } from "./transport-contract.ts";

export interface DriverOptions extends CoreOptions {
  readonly snapshotIntervalMs: number;
  readonly snapshotThreshold: number;
}

export interface DriverPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly store: LogStore;
  readonly snapshots: SnapshotStore;
  readonly transport: RaftTransport;
  readonly fsm: Fsm;
  /** Runs `work` after the events that are waiting now: gathers their proposals into one batch. */
  readonly defer: (work: () => void) => void;
  /** The simulator wraps the core to break it on purpose. */
  readonly makeCore?: (options: CoreOptions, recovered: Recovered, random: Random, now: number) => Core;
}

/** What the driver needs of {@link RaftCore}. */
export type Core = Pick<RaftCore, "state" | "start" | "step" | "deadline" | "applicable">;
