import assert from "node:assert/strict";
import { test } from "node:test";
import { type CpuProfile, selfTimeLines, selfTimes } from "./cpu-profile.ts";

const frame = (id: number, functionName: string, url = "file:///x/src/a.ts", lineNumber = 4) => ({
  id,
  callFrame: { functionName, url, lineNumber },
});

/** Samples at 1000, 2000, 4000, 5000, 9000 us; each runs until the next. */
const PROFILE: CpuProfile = {
  nodes: [
    frame(1, "(root)", "", -1),
    frame(2, "encode"),
    frame(3, "(idle)", "", -1),
    frame(4, "encode"),
    frame(5, ""),
  ],
  startTime: 0,
  endTime: 9000,
  samples: [2, 3, 4, 5, 2],
  timeDeltas: [1000, 1000, 2000, 1000, 4000],
};

test("self time is the time until the next sample, added up by function, without idling", () => {
  const { busyMs, functions } = selfTimes(PROFILE);
  assert.equal(busyMs, 6);
  assert.deepEqual(
    functions.map((f) => [f.name, f.where, f.ms]),
    [
      ["(anonymous)", "src/a.ts:5", 4],
      ["encode", "src/a.ts:5", 2],
    ],
  );
  assert.ok(Math.abs(functions[0]!.share - 4 / 6) < 1e-9);
});

test("only samples within the window count", () => {
  assert.equal(selfTimes(PROFILE, { from: 3000, to: 4500 }).busyMs, 1);
  assert.equal(selfTimes(PROFILE, { from: 20_000, to: 30_000 }).busyMs, 0);
});

test("as lines: the dearest first, as many as asked for", () => {
  assert.deepEqual(selfTimeLines(PROFILE, undefined, 1), [
    "busy 6 ms",
    " 66.7 %       4.0 ms  (anonymous)  src/a.ts:5",
  ]);
});
