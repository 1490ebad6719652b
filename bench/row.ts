/** A row of the bench: what is loaded, what counts as better, what the project aims at. */
import type { Answer } from "./answers.ts";
import type { BenchAgent, Program } from "./programs.ts";

export interface Sample {
  readonly value: number;
  /** CPU of the program under test per operation, microseconds: hardly depends on what else the machine does. */
  readonly cpuUs?: number;
  /** 99th percentile of latency (DNS: mean), milliseconds. */
  readonly latencyMs?: number;
  /** Answers that were no success, and requests without an answer; they do not count in `value`. */
  readonly errors?: number;
  /** The load tool's part of the CPU that it and the program used together, 0 to 1. */
  readonly toolShare?: number;
}

export interface Scale {
  /** Seconds of a measured load, and of the load before it. */
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly registrations: number;
  readonly idleSeconds: number;
  readonly commandRuns: number;
  readonly waiters: number;
  readonly waiterRounds: number;
  readonly restartKeys: number;
  readonly restartInstances: number;
  /** Client agents of the pool of real processes, seconds that it is watched at rest, agents killed one after the other. */
  readonly poolAgents: number;
  readonly poolSeconds: number;
  readonly poolKills: number;
  /** Nodes of the simulated pool. */
  readonly simNodes: number;
}

/** What a row works with: a cluster of one server and one client agent, filled by fixture.ts. */
export interface Bench {
  readonly program: Program;
  readonly server: BenchAgent;
  readonly client: BenchAgent;
  readonly folder: string;
  readonly scale: Scale;
}

export interface Described {
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  readonly better: "more" | "less";
  /** The ratio Tribune / Consul that is aimed at: at least (more) or at most (less). */
  readonly target: number;
  /** Whether latency must be no worse as well. */
  readonly latency?: boolean;
  /** Only in whole runs. */
  readonly long?: boolean;
}

export interface Row extends Described {
  /** A load of `Scale.seconds`; otherwise the row takes the time that its work takes. */
  readonly load?: "warm" | "cold";
  readonly measure: (bench: Bench) => Promise<Sample>;
  /** What both programs must answer alike before the row counts. */
  readonly answer?: (bench: Bench) => Promise<Answer>;
}

/** A visit to one program: rows in, samples out. */
export interface Visit {
  readonly program: Program;
  readonly folder: string;
  readonly scale: Scale;
}

export type Take = (row: Described, sample: Sample) => void;
