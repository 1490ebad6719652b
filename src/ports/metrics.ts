/** Counters, gauges and timings under Consul's metric names ("consul.rpc.request" is key "rpc.request"). */

/** Set apart figures of one name: `op=set`. */
export type Labels = Readonly<Record<string, string>>;

export interface Metrics {
  /** Adds to a counter. */
  count(key: string, by?: number, labels?: Labels): void;
  /** Sets a gauge. */
  gauge(key: string, value: number, labels?: Labels): void;
  /** Adds a sample: a time in milliseconds, or a size where the key says so. */
  sample(key: string, value: number, labels?: Labels): void;
}

export const noMetrics: Metrics = { count: () => {}, gauge: () => {}, sample: () => {} };
