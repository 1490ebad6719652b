import assert from "node:assert/strict";
import { test } from "node:test";
import { SimClock } from "../../sim/clock.ts";
import { seededRandom } from "../ports/random.ts";
import {
  REBALANCE_JITTER_MS,
  REBALANCE_MIN_MS,
  rebalanceDelayMs,
  ServerList,
  ServerManager,
} from "./server-manager.ts";

const s = (n: number) => ({ name: `s${n}`, address: `10.0.0.${n}:8300` });

test("a failed server goes to the end, once", () => {
  const list = new ServerList(seededRandom(1));
  for (const n of [1, 2, 3]) list.add(s(n));
  const first = list.first()!;
  list.failed(first);
  assert.equal(list.all().at(-1)!.name, first.name);
  const second = list.first()!;
  list.failed(first);
  assert.equal(list.first(), second, "a late report of the same failure changes nothing");
});

test("adding a known name replaces it in place", () => {
  const list = new ServerList(seededRandom(2));
  assert.equal(list.add(s(1)), true);
  list.add(s(2));
  const names = list.all().map((x) => x.name);
  assert.equal(list.add({ name: "s1", address: "10.0.0.9:8300" }), false);
  assert.deepEqual(
    list.all().map((x) => x.name),
    names,
  );
  assert.ok(list.all().some((x) => x.address === "10.0.0.9:8300"));
  assert.equal(list.remove("s1"), true);
  assert.equal(list.remove("s1"), false);
  assert.equal(list.size, 1);
});

test("many clients that learn of servers in one order do not all use the same", () => {
  const used = new Set<string>();
  for (let seed = 0; seed < 20; seed++) {
    const list = new ServerList(seededRandom(seed));
    for (const n of [1, 2, 3]) list.add(s(n));
    used.add(list.first()!.name);
  }
  assert.equal(used.size, 3);
});

test("a rebalance prefers the first server that answers", async () => {
  const clock = new SimClock();
  const asked: string[] = [];
  const manager = new ServerManager(
    {
      ping: async (server) => {
        asked.push(server.name);
        if (server.name === "s1") throw new Error("gone");
        return server.name === "s3";
      },
      nodeCount: () => 10,
    },
    { clock, random: seededRandom(3) },
  );
  for (const n of [1, 2, 3]) manager.list.add(s(n));
  manager.start();
  await clock.run(REBALANCE_MIN_MS + REBALANCE_JITTER_MS);
  assert.equal(manager.list.first()!.name, "s3");
  assert.ok(asked.length > 0);
  manager.stop();
  asked.length = 0;
  await clock.run(3_600_000);
  assert.deepEqual(asked, []);
});

test("the pace falls with the size of the pool", () => {
  const random = seededRandom(4);
  assert.ok(rebalanceDelayMs(random, 3, 100) < REBALANCE_MIN_MS + REBALANCE_JITTER_MS);
  assert.equal(rebalanceDelayMs(random, 3, 192_000), 1_000_000);
  assert.ok(rebalanceDelayMs(random, 0, 10) >= REBALANCE_MIN_MS);
});
