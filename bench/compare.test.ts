import assert from "node:assert/strict";
import { test } from "node:test";
import { planFor, ROWS, wants } from "./compare.ts";
import { poolSize } from "./rows/gossip.ts";

const all = (quick: boolean) => planFor({ quick, wanted: wants([], quick) });

test("the whole run has five pairs of every row and is planned within an hour, the quick one within five minutes", () => {
  const whole = all(false);
  assert.ok(Object.values(whole.parts).every((p) => p.pairs >= 5));
  assert.ok(whole.plan.expected < 58 * 60, `${whole.plan.expected} s`);
  const quick = all(true);
  assert.ok(quick.plan.expected < 280, `${quick.plan.expected} s`);
});

test("ids are unique: samples are kept by them", () => {
  const ids = ROWS.map((r) => r.id);
  assert.equal(new Set(ids).size, ids.length);
});

test("rows are chosen by words; by default all, and in quick runs those that are not long", () => {
  const chosen = (words: readonly string[], quick: boolean): readonly string[] =>
    ROWS.filter(wants(words, quick)).map((r) => r.id);
  assert.equal(chosen([], false).length, ROWS.length);
  assert.ok(chosen([], true).includes("kv-get-c32") && !chosen([], true).includes("pool-bytes"));
  assert.deepEqual(chosen(["put-three", "sim"], true), ["put-three", "sim"]);
  assert.deepEqual(chosen(["start"], false), ["start"], "an id is itself only, not also restart");
  assert.deepEqual(chosen(["cli-"], false), ["cli-version", "cli-members", "cli-kv-get"]);
});

test("every row of the comparison is there", () => {
  const ids = ROWS.map((r) => r.id);
  const reads = [
    "kv-get",
    "kv-prefix",
    "nodes",
    "health-3",
    "health-3-passing",
    "health-300",
    "health-300-filter",
  ];
  for (const id of reads)
    for (const at of [`${id}-c32`, `${id}-c256`, `client-${id}-c32`, `client-${id}-c256`])
      assert.ok(ids.includes(at), at);
  for (const id of [
    ...[
      "dns-a-3",
      "dns-srv-300",
      "dns-client-srv-3",
      "put-c1",
      "put-c32",
      "put-c256",
      "put-three",
      "failover",
    ],
    ...[
      "register-catalog",
      "register-agent",
      "blocking-last",
      "blocking-memory",
      "start",
      "restart",
      "restart-memory",
    ],
    ...["memory-server-idle", "memory-client-loaded", "cli-version", "cli-members", "cli-kv-get"],
    ...["pool-datagrams", "pool-detect-last", "pool-event-last", "growth-health-many", "sim"],
  ])
    assert.ok(ids.includes(id), id);
});

test("a pool is as large as cores and memory bear", () => {
  assert.equal(poolSize(2, 20 * 2 ** 30), 40);
  assert.equal(poolSize(64, 200 * 2 ** 30), 60);
  assert.equal(poolSize(8, 3 * 2 ** 30), 20);
  assert.equal(poolSize(1, 0), 4);
});
