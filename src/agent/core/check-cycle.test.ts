import assert from "node:assert/strict";
import { test } from "node:test";
import { CheckCycle, type CheckVerdict, type ProbeResult } from "./check-cycle.ts";

const result = (letter: string): ProbeResult => ({
  status: letter === "p" ? "passing" : letter === "w" ? "warning" : "critical",
  output: letter,
  ...(letter === "T" ? { certain: true } : {}),
});

/** p, w, c: published status; -: held. */
const letter = (v: CheckVerdict): string => (v.kind === "hold" ? "-" : v.status[0]!);

const cases = [
  { name: "without thresholds every result counts", s: 0, f: 0, w: 0, results: "pcwpc", published: "pcwpc" },
  { name: "the first success counts at once", s: 3, f: 0, w: 0, results: "p", published: "p" },
  { name: "the first failure counts at once", s: 0, f: 3, w: 0, results: "c", published: "c" },
  { name: "three successes after a failure", s: 3, f: 0, w: 0, results: "cpppp", published: "c--pp" },
  { name: "three failures after a success", s: 0, f: 3, w: 0, results: "pcccc", published: "p--cc" },
  {
    name: "a success between failures starts the count anew",
    s: 0,
    f: 3,
    w: 0,
    results: "pccpccc",
    published: "p--p--c",
  },
  { name: "warning counts as success", s: 2, f: 0, w: 0, results: "cww", published: "c-w" },
  { name: "warning before critical", s: 0, f: 3, w: 2, results: "pccc", published: "p-wc" },
  { name: "a timeout counts whatever the threshold", s: 0, f: 3, w: 0, results: "pT", published: "pc" },
];
for (const { name, s, f, w, results, published } of cases)
  test(`thresholds: ${name}`, () => {
    const cycle = new CheckCycle({
      intervalMs: 10_000,
      successBeforePassing: s,
      failuresBeforeCritical: f,
      failuresBeforeWarning: w,
    });
    assert.equal([...results].map((r) => letter(cycle.onResult(result(r)))).join(""), published);
  });

test("a held result tells how far it is", () => {
  const cycle = new CheckCycle({
    intervalMs: 1000,
    successBeforePassing: 0,
    failuresBeforeCritical: 2,
    failuresBeforeWarning: 0,
  });
  cycle.onResult(result("p"));
  assert.deepEqual(cycle.onResult(result("c")), {
    kind: "hold",
    side: "failure",
    status: "critical",
    count: 1,
    threshold: 2,
  });
});

test("the first probe comes within the interval, and the interval is at least a second", () => {
  const cycle = new CheckCycle({
    intervalMs: 100,
    successBeforePassing: 0,
    failuresBeforeCritical: 0,
    failuresBeforeWarning: 0,
  });
  assert.equal(cycle.intervalMs, 1000);
  assert.equal(cycle.firstDelayMs(0), 0);
  assert.equal(cycle.firstDelayMs(0.9999), 999);
});
