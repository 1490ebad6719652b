import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../src/ports/random.ts";
import { drawStep, type Situation } from "./nemesis.ts";

const servers = ["s1", "s2", "s3", "s4", "s5"];
const quiet: Situation = {
  servers,
  clients: ["c1"],
  smallDisk: "s5",
  leader: "s3",
  disturbed: new Set(),
  cut: false,
};

test("the same seed draws the same faults", () => {
  const draw = (seed: number) => {
    const random = seededRandom(seed);
    return Array.from({ length: 50 }, () => drawStep(random, quiet));
  };
  assert.deepEqual(draw(7), draw(7));
  assert.notDeepEqual(draw(7), draw(8));
});

test("every kind comes, the leader is struck often, and a minority mostly", () => {
  const random = seededRandom(3);
  const kinds = new Map<string, number>();
  let leader = 0;
  let majority = 0;
  for (let i = 0; i < 1000; i++) {
    const { fault, thenMs } = drawStep(random, quiet);
    assert.ok(thenMs >= 1000 && thenMs < 6000);
    assert.ok(fault !== undefined && fault.nodes.length > 0);
    kinds.set(fault.kind, (kinds.get(fault.kind) ?? 0) + 1);
    if (fault.nodes.includes("s3")) leader++;
    if (fault.nodes.filter((n) => servers.includes(n)).length > 2) {
      assert.equal(fault.kind, "kill");
      assert.equal(fault.nodes.length, 5);
      majority++;
    }
    if (fault.kind === "fill-disk") assert.deepEqual(fault.nodes, ["s5"]);
  }
  for (const kind of ["kill", "pause", "cut", "fill-disk"]) assert.ok(kinds.get(kind)! > 50, kind);
  assert.ok(leader > 400, String(leader));
  assert.ok(majority > 10 && majority < 100, String(majority));
});

test("nothing strikes a node twice, and there is one cut at a time", () => {
  const random = seededRandom(4);
  const disturbed = new Set(["s1", "s5"]);
  for (let i = 0; i < 1000; i++) {
    const { fault } = drawStep(random, { ...quiet, disturbed, cut: true });
    if (fault === undefined) continue;
    assert.notEqual(fault.kind, "cut");
    assert.notEqual(fault.kind, "fill-disk");
    for (const n of fault.nodes) assert.ok(!disturbed.has(n));
  }
});
