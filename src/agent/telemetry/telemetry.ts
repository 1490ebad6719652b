/**
 * Where the program's figures go: every one to the memory of this process (/v1/agent/metrics), and to each collector that the
 * configuration names. Names get the prefix here, gauges also the host's name, and pass the filter.
 */
import { hostname } from "node:os";
import type { Clock } from "../../ports/clock.ts";
import type { Logger } from "../../ports/log.ts";
import type { Labels, Metrics } from "../../ports/metrics.ts";
import type { TelemetryConfig } from "../config/runtime-config.ts";
import type { Collector } from "./collector.ts";
import { type CollectorAddress, parseCollectorAddress } from "./collector-address.ts";
import { DogstatsdSink } from "./dogstatsd-sink.ts";
import { METRIC_SERIES_MAX } from "./limits.ts";
import { MemorySink, NO_LABELS } from "./memory-sink.ts";
import { metricFilter } from "./metric-filter.ts";
import { StatsdSink } from "./statsd-sink.ts";
import { StatsiteSink } from "./statsite-sink.ts";

export interface TelemetryPorts {
  readonly clock: Clock;
  readonly log: Logger;
  /** Default: the system's. */
  readonly hostname?: string;
}

type Prefixes = Pick<TelemetryConfig, "allowedPrefixes" | "blockedPrefixes">;

/** How a key is called outside; absent when the filter drops it. */
interface Names {
  readonly bare: string | undefined;
  readonly gauge: string | undefined;
  readonly unfiltered: string;
}

export class Telemetry implements Metrics {
  /** The figures that this process remembers. */
  readonly kept: MemorySink;
  readonly #prefix: string;
  /** "" where names carry none. */
  readonly #host: string;
  readonly #byDefault: boolean;
  readonly #collectors: readonly Collector[];
  readonly #names = new Map<string, Names>();
  #passes: (name: string) => boolean;

  constructor(config: TelemetryConfig, ports: TelemetryPorts) {
    this.kept = new MemorySink(ports.clock, { prometheusRetentionMs: config.prometheusRetentionMs });
    this.#collectors = collectorsOf(config, ports);
    this.#prefix = config.metricsPrefix === "" ? "" : `${config.metricsPrefix}.`;
    // A host whose figures nobody collects needs no name in them (as observed in Consul 1.8.7).
    const collected = this.#collectors.length > 0 || config.prometheusRetentionMs > 0;
    this.#host = collected && !config.disableHostname ? (ports.hostname ?? hostname()) : "";
    this.#byDefault = config.filterDefault;
    this.#passes = this.#filter(config);
  }

  /** The part that a reload may change. */
  setFilter(rules: Prefixes): void {
    this.#passes = this.#filter(rules);
    this.#names.clear();
  }

  count(key: string, by: number = 1, labels: Labels = NO_LABELS): void {
    const name = this.#namesOf(key).bare;
    if (name === undefined) return;
    this.kept.count(name, by, labels);
    for (const c of this.#collectors) c.add(name, by, "c", labels, name);
  }

  gauge(key: string, value: number, labels: Labels = NO_LABELS): void {
    const { gauge: name, unfiltered } = this.#namesOf(key);
    if (name === undefined) return;
    this.kept.gauge(name, value, labels);
    for (const c of this.#collectors) c.add(name, value, "g", labels, unfiltered);
  }

  sample(key: string, value: number, labels: Labels = NO_LABELS): void {
    const name = this.#namesOf(key).bare;
    if (name === undefined) return;
    this.kept.sample(name, value, labels);
    for (const c of this.#collectors) c.add(name, value, "ms", labels, name);
  }

  /** Sends what waits and ends the ways to collectors. */
  async close(): Promise<void> {
    await Promise.all(this.#collectors.map((c) => c.close()));
  }

  #filter({ allowedPrefixes: allowed, blockedPrefixes: blocked }: Prefixes): (name: string) => boolean {
    return metricFilter({ allowed, blocked, byDefault: this.#byDefault });
  }

  #namesOf(key: string): Names {
    const known = this.#names.get(key);
    if (known !== undefined) return known;
    const bare = `${this.#prefix}${key}`;
    const gauge = this.#host === "" ? bare : `${this.#prefix}${this.#host}.${key}`;
    const passing = (name: string): string | undefined => (this.#passes(name) ? name : undefined);
    const names = { bare: passing(bare), gauge: passing(gauge), unfiltered: bare };
    // Some keys carry names of peers.
    if (this.#names.size < METRIC_SERIES_MAX) this.#names.set(key, names);
    return names;
  }
}

function collectorsOf(config: TelemetryConfig, ports: TelemetryPorts): Collector[] {
  const out: Collector[] = [];
  const add = (name: string, text: string, make: (to: CollectorAddress) => Collector): void => {
    if (text === "") return;
    const to = parseCollectorAddress(text);
    if (to === undefined)
      ports.log.error(`telemetry: ${JSON.stringify(text)} is no address of ${name}, want host:port`);
    else out.push(make({ name, ...to }));
  };
  add("statsite", config.statsiteAddr, (to) => new StatsiteSink(to, ports));
  add("statsd", config.statsdAddr, (to) => new StatsdSink(to, ports));
  add("dogstatsd", config.dogstatsdAddr, (to) => new DogstatsdSink(to, config.dogstatsdTags, ports));
  return out;
}
