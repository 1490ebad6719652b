/** Leaders that go: another one leads before they are gone, and nobody's request fails. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { SimClock } from "../../sim/clock.ts";
import { DirEntry, KeyRequest, KVSRequest } from "../model/kv.ts";
import { TransferLeaderRequest } from "../model/operator.ts";
import { drainWrites } from "./departure.ts";
import { type TestServer, testServer, until } from "./test-cluster.ts";

const Datacenter = "dc1";
const started = new Set<TestServer>();
after(async () => {
  for (const t of started) await t.server.shutdown();
});

/** Three servers with timings like a real cluster's, so that an election would be noticed, and a stall of the machine brings none. */
async function cluster(block: number): Promise<TestServer[]> {
  const servers = [1, 2, 3].map((n) =>
    testServer({
      name: `s${n}`,
      ip: `127.21.${block}.${n}`,
      expect: 3,
      override: {
        raft: {
          heartbeatTimeoutMs: 4000,
          electionTimeoutMs: 4000,
          leaderLeaseTimeoutMs: 3500,
          commitTimeoutMs: 5,
          snapshotIntervalMs: 600_000,
          snapshotThreshold: 100_000,
          trailingLogs: 10_000,
          maxAppendEntries: 64,
        },
        rpcHoldTimeoutMs: 30_000,
        timings: { handOverMs: 30_000 },
        // Who ended without a leave stays in raft for as long as a test looks.
        autopilot: {
          cleanupDeadServers: false,
          lastContactThresholdMs: 200,
          maxTrailingLogs: 250,
          minQuorum: 0,
          serverStabilizationTimeMs: 300,
        },
      },
    }),
  );
  for (const t of servers) {
    started.add(t);
    await t.server.start();
  }
  await servers[0]!.lan.join([servers[1]!.ip, servers[2]!.ip]);
  await until(
    "a leader whom all know, and three voters in touch",
    () =>
      servers.every((t) => t.server.raft.leader !== undefined) &&
      servers.some((t) => t.server.isLeader && t.server.raft.followers.every((f) => f.lastContactMs! < 2000)),
    60_000,
  );
  return servers;
}

const leaderOf = (servers: readonly TestServer[]): TestServer => servers.find((t) => t.server.isLeader)!;
const put = (t: TestServer, Key: string): Promise<boolean> =>
  t.server.rpc(
    "KVS.Apply",
    KVSRequest.make({ Datacenter, Op: "set", DirEnt: DirEntry.make({ Key, Value: Buffer.from("x") }) }),
  );

/** Writes through `t` until told to stop; resolves with the keys that were accepted. */
function writer(t: TestServer): { stop(): Promise<readonly string[]> } {
  let over = false;
  const accepted: string[] = [];
  const run = (async () => {
    for (let n = 0; !over; n++) {
      await put(t, `w/${n}`);
      accepted.push(`w/${n}`);
    }
  })();
  return {
    stop: async () => {
      over = true;
      await run;
      return accepted;
    },
  };
}
const has = async (t: TestServer, keys: readonly string[]): Promise<void> => {
  for (const Key of keys) {
    const reply = await t.server.rpc(
      "KVS.Get",
      KeyRequest.make({ Datacenter, Key, RequireConsistent: true }),
    );
    assert.equal(reply.Entries?.length, 1, Key);
  }
};

test("a leader that ends hands over first: writes elsewhere go on without an error or an election timeout", async () => {
  const servers = await cluster(1);
  const leader = leaderOf(servers);
  const rest = servers.filter((t) => t !== leader);
  const writing = writer(rest[0]!);
  await until("some writes", () => rest[0]!.server.raft.commitIndex > 20, 60_000);
  const term = rest[0]!.server.raft.term;
  const timeouts = (): number =>
    servers.flatMap((t) => t.lines).filter((l) => l.message.startsWith("Heartbeat timeout reached")).length;
  const before = timeouts();
  await leader.server.shutdown();
  started.delete(leader);
  const next = leaderOf(rest);
  assert.ok(next, "another leads when shutdown() is done");
  assert.equal(next.server.raft.term, term + 1);
  assert.ok(leader.logged(/handed the leadership over/));
  assert.equal(timeouts(), before);
  await put(rest[1]!, "after");
  await has(rest[0]!, await writing.stop());
  assert.equal(next.server.raft.configuration.servers.length, 3);
});

test("a leader that leaves hands over, and the next one removes it from raft", async () => {
  const servers = await cluster(2);
  const leader = leaderOf(servers);
  const rest = servers.filter((t) => t !== leader);
  const writing = writer(rest[0]!);
  await leader.server.leave();
  assert.ok(leader.logged(/handed the leadership over/));
  assert.ok(!leader.logged(/failed to leave raft configuration/));
  const next = leaderOf(rest);
  await until("two servers in raft", () => next.server.raft.configuration.servers.length === 2, 60_000);
  await has(rest[1]!, await writing.stop());
});

test("Operator.TransferLeader: to the one that is named, from any server; the others' errors", async () => {
  const servers = await cluster(3);
  const leader = leaderOf(servers);
  const [target, asked] = servers.filter((t) => t !== leader) as [TestServer, TestServer];
  const transfer = (t: TestServer, ID: string) =>
    t.server.rpc("Operator.TransferLeader", TransferLeaderRequest.make({ Datacenter, ID }));
  await assert.rejects(transfer(leader, "none"), { message: "Could not find address for server id none" });
  await assert.rejects(transfer(asked, leader.id), {
    message: "rpc error making call: cannot transfer leadership to itself",
  });
  assert.deepEqual(await transfer(asked, target.id), { Success: true });
  await until("the target leads", () => target.server.isLeader, 60_000);
  await put(asked, "by/the/next");
  await until("all know it", () => servers.every((t) => t.server.raft.leader?.id === target.id), 60_000);
  assert.deepEqual(await transfer(asked, ""), { Success: true });
  await until("another leads", () => servers.some((t) => t !== target && t.server.isLeader), 60_000);
});

test("a leader whose voters are silent ends at once", async () => {
  const servers = await cluster(4);
  const leader = leaderOf(servers);
  for (const t of servers)
    if (t !== leader) {
      await t.server.shutdown();
      started.delete(t);
    }
  await until("a leader that is alone, or none", () =>
    leader.server.raft.followers.every((f) => (f.lastContactMs ?? 3500) >= 3500),
  );
  const before = performance.now();
  await leader.server.shutdown();
  started.delete(leader);
  assert.ok(!leader.logged(/Starting leadership transfer/));
  assert.ok(performance.now() - before < 60_000);
});

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** How long, on a simulated clock, the drain takes when `restMs` tells of writes by the time. */
async function drained(restMs: (now: number) => number): Promise<number> {
  const clock = new SimClock();
  const start = clock.now();
  let over = false;
  void drainWrites({ clock, handOverMs: 2_500 }, () => restMs(clock.now() - start)).then(() => {
    over = true;
  });
  while (!over) {
    clock.advance(10);
    await settle();
    assert.ok(clock.now() - start < 10_000);
  }
  return clock.now() - start;
}

test("drain: without writes a moment passes", async () => assert.equal(await drained((now) => now), 100));

test("drain: writes under way are waited for", async () => {
  const took = await drained((now) => (now < 700 ? 0 : now - 700));
  assert.ok(took >= 800 && took < 850, `${took} ms`);
});

test("drain: but not for ever", async () => {
  const took = await drained(() => 0);
  assert.ok(took >= 2_500 && took < 2_550, `${took} ms`);
});
