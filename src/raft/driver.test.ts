import assert from "node:assert/strict";
import { test } from "node:test";
import { SimClock, settle } from "../../sim/clock.ts";
import { type LogLine, silentLogger } from "../ports/log.ts";
import { noMetrics } from "../ports/metrics.ts";
import { seededRandom } from "../ports/random.ts";
import { LOG_TYPE } from "./contract.ts";
import type { Persist } from "./core/messages.ts";
import { RaftDriver } from "./driver.ts";
import { MemoryLogStore, type StoreCallback } from "./log-store.ts";
import type { Applied } from "./proposals.ts";
import { MemorySnapshotStore } from "./snapshot-store.ts";
import { ListFsm } from "./testing.ts";

/** A store whose writes wait until they are let through, or fail. */
class HeldStore extends MemoryLogStore {
  readonly held: { readonly batch: Persist; readonly done: StoreCallback<void> }[] = [];
  holding = false;

  override write(batch: Persist, done: StoreCallback<void>): void {
    if (!this.holding) return super.write(batch, done);
    this.held.push({ batch, done });
  }
  /** The oldest write becomes durable. */
  release(): void {
    const { batch, done } = this.held.shift()!;
    super.write(batch, done);
  }
  fail(error: Error): void {
    this.held.shift()!.done(error);
  }
}

async function leader() {
  const clock = new SimClock();
  const store = new HeldStore();
  const fsm = new ListFsm();
  const lines: LogLine[] = [];
  const driver = new RaftDriver(
    {
      id: "a",
      address: "a:8300",
      heartbeatTimeoutMs: 1000,
      electionTimeoutMs: 1000,
      leaderLeaseTimeoutMs: 500,
      trailingLogs: 10,
      appendEntriesMax: 64,
      snapshotIntervalMs: 1e6,
      snapshotThreshold: 1e6,
    },
    {
      clock,
      random: seededRandom(1),
      log: silentLogger,
      metrics: noMetrics,
      store,
      snapshots: new MemorySnapshotStore(() => clock.wall()),
      transport: {
        send: () => {},
        install: () => Promise.reject(new Error("alone")),
        keepOnly: () => {},
        close: () => {},
      },
      fsm,
      defer: (work) => setImmediate(work),
    },
  );
  await driver.start();
  await new Promise<void>((resolve, reject) =>
    driver.bootstrap({ servers: [{ id: "a", address: "a:8300", suffrage: 0 }] }, (error) =>
      error ? reject(error) : resolve(),
    ),
  );
  await clock.run(200);
  for (let i = 0; i < 10; i++) await settle();
  assert.equal(driver.core!.state.role, "leader");
  return { clock, store, fsm, driver, lines };
}

const propose = (driver: RaftDriver, text: string, timeoutMs: number = 0): Promise<Applied> =>
  new Promise((resolve, reject) =>
    driver.propose(
      { type: LOG_TYPE.command, data: Buffer.from(text), extensions: null },
      timeoutMs,
      (error, value) => (error ? reject(error) : resolve(value)),
    ),
  );
const soon = async (): Promise<void> => {
  for (let i = 0; i < 5; i++) await settle();
};

test("group commit: what is proposed while the disk writes forms one batch, in order, acknowledged only when durable", async () => {
  const { store, driver, fsm } = await leader();
  store.holding = true;
  const acknowledged: string[] = [];
  const all: Promise<unknown>[] = [];
  const write = (text: string): void => {
    all.push(propose(driver, text).then(() => acknowledged.push(text)));
  };
  write("first");
  await soon();
  assert.equal(store.held.length, 1);
  for (let i = 0; i < 100; i++) {
    write(`later${i}`);
    if (i % 10 === 0) await soon();
  }
  await soon();
  assert.equal(store.held.length, 1, "one write at a time");
  assert.deepEqual(acknowledged, []);
  assert.deepEqual(fsm.items, [], "nothing is applied that is not durable");
  store.release();
  await soon();
  assert.deepEqual(acknowledged, ["first"]);
  assert.equal(store.held.length, 1);
  const [op] = store.held[0]!.batch.ops;
  assert.equal(op?.kind === "append" && op.entries.length, 100);
  store.release();
  await Promise.all(all);
  assert.deepEqual(acknowledged, ["first", ...Array.from({ length: 100 }, (_, i) => `later${i}`)]);
  assert.deepEqual(fsm.items, acknowledged);
  await driver.shutdown();
});

test("random arrivals and disk times: order of proposals is order of application, one write at a time", async () => {
  const seed = Number(process.env["SEED"] ?? 5);
  const random = seededRandom(seed);
  const { store, driver, fsm } = await leader();
  store.holding = true;
  const all: Promise<Applied>[] = [];
  const wanted: string[] = [];
  for (let step = 0; step < 400; step++) {
    if (random.int(3) > 0) {
      const text = `p${step}`;
      wanted.push(text);
      all.push(propose(driver, text));
    } else if (store.held.length > 0) store.release();
    if (random.int(2) === 0) await settle();
    assert.ok(store.held.length <= 1, `seed ${seed}`);
  }
  store.holding = false;
  while (store.held.length > 0) {
    store.release();
    await soon();
  }
  const answers = await Promise.all(all);
  assert.deepEqual(fsm.items, wanted, `seed ${seed}`);
  for (let i = 1; i < answers.length; i++) assert.ok(answers[i]!.index > answers[i - 1]!.index);
  await driver.shutdown();
});

test("a failed write: nothing is acknowledged, the server steps aside, and works again when the disk does", async () => {
  const { clock, store, driver, fsm } = await leader();
  await propose(driver, "kept");
  store.holding = true;
  const lost = propose(driver, "lost");
  const failed = assert.rejects(lost, /leadership lost while committing log/);
  await soon();
  const queued = assert.rejects(propose(driver, "queued"), /not the leader|leadership lost/);
  store.fail(Object.assign(new Error("database or disk is full"), { code: "ENOSPC" }));
  await Promise.all([failed, queued]);
  assert.equal(driver.core, undefined);
  assert.match(driver.fault!.message, /disk is full/);
  await assert.rejects(propose(driver, "meanwhile"), /node is not the leader/);
  store.holding = false;
  await clock.run(600);
  await soon();
  await clock.run(300);
  await soon();
  assert.equal(driver.core!.state.role, "leader");
  assert.equal(driver.fault, undefined);
  await propose(driver, "again");
  assert.deepEqual(fsm.items, ["kept", "again"]);
  assert.equal(fsm.restores, 0, "the state machine kept what was applied");
  await driver.shutdown();
});

test("a proposal that waits behind a stuck disk gives up in time, and is not written later", async () => {
  const { clock, store, driver, fsm } = await leader();
  store.holding = true;
  const stuck = propose(driver, "stuck");
  await soon();
  const late = assert.rejects(propose(driver, "late", 1000), /timed out enqueuing operation/);
  await soon();
  await clock.run(2000);
  await late;
  store.release();
  await stuck;
  store.holding = false;
  await propose(driver, "next", 1000);
  assert.deepEqual(fsm.items, ["stuck", "next"]);
  await driver.shutdown();
});

test("an idle single server sets no timer but the one for snapshots", async () => {
  const { clock, driver } = await leader();
  const before = clock.next();
  let steps = 0;
  for (let at = clock.next(); at !== undefined && at < clock.now() + 60_000; at = clock.next()) {
    clock.step();
    steps++;
  }
  assert.ok(before !== undefined && steps <= 1, `${steps} timers in a minute`);
  await driver.shutdown();
});
