import assert from "node:assert/strict";
import test from "node:test";
import { SimClock } from "../../sim/clock.ts";
import type { TrackedRead, Waiter } from "../state/tracked-read.ts";
import { ChangeWait, WakeQueue } from "./change-wait.ts";
import { WAKES_A_TURN } from "./limits.ts";

function setUp() {
  const clock = new SimClock();
  const waiters = new Set<Waiter>();
  const read = {
    addWaiter: (waiter: Waiter) => waiters.add(waiter),
    removeWaiter: (waiter: Waiter) => waiters.delete(waiter),
  } as unknown as TrackedRead<unknown>;
  const ports = { clock, waits: new Set<ChangeWait>(), wakes: new WakeQueue(clock) };
  const wait = (timeMs: number, signal?: AbortSignal): Promise<boolean> =>
    new Promise((resolve, reject) => new ChangeWait(read, timeMs, signal, { resolve, reject }, ports));
  return { clock, waiters, ports, wait };
}

test("a herd is woken in slices, in order", async () => {
  const { clock, waiters, ports, wait } = setUp();
  const woken: number[] = [];
  for (let i = 0; i < WAKES_A_TURN * 2 + 1; i++) void wait(60_000).then(() => woken.push(i));
  for (const waiter of [...waiters]) waiter.changed();
  assert.equal(woken.length, 0, "not within the commit");
  await new Promise(setImmediate);
  assert.equal(woken.length, WAKES_A_TURN);
  for (let turn = 0; turn < 3; turn++) {
    clock.advance(1);
    await new Promise(setImmediate);
  }
  assert.deepEqual(woken, [...woken.keys()]);
  assert.equal(woken.length, WAKES_A_TURN * 2 + 1);
  assert.deepEqual([ports.waits.size, waiters.size], [0, 0]);
});

test("time, stop and a caller who is gone end a wait, and leave nothing", async () => {
  const { clock, waiters, ports, wait } = setUp();
  const timed = wait(10);
  clock.advance(10);
  assert.equal(await timed, false);
  const stopped = wait(10);
  for (const each of [...ports.waits]) each.stop();
  assert.equal(await stopped, false);
  const gone = new AbortController();
  const left = wait(10, gone.signal);
  gone.abort(new Error("client went away"));
  await assert.rejects(left, /client went away/);
  assert.deepEqual([ports.waits.size, waiters.size], [0, 0]);
});
