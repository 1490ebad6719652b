/** Our server with a client agent of Consul 1.8.7: it joins, registers, and works through us as through its own servers. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { NodeSpecificRequest } from "../src/model/catalog.ts";
import { type TestServer, testServer, until as within } from "../src/server/test-cluster.ts";

const consul = new URL("../.peers/consul", import.meta.url).pathname;
const missing = existsSync(consul) ? false : "needs .peers/consul (run interop/setup.sh)";
if (missing && process.env["CI"]) throw new Error(missing);

/** Two programs on a machine that may be slow and busy: the deadline only ends what would never come. */
const until = (what: string, holds: () => boolean | Promise<boolean>): Promise<void> =>
  within(what, holds, 90_000);

const SERVER_IP = "127.5.200.1";
const CLIENT_IP = "127.5.200.2";

let ours: TestServer;
let agent: ChildProcess;
let folder: string;

const http = async (
  path: string,
  init?: RequestInit,
): Promise<{ status: number; text: string; headers: Headers }> => {
  const response = await fetch(`http://${CLIENT_IP}:8500${path}`, init);
  return { status: response.status, text: await response.text(), headers: response.headers };
};
const json = async (path: string): Promise<unknown> => JSON.parse((await http(path)).text);

function startAgent(): ChildProcess {
  const child = spawn(consul, [
    "agent",
    "-node=c1",
    `-bind=${CLIENT_IP}`,
    `-client=${CLIENT_IP}`,
    `-data-dir=${folder}`,
    `-retry-join=${SERVER_IP}`,
    "-retry-interval=1s",
    "-log-level=debug",
    "-datacenter=dc1",
    "-enable-script-checks",
    "-hcl=disable_remote_exec = false",
  ]);
  child.stdout.resume();
  child.stderr.resume();
  return child;
}

const ended = (child: ChildProcess): Promise<void> =>
  child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve()
    : new Promise((resolve) => child.once("exit", () => resolve()));

before(async () => {
  if (missing) return;
  folder = mkdtempSync(join(tmpdir(), "tribune-interop-"));
  ours = testServer({
    name: "s1",
    ip: SERVER_IP,
    wan: true,
    // Their LAN timings: a program that a busy machine holds up for a moment has not failed.
    gossipTimings: { probeIntervalMs: 1000, probeTimeoutMs: 500, suspicionMult: 4 },
    override: { sessionTtlMinMs: 10_000 },
  });
  await ours.server.start();
  await until("our leader", () => ours.server.isLeader);
  agent = startAgent();
});
after(async () => {
  if (missing) return;
  agent.kill("SIGKILL");
  await ended(agent);
  await ours.server.shutdown();
  rmSync(folder, { recursive: true, force: true });
});

test("a client agent of 1.8.7 joins and becomes a node of ours", { skip: missing }, async () => {
  await until("the agent's node in our catalog", async () => {
    const reply = await ours.server.rpc(
      "Catalog.NodeServices",
      NodeSpecificRequest.make({ Datacenter: "dc1", Node: "c1" }),
    );
    return reply.NodeServices?.Node?.Meta?.has("consul-network-segment") ?? false;
  });
  const checks = await ours.server.rpc(
    "Health.NodeChecks",
    NodeSpecificRequest.make({ Datacenter: "dc1", Node: "c1" }),
  );
  assert.deepEqual(
    checks.HealthChecks!.map((c) => [c!.CheckID, c!.Status]),
    [["serfHealth", "passing"]],
  );
});

test("it shows our leader, our catalog and our members", { skip: missing }, async () => {
  await until("the agent's HTTP door", async () => (await http("/v1/status/leader")).status === 200);
  await until(
    "both nodes in the catalog",
    async () => ((await json("/v1/catalog/nodes")) as unknown[]).length === 2,
  );
  assert.equal(await json("/v1/status/leader"), `${SERVER_IP}:8300`);
  assert.deepEqual(await json("/v1/status/peers"), [`${SERVER_IP}:8300`]);
  assert.deepEqual(await json("/v1/catalog/datacenters"), ["dc1"]);
  const nodes = (await json("/v1/catalog/nodes")) as { Node: string }[];
  assert.deepEqual(
    nodes.map((n) => n.Node),
    ["c1", "s1"],
  );
  const members = (await json("/v1/agent/members")) as { Name: string; Status: number }[];
  assert.deepEqual(members.map((m) => [m.Name, m.Status]).sort(), [
    ["c1", 1],
    ["s1", 1],
  ]);
  const health = (await json("/v1/health/service/consul")) as {
    Node: { Node: string };
    Service: { Meta: object };
  }[];
  assert.equal(health[0]!.Node.Node, "s1");
});

test("KV, sessions, transactions and blocking reads go through it", { skip: missing }, async () => {
  assert.equal((await http("/v1/kv/a/b", { method: "PUT", body: "hello" })).text, "true");
  assert.equal((await http("/v1/kv/a/b?raw")).text, "hello");
  assert.equal((await http("/v1/kv/none")).status, 404);
  const first = await http("/v1/kv/a/b");
  const index = first.headers.get("x-consul-index");
  const waiting = http(`/v1/kv/a/b?index=${index}&wait=20s`);
  await http("/v1/kv/a/b", { method: "PUT", body: "changed" });
  assert.match((await waiting).text, new RegExp(Buffer.from("changed").toString("base64")));
  const { ID } = JSON.parse(
    (await http("/v1/session/create", { method: "PUT", body: JSON.stringify({ TTL: "900s" }) })).text,
  ) as { ID: string };
  assert.equal((await http(`/v1/kv/lock?acquire=${ID}`, { method: "PUT", body: "x" })).text, "true");
  assert.equal(((await json(`/v1/session/info/${ID}`)) as { Node: string }[])[0]!.Node, "c1");
  const bad = await http("/v1/session/create", { method: "PUT", body: JSON.stringify({ TTL: "1s" }) });
  assert.equal(bad.status, 500);
  assert.equal(
    bad.text,
    "rpc error making call: Invalid Session TTL '1000000000', must be between [10s=24h0m0s]",
  );
  const txn = await http("/v1/txn", {
    method: "PUT",
    body: JSON.stringify([{ KV: { Verb: "get", Key: "a/b" } }, { KV: { Verb: "set", Key: "t", Value: "" } }]),
  });
  assert.equal(txn.status, 200);
  assert.equal((JSON.parse(txn.text) as { Results: unknown[] }).Results.length, 2);
  assert.equal((await http("/v1/kv/x?dc=dc9")).text, "rpc error making call: No path to datacenter");
});

test("its services and checks reach our catalog and leave it", { skip: missing }, async () => {
  const body = JSON.stringify({ Name: "web", Port: 80, Check: { TTL: "900s", Status: "passing" } });
  assert.equal((await http("/v1/agent/service/register", { method: "PUT", body })).status, 200);
  await until(
    "the service",
    async () => ((await json("/v1/health/service/web?passing")) as unknown[]).length === 1,
  );
  assert.equal((await http("/v1/agent/check/fail/service:web", { method: "PUT" })).status, 200);
  await until(
    "the critical check",
    async () => ((await json("/v1/health/service/web?passing")) as unknown[]).length === 0,
  );
  assert.equal((await http("/v1/agent/service/deregister/web", { method: "PUT" })).status, 200);
  await until("the service's end", async () => !("web" in ((await json("/v1/catalog/services")) as object)));
});

test("a user event fired by it goes through us and comes back", { skip: missing }, async () => {
  assert.equal((await http("/v1/event/fire/deploy", { method: "PUT", body: "v2" })).status, 200);
  await until(
    "the event",
    async () => ((await json("/v1/event/list?name=deploy")) as unknown[]).length === 1,
  );
});

test("every read of the web page and of operators answers", { skip: missing }, async () => {
  for (const path of [
    "/v1/internal/ui/nodes",
    "/v1/internal/ui/node/c1",
    "/v1/internal/ui/services",
    "/v1/coordinate/datacenters",
    "/v1/coordinate/nodes",
    "/v1/health/state/any",
    "/v1/health/node/c1",
    "/v1/health/checks/web",
    "/v1/catalog/node-services/c1",
    "/v1/operator/raft/configuration",
    "/v1/operator/autopilot/configuration",
    "/v1/operator/autopilot/health",
    "/v1/connect/intentions",
    "/v1/query",
    "/v1/config/service-defaults",
    "/v1/session/list",
  ]) {
    const { status, text } = await http(path);
    assert.equal(status, 200, `${path}: ${text}`);
  }
  assert.equal((await http("/v1/acl/tokens")).status, 401);
});

test("prepared queries and intentions are stored", { skip: missing }, async () => {
  const query = await http("/v1/query", {
    method: "POST",
    body: JSON.stringify({ Name: "q", Service: { Service: "consul" } }),
  });
  assert.equal(query.status, 200, query.text);
  const run = (await json("/v1/query/q/execute")) as {
    Nodes: { Node: { Node: string } }[];
    Datacenter: string;
  };
  assert.deepEqual([run.Nodes.map((n) => n.Node.Node), run.Datacenter], [["s1"], "dc1"]);
  const body = JSON.stringify({ SourceName: "web", DestinationName: "db", Action: "deny" });
  assert.equal((await http("/v1/connect/intentions", { method: "POST", body })).status, 200);
  const check = (await json("/v1/connect/intentions/check?source=web&destination=db")) as {
    Allowed: boolean;
  };
  assert.equal(check.Allowed, false);
  const again = await http("/v1/connect/intentions", { method: "POST", body });
  assert.match(
    again.text,
    /^rpc error making call: duplicate intention found: DENY default\/web => default\/db/,
  );
});

test("a snapshot is saved and restored through it", { skip: missing }, async () => {
  await http("/v1/kv/kept", { method: "PUT", body: "1" });
  const saved = await fetch(`http://${CLIENT_IP}:8500/v1/snapshot`);
  assert.equal(saved.status, 200);
  const archive = Buffer.from(await saved.arrayBuffer());
  await http("/v1/kv/kept", { method: "PUT", body: "2" });
  const restored = await http("/v1/snapshot", { method: "PUT", body: archive });
  assert.equal(restored.status, 200, restored.text);
  assert.equal((await http("/v1/kv/kept?raw")).text, "1");
});

test("its graceful leave takes its node away", { skip: missing }, async () => {
  agent.kill("SIGINT");
  await ended(agent);
  await until("no node", async () => {
    const reply = await ours.server.rpc(
      "Catalog.NodeServices",
      NodeSpecificRequest.make({ Datacenter: "dc1", Node: "c1" }),
    );
    return reply.NodeServices === null;
  });
  assert.ok(ours.logged(/^consul: member 'c1' left, deregistering$/));
});

test("a killed agent turns critical, and passing when it comes back", { skip: missing }, async () => {
  const serfHealth = async (): Promise<string | undefined> => {
    const reply = await ours.server.rpc(
      "Health.NodeChecks",
      NodeSpecificRequest.make({ Datacenter: "dc1", Node: "c1" }),
    );
    return reply.HealthChecks?.find((c) => c!.CheckID === "serfHealth")?.Status;
  };
  agent = startAgent();
  await until("the node again", async () => (await serfHealth()) === "passing");
  agent.kill("SIGKILL");
  await ended(agent);
  await until("the failure", async () => (await serfHealth()) === "critical");
  assert.ok(ours.logged(/^consul: member 'c1' failed, marking health critical$/));
  agent = startAgent();
  await until("the recovery", async () => (await serfHealth()) === "passing");
});
