import assert from "node:assert/strict";
import { test } from "node:test";
import { SimClock } from "../../sim/clock.ts";
import { silentLogger } from "../ports/log.ts";
import { noMetrics } from "../ports/metrics.ts";
import { checkSessionTtl, SessionTimers, sessionTtlMs } from "./session-timers.ts";

function timers(destroy: (id: string) => Promise<void>) {
  const clock = new SimClock();
  return {
    clock,
    timers: new SessionTimers(
      { destroy, retryBaseMs: 10_000 },
      { clock, log: silentLogger, metrics: noMetrics },
    ),
  };
}

test("a session ends after twice its TTL, counted from the last renewal", async () => {
  const ended: string[] = [];
  const t = timers(async (id) => void ended.push(id));
  t.timers.reset("a", "10s");
  await t.clock.run(19_000);
  t.timers.reset("a", "10s");
  await t.clock.run(19_999);
  assert.deepEqual(ended, []);
  await t.clock.run(1);
  assert.deepEqual(ended, ["a"]);
  assert.equal(t.timers.size, 0);
});

test("no TTL, no timer; a cleared one does not fire", async () => {
  const ended: string[] = [];
  const t = timers(async (id) => void ended.push(id));
  for (const ttl of ["", "0", "0s", "nonsense"]) t.timers.reset("x", ttl);
  assert.equal(t.timers.size, 0);
  t.timers.reset("a", "10s");
  t.timers.reset("b", "10s");
  t.timers.clear("a");
  t.timers.clearAll();
  await t.clock.run(60_000);
  assert.deepEqual(ended, []);
});

test("a destruction that cannot be logged is tried six times, ever more slowly", async () => {
  const at: number[] = [];
  const t = timers(async () => {
    at.push(t.clock.now());
    throw new Error("leadership lost while committing log");
  });
  t.timers.reset("a", "10s");
  await t.clock.run(3_600_000);
  assert.deepEqual(at, [20_000, 30_000, 50_000, 90_000, 170_000, 330_000]);
});

test("losing the leadership ends the attempts", async () => {
  let tries = 0;
  const t = timers(async () => {
    tries++;
    throw new Error("no");
  });
  t.timers.reset("a", "10s");
  await t.clock.run(20_000);
  t.timers.clearAll();
  await t.clock.run(600_000);
  assert.equal(tries, 1);
});

const refused: readonly [string, string][] = [
  ["10", `Session TTL '10' invalid: time: missing unit in duration "10"`],
  ["5s", "Invalid Session TTL '5000000000', must be between [10s=24h0m0s]"],
  ["25h", "Invalid Session TTL '90000000000000', must be between [10s=24h0m0s]"],
  ["-1s", "Invalid Session TTL '-1000000000', must be between [10s=24h0m0s]"],
];
for (const [ttl, message] of refused)
  test(`refuses TTL ${ttl}`, () => assert.throws(() => checkSessionTtl(ttl, 10_000), { message }));
for (const ttl of ["", "0", "0s", "10s", "24h"])
  test(`takes TTL "${ttl}"`, () => checkSessionTtl(ttl, 10_000));
test("milliseconds of a stored TTL", () =>
  assert.deepEqual(["1m30s", "", "x", "-1s"].map(sessionTtlMs), [90_000, 0, 0, 0]));
