import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom, shuffled, systemRandom, uuid } from "./random.ts";

test("seededRandom() repeats itself and differs by seed", () => {
  const draw = (seed: number): number[] => {
    const r = seededRandom(seed);
    return Array.from({ length: 8 }, () => r.int(1000));
  };
  assert.deepEqual(draw(7), draw(7));
  assert.notDeepEqual(draw(7), draw(8));
});

test("seededRandom() is even enough for simulations", () => {
  const r = seededRandom(1);
  const buckets = new Array<number>(10).fill(0);
  for (let i = 0; i < 10_000; i++) buckets[r.int(10)]!++;
  for (const n of buckets) assert.ok(n > 850 && n < 1150, `bucket of ${n}`);
});

test("uuid() is a version 4 UUID", () => {
  assert.match(uuid(systemRandom), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test("shuffled() keeps every item and leaves its argument alone", () => {
  const items = [1, 2, 3, 4, 5];
  const out = shuffled(seededRandom(3), items);
  assert.deepEqual([...out].sort(), items);
  assert.deepEqual(items, [1, 2, 3, 4, 5]);
});
