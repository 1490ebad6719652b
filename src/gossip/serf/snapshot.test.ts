import assert from "node:assert/strict";
import { test } from "node:test";
import { SimClock } from "../../../sim/clock.ts";
import { type Disk, memoryDisk } from "../../ports/disk.ts";
import { silentLogger } from "../../ports/log.ts";
import { noMetrics } from "../../ports/metrics.ts";
import { replaySnapshot, Snapshot } from "./snapshot.ts";
import { SnapshotWriter } from "./snapshot-writer.ts";

const keep = { rejoinAfterLeave: true };
const forget = { rejoinAfterLeave: false };

test("snapshot: the lines of a real Consul server", () => {
  const text =
    "alive: s1 127.0.0.1:8301\nevent-clock: 1\nclock: 1\nquery-clock: 1\nalive: c 1 [::1]:8301\nnot-alive: s1\ncoordinate: {}\n# note\nclock: 7\n";
  assert.deepEqual(replaySnapshot(text, forget), {
    alive: new Map([["c 1", "[::1]:8301"]]),
    clock: 7,
    eventClock: 1,
    queryClock: 1,
    badLines: [],
  });
});

test("snapshot: a leave forgets everything, unless one wants to rejoin", () => {
  const text = "alive: a 1.2.3.4:5\nclock: 4\nleave\n";
  assert.equal(replaySnapshot(text, forget).alive.size, 0);
  assert.equal(replaySnapshot(text, forget).clock, 0);
  assert.equal(replaySnapshot(text, keep).alive.size, 1);
});

test("snapshot: every truncation of a file loads, and its torn line is named", () => {
  const text =
    "alive: a 1.2.3.4:5\nalive: b 1.2.3.4:6\nclock: 12\nevent-clock: 3\nnonsense\nclock: x\nalive: \n";
  const whole = replaySnapshot(text, forget);
  assert.deepEqual(whole.badLines, ["nonsense", "clock: x", "alive: "]);
  for (let n = 0; n < text.length; n++) {
    const cut = text.slice(0, n);
    const state = replaySnapshot(cut, forget);
    const torn = cut.slice(cut.lastIndexOf("\n") + 1);
    assert.equal(torn === "" || state.badLines.includes(torn), true, JSON.stringify(cut));
  }
});

test("snapshot: clocks only grow, and nothing follows a leave", () => {
  const s = new Snapshot(replaySnapshot("", forget), forget);
  assert.equal(s.memberAlive("a", "::1", 5), "alive: a [::1]:5\n");
  assert.equal(s.memberClock(1), "");
  assert.equal(s.memberClock(6), "clock: 5\n");
  assert.equal(s.memberClock(6), "");
  assert.equal(s.userEvent(3), "event-clock: 3\n");
  assert.equal(s.userEvent(2), "");
  assert.equal(s.query(1), "query-clock: 1\n");
  assert.equal(s.memberGone("stranger"), "");
  assert.equal(s.compacted(), "alive: a [::1]:5\nclock: 5\nevent-clock: 3\nquery-clock: 1\n");
  assert.equal(s.leave(), "leave\n");
  assert.equal(s.memberAlive("b", "1.2.3.4", 5), "");
  assert.equal(replaySnapshot(s.compacted(), forget).alive.size, 0);
});

async function openWriter(disk: Disk, clock: SimClock): Promise<SnapshotWriter> {
  const { writer } = await SnapshotWriter.open("d/s", forget, {
    clock,
    disk,
    log: silentLogger,
    metrics: noMetrics,
  });
  return writer;
}
const contents = async (disk: Disk): Promise<string> => (await disk.read("d/s"))?.toString() ?? "";

test("snapshot writer: batches, closes whole, mends a torn tail", async () => {
  const [disk, clock] = [memoryDisk(), new SimClock()];
  await disk.writeAtomic("d/s", Buffer.from("alive: old 1.2.3.4:5\nalive: tor"));
  const w = await openWriter(disk, clock);
  assert.equal(await contents(disk), "alive: old 1.2.3.4:5\nclock: 0\nevent-clock: 0\nquery-clock: 0\n");
  w.write(w.snapshot.memberAlive("a", "1.2.3.4", 6));
  w.write(w.snapshot.memberClock(4));
  assert.ok(!(await contents(disk)).includes("alive: a"), "not yet");
  await clock.run(500);
  assert.ok((await contents(disk)).endsWith("alive: a 1.2.3.4:6\nclock: 3\n"));
  w.write(w.snapshot.leave());
  await w.close();
  assert.ok((await contents(disk)).endsWith("leave\n"));
});

test("snapshot writer: compacts what has grown", async () => {
  const [disk, clock] = [memoryDisk(), new SimClock()];
  const w = await openWriter(disk, clock);
  for (let i = 0; i < 4000; i++) {
    w.write(w.snapshot.memberAlive(`node-${i % 3}`, "10.0.0.1", 1000 + (i % 50_000)));
    w.write(w.snapshot.memberClock(i + 2));
  }
  await clock.run(600);
  const text = await contents(disk);
  assert.ok(text.length < 300, `${text.length} bytes`);
  assert.equal(replaySnapshot(text, forget).alive.size, 3);
  assert.equal(replaySnapshot(text, forget).clock, 4000);
  await w.close();
});

test("snapshot writer: a disk that fails and recovers ends with the whole state", async () => {
  const clock = new SimClock();
  const real = memoryDisk();
  let broken = false;
  const fail = async (): Promise<never> => {
    throw new Error("no space left on device");
  };
  const disk: Disk = {
    ...real,
    append: (...args) => (broken ? fail() : real.append(...args)),
    writeAtomic: (...args) => (broken ? fail() : real.writeAtomic(...args)),
  };
  const w = await openWriter(disk, clock);
  broken = true;
  w.write(w.snapshot.memberAlive("a", "1.2.3.4", 6));
  await clock.run(1000);
  broken = false;
  w.write(w.snapshot.memberAlive("b", "1.2.3.4", 7));
  await clock.run(1000);
  assert.equal(await contents(real), "", "one new try in 30 s is enough");
  await clock.run(30_000);
  w.write(w.snapshot.memberAlive("c", "1.2.3.4", 8));
  await clock.run(1000);
  assert.equal(replaySnapshot(await contents(real), forget).alive.size, 3);
  await w.close();
});
