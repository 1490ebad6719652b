/** One of our servers beside a server of Consul 1.8.7 in one raft cluster: both lead in turn, both hold the same state. */
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { DCSpecificRequest } from "../src/model/catalog.ts";
import { DirEntry, KeyRequest, KVSRequest } from "../src/model/kv.ts";
import { TransferLeaderRequest } from "../src/model/operator.ts";
import { systemClock } from "../src/ports/clock.ts";
import { SUFFRAGE } from "../src/raft/contract.ts";
import { dialRaft } from "../src/raft/testing.ts";
import { TcpRaftTransport } from "../src/raft/transport.ts";
import { type TestServer, testServer, until } from "../src/server/test-cluster.ts";

const consul = new URL("../.peers/consul", import.meta.url).pathname;
const missing = existsSync(consul) ? false : "needs .peers/consul (run interop/setup.sh)";
if (missing && process.env["CI"]) throw new Error(missing);

const THEIR_IP = "127.5.201.1";
const OUR_IP = "127.5.201.2";
const Datacenter = "dc1";
const dc = DCSpecificRequest.make({ Datacenter });

let theirs: ChildProcess;
let ours: TestServer;
let folder: string;

const api = async (path: string, init?: RequestInit): Promise<string> =>
  (await fetch(`http://${THEIR_IP}:8500${path}`, init)).text();
const put = (Key: string, text: string): Promise<boolean> =>
  ours.server.rpc(
    "KVS.Apply",
    KVSRequest.make({ Datacenter, Op: "set", DirEnt: DirEntry.make({ Key, Value: Buffer.from(text) }) }),
  );
/** Repeats what may be repeated until it holds: an election may come in between at any time. Fails with the last error. */
async function eventually(check: () => Promise<void>): Promise<void> {
  let last: unknown;
  await until("what was checked", async () => {
    try {
      await check();
      return true;
    } catch (error) {
      last = error;
      return false;
    }
  }).catch(() => {
    throw last;
  });
}
const peers = async () =>
  (await ours.server.rpc("Operator.RaftGetConfiguration", dc)).Servers!.map((s) => s!);

before(async () => {
  if (missing) return;
  folder = mkdtempSync(join(tmpdir(), "tribune-interop-"));
  theirs = spawn(consul, [
    "agent",
    "-server",
    "-bootstrap-expect=1",
    "-node=theirs",
    `-bind=${THEIR_IP}`,
    `-client=${THEIR_IP}`,
    `-data-dir=${folder}`,
    "-hcl=performance { raft_multiplier = 1 }",
    '-hcl=autopilot { server_stabilization_time = "1s" }',
  ]);
  theirs.stdout!.resume();
  theirs.stderr!.resume();
  await until("their leader", async () => /8300/.test(await api("/v1/status/leader").catch(() => "")));
  ours = testServer({
    name: "ours",
    ip: OUR_IP,
    expect: 0,
    wan: true,
    // As theirs, so that neither calls elections while the other thinks all is well.
    override: {
      raft: {
        heartbeatTimeoutMs: 1000,
        electionTimeoutMs: 1000,
        leaderLeaseTimeoutMs: 500,
        commitTimeoutMs: 50,
        snapshotIntervalMs: 600_000,
        snapshotThreshold: 100_000,
        trailingLogs: 10_000,
        maxAppendEntries: 64,
      },
    },
  });
});
after(async () => {
  if (missing) return;
  theirs.kill("SIGKILL");
  await ours.server.shutdown();
  rmSync(folder, { recursive: true, force: true });
});

test("our server joins theirs and becomes a voter", { skip: missing }, async () => {
  for (let i = 0; i < 50; i++) await api(`/v1/kv/before/${i}`, { method: "PUT", body: String(i) });
  await ours.server.start();
  await ours.lan.join([THEIR_IP]);
  await until(
    "our vote",
    async () => {
      const list = await api("/v1/operator/raft/configuration");
      const { Servers } = JSON.parse(list) as { Servers: { Node: string; Voter: boolean }[] };
      return Servers.some((s) => s.Node === "ours" && s.Voter);
    },
    60_000,
  );
  const reply = await ours.server.rpc(
    "KVS.List",
    KeyRequest.make({ Datacenter, Key: "before/", AllowStale: true }),
  );
  assert.equal(reply.Entries!.length, 50);
  assert.equal(await ours.server.rpc("Status.Leader", dc), `${THEIR_IP}:8300`);
});

test("writes through ours reach their leader", { skip: missing }, async () => {
  await eventually(async () => {
    await put("through/ours", "1");
    assert.equal(await api("/v1/kv/through/ours?raw"), "1");
  });
});

test("their leader cannot be asked to hand over, and ours says so", { skip: missing }, async () => {
  const ask = () =>
    ours.server.rpc("Operator.TransferLeader", TransferLeaderRequest.make({ Datacenter, ID: ours.id }));
  await eventually(() =>
    assert.rejects(ask, {
      message: "rpc error making call: rpc: can't find method Operator.TransferLeader",
    }),
  );
});

test("after an election either leads the same cluster", { skip: missing }, async () => {
  // It steps down when it has been still for longer than its lease.
  theirs.kill("SIGSTOP");
  await new Promise((resolve) => setTimeout(resolve, 500));
  theirs.kill("SIGCONT");
  await eventually(async () => {
    const leader = await ours.server.rpc("Status.Leader", dc);
    assert.notEqual(leader, "");
    assert.equal(JSON.parse(await api("/v1/status/leader")), leader);
    assert.deepEqual((await peers()).map((p) => [p.Node, p.Voter, p.ProtocolVersion]).sort(), [
      ["ours", true, "3"],
      ["theirs", true, "3"],
    ]);
  });
});

/** Their 1.8.7 cannot be asked to hand over, so ours is told as such a leader would tell it; refused while theirs has an entry more. */
async function oursLeads(): Promise<void> {
  const transport = new TcpRaftTransport(
    { id: "", address: "", heartbeatTimeoutMs: 1000 },
    { dial: dialRaft, clock: systemClock },
  );
  try {
    const to = { id: ours.id, address: `${OUR_IP}:8300`, suffrage: SUFFRAGE.voter };
    let askedAt = Number.NEGATIVE_INFINITY;
    await until("our leadership", () => {
      if (performance.now() - askedAt > 1000) {
        askedAt = performance.now();
        transport.send(to, "control", { kind: "timeout-now", from: "" }, () => {});
      }
      return ours.server.isLeader;
    });
  } finally {
    transport.close();
  }
}

test("ours leads, and gives theirs a leader's answers", { skip: missing }, async () => {
  await oursLeads();
  await eventually(async () => {
    await put("led/by/ours", "yes");
    assert.equal(await api("/v1/kv/led/by/ours?raw"), "yes");
    assert.equal(await api("/v1/kv/led/by/theirs", { method: "PUT", body: "forwarded" }), "true");
    assert.equal(await api("/v1/kv/led/by/theirs?raw&stale"), "forwarded");
    assert.match(await api("/v1/session/create", { method: "PUT", body: '{"TTL":"10s"}' }), /^{"ID":/);
    const nodes = JSON.parse(await api("/v1/health/state/passing")) as { Node: string; CheckID: string }[];
    for (const n of ["ours", "theirs"])
      assert.ok(
        nodes.some((c) => c.Node === n && c.CheckID === "serfHealth"),
        n,
      );
  });
});

test("ours hands the leadership over to theirs", { skip: missing }, async () => {
  await until("the hand-over", async () => {
    if (!ours.server.isLeader) await oursLeads();
    const reply = await ours.server
      .rpc("Operator.TransferLeader", TransferLeaderRequest.make({ Datacenter, ID: "" }))
      .catch(() => undefined);
    return reply?.Success === true;
  });
  await eventually(async () => {
    assert.equal(await api("/v1/status/leader"), `"${THEIR_IP}:8300"`);
    await put("handed/over", "x");
    assert.equal(await api("/v1/kv/handed/over?raw"), "x");
  });
});

test("raft list-peers of both programs agree, and so do the keys", { skip: missing }, async () => {
  await eventually(async () => {
    // Not the synchronous form: their agent asks the leader, which may be the server in this process.
    const { stdout: shown } = await promisify(execFile)(consul, [
      "operator",
      "raft",
      "list-peers",
      `-http-addr=${THEIR_IP}:8500`,
    ]);
    for (const p of await peers())
      assert.match(
        shown,
        new RegExp(
          `${p.Node}\\s+${p.ID}\\s+${p.Address}\\s+${p.Leader ? "leader" : "follower"}\\s+true\\s+3`,
        ),
      );
  });
  await eventually(async () => {
    await put("last", "x");
    const theirKeys = JSON.parse(await api("/v1/kv/?keys")) as string[];
    const reply = await ours.server.rpc(
      "KVS.List",
      KeyRequest.make({ Datacenter, Key: "", AllowStale: true }),
    );
    assert.deepEqual(
      reply.Entries!.map((e) => e!.Key),
      theirKeys,
    );
  });
});
