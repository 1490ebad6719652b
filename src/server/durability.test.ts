/** What survives: a restart from disk, and a snapshot archive that Consul 1.8.7 wrote. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { DCSpecificRequest } from "../model/catalog.ts";
import {
  DirEntry,
  KeyRequest,
  KVSRequest,
  Session,
  SessionRequest,
  SessionSpecificRequest,
} from "../model/kv.ts";
import { loopback, type TestServer, testServer, until } from "./test-cluster.ts";

const Datacenter = "dc1";
let folder: string;
const nodeId = "11111111-2222-3333-4444-555555555555";
let t: TestServer;

async function open(): Promise<void> {
  t = testServer({ name: "t1", ip: loopback(5, 1), nodeId, override: { dataDir: folder } });
  await t.server.start();
  await until("a leader", () => t.server.isLeader);
}
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "tribune-server-"));
  await open();
});
after(async () => {
  await t.server.shutdown();
  await rm(folder, { recursive: true, force: true });
});

const put = (Key: string, text: string): Promise<boolean> =>
  t.server.rpc(
    "KVS.Apply",
    KVSRequest.make({ Datacenter, Op: "set", DirEnt: DirEntry.make({ Key, Value: Buffer.from(text) }) }),
  );
const get = async (Key: string): Promise<string | undefined> => {
  const entry = (await t.server.rpc("KVS.Get", KeyRequest.make({ Datacenter, Key }))).Entries?.[0];
  return entry == null ? undefined : Buffer.from(entry.Value ?? []).toString();
};
const sessions = async () =>
  (await t.server.rpc("Session.List", SessionSpecificRequest.make({ Datacenter }))).Sessions ?? [];

test("after a restart all is there, and sessions with a TTL run anew", async () => {
  for (let i = 0; i < 100; i++) await put(`k/${i}`, String(i));
  await until("the own node", async () => {
    try {
      await t.server.rpc(
        "Session.Apply",
        SessionRequest.make({
          Datacenter,
          Op: "create",
          Session: Session.make({ Node: "t1", TTL: "2s", NodeChecks: ["serfHealth"] }),
        }),
      );
      return true;
    } catch {
      return false;
    }
  });
  const term = t.server.raft.term;
  await t.server.shutdown();
  await open();
  assert.ok(t.server.raft.term > term);
  assert.equal(await get("k/99"), "99");
  assert.equal((await sessions()).length, 1);
  await until("the session's end under the new leader", async () => (await sessions()).length === 0);
});

test("a snapshot is taken and the restart begins from it", async () => {
  const meta = await t.server.raft.snapshot();
  assert.ok(meta !== undefined && meta.index > 100);
  await put("behind", "the snapshot");
  await t.server.shutdown();
  await open();
  assert.equal(await get("k/7"), "7");
  assert.equal(await get("behind"), "the snapshot");
});

test("an archive of 1.8.7 is restored, its unknown nodes are deregistered, and reads that wait end", async () => {
  const archive = await readFile(new URL("./testdata/consul-1.8.7-snapshot.tgz", import.meta.url));
  const waiting = t.server.rpc(
    "KVS.Get",
    KeyRequest.make({ Datacenter, Key: "k/7", MinQueryIndex: 1_000_000, MaxQueryTime: 60_000_000_000n }),
  );
  async function* body(): AsyncGenerator<Uint8Array> {
    yield archive;
  }
  await t.server.snapshot({ datacenter: Datacenter, token: "", allowStale: false, op: "restore" }, body());
  assert.equal((await waiting).Entries, null, "the key is gone with the old state");
  assert.equal(await get("k/7"), undefined);
  const keys = await t.server.rpc("KVS.List", KeyRequest.make({ Datacenter }));
  assert.ok(keys.Entries!.length > 0);
  // External nodes, which have no serfHealth, stay; agents that gossip does not know go.
  await until("our node and the external one", async () => {
    const { Nodes } = await t.server.rpc("Catalog.ListNodes", DCSpecificRequest.make({ Datacenter }));
    return Nodes!.map((n) => n!.Node).join() === "ext1,t1";
  });
  await put("after", "restore");
  assert.equal(await get("after"), "restore");
});
