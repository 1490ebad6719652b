/** Our RPC client against the original server: a real `consul agent -dev`. Skipped, with the reason, where it is not there. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import test, { after, before } from "node:test";
import {
  DCSpecificRequest,
  DeregisterRequest,
  NodeService,
  RegisterRequest,
  ServiceSpecificRequest,
} from "../src/model/catalog.ts";
import { DirEntry, KeyListRequest, KeyRequest, KVSRequest } from "../src/model/kv.ts";
import { SnapshotRequest } from "../src/model/operator.ts";
import { systemClock } from "../src/ports/clock.ts";
import { noMetrics } from "../src/ports/metrics.ts";
import { RpcRemoteError } from "../src/rpc/errors.ts";
import { RpcPool } from "../src/rpc/pool.ts";

const CONSUL = new URL("../.peers/consul", import.meta.url).pathname;
const HOST = "127.2.2.1";
const address = `${HOST}:8300`;
const skip = existsSync(CONSUL) ? false : "no .peers/consul: run interop/setup.sh";
const pool = new RpcPool({}, { clock: systemClock, metrics: noMetrics });
let consul: ReturnType<typeof spawn> | undefined;

const dc = DCSpecificRequest.make({ Datacenter: "dc1" });

before(async () => {
  if (skip !== false) return;
  consul = spawn(
    CONSUL,
    ["agent", "-dev", "-bind", HOST, "-client", HOST, "-node", "original", "-log-level", "err"],
    { stdio: "ignore" },
  );
  for (const deadline = Date.now() + 90_000; ; await new Promise((r) => setTimeout(r, 100))) {
    // A leader writes its own node into the catalog a moment after it was elected.
    const nodes = await pool.call(address, "Catalog.ListNodes", dc).catch(() => undefined);
    if (nodes?.Nodes?.length === 1) return;
    assert.ok(Date.now() < deadline, "consul agent -dev has no leader after 90 s, or does not know itself");
  }
});
after(async () => {
  await pool.close();
  consul?.kill("SIGKILL");
});

test("status", { skip }, async () => {
  assert.equal(await pool.call(address, "Status.Leader", dc), address);
  assert.deepEqual(await pool.call(address, "Status.Peers", dc), [address]);
  await pool.call(address, "Status.Ping", {});
});

test("catalog: register, look up, deregister", { skip }, async () => {
  const Service = NodeService.make({
    ID: "web1",
    Service: "web",
    Port: 80,
    Tags: ["a", "b"],
    Meta: new Map([["k", "v"]]),
  });
  await pool.call(
    address,
    "Catalog.Register",
    RegisterRequest.make({ Datacenter: "dc1", Node: "n1", Address: "10.0.0.1", Service }),
  );
  const found = await pool.call(
    address,
    "Health.ServiceNodes",
    ServiceSpecificRequest.make({ Datacenter: "dc1", ServiceName: "web" }),
  );
  assert.equal(found.Nodes?.length, 1);
  assert.equal(found.Nodes![0]!.Node!.Node, "n1");
  assert.deepEqual(found.Nodes![0]!.Service!.Tags, ["a", "b"]);
  assert.deepEqual(found.Nodes![0]!.Service!.Meta, new Map([["k", "v"]]));
  const nodes = await pool.call(address, "Catalog.ListNodes", dc);
  assert.deepEqual(nodes.Nodes?.map((n) => n!.Node).sort(), ["n1", "original"]);
  await pool.call(address, "Catalog.Deregister", DeregisterRequest.make({ Datacenter: "dc1", Node: "n1" }));
  assert.equal((await pool.call(address, "Catalog.ListNodes", dc)).Nodes?.length, 1);
});

test("kv: write, read, blocking query woken by a write, blocking query that times out", {
  skip,
}, async () => {
  const put = (Key: string, text: string) =>
    pool.call(
      address,
      "KVS.Apply",
      KVSRequest.make({
        Datacenter: "dc1",
        Op: "set",
        DirEnt: DirEntry.make({ Key, Value: Buffer.from(text), Flags: 2n ** 63n + 1n }),
      }),
    );
  await put("interop/a", "1");
  const first = await pool.call(address, "KVS.Get", KeyRequest.make({ Datacenter: "dc1", Key: "interop/a" }));
  assert.equal(Buffer.from(first.Entries![0]!.Value!).toString(), "1");
  assert.equal(first.Entries![0]!.Flags, 2n ** 63n + 1n);
  const waiting = pool.call(
    address,
    "KVS.Get",
    KeyRequest.make({
      Datacenter: "dc1",
      Key: "interop/a",
      MinQueryIndex: first.Index,
      MaxQueryTime: 20_000_000_000n,
    }),
  );
  await put("interop/a", "2");
  const second = await waiting;
  assert.equal(Buffer.from(second.Entries![0]!.Value!).toString(), "2");
  assert.ok(second.Index > first.Index);
  const still = await pool.call(
    address,
    "KVS.Get",
    KeyRequest.make({
      Datacenter: "dc1",
      Key: "interop/a",
      MinQueryIndex: second.Index,
      MaxQueryTime: 50_000_000n,
    }),
  );
  assert.equal(still.Index, second.Index);
  const keys = await pool.call(
    address,
    "KVS.ListKeys",
    KeyListRequest.make({ Datacenter: "dc1", Prefix: "interop/", Seperator: "" }),
  );
  assert.deepEqual(keys.Keys, ["interop/a"]);
});

test("a value larger than the stream's window goes both ways", { skip }, async () => {
  const Value = Buffer.alloc(500_000, "x");
  for (let i = 0; i < 8; i++)
    await pool.call(
      address,
      "KVS.Apply",
      KVSRequest.make({ Datacenter: "dc1", Op: "set", DirEnt: DirEntry.make({ Key: `large/${i}`, Value }) }),
    );
  const all = await pool.call(address, "KVS.List", KeyRequest.make({ Datacenter: "dc1", Key: "large/" }));
  assert.equal(all.Entries?.length, 8);
  for (const e of all.Entries!) assert.ok(Value.equals(e!.Value!));
});

test("errors, and the session afterwards", { skip }, async () => {
  await assert.rejects(
    pool.call(address, "KVS.Get", KeyRequest.make({ Datacenter: "nowhere", Key: "k" })),
    (error) => {
      assert.ok(error instanceof RpcRemoteError);
      assert.equal(error.message, "rpc error making call: No path to datacenter");
      return true;
    },
  );
  await assert.rejects(
    pool.call(address, "AutoEncrypt.Sign", { Datacenter: "dc1", CSR: "", Token: "" }),
    /can't find service AutoEncrypt\.Sign/,
  );
  assert.equal(await pool.call(address, "Status.Leader", dc), address);
});

test("400 blocking queries side by side, given up together", { skip }, async () => {
  const { Index } = await pool.call(
    address,
    "KVS.List",
    KeyRequest.make({ Datacenter: "dc1", Key: "quiet/" }),
  );
  const abort = new AbortController();
  const calls = Array.from({ length: 400 }, (_, i) =>
    pool.call(
      address,
      "KVS.Get",
      KeyRequest.make({
        Datacenter: "dc1",
        Key: `quiet/${i}`,
        MinQueryIndex: Index + 1000,
        MaxQueryTime: 3_000_000_000n,
      }),
      { signal: abort.signal },
    ),
  );
  assert.equal(await pool.call(address, "Status.Leader", dc), address);
  abort.abort(new Error("enough"));
  const results = await Promise.allSettled(calls);
  assert.ok(results.every((r) => r.status === "rejected"));
  assert.equal(await pool.call(address, "Status.Leader", dc), address);
});

test("snapshot save, and restore of what was saved", { skip }, async () => {
  const save = await pool.snapshot(address, SnapshotRequest.make({ Datacenter: "dc1" }), undefined);
  assert.equal(save.response.Error, "");
  const chunks: Uint8Array[] = [];
  for await (const chunk of save.stream) chunks.push(chunk);
  const archive = Buffer.concat(chunks);
  assert.deepEqual([...archive.subarray(0, 2)], [0x1f, 0x8b]);
  async function* body() {
    yield archive;
  }
  const restore = await pool.snapshot(address, SnapshotRequest.make({ Datacenter: "dc1", Op: 1 }), body());
  assert.equal(restore.response.Error, "");
});
