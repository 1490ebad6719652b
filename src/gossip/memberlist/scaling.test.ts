/** Against figures that memberlist 0.2.2 and serf 0.9.4 computed (testdata/formulas.json). */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { profileTimings, serfLan, serfLocal, serfWan, timingsOf } from "../profile.ts";
import { BroadcastQueue } from "./broadcast-queue.ts";
import {
  pushPullDelayMs,
  queryTimeoutMs,
  remainingSuspicionMs,
  retransmitLimit,
  suspicionBounds,
} from "./scaling.ts";

const formulas = JSON.parse(readFileSync(new URL("../testdata/formulas.json", import.meta.url), "utf8"));
const profiles = { lan: serfLan, wan: serfWan, local: serfLocal };

test("scaling: suspicion, retransmission, push/pull and query times against pool size", () => {
  for (const row of formulas.scaling) {
    const t = profiles[row.profile as keyof typeof profiles];
    const got = suspicionBounds(t, row.n);
    const where = `${row.profile} n=${row.n}`;
    assert.equal(got.k, row.k, where);
    assert.equal(Math.round(got.minMs), row.suspicionMinMs, where);
    assert.equal(Math.round(got.maxMs), row.suspicionMaxMs, where);
    assert.equal(retransmitLimit(t.retransmitMult, row.n), row.retransmitLimit, where);
    assert.equal(pushPullDelayMs(t.pushPullIntervalMs, row.n), row.pushPullIntervalMs, where);
    assert.equal(queryTimeoutMs(t, row.n), row.defaultQueryTimeoutMs, where);
  }
  assert.ok(formulas.scaling.length > 20);
});

test("scaling: what is left of a suspicion", () => {
  for (const row of formulas.remainingSuspicion) {
    const bounds = { k: row.k, minMs: row.minMs, maxMs: row.maxMs };
    assert.equal(
      remainingSuspicionMs(row.confirmations, row.elapsedMs, bounds),
      row.remainingMs,
      JSON.stringify(row),
    );
  }
});

test("broadcast queue: the recorded script", () => {
  const { queue: script } = formulas;
  const finished: string[] = [];
  const ids = new Map<number, string>();
  const queue = new BroadcastQueue(
    () => retransmitLimit(script.retransmitMult, script.numNodes),
    (token) => finished.push(ids.get(token)!),
  );
  const messages = new Map<Buffer, string>();
  let token = 0;
  for (const [i, step] of script.steps.entries()) {
    finished.length = 0;
    if (step.op === "queue") {
      const message = Buffer.alloc(step.len, ++token);
      messages.set(message, step.id);
      ids.set(token, step.id);
      queue.queue(message, step.named ? { name: step.id, token } : { token });
    } else {
      const out: Buffer[] = [];
      queue.take(step.overhead, step.limit, out);
      const got = out.map((m) => messages.get(m)!);
      assert.deepEqual(got, step.result ?? [], `step ${i}: order`);
    }
    assert.deepEqual([...finished].sort(), [...(step.finished ?? [])].sort(), `step ${i}: finished`);
    assert.equal(queue.length, step.queuedAfter, `step ${i}: length`);
  }
});

test("profiles: Consul's overrides", () => {
  assert.equal(profileTimings.wan.gossipNodes, 3);
  assert.equal(profileTimings.lan.deadNodeReclaimMs, 30_000);
  assert.equal(profileTimings.lan.reconnectTimeoutMs, 72 * 3_600_000);
  assert.equal(profileTimings.lan.leavePropagateDelayMs, 3000);
  assert.equal(serfLan.leavePropagateDelayMs, 1000);
});

test("profiles: single timings are replaced, misspelt ones refused", () => {
  assert.equal(timingsOf("lan", { probeIntervalMs: 7 }).probeIntervalMs, 7);
  assert.equal(timingsOf("lan", { probeIntervalMs: 7 }).gossipIntervalMs, 200);
  assert.throws(() => timingsOf("lan", { probeInterval: 7 }), {
    message: /unknown gossip timing "probeInterval"/,
  });
  assert.throws(() => timingsOf("lan", { probeIntervalMs: Number.NaN }), { name: "GossipError" });
});
