import assert from "node:assert/strict";
import { test } from "node:test";
import { SimClock } from "../../sim/clock.ts";
import { CoordinateBuffer } from "./coordinate-buffer.ts";
import { COORDINATES_BUFFERED_MAX, COORDINATES_PER_ENTRY_MAX } from "./limits.ts";
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
