import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { DCSpecificRequest, NodeSpecificRequest } from "../model/catalog.ts";
import { DirEntry, KeyRequest, KVSRequest } from "../model/kv.ts";
import { RaftRemovePeerRequest } from "../model/operator.ts";
import { systemClock } from "../ports/clock.ts";
import { noMetrics } from "../ports/metrics.ts";
import { RpcPool } from "../rpc/pool.ts";
import { loopback, type TestServer, testServer, until } from "./test-cluster.ts";

const Datacenter = "dc1";
const dc = DCSpecificRequest.make({ Datacenter });
const servers: TestServer[] = [];

const put = (t: TestServer, Key: string, text: string): Promise<boolean> =>
  t.server.rpc(
    "KVS.Apply",
    KVSRequest.make({ Datacenter, Op: "set", DirEnt: DirEntry.make({ Key, Value: Buffer.from(text) }) }),
  );
const get = (t: TestServer, Key: string, more: Partial<KeyRequest> = {}) =>
  t.server.rpc("KVS.Get", KeyRequest.make({ Datacenter, Key, ...more }));
const text = (reply: Awaited<ReturnType<typeof get>>): string =>
  Buffer.from(reply.Entries?.[0]?.Value ?? []).toString();
const leaderOf = (list: readonly TestServer[]): TestServer | undefined => list.find((t) => t.server.isLeader);
const serfHealth = async (t: TestServer, Node: string): Promise<string | undefined> =>
  (
    await t.server.rpc("Health.NodeChecks", NodeSpecificRequest.make({ Datacenter, Node }))
  ).HealthChecks?.find((c) => c!.CheckID === "serfHealth")?.Status;
const raftServers = async (t: TestServer) =>
  (await t.server.rpc("Operator.RaftGetConfiguration", dc)).Servers!.map((s) => s!);

before(async () => {
  for (const n of [1, 2, 3])
    servers.push(testServer({ name: `s${n}`, ip: loopback(2, n), expect: 3, wan: true }));
  for (const t of servers) await t.server.start();
});
after(async () => {
  await Promise.all(servers.map((t) => t.server.shutdown()));
});

test("without a leader a server holds requests, and answers Status.Peers with nothing", async () => {
  const alone = testServer({
    name: "alone",
    ip: loopback(2, 99),
    expect: 3,
    override: { rpcHoldTimeoutMs: 100 },
  });
  await alone.server.start();
  try {
    assert.deepEqual(await alone.server.rpc("Status.Peers", dc), []);
    assert.equal(await alone.server.rpc("Status.Leader", dc), "");
    const started = performance.now();
    await assert.rejects(get(alone, "x"), { message: "No cluster leader" });
    await assert.rejects(get(alone, "x", { AllowStale: true }), { message: "No cluster leader" });
    // Timers may be a moment early.
    assert.ok(performance.now() - started >= 190);
  } finally {
    await alone.server.shutdown();
  }
});

test("three servers that expect three form a cluster", async () => {
  await servers[0]!.lan.join([servers[1]!.ip, servers[2]!.ip]);
  await until("one leader that all know", async () => {
    const leaders = await Promise.all(servers.map((t) => t.server.rpc("Status.Leader", dc)));
    return leaders[0] !== "" && new Set(leaders).size === 1 && leaderOf(servers) !== undefined;
  });
  await until("all nodes passing", async () => {
    const states = await Promise.all(["s1", "s2", "s3"].map((n) => serfHealth(servers[0]!, n)));
    return states.every((s) => s === "passing");
  });
  assert.equal((await raftServers(servers[0]!)).filter((s) => s.Voter).length, 3);
});

test("the WAN pool is filled from the LAN pool", async () => {
  await until("three WAN members", () => servers.every((t) => t.wan!.members().length === 3));
});

test("writes at any server reach the leader and all see them", async () => {
  for (const [i, t] of servers.entries()) {
    await put(t, `from/${i}`, String(i));
    assert.equal(text(await get(servers[(i + 1) % 3]!, `from/${i}`)), String(i));
  }
});

test("a stale read is served by a follower with its age", async () => {
  const follower = servers.find((t) => !t.server.isLeader)!;
  await until(
    "the replicated value",
    async () => text(await get(follower, "from/0", { AllowStale: true })) === "0",
  );
  const reply = await get(follower, "from/0", { AllowStale: true });
  assert.equal(reply.KnownLeader, true);
  assert.ok(reply.LastContact >= 0n && reply.LastContact < 30_000_000_000n);
});

test("an error from the leader has one prefix for the hop", async () => {
  const follower = servers.find((t) => !t.server.isLeader)!;
  await assert.rejects(put(follower, "", "x"), { message: "rpc error making call: Must provide key" });
  await assert.rejects(put(leaderOf(servers)!, "", "x"), { message: "Must provide key" });
  await assert.rejects(get(follower, "x", { Datacenter: "dc2" }), { message: "No path to datacenter" });
});

test("a blocking read through a follower wakes", async () => {
  const follower = servers.find((t) => !t.server.isLeader)!;
  const { Index } = await get(follower, "from/1");
  const waiting = get(follower, "from/1", { MinQueryIndex: Index, MaxQueryTime: 30_000_000_000n });
  await put(servers[0]!, "from/1", "new");
  assert.equal(text(await waiting), "new");
});

test("autopilot reports all healthy", async () => {
  await until("a healthy report", async () => {
    const report = await servers[0]!.server.rpc("Operator.ServerHealth", dc);
    return report.Healthy && report.Servers!.length === 3 && report.FailureTolerance === 1;
  });
});

test("requests during an election wait for the next leader", async () => {
  const leader = leaderOf(servers)!;
  const rest = servers.filter((t) => t !== leader);
  await leader.server.shutdown();
  servers.splice(servers.indexOf(leader), 1);
  // What was under way on a broken connection may fail; what begins afterwards waits.
  for (const [i, t] of rest.entries()) {
    await put(t, `after/${i}`, "x").catch((error: Error) => assert.match(error.message, /EOF/));
    await put(t, `after/${i}`, "x");
  }
  await until("the next leader", () => leaderOf(rest) !== undefined);
  await until(
    "the dead server's node critical or gone",
    async () => (await serfHealth(rest[0]!, nameOf(leader))) !== "passing",
  );
});
const nameOf = (t: TestServer): string => t.lan.localMember().name;

test("a new server is added without a vote, then promoted, and the dead one goes", async () => {
  const late = testServer({ name: "s4", ip: loopback(2, 4), expect: 3, wan: true });
  servers.push(late);
  await late.server.start();
  await late.lan.join([servers[0]!.ip]);
  await until(
    "s4 a voter",
    async () => (await raftServers(servers[0]!)).some((s) => s.Node === "s4" && s.Voter),
    60_000,
  );
  await until("three peers again", async () => (await raftServers(servers[0]!)).length === 3, 60_000);
  assert.equal(text(await get(late, "after/0")), "x");
});

test("a graceful leave takes a server out of raft and catalog", async () => {
  const leaver = servers.find((t) => !t.server.isLeader)!;
  const name = nameOf(leaver);
  await leaver.server.leave();
  await leaver.server.shutdown();
  servers.splice(servers.indexOf(leaver), 1);
  await until("two peers", async () => (await raftServers(servers[0]!)).length === 2);
  await until("no node", async () => (await serfHealth(servers[0]!, name)) === undefined);
});

test("a leaving leader removes itself and the other takes over", async () => {
  const leader = leaderOf(servers)!;
  const other = servers.find((t) => t !== leader)!;
  await leader.server.leave();
  await assert.rejects(put(leader, "late", "x"), { message: "No cluster leader" });
  await leader.server.shutdown();
  servers.splice(servers.indexOf(leader), 1);
  await until(
    "the other leads alone",
    async () => other.server.isLeader && (await raftServers(other)).length === 1,
  );
  assert.equal(text(await get(other, "after/0")), "x");
});

test("a peer that is not there cannot be removed", async () => {
  const [t] = servers;
  const remove = (by: "ID" | "Address", value: string) =>
    t!.server.rpc(
      by === "ID" ? "Operator.RaftRemovePeerByID" : "Operator.RaftRemovePeerByAddress",
      RaftRemovePeerRequest.make({ Datacenter, [by]: value }),
    );
  await assert.rejects(remove("ID", "nope"), {
    message: 'id "nope" was not found in the Raft configuration',
  });
  await assert.rejects(remove("Address", "1.2.3.4:8300"), {
    message: 'address "1.2.3.4:8300" was not found in the Raft configuration',
  });
});

test("the port refuses what the original refuses", async () => {
  const pool = new RpcPool({}, { clock: systemClock, metrics: noMetrics });
  const address = `${servers[0]!.ip}:8300`;
  try {
    assert.deepEqual(await pool.call(address, "Status.Ping", {}), {});
    await assert.rejects(
      pool.call(address, "ACL.TokenList", {
        ...dc,
        IncludeLocal: true,
        IncludeGlobal: true,
        Policy: "",
        Role: "",
        AuthMethod: "",
      }),
      {
        message: "rpc error making call: ACL support disabled",
      },
    );
    await assert.rejects(pool.call(address, "ConnectCA.Roots", dc), {
      message: "rpc error making call: Connect must be enabled in order to use this endpoint",
    });
    await assert.rejects(pool.call(address, "AutoConfig.InitialConfiguration", new Uint8Array(1)), {
      message: "rpc error making call: rpc: can't find service AutoConfig.InitialConfiguration",
    });
  } finally {
    await pool.close();
  }
});
