/** A row of the bench: what is loaded, what counts as better, what the project aims at. */
import type { BenchAgent, Program } from "./programs.ts";

export interface Sample {
  readonly value: number;
  /** CPU of the program under test per operation, microseconds: hardly depends on what else the machine does. */
  readonly cpuUs?: number;
  /** 99th percentile of latency (DNS: mean), milliseconds. */
  readonly latencyMs?: number;
}

export interface Scale {
  /** Seconds of a measured load, and of the load before it. */
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly registrations: number;
  readonly idleSeconds: number;
  readonly commandRuns: number;
  readonly waiters: number;
  readonly restartKeys: number;
  readonly restartInstances: number;
}

/** What a row works with: a cluster of one server and one client agent, filled by fixture.ts. */
export interface Bench {
  readonly program: Program;
  readonly server: BenchAgent;
  readonly client: BenchAgent;
  readonly folder: string;
  readonly scale: Scale;
}

export interface Row {
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  readonly better: "more" | "less";
  /** The ratio Tribune / Consul that is aimed at: at least (more) or at most (less). */
  readonly target: number;
  /** Only in whole runs. */
  readonly long?: boolean;
  readonly measure: (bench: Bench) => Promise<Sample>;
}
