/** Two datacenters of one server each, joined over the WAN pool. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { DatacentersRequest, DCSpecificRequest, NodeService, RegisterRequest } from "../model/catalog.ts";
import { KeyringRequest } from "../model/coordinate.ts";
import { DirEntry, KeyRequest, KVSRequest } from "../model/kv.ts";
import {
  PreparedQuery,
  PreparedQueryExecuteRequest,
  PreparedQueryRequest,
  QueryDatacenterOptions,
  ServiceQuery,
} from "../model/prepared-query.ts";
import { loopback, type TestServer, testServer, until } from "./test-cluster.ts";

let one: TestServer;
let two: TestServer;

before(async () => {
  one = testServer({ name: "s1", ip: loopback(4, 1), wan: true });
  two = testServer({
    name: "s1",
    ip: loopback(4, 2),
    wan: true,
    datacenter: "dc2",
    override: { primaryDatacenter: "dc1" },
  });
  for (const t of [one, two]) await t.server.start();
  await until("both leaders", () => one.server.isLeader && two.server.isLeader);
  await one.wan!.join([two.ip]);
  await until("both datacenters known", async () => {
    const lists = await Promise.all(
      [one, two].map((t) => t.server.rpc("Catalog.ListDatacenters", DatacentersRequest.zero())),
    );
    return lists.every((l) => l!.length === 2);
  });
});
after(() => Promise.all([one, two].map((t) => t.server.shutdown())));

const put = (t: TestServer, Datacenter: string, Key: string) =>
  t.server.rpc(
    "KVS.Apply",
    KVSRequest.make({
      Datacenter,
      Op: "set",
      DirEnt: DirEntry.make({ Key, Value: Buffer.from(Datacenter) }),
    }),
  );
const get = (t: TestServer, Datacenter: string, Key: string) =>
  t.server.rpc("KVS.Get", KeyRequest.make({ Datacenter, Key }));

test("a key lives in the datacenter that it was written to", async () => {
  await put(one, "dc2", "there");
  assert.equal(Buffer.from((await get(two, "dc2", "there")).Entries![0]!.Value!).toString(), "dc2");
  assert.equal((await get(one, "dc1", "there")).Entries, null);
  assert.equal(Buffer.from((await get(one, "dc2", "there")).Entries![0]!.Value!).toString(), "dc2");
});

test("an error from there has the prefix of one hop", async () => {
  await assert.rejects(put(one, "dc2", ""), { message: "rpc error making call: Must provide key" });
  await assert.rejects(put(one, "dc3", "x"), { message: "No path to datacenter" });
});

test("Status goes to the datacenter that is named", async () => {
  assert.equal(
    await one.server.rpc("Status.Leader", DCSpecificRequest.make({ Datacenter: "dc2" })),
    `${two.ip}:8300`,
  );
});

test("the other server is logged with its datacenter", () => {
  assert.ok(one.logged(/^consul: adding WAN server s1\.dc2 \(Addr: 127\.5\.4\.2:8300\) \(DC: dc2\)$/));
});

test("datacenters' coordinates are told", async () => {
  const maps = await one.server.rpc("Coordinate.ListDatacenters", {});
  assert.deepEqual(maps!.map((m) => [m.Datacenter, m.AreaID]).sort(), [
    ["dc1", "wan"],
    ["dc2", "wan"],
  ]);
});

test("a prepared query fails over to the datacenter that has instances", async () => {
  const Service = NodeService.make({ Service: "db", Port: 5432 });
  await two.server.rpc(
    "Catalog.Register",
    RegisterRequest.make({ Datacenter: "dc2", Node: "ext", Address: "10.0.0.1", Service }),
  );
  const Query = PreparedQuery.make({
    Name: "find-db",
    Service: ServiceQuery.make({
      Service: "db",
      Failover: QueryDatacenterOptions.make({ Datacenters: ["dc9", "dc2"] }),
    }),
  });
  await one.server.rpc(
    "PreparedQuery.Apply",
    PreparedQueryRequest.make({ Datacenter: "dc1", Op: "create", Query }),
  );
  const reply = await one.server.rpc(
    "PreparedQuery.Execute",
    PreparedQueryExecuteRequest.make({ Datacenter: "dc1", QueryIDOrName: "find-db" }),
  );
  assert.deepEqual(
    [reply.Datacenter, reply.Failovers, reply.Nodes!.map((n) => n.Node!.Node)],
    ["dc2", 1, ["ext"]],
  );
});

test("keyring operations reach every datacenter", async () => {
  const reply = await one.server.rpc(
    "Internal.KeyringOperation",
    KeyringRequest.make({ Datacenter: "dc1", Operation: "list" }),
  );
  assert.deepEqual(
    reply.Responses!.map((r) => [r!.WAN, r!.Datacenter]),
    [
      [true, "dc1"],
      [false, "dc1"],
      [false, "dc2"],
    ],
  );
  assert.equal(reply.Responses![1]!.Error, "1/1 nodes reported failure");
  await assert.rejects(
    one.server.rpc(
      "Internal.KeyringOperation",
      KeyringRequest.make({ Datacenter: "dc1", Operation: "use", LocalOnly: true }),
    ),
    {
      message: "argument error: LocalOnly can only be used for List operations",
    },
  );
});

test("snapshots go to the datacenter that is named", async () => {
  const saved = await one.server.snapshot(
    { datacenter: "dc2", token: "", allowStale: false, op: "save" },
    nothing(),
  );
  const chunks: Uint8Array[] = [];
  for await (const chunk of saved.stream) chunks.push(chunk);
  await put(two, "dc2", "later");
  await one.server.snapshot({ datacenter: "dc2", token: "", allowStale: false, op: "restore" }, from(chunks));
  assert.equal((await get(two, "dc2", "later")).Entries, null);
  assert.equal((await get(two, "dc2", "there")).Entries!.length, 1);
  await assert.rejects(
    one.server.snapshot({ datacenter: "dc2", token: "", allowStale: true, op: "restore" }, from(chunks)),
    {
      message: "stale not allowed for restore",
    },
  );
  await assert.rejects(
    one.server.snapshot({ datacenter: "dc1", token: "", allowStale: false, op: "restore" }, nothing()),
    /snapshot|archive/,
  );
});
async function* nothing(): AsyncGenerator<Uint8Array> {}
async function* from(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

test("a datacenter whose servers are gone is told apart from one that never was", async () => {
  await two.server.shutdown();
  await until("the failure noticed", () => one.wan!.member("s1.dc2")?.status === "failed");
  await assert.rejects(get(one, "dc2", "there"), { message: "Remote DC has no server currently reachable" });
  assert.deepEqual(
    [...(await one.server.rpc("Catalog.ListDatacenters", DatacentersRequest.zero()))!].sort(),
    ["dc1", "dc2"],
  );
});
