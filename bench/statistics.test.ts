import assert from "node:assert/strict";
import { test } from "node:test";
import { growthOf, lineThrough, median, percentile, ratioOf, trendOf } from "./statistics.ts";

test("median of odd, even and no values", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.ok(Number.isNaN(median([])));
});

test("percentiles", () => {
  const values = Array.from({ length: 100 }, (_, i) => 99 - i);
  assert.equal(percentile(values, 0.99), 99);
  assert.equal(percentile(values, 0.5), 50);
  assert.equal(percentile([7], 1), 7);
  assert.ok(Number.isNaN(percentile([], 0.5)));
});

test("the ratio is taken pair by pair", () => {
  // The machine became twice as slow in the second pair: the ratio does not notice.
  assert.deepEqual(ratioOf([200, 100, 330], [100, 50, 110]), { median: 2, lowest: 2, highest: 3, pairs: 3 });
});

test("pairs with a failed run do not count; without any there is no ratio", () => {
  assert.deepEqual(ratioOf([2, Number.NaN, 4], [1, 1, 0]), { median: 2, lowest: 2, highest: 2, pairs: 1 });
  const none = ratioOf([Number.NaN], [1]);
  assert.equal(none.pairs, 0);
  assert.ok(Number.isNaN(none.median) && Number.isNaN(none.lowest));
});

test("the line of least squares", () => {
  const { slope, at0 } = lineThrough([1, 2, 3, 4].map((x) => ({ x, y: 3 * x + 2 })));
  assert.ok(Math.abs(slope - 3) < 1e-12 && Math.abs(at0 - 2) < 1e-12);
  assert.ok(Number.isNaN(lineThrough([{ x: 1, y: 2 }]).slope));
});

test("the exponent of growth: none, linear, quadratic; what failed is left out", () => {
  const at = (f: (x: number) => number) => [1, 10, 100].map((x) => ({ x, y: f(x) }));
  assert.ok(Math.abs(growthOf(at(() => 5))) < 1e-12);
  assert.ok(Math.abs(growthOf(at((x) => 7 * x)) - 1) < 1e-12);
  assert.ok(Math.abs(growthOf(at((x) => x * x)) - 2) < 1e-12);
  assert.ok(Math.abs(growthOf([...at((x) => x), { x: 1000, y: 0 }]) - 1) < 1e-12);
});

const TOLERANCE = { share: 0.1, floor: 5 };
const series = (f: (i: number) => number) => Array.from({ length: 90 }, (_, i) => ({ x: 10 * i, y: f(i) }));

test("a leak is an upward trend, its rate is per hour", () => {
  const t = trendOf(
    series((i) => 100 + i),
    TOLERANCE,
  );
  assert.ok(t.upward);
  assert.ok(Math.abs(t.perHour - 360) < 1e-6);
  assert.ok(t.first < 120 && t.last > 170);
});

test("no trend: level, falling, a saw, spikes at the end, a rise within the tolerance", () => {
  for (const [name, f] of [
    ["level", () => 100],
    ["falling", (i: number) => 200 - i],
    ["saw", (i: number) => 100 + 40 * (i % 7)],
    ["spikes", (i: number) => (i > 80 ? 500 : 100)],
    ["a share", (i: number) => 100 + i / 10],
    ["a floor", (i: number) => 1 + i / 20],
  ] as const)
    assert.equal(trendOf(series(f), TOLERANCE).upward, false, name);
});

test("no samples are no trend", () => {
  assert.equal(trendOf([], TOLERANCE).upward, false);
});
