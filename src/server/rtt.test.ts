import assert from "node:assert/strict";
import { test } from "node:test";
import type { GossipCoordinate } from "../model/coordinate.ts";
import { isFiniteCoordinate, median, nodeRttSeconds, rttSeconds, sortByDistance } from "./rtt.ts";

const at = (x: number, more: Partial<GossipCoordinate> = {}): GossipCoordinate => ({
  Vec: [x, 0, 0, 0, 0, 0, 0, 0],
  Error: 1,
  Adjustment: 0,
  Height: 0,
  ...more,
});

test("distance is the vectors' plus both heights, adjusted unless that would be negative", () => {
  assert.equal(rttSeconds(at(0), at(0.3)), 0.3);
  assert.equal(rttSeconds(at(0, { Height: 0.1 }), at(0.3, { Height: 0.1 })), 0.5);
  assert.equal(rttSeconds(at(0, { Adjustment: -0.1 }), at(0.3)), 0.3 - 0.1);
  assert.equal(rttSeconds(at(0, { Adjustment: -1 }), at(0.3)), 0.3);
  assert.equal(rttSeconds(at(0), undefined), Number.POSITIVE_INFINITY);
  assert.equal(rttSeconds(at(0), { ...at(0), Vec: [1] }), Number.POSITIVE_INFINITY);
});

test("nodes of several segments are compared in the one that both have", () => {
  const client = new Map([["alpha", at(0)]]);
  const server = new Map([
    ["", at(5)],
    ["alpha", at(0.1)],
  ]);
  assert.equal(nodeRttSeconds(client, server), 0.1);
  assert.equal(nodeRttSeconds(server, client), 0.1);
});

test("sorting is stable and puts the unknown last", () => {
  const d: Readonly<Record<string, number>> = {
    a: Number.POSITIVE_INFINITY,
    b: 2,
    c: 1,
    d: Number.POSITIVE_INFINITY,
    e: 2,
  };
  assert.deepEqual(
    sortByDistance(["a", "b", "c", "d", "e"], (x) => d[x]!),
    ["c", "b", "e", "a", "d"],
  );
});

test("the middle of distances", () => {
  assert.deepEqual(
    [median([]), median([3]), median([1, 2]), median([3, 1, 2])],
    [Number.POSITIVE_INFINITY, 3, 2, 2],
  );
});

test("infinite coordinates are told", () => {
  assert.equal(isFiniteCoordinate(at(1)), true);
  assert.equal(isFiniteCoordinate(at(Number.NaN)), false);
  assert.equal(isFiniteCoordinate(at(1, { Height: Number.POSITIVE_INFINITY })), false);
});
