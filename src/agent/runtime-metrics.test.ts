import assert from "node:assert/strict";
import { test } from "node:test";
import { SimClock } from "../../sim/clock.ts";
import type { Metrics } from "../ports/metrics.ts";
import { processFacts, type RuntimeFacts, watchRuntime } from "./runtime-metrics.ts";

class Seen implements Metrics {
  readonly gauges = new Map<string, number>();
  readonly late: number[] = [];
  readonly pauses: (readonly [string, number])[] = [];
  count(): void {}
  gauge(key: string, value: number): void {
    this.gauges.set(key, value);
  }
  sample(key: string, value: number): void {
    if (key === "runtime.loop_delay_ms") this.late.push(value);
    else this.pauses.push([key, value]);
  }
}

const QUIET: RuntimeFacts = {
  memory: () => ({ heapUsed: 0, rss: 0 }),
  busy: () => 1,
  gcPausesNs: () => [],
  resources: () => 3,
  end: () => {},
};

test("memory and the loop's lateness are told once a second until the end", () => {
  const clock = new SimClock();
  const metrics = new Seen();
  const pauses = [1_000, 3_000];
  let ended = false;
  const end = watchRuntime(
    { clock, metrics },
    {
      ...QUIET,
      memory: () => ({ heapUsed: 7, rss: 9 }),
      busy: () => 0.25,
      gcPausesNs: () => pauses.splice(0),
      end: () => {
        ended = true;
      },
    },
  );
  clock.advance(3_500);
  assert.deepEqual(metrics.late, [0, 0, 0]);
  assert.deepEqual(
    [...metrics.gauges],
    [
      ["runtime.loop_busy", 0.25],
      ["runtime.alloc_bytes", 7],
      ["runtime.sys_bytes", 9],
      ["runtime.num_goroutines", 3],
      ["runtime.total_gc_runs", 2],
      ["runtime.total_gc_pause_ns", 4_000],
    ],
  );
  assert.deepEqual(metrics.pauses, [
    ["runtime.gc_pause_ns", 1_000],
    ["runtime.gc_pause_ns", 3_000],
  ]);
  end();
  assert.ok(ended);
  clock.advance(5_000);
  assert.equal(metrics.late.length, 3);
});

test("a turn that takes long makes the next look late by as much", () => {
  const metrics = new Seen();
  let now = 0;
  let fire: (() => void) | undefined;
  watchRuntime(
    {
      clock: {
        now: () => now,
        wall: () => now,
        timer: (_ms, f) => {
          fire = f;
          return { cancel: () => {} };
        },
      },
      metrics,
    },
    QUIET,
  );
  now = 1_250;
  fire!();
  now = 2_250;
  fire!();
  assert.deepEqual(metrics.late, [250, 0]);
});

test("the process' own facts are sane", () => {
  const facts = processFacts();
  assert.ok(facts.memory().rss > facts.memory().heapUsed);
  const busy = facts.busy();
  assert.ok(busy >= 0 && busy <= 1, `${busy}`);
  assert.ok(facts.resources() >= 0);
  facts.end();
});
