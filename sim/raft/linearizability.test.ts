import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../../src/ports/random.ts";
import { INITIAL, isLinearizable, type Operation } from "./linearizability.ts";

const w = (value: string, call: number, ret: number): Operation => ({
  op: { kind: "write", value },
  call,
  return: ret,
});
const r = (result: string, call: number, ret: number): Operation => ({
  op: { kind: "read", result },
  call,
  return: ret,
});
const cas = (
  expect: string,
  value: string,
  result: boolean | undefined,
  call: number,
  ret: number,
): Operation => ({
  op: { kind: "cas", expect, value, result },
  call,
  return: ret,
});
const NEVER = Number.POSITIVE_INFINITY;

const cases: readonly [string, boolean, readonly Operation[]][] = [
  ["nothing", true, []],
  ["a read of the initial value", true, [r(INITIAL, 0, 1)]],
  ["a read of what was never written", false, [r("a", 0, 1)]],
  ["a read after a write", true, [w("a", 0, 1), r("a", 2, 3)]],
  ["a read that misses an earlier write", false, [w("a", 0, 1), r(INITIAL, 2, 3)]],
  ["a read during a write may see either", true, [w("a", 0, 10), r(INITIAL, 1, 2), r("a", 3, 4)]],
  ["two reads during a write must not go back", false, [w("a", 0, 10), r("a", 1, 2), r(INITIAL, 3, 4)]],
  ["the stale read of a deposed leader", false, [w("a", 0, 1), w("b", 2, 3), r("a", 4, 5)]],
  ["overlapping writes in either order", true, [w("a", 0, 5), w("b", 0, 5), r("a", 6, 7)]],
  ["overlapping writes, one order for all", false, [w("a", 0, 5), w("b", 0, 5), r("a", 6, 7), r("b", 8, 9)]],
  ["a write nobody heard of may show", true, [w("a", 0, NEVER), r("a", 5, 6)]],
  ["a write nobody heard of may never show", true, [w("a", 0, NEVER), r(INITIAL, 5, 6)]],
  [
    "a write nobody heard of may show late",
    true,
    [w("a", 0, NEVER), w("b", 1, 2), r("b", 3, 4), r("a", 5, 6)],
  ],
  ["but not come and go", false, [w("a", 0, NEVER), w("b", 1, 2), r("a", 3, 4), r("b", 5, 6)]],
  ["and not before its call", false, [r("a", 0, 1), w("a", 2, NEVER)]],
  ["an acknowledged write that is lost", false, [w("a", 0, 1), w("b", 2, 3), r("b", 4, 5), r("a", 6, 7)]],
  ["compare-and-set that matched", true, [w("a", 0, 1), cas("a", "b", true, 2, 3), r("b", 4, 5)]],
  ["compare-and-set that did not", true, [w("a", 0, 1), cas("x", "b", false, 2, 3), r("a", 4, 5)]],
  ["two that both won", false, [w("a", 0, 1), cas("a", "b", true, 2, 9), cas("a", "c", true, 2, 9)]],
  [
    "one of unknown outcome",
    true,
    [w("a", 0, 1), cas("a", "b", undefined, 2, NEVER), r("a", 3, 4), r("b", 5, 6)],
  ],
];
for (const [name, wanted, history] of cases)
  test(`${wanted ? "good" : "bad"} history: ${name}`, () => assert.equal(isLinearizable(history), wanted));

test("histories of a real register are good, and bad once a read is changed to a value of the past", () => {
  const seed = Number(process.env.SEED ?? 11);
  const random = seededRandom(seed);
  let bad = 0;
  for (let round = 0; round < 200; round++) {
    let state = INITIAL;
    const history: Operation[] = [];
    for (let i = 0; i < 30; i++) {
      // Each takes effect at time 10 i, and is called up to two operations before.
      const at = 10 * i;
      const call = at - random.int(25);
      const ret = random.int(10) === 0 ? NEVER : at + random.int(25);
      if (random.int(2) === 0) {
        state = `v${i}`;
        history.push(w(state, call, ret));
      } else if (ret !== NEVER) history.push(r(state, call, ret));
    }
    assert.equal(isLinearizable(history), true, `seed ${seed} round ${round}`);
    const last = history.findLastIndex(
      (o) => o.op.kind === "read" && o.call > 200 && o.op.result !== INITIAL,
    );
    if (last < 0) continue;
    const changed = history.with(last, r(INITIAL, history[last]!.call, history[last]!.return));
    if (history.some((o) => o.op.kind === "write" && o.return < history[last]!.call)) {
      assert.equal(isLinearizable(changed), false, `seed ${seed} round ${round} changed`);
      bad++;
    }
  }
  assert.ok(bad > 100);
});
