import assert from "node:assert/strict";
import { test } from "node:test";
import { compareListings } from "./final-state.ts";
import { History } from "./history.ts";

const write = (value: string) => ({ kind: "write", value }) as const;
const read = (result: string) => ({ kind: "read", result }) as const;

test("a default read of the past is told apart from a consistent one", () => {
  const history = new History();
  for (const key of ["good", "stale-default", "stale-consistent"]) {
    history.record(key, "s1", write("a"), 0, 1);
    history.record(key, "s1", write("b"), 2, 3);
    history.record(key, "s2", read("b"), 4, 5, "consistent");
    history.record(key, "s2", read("b"), 4, 5, "default");
  }
  history.record("stale-default", "s3", read("a"), 6, 7, "default");
  history.record("stale-consistent", "s3", read("a"), 6, 7, "consistent");
  const verdict = history.judge();
  assert.deepEqual(verdict.strict, ["stale-consistent"]);
  assert.deepEqual(verdict.byDefault, ["stale-default"]);
  assert.equal(verdict.operations, 14);
  assert.match(history.text("stale-default"), /6\.0 \.\. 7\.0 s3 default .*"result":"a"/);
});

test("writes of unknown outcome: any number that nobody saw, one that showed, none that came back", () => {
  const history = new History();
  for (let i = 0; i < 60; i++) history.record("many", "s1", write(`u${i}`), i, undefined);
  history.record("many", "s1", read(""), 100, 101, "default");
  history.record("many", "s1", read("u7"), 102, 103, "default");
  history.record("back", "s1", write("u"), 0, undefined);
  history.record("back", "s1", write("v"), 1, 2);
  history.record("back", "s1", read("u"), 3, 4, "consistent");
  history.record("back", "s1", write("w"), 5, 6);
  history.record("back", "s1", read("u"), 7, 8, "consistent");
  const verdict = history.judge();
  assert.deepEqual(verdict.strict, ["back"]);
  assert.deepEqual(verdict.byDefault, []);
  assert.equal(verdict.unknown, 61);
});

test("an unseen write explains why a compare-and-set failed", () => {
  const history = new History();
  history.record("k", "s1", write("a"), 0, 1);
  history.record("k", "s1", write("u"), 2, undefined);
  history.record("k", "s1", { kind: "cas", expect: "a", value: "b", result: false }, 3, 4);
  assert.deepEqual(history.judge().strict, []);
});

const row = (Key: string, value: string, ModifyIndex: number) => ({
  Key,
  Value: Buffer.from(value).toString("base64"),
  ModifyIndex,
});

test("the servers' listings: lost, different, and alike", () => {
  const acknowledged = new Map([["once/1", "v1"]]);
  const whole = [row("once/1", "v1", 7), row("other", "x", 9)];
  assert.deepEqual(
    compareListings(
      new Map([
        ["s1", whole],
        ["s2", [...whole].reverse()],
      ]),
      acknowledged,
    ),
    [],
  );
  assert.deepEqual(compareListings(new Map([["s1", [row("once/1", "v2", 7)]]]), acknowledged), [
    "LOST on s1: once/1, wanted v1, found v2",
  ]);
  const [different] = compareListings(
    new Map([
      ["s1", whole],
      ["s2", [row("once/1", "v1", 8), row("other", "x", 9)]],
    ]),
    acknowledged,
  );
  assert.match(different!, /^DIFFERENT on s2 from s1: 1 missing \(once\/1=djE=@7\), 1 more/);
});
