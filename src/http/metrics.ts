/** /v1/agent/metrics: the figures of the last interval as JSON, or all of them for Prometheus. */
import type { Aggregate, MetricsSummary } from "../agent/telemetry/memory-sink.ts";
import { Telemetry } from "../agent/telemetry/telemetry.ts";
import { f64, int, list, map, str, struct } from "../wire/schema.ts";
import type { Call } from "./call.ts";
import { HttpError } from "./errors.ts";
import { processMetrics } from "./process-metrics.ts";
import type { Answer } from "./routes.ts";
import { shownList, shownMap } from "./views.ts";

const LabelsJson = shownMap(str);

const AggregateJson = struct("SampledValue", {
  Name: str,
  Count: int,
  Rate: f64,
  Sum: f64,
  Min: f64,
  Max: f64,
  Mean: f64,
  Stddev: f64,
  Labels: LabelsJson,
});

const SummaryJson = struct("MetricsSummary", {
  Timestamp: str,
  Gauges: shownList(struct("GaugeValue", { Name: str, Value: f64, Labels: LabelsJson })),
  Points: shownList(map(list(f64))),
  Counters: shownList(AggregateJson),
  Samples: shownList(AggregateJson),
});

const shownAggregate = (a: Aggregate): ReturnType<typeof AggregateJson.zero> => ({
  Name: a.name,
  Count: a.count,
  Rate: a.rate,
  Sum: a.sum,
  Min: a.min,
  Max: a.max,
  Mean: a.mean,
  Stddev: a.stddev,
  Labels: new Map(Object.entries(a.labels)),
});

/** `2026-11-22 18:28:40 +0000 UTC` */
const timestamp = (ms: number): string =>
  `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")} +0000 UTC`;

export function summaryJson(s: MetricsSummary): string {
  return SummaryJson.json({
    Timestamp: timestamp(s.timestampMs),
    Gauges: s.gauges.map((g) => ({
      Name: g.name,
      Value: g.value,
      Labels: new Map(Object.entries(g.labels)),
    })),
    Points: null,
    Counters: s.counters.map(shownAggregate),
    Samples: s.samples.map(shownAggregate),
  });
}

function wantsPrometheus(c: Call): boolean {
  if (c.query.get("format") === "prometheus") return true;
  const accept = c.exchange.header("accept") ?? "";
  return (
    accept.includes("application/openmetrics-text") || /^\s*text\/plain\s*;\s*version=0\.0\.4/.test(accept)
  );
}

export function metrics(c: Call): Answer {
  const sink = c.agent.metrics;
  const kept = sink instanceof Telemetry ? sink.kept : undefined;
  if (!wantsPrometheus(c)) {
    return summaryJson(
      kept?.summary() ?? { timestampMs: c.agent.clock.wall(), gauges: [], counters: [], samples: [] },
    );
  }
  if (kept === undefined || !kept.prometheusEnabled)
    throw new HttpError(415, "Prometheus is not enabled since its retention time is not positive");
  return {
    status: 200,
    type: "text/plain; version=0.0.4; charset=utf-8",
    body: kept.prometheus() + processMetrics(),
  };
}
