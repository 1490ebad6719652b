import assert from "node:assert/strict";
import { test } from "node:test";
import { SimClock } from "../../sim/clock.ts";
import type { Metrics } from "../ports/metrics.ts";
import { processFacts, watchRuntime } from "./runtime-metrics.ts";

class Seen implements Metrics {
  readonly gauges = new Map<string, number>();
  readonly late: number[] = [];
  count(): void {}
  gauge(key: string, value: number): void {
    this.gauges.set(key, value);
  }
  sample(key: string, value: number): void {
    assert.equal(key, "runtime.loop_delay_ms");
    this.late.push(value);
  }
}

test("memory and the loop's lateness are told once a second until the end", () => {
  const clock = new SimClock();
  const metrics = new Seen();
  const end = watchRuntime({ clock, metrics }, { memory: () => ({ heapUsed: 7, rss: 9 }), busy: () => 0.25 });
  clock.advance(3_500);
  assert.deepEqual(metrics.late, [0, 0, 0]);
  assert.deepEqual(
    [...metrics.gauges],
    [
      ["runtime.loop_busy", 0.25],
      ["runtime.alloc_bytes", 7],
      ["runtime.sys_bytes", 9],
    ],
  );
  end();
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
    { memory: () => ({ heapUsed: 0, rss: 0 }), busy: () => 1 },
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
});
