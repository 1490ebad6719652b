import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "../../ports/clock.ts";
import { MemorySink } from "./memory-sink.ts";

class HandClock implements Clock {
  at = 1_700_000_000_000 - (1_700_000_000_000 % 10_000);
  now(): number {
    return this.at;
  }
  wall(): number {
    return this.at;
  }
  timer(): { cancel(): void } {
    return { cancel: () => {} };
  }
}

const sinkOf = (retentionMs: number): { readonly sink: MemorySink; readonly clock: HandClock } => {
  const clock = new HandClock();
  return {
    clock,
    sink: new MemorySink(clock, { prometheusRetentionMs: retentionMs }),
  };
};

test("the last finished interval is shown: counters and samples by name, gauges behind the host's name", () => {
  const { sink, clock } = sinkOf(0);
  sink.count("consul.rpc.request");
  sink.count("consul.rpc.request", 2);
  sink.sample("consul.kvs.apply", 1);
  sink.sample("consul.kvs.apply", 3);
  sink.gauge("consul.vm.raft.applied_index", 7);
  const began = clock.at;
  clock.at += 10_000;
  sink.count("consul.rpc.request", 100);
  const shown = sink.summary();
  assert.equal(shown.timestampMs, began);
  assert.deepEqual(shown.gauges, [{ name: "consul.vm.raft.applied_index", value: 7, labels: {} }]);
  assert.deepEqual(shown.counters, [
    {
      name: "consul.rpc.request",
      labels: {},
      count: 2,
      rate: 0.3,
      sum: 3,
      min: 1,
      max: 2,
      mean: 1.5,
      stddev: Math.SQRT1_2,
    },
  ]);
  assert.deepEqual(
    shown.samples.map((s) => [s.name, s.count, s.mean, s.min, s.max, s.stddev]),
    [["consul.kvs.apply", 2, 2, 1, 3, Math.SQRT2]],
  );
});

test("a gauge keeps its value over intervals; counters start anew", () => {
  const { sink, clock } = sinkOf(0);
  sink.gauge("consul.vm.x", 1);
  sink.count("consul.y");
  clock.at += 10_000;
  sink.count("consul.z");
  clock.at += 10_000;
  const shown = sink.summary();
  assert.deepEqual(
    shown.gauges.map((g) => g.value),
    [1],
  );
  assert.deepEqual(
    shown.counters.map((c) => c.name),
    ["consul.z"],
  );
});

test("Prometheus: totals, quantiles, labels escaped, silence forgotten", () => {
  const { sink, clock } = sinkOf(60_000);
  sink.count("consul.catalog.service.query", 1, { service: 'we"b\n' });
  sink.count("consul.catalog.service.query", 1, { service: 'we"b\n' });
  for (let i = 1; i <= 100; i++) sink.sample("consul.kvs-apply", i);
  assert.equal(
    sink.prometheus(),
    "# HELP consul_catalog_service_query consul_catalog_service_query\n# TYPE consul_catalog_service_query counter\n" +
      'consul_catalog_service_query{service="we\\"b\\n"} 2\n' +
      "# HELP consul_kvs_apply consul_kvs_apply\n# TYPE consul_kvs_apply summary\n" +
      'consul_kvs_apply{quantile="0.5"} 50\nconsul_kvs_apply{quantile="0.9"} 90\nconsul_kvs_apply{quantile="0.99"} 99\nconsul_kvs_apply_sum 5050\nconsul_kvs_apply_count 100\n',
  );
  clock.at += 11_000;
  assert.match(sink.prometheus(), /quantile="0.5"\} NaN\n/);
  clock.at += 60_000;
  assert.equal(sink.prometheus(), "");
});

test("labels from users do not fill the memory", () => {
  const { sink } = sinkOf(60_000);
  for (let i = 0; i < 12_000; i++) sink.count("consul.catalog.service.query", 1, { service: `s${i}` });
  assert.equal(sink.summary().counters.length, 10_000);
});
