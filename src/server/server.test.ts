import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  ChecksInStateRequest,
  DCSpecificRequest,
  DeregisterRequest,
  HealthCheck,
  NodeService,
  NodeSpecificRequest,
  RegisterRequest,
  ServiceSpecificRequest,
} from "../model/catalog.ts";
import {
  DirEntry,
  KeyListRequest,
  KeyRequest,
  KVSRequest,
  Session,
  SessionRequest,
  SessionSpecificRequest,
  TxnKVOp,
  TxnOp,
  TxnReadRequest,
  TxnRequest,
} from "../model/kv.ts";
import { loopback, type TestServer, testServer, until } from "./test-cluster.ts";

const Datacenter = "dc1";
let t: TestServer;

before(async () => {
  t = testServer({ name: "s1", ip: loopback(1, 1), wan: true });
  await t.server.start();
  await until("a leader", () => t.server.isLeader);
  await until("the server's own registration", async () => (await nodes()).includes("s1"));
});
after(() => t.server.shutdown());

const nodes = async (): Promise<string[]> => {
  const reply = await t.server.rpc("Catalog.ListNodes", DCSpecificRequest.make({ Datacenter }));
  return (reply.Nodes ?? []).map((n) => n!.Node);
};
const put = (Key: string, text: string, Op = "set", more: Partial<DirEntry> = {}): Promise<boolean> =>
  t.server.rpc(
    "KVS.Apply",
    KVSRequest.make({ Datacenter, Op, DirEnt: DirEntry.make({ Key, Value: Buffer.from(text), ...more }) }),
  );
const get = (Key: string, more: Partial<KeyRequest> = {}) =>
  t.server.rpc("KVS.Get", KeyRequest.make({ Datacenter, Key, ...more }));
const textOf = (reply: Awaited<ReturnType<typeof get>>): string =>
  Buffer.from(reply.Entries?.[0]?.Value ?? []).toString();

test("the log says what the tutorial shows", () => {
  assert.ok(t.logged(/^consul: adding LAN server s1 \(Addr: 127\.5\.1\.1:8300\) \(DC: dc1\)$/));
  assert.ok(t.logged(/^consul: adding WAN server s1\.dc1 \(Addr: 127\.5\.1\.1:8300\) \(DC: dc1\)$/));
  assert.ok(t.logged(/^consul: cluster leadership acquired$/));
  assert.ok(t.logged(/^consul: New leader elected: s1$/));
  assert.ok(t.logged(/^consul: member 's1' joined, marking health alive$/));
});

test("the leader registers itself with serfHealth and the consul service", async () => {
  const reply = await t.server.rpc(
    "Health.ServiceNodes",
    ServiceSpecificRequest.make({ Datacenter, ServiceName: "consul" }),
  );
  const [instance] = reply.Nodes!;
  assert.equal(instance!.Node!.Node, "s1");
  assert.equal(instance!.Node!.ID, t.id);
  assert.equal(instance!.Node!.Meta, null, "no consul-network-segment of ours");
  assert.equal(instance!.Service!.Port, 8300);
  assert.deepEqual(
    [...instance!.Service!.Meta!],
    [
      ["non_voter", "false"],
      ["raft_version", "3"],
      ["serf_protocol_current", "2"],
      ["serf_protocol_max", "5"],
      ["serf_protocol_min", "1"],
      ["version", "1.8.7"],
    ],
  );
  assert.deepEqual(
    instance!.Checks!.map((c) => [c!.CheckID, c!.Name, c!.Status, c!.Output]),
    [["serfHealth", "Serf Health Status", "passing", "Agent alive and reachable"]],
  );
});

test("status, raft configuration and autopilot answer", async () => {
  const dc = DCSpecificRequest.make({ Datacenter });
  assert.equal(await t.server.rpc("Status.Leader", dc), "127.5.1.1:8300");
  assert.equal(await t.server.rpc("Status.Leader", DCSpecificRequest.zero()), "127.5.1.1:8300");
  assert.deepEqual(await t.server.rpc("Status.Peers", dc), ["127.5.1.1:8300"]);
  assert.equal((await t.server.rpc("Status.RaftStats", {})).LastContact, "0");
  assert.deepEqual(await t.server.rpc("Catalog.ListDatacenters", t0()), ["dc1"]);
  const raft = await t.server.rpc("Operator.RaftGetConfiguration", dc);
  assert.deepEqual(raft, {
    Servers: [
      { ID: t.id, Node: "s1", Address: "127.5.1.1:8300", Leader: true, ProtocolVersion: "3", Voter: true },
    ],
    Index: 0,
  });
  await until(
    "a health round",
    async () => (await t.server.rpc("Operator.ServerHealth", dc)).Servers?.length === 1,
  );
  const health = await t.server.rpc("Operator.ServerHealth", dc);
  assert.equal(health.Healthy, true);
  assert.equal(health.FailureTolerance, 0);
  const config = await t.server.rpc("Operator.AutopilotGetConfiguration", dc);
  assert.equal(config.CleanupDeadServers, true);
  assert.equal(config.MaxTrailingLogs, 250);
});
const t0 = () => ({ ...DCSpecificRequest.zero() });

test("another datacenter is refused with the original's text", async () => {
  await assert.rejects(get("a", { Datacenter: "dc9" }), { message: "No path to datacenter" });
  await assert.rejects(get("a", { Datacenter: "" }), { message: "No path to datacenter" });
});

test("keys: set, get, list, keys, cas, delete", async () => {
  assert.equal(await put("k/a", "1"), false, "a plain set answers false");
  const reply = await get("k/a");
  assert.equal(textOf(reply), "1");
  assert.equal(reply.KnownLeader, true);
  assert.equal(reply.LastContact, 0n);
  assert.equal(reply.Index, reply.Entries![0]!.ModifyIndex);
  assert.equal(await put("k/b", "2", "cas"), true);
  assert.equal(await put("k/b", "3", "cas"), false);
  const list = await t.server.rpc("KVS.List", KeyRequest.make({ Datacenter, Key: "k/" }));
  assert.deepEqual(
    list.Entries!.map((e) => e!.Key),
    ["k/a", "k/b"],
  );
  const keys = await t.server.rpc(
    "KVS.ListKeys",
    KeyListRequest.make({ Datacenter, Prefix: "", Seperator: "/" }),
  );
  assert.ok(keys.Keys!.includes("k/"));
  assert.equal(
    (await t.server.rpc("KVS.ListKeys", KeyListRequest.make({ Datacenter, Prefix: "none" }))).Keys,
    null,
  );
  assert.equal((await get("none")).Entries, null);
  assert.equal(await put("k/", "", "delete-tree"), false);
  assert.equal((await get("k/a")).Entries, null);
  await assert.rejects(put("", "x"), { message: "Must provide key" });
  assert.equal((await get("k/a", { RequireConsistent: true })).Entries, null);
});

test("unsafe integers survive", async () => {
  await put("flags", "", "set", { Flags: 0xffff_ffff_ffff_fffdn });
  assert.equal((await get("flags")).Entries![0]!.Flags, 0xffff_ffff_ffff_fffdn);
});

test("a value larger than a raft entry is logged in pieces", async () => {
  const text = "x".repeat(700_000);
  await put("large", text);
  assert.equal(textOf(await get("large")), text);
});

test("a blocking read wakes at the change of its key, and of no other", async () => {
  await put("watched", "before");
  const { Index } = await get("watched");
  let woken = false;
  const waiting = get("watched", { MinQueryIndex: Index, MaxQueryTime: 60_000_000_000n }).then((r) => {
    woken = true;
    return r;
  });
  await put("other", "x");
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(woken, false);
  await put("watched", "after");
  const reply = await waiting;
  assert.equal(textOf(reply), "after");
  assert.ok(reply.Index > Index);
});

test("a blocking read ends at its time with what there is, and with its caller", async () => {
  const { Index } = await get("watched");
  const started = performance.now();
  const reply = await get("watched", { MinQueryIndex: Index + 1000, MaxQueryTime: 50_000_000n });
  const took = performance.now() - started;
  assert.ok(took >= 45 && took < 30_000, `${took} ms`);
  assert.equal(reply.Index, Index);
  const gone = new AbortController();
  const waiting = t.server.rpc(
    "KVS.Get",
    KeyRequest.make({ Datacenter, Key: "watched", MinQueryIndex: Index + 1000 }),
    { signal: gone.signal },
  );
  gone.abort(new Error("caller left"));
  await assert.rejects(waiting, { message: "caller left" });
});

test("sessions: refusals, creation, locks, expiry", async () => {
  const apply = (Op: string, session: Partial<Session>): Promise<string> =>
    t.server.rpc("Session.Apply", SessionRequest.make({ Datacenter, Op, Session: Session.make(session) }));
  await assert.rejects(apply("create", {}), { message: "Must provide Node" });
  await assert.rejects(apply("destroy", {}), { message: "Must provide ID" });
  await assert.rejects(apply("create", { Node: "s1", Behavior: "x" }), {
    message: "Invalid Behavior setting 'x'",
  });
  await assert.rejects(apply("create", { Node: "s1", TTL: "10" }), {
    message: `Session TTL '10' invalid: time: missing unit in duration "10"`,
  });
  await assert.rejects(apply("create", { Node: "s1", TTL: "1ns" }), {
    message: "Invalid Session TTL '1', must be between [10ms=24h0m0s]",
  });
  await assert.rejects(apply("create", { Node: "nope" }), { message: "Missing node registration" });
  await assert.rejects(apply("create", { Node: "s1", NodeChecks: ["nope"] }), {
    message: "Missing check 'nope' registration",
  });

  const id = await apply("create", {
    Node: "s1",
    NodeChecks: ["serfHealth"],
    TTL: "1500ms",
    LockDelay: 0n,
    Name: "lock",
  });
  assert.match(id, /^[0-9a-f]{8}-/);
  const info = await t.server.rpc(
    "Session.Get",
    SessionSpecificRequest.make({ Datacenter, SessionID: id, Session: id }),
  );
  assert.equal(info.Sessions![0]!.Behavior, "release");
  assert.equal(
    (await t.server.rpc("Session.NodeSessions", NodeSpecificRequest.make({ Datacenter, Node: "s1" })))
      .Sessions!.length,
    1,
  );
  assert.equal(await put("lock", "mine", "lock", { Session: id }), true);
  assert.equal((await get("lock")).Entries![0]!.Session, id);
  const renewed = await t.server.rpc(
    "Session.Renew",
    SessionSpecificRequest.make({ Datacenter, Session: id }),
  );
  assert.equal(renewed.Sessions![0]!.ID, id);
  assert.equal(renewed.KnownLeader, false);
  await until(
    "the session's end",
    async () =>
      (await t.server.rpc("Session.List", SessionSpecificRequest.make({ Datacenter }))).Sessions === null,
  );
  assert.equal((await get("lock")).Entries![0]!.Session, "");
});

test("a lock delay refuses without a log entry", async () => {
  const session = await t.server.rpc(
    "Session.Apply",
    SessionRequest.make({
      Datacenter,
      Op: "create",
      Session: Session.make({ Node: "s1", LockDelay: 60_000_000_000n }),
    }),
  );
  assert.equal(await put("delayed", "", "lock", { Session: session }), true);
  await t.server.rpc(
    "Session.Apply",
    SessionRequest.make({ Datacenter, Op: "destroy", Session: Session.make({ ID: session }) }),
  );
  const second = await t.server.rpc(
    "Session.Apply",
    SessionRequest.make({ Datacenter, Op: "create", Session: Session.make({ Node: "s1" }) }),
  );
  const before = (await t.server.rpc("Status.RaftStats", {})).LastIndex;
  assert.equal(await put("delayed", "", "lock", { Session: second }), false);
  assert.equal((await t.server.rpc("Status.RaftStats", {})).LastIndex, before);
  const txn = await t.server.rpc(
    "Txn.Apply",
    TxnRequest.make({ Datacenter, Ops: [kvOp("lock", "delayed", { Session: second })] }),
  );
  assert.deepEqual(txn, {
    Results: null,
    Errors: [{ OpIndex: 0, What: `failed to lock key "delayed" due to lock delay` }],
  });
});

const kvOp = (Verb: string, Key: string, more: Partial<DirEntry> = {}) =>
  TxnOp.make({ KV: TxnKVOp.make({ Verb, DirEnt: DirEntry.make({ Key, ...more }) }) });

test("transactions: all or none, reads without the log", async () => {
  const done = await t.server.rpc(
    "Txn.Apply",
    TxnRequest.make({ Datacenter, Ops: [kvOp("set", "t1", { Value: Buffer.from("v") }), kvOp("get", "t1")] }),
  );
  assert.equal(done.Errors, null);
  assert.equal(done.Results!.length, 2);
  assert.equal(done.Results![0]!.KV!.Value, null);
  assert.equal(Buffer.from(done.Results![1]!.KV!.Value!).toString(), "v");
  const failed = await t.server.rpc(
    "Txn.Apply",
    TxnRequest.make({ Datacenter, Ops: [kvOp("set", "t2"), kvOp("cas", "t1", { ModifyIndex: 1 })] }),
  );
  assert.deepEqual(failed, {
    Results: null,
    Errors: [{ OpIndex: 1, What: `failed to set key "t1", index is stale` }],
  });
  assert.equal((await get("t2")).Entries, null);
  const empty = await t.server.rpc(
    "Txn.Apply",
    TxnRequest.make({ Datacenter, Ops: [kvOp("get", ""), kvOp("delete-tree", "zzz")] }),
  );
  assert.deepEqual(empty.Errors, [{ OpIndex: 0, What: "Must provide key" }]);
  const read = await t.server.rpc("Txn.Read", TxnReadRequest.make({ Datacenter, Ops: [kvOp("get", "t1")] }));
  assert.equal(read.Index, 0);
  assert.equal(read.KnownLeader, true);
  assert.equal(read.Results!.length, 1);
});

test("catalog: registrations, refusals, filters, deregistration", async () => {
  const register = (r: Partial<RegisterRequest>) =>
    t.server.rpc("Catalog.Register", RegisterRequest.make({ Datacenter, ...r }));
  await assert.rejects(register({}), { message: "Must provide node" });
  await assert.rejects(register({ Node: "n", ID: "x" }), {
    message: "Bad node ID: uuid string is wrong length",
  });
  await assert.rejects(register({ Node: "n" }), {
    message: "Must provide address if SkipNodeUpdate is not set",
  });
  await assert.rejects(register({ Node: "n", Address: "10.0.0.1", Service: NodeService.make({ ID: "x" }) }), {
    message: "Must provide service name with ID",
  });
  await register({
    Node: "ext",
    Address: "10.0.0.1",
    NodeMeta: new Map([["rack", "r1"]]),
    Service: NodeService.make({ Service: "web", Port: 80, Tags: ["a", "B"] }),
    Check: HealthCheck.make({ Name: "up", Status: "passing", ServiceID: "web" }),
  });
  const service = (more: Partial<ServiceSpecificRequest> = {}) =>
    t.server.rpc(
      "Health.ServiceNodes",
      ServiceSpecificRequest.make({ Datacenter, ServiceName: "web", ...more }),
    );
  const [web] = (await service()).Nodes!;
  assert.deepEqual(
    [web!.Service!.ID, web!.Service!.Port, web!.Checks!.map((c) => c!.CheckID)],
    ["web", 80, ["up"]],
  );
  assert.equal((await service({ TagFilter: true, ServiceTags: ["A", "b"] })).Nodes!.length, 1);
  assert.equal((await service({ TagFilter: true, ServiceTags: ["c"] })).Nodes, null);
  assert.equal((await service({ NodeMetaFilters: new Map([["rack", "r2"]]) })).Nodes, null);
  assert.equal((await service({ Filter: 'Service.Port == 80 and "a" in Service.Tags' })).Nodes!.length, 1);
  assert.equal((await service({ Filter: "Checks.Status != passing" })).Nodes!.length, 0);
  await assert.rejects(service({ Filter: "Bogus == 1" }), {
    message: `Failed to create boolean expression evaluator: Selector "Bogus" is not valid`,
  });
  await assert.rejects(service({ ServiceName: "" }), { message: "Must provide service name" });
  await assert.rejects(
    t.server.rpc(
      "Health.ServiceChecks",
      ServiceSpecificRequest.make({ Datacenter, ServiceName: "web", TagFilter: true }),
    ),
    {
      message: "Tag filtering is not supported",
    },
  );
  const any = await t.server.rpc(
    "Health.ChecksInState",
    ChecksInStateRequest.make({ Datacenter, State: "any" }),
  );
  assert.deepEqual(any.HealthChecks!.map((c) => c!.CheckID).sort(), ["serfHealth", "up"]);
  const services = await t.server.rpc("Catalog.ListServices", DCSpecificRequest.make({ Datacenter }));
  assert.deepEqual([...services.Services!.keys()].sort(), ["consul", "web"]);
  assert.equal(
    (await t.server.rpc("Catalog.NodeServices", NodeSpecificRequest.make({ Datacenter, Node: "unknown" })))
      .NodeServices,
    null,
  );
  assert.deepEqual(
    (await t.server.rpc("Catalog.NodeServiceList", NodeSpecificRequest.make({ Datacenter, Node: "unknown" })))
      .NodeServices,
    {
      Node: null,
      Services: null,
    },
  );
  const dump = await t.server.rpc("Internal.NodeDump", DCSpecificRequest.make({ Datacenter }));
  assert.deepEqual(
    dump.Dump!.map((n) => n!.Node),
    ["ext", "s1"],
  );
  assert.deepEqual(
    await t.server.rpc("Catalog.Deregister", DeregisterRequest.make({ Datacenter, Node: "ext" })),
    {},
  );
  assert.deepEqual(
    await t.server.rpc("Catalog.Deregister", DeregisterRequest.make({ Datacenter, Node: "never" })),
    {},
  );
  await assert.rejects(t.server.rpc("Catalog.Deregister", DeregisterRequest.make({ Datacenter })), {
    message: "Must provide node",
  });
  assert.deepEqual(await nodes(), ["s1"]);
});
