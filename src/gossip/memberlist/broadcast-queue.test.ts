import assert from "node:assert/strict";
import { test } from "node:test";
import { BroadcastQueue } from "./broadcast-queue.ts";

const message = (n: number): Buffer => Buffer.alloc(n, n);

test("broadcast queue: least told first, then longest, then newest", () => {
  const queue = new BroadcastQueue(() => 3);
  for (const n of [5, 9, 7]) queue.queue(message(n));
  const first: Buffer[] = [];
  assert.equal(queue.take(2, 20, first), 20);
  assert.deepEqual(
    first.map((m) => m.length),
    [9, 7],
  );
  const second: Buffer[] = [];
  queue.take(2, 20, second);
  assert.deepEqual(
    second.map((m) => m.length),
    [5, 9],
    "5 was told less often, though shorter",
  );
});

test("broadcast queue: an entry never goes twice into one packet", () => {
  const queue = new BroadcastQueue(() => 10);
  queue.queue(message(4));
  const out: Buffer[] = [];
  queue.take(0, 1000, out);
  assert.equal(out.length, 1);
});

test("broadcast queue: a newer entry of the same name replaces the older and finishes it", () => {
  const done: number[] = [];
  const queue = new BroadcastQueue(
    () => 2,
    (t) => done.push(t),
  );
  queue.queue(message(4), { name: "n1", token: 1 });
  queue.queue(message(5), { name: "n1", token: 2 });
  assert.deepEqual(done, [1]);
  assert.equal(queue.length, 1);
  const out: Buffer[] = [];
  queue.take(0, 100, out);
  queue.take(0, 100, out);
  assert.deepEqual(done, [1, 2]);
  assert.equal(queue.length, 0);
});

test("broadcast queue: prune drops the most told first and says so", () => {
  const done: number[] = [];
  const queue = new BroadcastQueue(
    () => 9,
    (t) => done.push(t),
  );
  queue.queue(message(4), { token: 1 });
  queue.take(0, 100, []);
  queue.queue(message(4), { token: 2 });
  queue.queue(message(6), { token: 3 });
  assert.equal(queue.prune(1), 2);
  assert.deepEqual(done, [1, 2]);
  queue.clear();
  assert.deepEqual(done, [1, 2, 3]);
});

test("broadcast queue: the number of messages in a packet is bounded", () => {
  const queue = new BroadcastQueue(() => 9);
  for (let i = 0; i < 300; i++) queue.queue(message(1));
  const out: Buffer[] = [];
  queue.take(2, 100_000, out, 127);
  assert.equal(out.length, 127);
  assert.equal(queue.length, 300);
});
