/** A pool under noise: random bytes, damaged recordings and packets that are well formed but absurd. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { afterEach, test } from "node:test";
import * as ml from "../../src/gossip/memberlist/messages.ts";
import { encodeCompound } from "../../src/gossip/memberlist/packet.ts";
import type { Metrics } from "../../src/ports/metrics.ts";
import { type Random, seededRandom } from "../../src/ports/random.ts";
import { type SimNode, SimPool } from "./pool.ts";

const SEED = Number(process.env["SIM_SEED"] ?? 4242);
let pool: SimPool;
afterEach(() => pool.close());

const recordings: readonly Buffer[] = [
  "memberlist-udp",
  "serf-messages",
  "consul",
  "newest",
  "memberlist-tcp",
].flatMap((file) =>
  (
    JSON.parse(readFileSync(new URL(`../../src/gossip/testdata/${file}.json`, import.meta.url), "utf8")) as {
      hex: string;
    }[]
  ).map((v) => Buffer.from(v.hex, "hex")),
);

/** Counts by key and code. */
function counting(): { readonly metrics: Metrics; readonly counts: Map<string, number> } {
  const counts = new Map<string, number>();
  return {
    counts,
    metrics: {
      count: (key, by = 1, labels) => {
        const name = labels === undefined ? key : `${key} ${Object.values(labels).join(" ")}`;
        counts.set(name, (counts.get(name) ?? 0) + by);
      },
      gauge: () => {},
      sample: () => {},
    },
  };
}

function noise(random: Random): Buffer {
  if (random.int(4) === 0) return random.bytes(random.int(1500));
  const bytes = Buffer.from(recordings[random.int(recordings.length)]!);
  for (let k = random.int(4); k >= 0; k--) bytes[random.int(bytes.length)] = random.int(256);
  if (random.int(5) === 0) return encodeCompound([bytes, bytes.subarray(0, random.int(bytes.length))]);
  return random.int(5) === 0 ? bytes.subarray(0, random.int(bytes.length)) : bytes;
}

test(`hostile: 30,000 damaged datagrams and 200 damaged streams leave the pool as it was (SIM_SEED=${SEED})`, async () => {
  const { metrics, counts } = counting();
  pool = new SimPool({ seed: SEED, metrics });
  const names = ["alpha", "beta", "gamma"];
  for (const name of names) await pool.add(name, { tags: new Map([["role", name]]) });
  for (const n of pool.nodes.slice(1)) await pool.settled(n.pool.join([pool.nodes[0]!.host]));
  await pool.until(() => pool.converged(), 10_000);
  const random = seededRandom(SEED);
  const attacker = pool.network.transport("10.66.6.6", 666);
  await attacker.open({ onDatagram: () => {}, onStream: (s) => s.close() });
  for (let i = 0; i < 30_000; i++) {
    const victim = pool.nodes[random.int(3)]!;
    attacker.send(noise(random), victim.host, 7946);
    if (i % 150 === 0) {
      const stream = await pool.settled(attacker.dial(victim.host, 7946, 1000));
      await stream.write(noise(random));
      if (random.int(2) === 0) stream.close();
    }
    if (i % 10 === 0) await pool.run(1);
  }
  await pool.run(60_000);
  await attacker.close();
  assert.equal(counts.get("memberlist.effect.failed") ?? 0, 0);
  for (const [key, n] of counts) assert.ok(!key.endsWith("packet failed"), `${key}: ${n}`);
  for (const n of pool.nodes)
    for (const name of names) {
      assert.equal(n.pool.member(name)?.status, "alive", `${n.name} about ${name}`);
      assert.deepEqual(n.pool.member(name)?.tags, new Map([["role", name]]));
    }
  assert.ok(
    pool.nodes.every((n) => n.log.length < 8000),
    `${pool.nodes.map((n) => n.log.length)}`,
  );
  assert.ok([...counts.keys()].some((k) => k.startsWith("memberlist.input.bad")));
});

const about = (n: SimNode, kind: number, from: string, incarnation: number): Buffer =>
  ml.encodeMessage(kind, ml.claim, { Incarnation: incarnation, Node: n.name, From: from });

test("hostile: a forged death is refuted", async () => {
  pool = new SimPool({ seed: SEED + 1 });
  for (const name of ["alpha", "beta", "gamma"]) await pool.add(name);
  for (const n of pool.nodes.slice(1)) await pool.settled(n.pool.join([pool.nodes[0]!.host]));
  await pool.until(() => pool.converged(), 10_000);
  const attacker = pool.network.transport("10.66.6.6", 666);
  await attacker.open({ onDatagram: () => {}, onStream: (s) => s.close() });
  const [, beta] = pool.nodes;
  for (const n of pool.nodes) {
    attacker.send(about(beta!, ml.MESSAGE.dead, "nobody", 5), n.host, 7946);
    attacker.send(about(beta!, ml.MESSAGE.suspect, "nobody", 6), n.host, 7946);
  }
  await pool.run(10_000);
  assert.ok(pool.converged());
});

test("hostile: a flood of invented names stays within the intent buffer and the queues", async () => {
  const { metrics, counts } = counting();
  pool = new SimPool({ seed: SEED + 2, keepLog: false, metrics });
  const victim = await pool.add("alpha");
  const attacker = pool.network.transport("10.66.6.6", 666);
  await attacker.open({ onDatagram: () => {}, onStream: (s) => s.close() });
  for (let i = 0; i < 20_000; i++) {
    const intent = Buffer.from(
      `080182a54c54696d6501a44e6f6465a6${Buffer.from(String(100_000 + i)).toString("hex")}`,
      "hex",
    );
    attacker.send(intent, victim.host, 7946);
    if (i % 100 === 0) await pool.run(1);
  }
  await pool.run(20);
  assert.ok((counts.get("serf.intents.dropped") ?? 0) > 10_000);
  assert.ok(Number(victim.pool.stats().get("intent_queue")) <= 8192);
});
