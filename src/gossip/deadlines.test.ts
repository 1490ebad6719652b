import assert from "node:assert/strict";
import { test } from "node:test";
import { Deadlines } from "./deadlines.ts";

test("deadlines: fire in order of time, then of setting, each once", () => {
  const d = new Deadlines();
  const fired: string[] = [];
  d.add(20, () => fired.push("late"));
  d.add(10, () => fired.push("first"));
  d.add(10, (now) => {
    fired.push(`second at ${now}`);
    d.add(now, () => fired.push("added on the way"));
  });
  const cancelled = d.add(5, () => fired.push("never"));
  cancelled.cancel();
  assert.equal(d.next(), 10);
  d.run(15);
  assert.deepEqual(fired, ["first", "second at 15", "added on the way"]);
  d.run(100);
  assert.equal(fired.at(-1), "late");
  assert.equal(d.next(), undefined);
});

test("deadlines: cancelling after firing or twice does nothing", () => {
  const d = new Deadlines();
  let n = 0;
  const a = d.add(1, () => n++);
  d.run(1);
  a.cancel();
  a.cancel();
  d.add(2, () => n++);
  d.run(2);
  assert.equal(n, 2);
});

test("deadlines: many cancelled ones do not pile up", () => {
  const d = new Deadlines();
  d.add(1_000_000, () => {});
  for (let i = 0; i < 5000; i++) {
    d.add(500_000 + i, () => assert.fail("cancelled")).cancel();
    d.next();
  }
  d.run(900_000);
  assert.equal(d.next(), 1_000_000);
});
