/** Against a run that serf's own library computed (testdata/formulas.json). */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { seededRandom } from "../../ports/random.ts";
import { type Coordinate, distanceS, isUsable, origin } from "./coordinate.ts";
import { CoordinateClient } from "./coordinate-client.ts";

const { vivaldi } = JSON.parse(readFileSync(new URL("../testdata/formulas.json", import.meta.url), "utf8"));
const TOLERANCE = 1e-9;

function close(got: number, want: number, what: string): void {
  assert.ok(
    Math.abs(got - want) <= TOLERANCE * Math.max(1e-12, Math.abs(want)),
    `${what}: ${got}, want ${want}`,
  );
}

test("vivaldi: the recorded updates, step by step", () => {
  const client = new CoordinateClient(seededRandom(1), vivaldi.start);
  for (const [i, step] of vivaldi.steps.entries()) {
    if (step.error === true) {
      assert.throws(() => client.update(step.node, step.other, step.rttNs / 1e9));
      continue;
    }
    const got = client.update(step.node, step.other, step.rttNs / 1e9);
    for (const key of ["Error", "Adjustment", "Height"] as const)
      close(got[key], step.result[key], `step ${i} ${key}`);
    for (const [d, x] of got.Vec.entries()) close(x, step.result.Vec[d], `step ${i} Vec[${d}]`);
  }
});

test("vivaldi: the recorded distances", () => {
  for (const { a, b, distanceNs } of vivaldi.distance)
    assert.equal(Math.round(distanceS(a, b) * 1e9), distanceNs);
});

test("coordinates: what cannot be reckoned with is refused and changes nothing", () => {
  const client = new CoordinateClient(seededRandom(1));
  const before = client.coordinate;
  const bad: Coordinate[] = [
    { ...origin(), Vec: [1, 2] },
    { ...origin(), Height: Number.NaN },
    { ...origin(), Vec: [Number.POSITIVE_INFINITY, 0, 0, 0, 0, 0, 0, 0] },
  ];
  for (const c of bad) {
    assert.equal(isUsable(c), false);
    assert.throws(() => client.update("x", c, 0.01), { name: "GossipError" });
  }
  for (const rtt of [-1, 10.1, Number.NaN]) assert.throws(() => client.update("x", origin(), rtt));
  assert.equal(client.coordinate, before);
});

test("coordinates: a client that overflows starts over and counts it", () => {
  const client = new CoordinateClient(seededRandom(1));
  client.update("x", { ...origin(), Vec: [1e308, 1e308, 0, 0, 0, 0, 0, 0] }, 1);
  assert.equal(client.resets, 1);
  assert.deepEqual(client.coordinate, origin());
});

test("coordinates: two nodes 20 ms apart learn their distance", () => {
  const [a, b] = [new CoordinateClient(seededRandom(1)), new CoordinateClient(seededRandom(2))];
  for (let i = 0; i < 200; i++) {
    a.update("b", b.coordinate, 0.02);
    b.update("a", a.coordinate, 0.02);
  }
  assert.ok(Math.abs(distanceS(a.coordinate, b.coordinate) - 0.02) < 0.001);
});
