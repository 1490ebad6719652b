import assert from "node:assert/strict";
import { test } from "node:test";
import { Availability, availabilityText, quantile } from "./availability.ts";
import { outcomeOf } from "./outcome.ts";

test("answers, failures and the longest gap, which may be the first or the last", () => {
  const a = new Availability(1000);
  a.record("ok", 1100, 5);
  a.record("failed", 1500, 0);
  a.record("refused", 1600, 0);
  a.record("ok", 3100, 15);
  assert.deepEqual(a.finish(3200), {
    ok: 2,
    failed: 1,
    refused: 1,
    longestGapMs: 2000,
    longestGapAtMs: 100,
    gaps: [
      { ms: 2000, atMs: 100 },
      { ms: 100, atMs: 0 },
      { ms: 100, atMs: 2100 },
    ],
    outageMs: 2000,
    latencyMedianMs: 15,
    latencyP99Ms: 15,
  });
  const silent = new Availability(0);
  silent.record("ok", 10, 1);
  const figures = silent.finish(5000);
  assert.equal(figures.longestGapMs, 4990);
  assert.match(availabilityText(figures), /^1 ok, 0 failed \(100\.00 % ok\)/);
  assert.ok(Number.isNaN(quantile([], 0.5)));
});

const error = (code: string): Error => Object.assign(new Error(code), { code });
const cases = [
  { name: "done", reply: { status: 200, body: "true" }, outcome: "yes" },
  {
    name: "refused before it was proposed",
    reply: { status: 500, body: "No cluster leader" },
    outcome: "no",
  },
  {
    name: "the leader lost its place meanwhile",
    reply: { status: 500, body: "leadership lost while committing log" },
    outcome: "unknown",
  },
  { name: "nobody listens", reply: error("ECONNREFUSED"), outcome: "no" },
  { name: "the connection broke", reply: error("ECONNRESET"), outcome: "unknown" },
  { name: "no answer in time", reply: new Error("no answer in time"), outcome: "unknown" },
] as const;
for (const { name, reply, outcome } of cases)
  test(`outcome of a write: ${name}`, () => assert.equal(outcomeOf(reply), outcome));
