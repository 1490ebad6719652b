/**
 * Figures kept in memory: the last finished ten-second interval for /v1/agent/metrics, and, where a retention is set, running
 * totals for Prometheus. Names, intervals and forms as observed in Consul 1.8.7.
 */
import type { Clock } from "../../ports/clock.ts";
import type { Labels } from "../../ports/metrics.ts";
import { METRIC_SAMPLES_MAX, METRIC_SERIES_MAX } from "./limits.ts";

export interface MemorySinkOptions {
  /** Milliseconds that a silent series is still shown to Prometheus; 0 keeps no totals. */
  readonly prometheusRetentionMs: number;
}

export interface Aggregate {
  readonly name: string;
  readonly labels: Labels;
  readonly count: number;
  readonly rate: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly stddev: number;
}

export interface MetricsSummary {
  /** Unix milliseconds at which the interval began. */
  readonly timestampMs: number;
  readonly gauges: readonly { readonly name: string; readonly value: number; readonly labels: Labels }[];
  readonly counters: readonly Aggregate[];
  readonly samples: readonly Aggregate[];
}

/** Milliseconds of an interval. */
const INTERVAL_MS = 10_000;
/** Milliseconds for which a sample counts in quantiles. */
const QUANTILE_AGE_MS = 10_000;
const QUANTILES = [0.5, 0.9, 0.99] as const;

class Series {
  readonly name: string;
  readonly labels: Labels;
  count = 0;
  sum = 0;
  squares = 0;
  min = 0;
  max = 0;
  constructor(name: string, labels: Labels) {
    this.name = name;
    this.labels = labels;
  }
  add(value: number): void {
    this.min = this.count === 0 ? value : Math.min(this.min, value);
    this.max = this.count === 0 ? value : Math.max(this.max, value);
    this.count++;
    this.sum += value;
    this.squares += value * value;
  }
  aggregate(): Aggregate {
    const { count, sum } = this;
    const variance = count < 2 ? 0 : (count * this.squares - sum * sum) / (count * (count - 1));
    return {
      name: this.name,
      labels: this.labels,
      count,
      rate: sum / (INTERVAL_MS / 1000),
      sum,
      min: this.min,
      max: this.max,
      mean: count === 0 ? 0 : sum / count,
      stddev: variance > 0 ? Math.sqrt(variance) : 0,
    };
  }
}

interface Interval {
  readonly startMs: number;
  readonly gauges: Map<string, { readonly name: string; readonly value: number; readonly labels: Labels }>;
  readonly counters: Map<string, Series>;
  readonly samples: Map<string, Series>;
}

interface Total {
  readonly kind: "counter" | "gauge" | "summary";
  readonly name: string;
  readonly labels: Labels;
  value: number;
  count: number;
  touchedMs: number;
  /** Newest samples, a ring. */
  readonly recent: { readonly value: number; readonly atMs: number }[];
  next: number;
}

export const NO_LABELS: Labels = {};

/** Takes figures under their whole names. */
export class MemorySink {
  readonly #clock: Clock;
  readonly #options: MemorySinkOptions;
  #current: Interval;
  #finished: Interval | undefined;
  readonly #totals = new Map<string, Total>();

  constructor(clock: Clock, options: MemorySinkOptions) {
    this.#clock = clock;
    this.#options = options;
    this.#current = newInterval(this.#intervalStart());
  }

  count(name: string, by: number = 1, labels: Labels = NO_LABELS): void {
    add(this.#interval().counters, name, labels, by);
    const total = this.#total("counter", name, labels);
    if (total !== undefined) total.value += by;
  }

  gauge(name: string, value: number, labels: Labels = NO_LABELS): void {
    const { gauges } = this.#interval();
    const id = idOf(name, labels);
    if (gauges.has(id) || gauges.size < METRIC_SERIES_MAX) gauges.set(id, { name, value, labels });
    const total = this.#total("gauge", name, labels);
    if (total !== undefined) total.value = value;
  }

  sample(name: string, value: number, labels: Labels = NO_LABELS): void {
    add(this.#interval().samples, name, labels, value);
    const total = this.#total("summary", name, labels);
    if (total === undefined) return;
    total.value += value;
    total.count++;
    total.recent[total.next] = { value, atMs: total.touchedMs };
    total.next = (total.next + 1) % METRIC_SAMPLES_MAX;
  }

  /** Whether totals for Prometheus are kept. */
  get prometheusEnabled(): boolean {
    return this.#options.prometheusRetentionMs > 0;
  }

  /** The last finished interval, or the first one while it is the only one. Sorted by name. */
  summary(): MetricsSummary {
    this.#interval();
    const shown = this.#finished ?? this.#current;
    const byName = <T extends { readonly name: string }>(a: T, b: T): number =>
      a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
    return {
      timestampMs: shown.startMs,
      gauges: [...shown.gauges.values()].sort(byName),
      counters: [...shown.counters.values()].map((s) => s.aggregate()).sort(byName),
      samples: [...shown.samples.values()].map((s) => s.aggregate()).sort(byName),
    };
  }

  /** Prometheus' text format 0.0.4. */
  prometheus(): string {
    const now = this.#clock.now();
    const groups = new Map<string, Total[]>();
    for (const [id, total] of this.#totals) {
      if (now - total.touchedMs > this.#options.prometheusRetentionMs) {
        this.#totals.delete(id);
        continue;
      }
      const name = prometheusName(total.name);
      const group = groups.get(name);
      if (group === undefined) groups.set(name, [total]);
      else if (group[0]!.kind === total.kind) group.push(total);
    }
    let out = "";
    for (const name of [...groups.keys()].sort()) {
      const group = groups.get(name)!;
      out += `# HELP ${name} ${name}\n# TYPE ${name} ${group[0]!.kind}\n`;
      for (const t of group)
        out +=
          t.kind === "summary"
            ? summaryLines(name, t, now)
            : `${name}${labelText(t.labels)} ${promNumber(t.value)}\n`;
    }
    return out;
  }

  #intervalStart(): number {
    const wall = this.#clock.wall();
    return wall - (wall % INTERVAL_MS);
  }

  #interval(): Interval {
    const start = this.#intervalStart();
    if (start !== this.#current.startMs) {
      this.#finished = this.#current;
      this.#current = newInterval(start);
      // A gauge keeps its value until it is set again.
      for (const [id, g] of this.#finished.gauges) this.#current.gauges.set(id, g);
    }
    return this.#current;
  }

  #total(kind: Total["kind"], name: string, labels: Labels): Total | undefined {
    if (!this.prometheusEnabled) return undefined;
    const id = `${kind} ${idOf(name, labels)}`;
    let total = this.#totals.get(id);
    if (total === undefined) {
      if (this.#totals.size >= METRIC_SERIES_MAX) return undefined;
      total = { kind, name, labels, value: 0, count: 0, touchedMs: 0, recent: [], next: 0 };
      this.#totals.set(id, total);
    }
    total.touchedMs = this.#clock.now();
    return total;
  }
}

const newInterval = (startMs: number): Interval => ({
  startMs,
  gauges: new Map(),
  counters: new Map(),
  samples: new Map(),
});

function idOf(name: string, labels: Labels): string {
  if (labels === NO_LABELS) return name;
  const keys = Object.keys(labels);
  if (keys.length > 1) keys.sort();
  let id = name;
  for (const key of keys) id += `;${key}=${labels[key]}`;
  return id;
}

function add(all: Map<string, Series>, name: string, labels: Labels, value: number): void {
  const id = idOf(name, labels);
  let series = all.get(id);
  if (series === undefined) {
    if (all.size >= METRIC_SERIES_MAX) return;
    series = new Series(name, labels);
    all.set(id, series);
  }
  series.add(value);
}

const prometheusName = (name: string): string => name.replace(/[^a-zA-Z0-9_:]/g, "_");

function labelText(labels: Labels, extra: string = ""): string {
  const parts = Object.keys(labels)
    .sort()
    .map(
      (k) =>
        `${prometheusName(k)}="${labels[k]!.replace(/[\\"\n]/g, (c) => (c === "\n" ? "\\n" : `\\${c}`))}"`,
    );
  if (extra !== "") parts.push(extra);
  return parts.length === 0 ? "" : `{${parts.join(",")}}`;
}

function summaryLines(name: string, t: Total, now: number): string {
  const recent = t.recent
    .filter((s) => now - s.atMs <= QUANTILE_AGE_MS)
    .map((s) => s.value)
    .sort((a, b) => a - b);
  let out = "";
  for (const q of QUANTILES) {
    const value =
      recent.length === 0
        ? Number.NaN
        : recent[Math.min(recent.length - 1, Math.ceil(q * recent.length) - 1)]!;
    out += `${name}${labelText(t.labels, `quantile="${q}"`)} ${promNumber(value)}\n`;
  }
  return `${out}${name}_sum${labelText(t.labels)} ${promNumber(t.value)}\n${name}_count${labelText(t.labels)} ${t.count}\n`;
}

const promNumber = (v: number): string =>
  Number.isNaN(v)
    ? "NaN"
    : v === Number.POSITIVE_INFINITY
      ? "+Inf"
      : v === Number.NEGATIVE_INFINITY
        ? "-Inf"
        : String(v);
