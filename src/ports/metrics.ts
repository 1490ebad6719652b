/** Counters, gauges and timings under Consul's metric names ("consul.rpc.request" is key "rpc.request"). */

export interface Metrics {
  /** Adds to a counter. */
  count(key: string, by?: number, labels?: Readonly<Record<string, string>>): void;
  /** Sets a gauge. */
  gauge(key: string, value: number, labels?: Readonly<Record<string, string>>): void;
  /** Adds a sample: a time in milliseconds, or a size where the key says so. */
  sample(key: string, value: number, labels?: Readonly<Record<string, string>>): void;
}

export const noMetrics: Metrics = { count: () => {}, gauge: () => {}, sample: () => {} };
