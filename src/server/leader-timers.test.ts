import assert from "node:assert/strict";
import { test } from "node:test";
import { SimClock, settle } from "../../sim/clock.ts";
import type { Member } from "../gossip/contract.ts";
import { silentLogger } from "../ports/log.ts";
import { noMetrics } from "../ports/metrics.ts";
import { CoordinateBuffer } from "./coordinate-buffer.ts";
import { Leader, type LeaderParts } from "./leader.ts";
import { COORDINATES_BUFFERED_MAX, COORDINATES_PER_ENTRY_MAX } from "./limits.ts";
import { DEFAULT_TIMINGS } from "./timings.ts";
import { TombstoneGc } from "./tombstone-gc.ts";

function gc() {
  const clock = new SimClock();
  const reaped: [number, number][] = [];
  const tombstones = new TombstoneGc(
    { ttlMs: 900_000, granularityMs: 30_000, expired: (index) => reaped.push([clock.now(), index]) },
    { clock },
  );
  return { clock, reaped, tombstones };
}

test("tombstones of one bin go together, with the highest index", () => {
  const t = gc();
  t.tombstones.enable();
  t.clock.advance(1000);
  t.tombstones.hint(5);
  t.clock.advance(10_000);
  t.tombstones.hint(7);
  t.tombstones.hint(6);
  t.clock.advance(30_000);
  t.tombstones.hint(9);
  t.clock.advance(1_000_000);
  assert.deepEqual(t.reaped, [
    [930_000, 7],
    [960_000, 9],
  ]);
  assert.equal(t.tombstones.pending, false);
});

test("only the leader's timers run", () => {
  const t = gc();
  t.tombstones.hint(1);
  t.tombstones.enable();
  t.tombstones.hint(2);
  t.tombstones.disable();
  t.clock.advance(2_000_000);
  assert.deepEqual(t.reaped, []);
});

const update = (n: number, Height = 0) => ({
  Node: `n${n}`,
  Segment: "",
  Coord: { Vec: null, Error: 0, Adjustment: 0, Height },
});

test("coordinates: the newest of each node, in batches", () => {
  const buffer = new CoordinateBuffer();
  for (let n = 0; n < COORDINATES_PER_ENTRY_MAX + 1; n++) buffer.add(update(n));
  buffer.add(update(0, 9));
  const batches = buffer.flush();
  assert.deepEqual(
    batches.map((b) => b.length),
    [COORDINATES_PER_ENTRY_MAX, 1],
  );
  assert.equal(batches[0]![0]!.Coord!.Height, 9);
  assert.deepEqual(buffer.flush(), []);
});

test("coordinates: what a flush cannot take is not kept", () => {
  const buffer = new CoordinateBuffer();
  for (let n = 0; n < COORDINATES_BUFFERED_MAX + 500; n++) buffer.add(update(n));
  assert.equal(buffer.size, COORDINATES_BUFFERED_MAX);
  assert.equal(buffer.flush().length, COORDINATES_BUFFERED_MAX / COORDINATES_PER_ENTRY_MAX);
});

test("who seemed to leave when a leader looked is looked at again soon: it may have come back without an event", async () => {
  const clock = new SimClock();
  let status: Member["status"] = "leaving";
  const looks: number[] = [];
  const member = (): Member => ({ name: "s2", status }) as Member;
  const leader = new Leader(
    {
      nodeName: "s1",
      datacenter: "dc1",
      primaryDatacenter: "other",
      timings: DEFAULT_TIMINGS,
      raft: { barrier: async () => {}, appliedIndex: 1 },
      lan: {
        userEvent: () => {},
        members: () => {
          looks.push(clock.now());
          return [member()];
        },
      },
      view: { sessions: () => [], autopilotConfig: () => ({}), serfChecks: () => [] },
      writer: {},
      autopilot: { start: () => {}, stop: () => {} },
      sessions: { clearAll: () => {}, reset: () => {} },
      tombstones: { enable: () => {}, disable: () => {}, hint: () => {} },
      initialAutopilot: {},
    } as unknown as LeaderParts,
    { clock, log: silentLogger, metrics: noMetrics },
  );
  leader.acquire();
  await clock.run(1);
  for (let i = 0; i < 10; i++) await settle();
  looks.length = 0;
  status = "alive";
  await clock.run(DEFAULT_TIMINGS.reconcileLeavingMs);
  assert.ok(looks.length > 0, "the next look comes soon");
  looks.length = 0;
  await clock.run(DEFAULT_TIMINGS.reconcileIntervalMs - 1000);
  assert.deepEqual(looks, [], "with nobody leaving it comes as always");
  await leader.lose();
});
