/**
 * Our client agent in a cluster whose server is the original: what it registers shows on the server's doors, events and remote
 * commands reach it, and what takes it down shows too. Skipped, with the reason, where the original is not there.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import type { RunningAgent } from "../src/agent/agent.ts";
import { eventually, startTestAgent } from "../src/agent/fixture.ts";
import { DCSpecificRequest } from "../src/model/catalog.ts";
import { CheckDefinition, ServiceDefinition } from "../src/model/definition.ts";
import { KeyRequest } from "../src/model/kv.ts";

const CONSUL = new URL("../.peers/consul", import.meta.url).pathname;
const SERVER = "127.6.0.9";
const OURS = "127.6.0.10";
const skip = existsSync(CONSUL) ? false : "no .peers/consul: run interop/setup.sh";
const HTTP = `http://${SERVER}:8500`;
const S = 1_000_000_000n;

let folder = "";
let consul: ReturnType<typeof spawn> | undefined;
let agent: RunningAgent;
let lines: readonly string[] = [];

const get = async (path: string): Promise<unknown> => (await fetch(HTTP + path)).json();
const start = () =>
  startTestAgent(
    `node_name = "ours"
     data_dir = "${folder}/ours"
     bind_addr = "${OURS}"
     client_addr = "${OURS}"
     disable_remote_exec = false
     retry_join = ["${SERVER}"]
     retry_interval = "1s"
     service { name = "web" port = 80 tags = ["v1"] check { script = "echo up" interval = "1s" } }`,
  );

before(async () => {
  if (skip !== false) return;
  folder = mkdtempSync(join(tmpdir(), "interop-agent-"));
  const hcl = "performance { raft_multiplier = 1 }";
  const flags = [
    "-server",
    "-bootstrap-expect",
    "1",
    "-node",
    "original",
    "-bind",
    SERVER,
    "-client",
    SERVER,
  ];
  consul = spawn(CONSUL, ["agent", ...flags, "-data-dir", join(folder, "original"), "-hcl", hcl], {
    stdio: "ignore",
  });
  await eventually(
    "the original has a leader",
    async () => (await get("/v1/status/leader").catch(() => "")) !== "",
  );
  ({ agent, lines } = await start());
});

after(async () => {
  await agent?.shutdown(0);
  consul?.kill("SIGKILL");
  if (folder !== "") rmSync(folder, { recursive: true, force: true });
});

interface Health {
  readonly Node: { readonly Node: string; readonly Address: string };
  readonly Service: { readonly Port: number; readonly Tags: readonly string[] };
  readonly Checks: readonly { readonly CheckID: string; readonly Output: string }[];
}

const passing = async (service: string): Promise<readonly Health[]> =>
  (await get(`/v1/health/service/${service}?passing`)) as readonly Health[];

test("node, service and check are in the original's catalog", { skip }, async () => {
  const [web] = await eventually("web is passing", async () => {
    const found = await passing("web");
    return found.length === 1 ? found : undefined;
  });
  assert.equal(web?.Node.Node, "ours");
  assert.equal(web?.Node.Address, OURS);
  assert.equal(web?.Service.Port, 80);
  assert.deepEqual(web?.Service.Tags, ["v1"]);
  assert.equal(web?.Checks.find((c) => c.CheckID === "service:web")?.Output, "up\n");
  assert.ok(lines.includes("[INFO] agent: Synced service 'web'"));
  assert.ok(
    lines.some((l) => l.startsWith(`[INFO] consul: adding server original (Addr: ${SERVER}:8300) (DC: dc1)`)),
  );
});

test("the original's DNS answers with it", { skip }, () => {
  const dig = spawnSync("dig", ["+short", `@${SERVER}`, "-p", "8600", "web.service.consul"], {
    encoding: "utf8",
  });
  assert.equal(dig.stdout.trim(), OURS);
});

test("a second full sync has nothing to say: the original stores what we mean", { skip }, async () => {
  const before = lines.length;
  agent.triggerFullSync();
  await agent.rpc("Catalog.ListNodes", DCSpecificRequest.make({ Datacenter: "dc1" }));
  await eventually("a full sync passed", () => true);
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.deepEqual(
    lines.slice(before).filter((l) => l.includes("Synced")),
    [],
  );
});

test("changes reach the catalog at once, removals too", { skip }, async () => {
  const options = { source: "remote", token: "", replaceExistingChecks: false } as const;
  const checks = [CheckDefinition.make({ TTL: 30n * S }), CheckDefinition.make({ TTL: 30n * S })];
  await agent.local.addService(ServiceDefinition.make({ Name: "api", Port: 9, Checks: checks }), options);
  await eventually(
    "api is there",
    async () => ((await get("/v1/health/service/api")) as Health[])[0]?.Checks.length === 3,
  );
  agent.local.updateTtlCheck("service:api:1", "passing", "a");
  agent.local.updateTtlCheck("service:api:2", "warning", "b");
  await eventually(
    "both reports are there",
    async () =>
      ((await get("/v1/health/service/api")) as Health[])[0]?.Checks.filter((c) =>
        ["a", "b"].includes(c.Output),
      ).length === 2,
  );
  await agent.local.enableNodeMaintenance("upgrade", "");
  await eventually("maintenance takes it out", async () => (await passing("web")).length === 0);
  await agent.local.disableNodeMaintenance();
  await eventually("and lets it back", async () => (await passing("web")).length === 1);
  await agent.local.removeService("api");
  await eventually(
    "api is gone",
    async () => ((await get("/v1/health/service/api")) as Health[]).length === 0,
  );
});

test("a service that is deregistered at the original's catalog comes back", { skip }, async () => {
  const body = JSON.stringify({ Node: "ours", ServiceID: "web" });
  await fetch(`${HTTP}/v1/catalog/deregister`, { method: "PUT", body });
  assert.equal((await passing("web")).length, 0);
  agent.triggerFullSync();
  await eventually("web is back", async () => (await passing("web")).length === 1);
});

test("events both ways", { skip }, async () => {
  await fetch(`${HTTP}/v1/event/fire/theirs?service=web&tag=v1`, { method: "PUT", body: "hello" });
  await fetch(`${HTTP}/v1/event/fire/elsewhere?node=nobody`, { method: "PUT", body: "x" });
  const event = await eventually("their event", () => agent.events.list().find((e) => e.Name === "theirs"));
  assert.equal(Buffer.from(event.Payload ?? []).toString(), "hello");
  assert.ok(!agent.events.list().some((e) => e.Name === "elsewhere"));
  const fired = await agent.events.fire({
    name: "ours",
    payload: Buffer.from("hi"),
    nodeFilter: "",
    serviceFilter: "",
    tagFilter: "",
    datacenter: "",
    token: "",
  });
  const theirs = await eventually("our event at the original", async () =>
    ((await get("/v1/event/list?name=ours")) as { ID: string; Payload: string }[]).find(
      (e) => e.ID === fired.ID,
    ),
  );
  assert.equal(Buffer.from(theirs.Payload, "base64").toString(), "hi");
});

test("the original's exec runs a command on our agent", { skip }, async () => {
  const child = spawn(CONSUL, [
    "exec",
    `-http-addr=${SERVER}:8500`,
    "-node=ours",
    "-wait=1s",
    "echo from $(expr 40 + 2)",
  ]);
  let out = "";
  child.stdout.on("data", (d) => {
    out += d;
  });
  const code = await new Promise((resolve) => child.once("exit", resolve));
  assert.match(out, /^ {4}ours: from 42$/m);
  assert.match(out, /^==> ours: finished with exit code 0$/m);
  assert.match(out, /^1 \/ 1 node\(s\) completed \/ acknowledged$/m);
  assert.equal(code, 0);
});

test("coordinates, sessions, keys: our RPC reaches the original from the agent", { skip }, async () => {
  await fetch(`${HTTP}/v1/kv/a`, { method: "PUT", body: "b" });
  const reply = await agent.rpc("KVS.Get", KeyRequest.make({ Datacenter: "dc1", Key: "a" }));
  assert.equal(Buffer.from(reply.Entries?.[0]?.Value ?? []).toString(), "b");
});

test("a leave takes the node out of the catalog; the next start brings it back with its id", {
  skip,
}, async () => {
  const id = agent.nodeId;
  const nodes = async (): Promise<readonly string[]> =>
    ((await get("/v1/catalog/nodes")) as { Node: string }[]).map((n) => n.Node);
  await agent.leave();
  await agent.shutdown(0);
  assert.equal(await agent.ended, 0);
  await eventually("the node is gone", async () => !(await nodes()).includes("ours"));
  ({ agent, lines } = await start());
  assert.equal(agent.nodeId, id);
  await eventually("web is back", async () => (await passing("web")).length === 1);
});

test("an agent can change programs on its folder, there and back", { skip }, async (t) => {
  const ip = "127.6.0.11";
  const dataDir = join(folder, "moving");
  const startOriginal = (): ReturnType<typeof spawn> => {
    const flags = ["-node", "moving", "-bind", ip, "-client", ip, "-join", SERVER, "-data-dir", dataDir];
    const child = spawn(CONSUL, ["agent", ...flags], { stdio: "ignore" });
    t.after(() => child.kill("SIGKILL"));
    return child;
  };
  const ended = (child: ReturnType<typeof spawn>): Promise<void> =>
    new Promise((resolve) => {
      child.once("exit", () => resolve());
      child.kill("SIGKILL");
    });
  const self = async (): Promise<string> =>
    ((await (await fetch(`http://${ip}:8500/v1/agent/self`)).json()) as { Config: { NodeID: string } }).Config
      .NodeID;

  let original = startOriginal();
  const id = await eventually("the original client is up", () => self().catch(() => undefined));
  const body = JSON.stringify({ Name: "kept", Port: 7, Check: { TTL: "600s" } });
  await fetch(`http://${ip}:8500/v1/agent/service/register`, { method: "PUT", body });
  await fetch(`http://${ip}:8500/v1/agent/check/pass/service:kept?note=from+theirs`, { method: "PUT" });
  await eventually("kept is passing", async () => (await passing("kept")).length === 1);
  await ended(original);

  const ours = await startTestAgent(
    `node_name = "moving" data_dir = "${dataDir}" bind_addr = "${ip}" client_addr = "${ip}" start_join = ["${SERVER}"]`,
  );
  t.after(() => ours.agent.shutdown(0));
  assert.equal(ours.agent.nodeId, id);
  assert.equal(ours.agent.local.service("kept")?.Port, 7);
  assert.equal(ours.agent.local.check("service:kept")?.Output, "from theirs");
  ours.agent.local.updateTtlCheck("service:kept", "warning", "from ours");
  await eventually("our report is in the catalog", async () =>
    ((await get("/v1/health/service/kept")) as Health[])[0]?.Checks.some((c) => c.Output === "from ours"),
  );
  await ours.agent.shutdown(0);

  original = startOriginal();
  assert.equal(await eventually("the original is up again", () => self().catch(() => undefined)), id);
  const checks = (await (await fetch(`http://${ip}:8500/v1/agent/checks`)).json()) as Record<
    string,
    { Output: string }
  >;
  assert.equal(checks["service:kept"]?.Output, "from ours");
  await ended(original);
});
