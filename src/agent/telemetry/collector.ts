/** Who takes figures outside. */
import type { Labels } from "../../ports/metrics.ts";

/** statsd's letters: a counter's step, a gauge's value, a sample. */
export type FigureType = "c" | "g" | "ms";

export interface Collector {
  /** `name` is whole; `bareName` is the same without this host's in it, which only gauges carry. */
  add(name: string, value: number, type: FigureType, labels: Labels, bareName: string): void;
  /** Sends what waits, then ends. */
  close(): Promise<void>;
}
