import assert from "node:assert/strict";
import { test } from "node:test";
import { expectedOf } from "./gossip-model.ts";
import { simTable } from "./gossip-sim.ts";

const near = (a: number, b: number, by: number): void => assert.ok(Math.abs(a - b) <= by, `${a} is not ${b}`);

test("the scaling rules at the sizes that serf documents", () => {
  for (const [n, suspicion, pushPull] of [
    [3, 4, 30],
    [10, 4, 30],
    [32, 6.02, 30],
    [33, 6.07, 60],
    [100, 8, 90],
    [1_000, 12, 180],
    [10_000, 16, 300],
  ] as const) {
    const e = expectedOf(n, 2, 0);
    near(e.suspicionSeconds, suspicion, 0.01);
    assert.equal(e.pushPullSeconds, pushPull, `push/pull of ${n}`);
  }
});

test("in a large pool the first probe comes after e/(e-1) periods; a message spreads with the logarithm of the size", () => {
  const e = expectedOf(1_000, 5, 1);
  near(e.detectSeconds, 1.58 - 0.5 + 1 + 12, 0.02);
  near(e.spreadSeconds, 0.92, 0.01);
  assert.equal(e.datagramBytes, 61 + 6 + 150);
});

const figures = {
  nodes: 1_000,
  seed: 1,
  datagrams: 2,
  datagramBytes: 217,
  streamBytes: 300,
  eventMedian: [0.5],
  eventLast: [1],
  detectFirst: [14],
  detectLast: [15],
};

test("the table holds each figure against its rule", () => {
  assert.ok(simTable(figures).ok);
  for (const wrong of [
    { datagrams: 3 },
    { datagramBytes: 400 },
    { streamBytes: 5_000 },
    { detectFirst: [5] },
    { detectFirst: [30] },
    { detectLast: [40] },
    { eventMedian: [2] },
    { eventLast: [4] },
  ])
    assert.ok(!simTable({ ...figures, ...wrong }).ok, JSON.stringify(wrong));
});
