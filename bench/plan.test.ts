import assert from "node:assert/strict";
import { test } from "node:test";
import {
  BETWEEN_LOADS_SECONDS,
  clockText,
  fits,
  makePlan,
  type Part,
  partSeconds,
  planText,
} from "./plan.ts";

const part: Part = { name: "reads", pairs: 5, loads: 10, warmUps: 4, overhead: 20, once: 30 };

test("a part's time: both programs, each pair, loads with what is between them, and what is done once", () => {
  assert.equal(partSeconds(part, 2, 1), 30 + 10 * (10 * (2 + BETWEEN_LOADS_SECONDS) + 4 + 20));
});

test("loads are as long as the budget lets them, and no longer than five seconds", () => {
  const cost = (seconds: number): number => partSeconds(part, seconds, 1);
  for (const seconds of [1, 2, 3, 4, 5])
    assert.equal(makePlan([part], cost(seconds), true).seconds, seconds, `${seconds} s`);
  assert.equal(makePlan([part], 1e9, true).seconds, 5);
});

test("a budget that is too small gives the shortest loads and says so", () => {
  const plan = makePlan([part], 10, true);
  assert.equal(plan.seconds, 1);
  assert.ok(plan.expected > plan.budget);
  assert.match(planText(plan)[0]!, /loads of 1 s, 1 s of warm-up before new ones; about 7:10 of 0:10 min/);
});

test("minutes and seconds, rounded before they are split", () => {
  assert.deepEqual([0, 65, 119.4, 119.6].map(clockText), ["0:00", "1:05", "1:59", "2:00"]);
});

test("no warm-up where none is wanted", () => {
  assert.equal(makePlan([part], 10, false).expected, partSeconds(part, 1, 0));
});

test("one more pair fits only beside what comes after", () => {
  assert.ok(fits(100, 50, 100, 250));
  assert.ok(!fits(100, 50, 101, 250));
});
