/** Whole agents in this process: a server and a client on loopback. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { NodeSpecificRequest, ServiceSpecificRequest } from "../model/catalog.ts";
import { CheckDefinition, ServiceDefinition } from "../model/definition.ts";
import { DirEntry, KeyListRequest, KeyRequest, KVSRequest, Session, SessionRequest } from "../model/kv.ts";
import type { RunningAgent } from "./agent.ts";
import { configOf, eventually, startTestAgent, type TestAgent } from "./fixture.ts";
import { watchSignals } from "./signals.ts";

const folder = mkdtempSync(join(tmpdir(), "agent-pair-"));
let server: TestAgent;
let client: TestAgent;

const base = (name: string, ip: string): string => `
  node_name = "${name}"
  data_dir = "${folder}/${name}"
  bind_addr = "${ip}"
  client_addr = "${ip}"
  disable_remote_exec = false
  performance { raft_multiplier = 1 leave_drain_time = "10ms" }
  gossip_lan { gossip_interval = "20ms" probe_interval = "200ms" probe_timeout = "100ms" }
`;
const webCheck = (script: string, more = ""): string =>
  `services = [{ name = "web" port = 80 tags = ["v1"] check { script = "${script}" interval = "1s" } }${more}]`;
const clientHcl = (more: string): string =>
  `${base("c1", "127.6.0.2")} start_join = ["127.6.0.1"] pid_file = "${folder}/pid" ${more}`;

before(async () => {
  server = await startTestAgent(`${base("s1", "127.6.0.1")} server = true bootstrap_expect = 1`, {
    level: "debug",
  });
  client = await startTestAgent(clientHcl(webCheck("echo fine")), { level: "debug" });
});

after(async () => {
  await client?.agent.shutdown(0);
  await server?.agent.shutdown(0);
  rmSync(folder, { recursive: true, force: true });
});

async function instances(agent: RunningAgent, name: string): Promise<readonly string[]> {
  const request = ServiceSpecificRequest.make({ Datacenter: "dc1", ServiceName: name });
  const reply = await agent.rpc("Health.ServiceNodes", request);
  return (reply.Nodes ?? [])
    .filter((n) => (n.Checks ?? []).every((c) => c?.Status === "passing"))
    .map((n) => n.Node?.Node ?? "");
}

test("the client's service is healthy in the catalog, and the log tells the story", async () => {
  await eventually("web is passing on c1", async () => (await instances(client.agent, "web"))[0] === "c1");
  const wanted = [
    "[INFO] serf: EventMemberJoin: c1 127.6.0.2",
    "[INFO] agent: (LAN) joining: [127.6.0.1]",
    "[INFO] serf: EventMemberJoin: s1 127.6.0.1",
    "[INFO] consul: adding server s1 (Addr: 127.6.0.1:8300) (DC: dc1)",
    "[INFO] agent: (LAN) joined: 1 Err: <nil>",
    "[INFO] agent: Synced service 'web'",
  ];
  // Each is written when the server's answer is back, which the catalog may show before.
  for (const line of wanted)
    await eventually(`the line ${line}`, () => client.lines.includes(line)).catch((error: Error) => {
      throw new Error(`${error.message}\nmissing in\n${client.lines.join("\n")}`);
    });
  await eventually("s1 tells of its service", () =>
    server.lines.includes("[INFO] agent: Synced service 'consul'"),
  );
});

test("members, stats, pid file, node id", async () => {
  assert.deepEqual(
    client.agent
      .lanMembers()
      .map((m) => m.name)
      .sort(),
    ["c1", "s1"],
  );
  assert.deepEqual(client.agent.wanMembers(), []);
  assert.deepEqual(
    server.agent.wanMembers().map((m) => m.name),
    ["s1.dc1"],
  );
  assert.equal(client.agent.stats().get("agent")?.get("check_monitors"), "1");
  assert.equal(client.agent.stats().get("consul")?.get("known_servers"), "1");
  assert.equal(server.agent.stats().get("consul")?.get("server"), "true");
  assert.equal(readFileSync(join(folder, "pid"), "utf8"), String(process.pid));
  assert.equal(readFileSync(join(folder, "c1", "node-id"), "utf8"), client.agent.nodeId);
});

test("refusals: WAN join on a client, a join that reaches nobody, an unknown node", async () => {
  await assert.rejects(client.agent.join(["x"], { wan: true }), {
    message: "Must be a server to join WAN cluster",
  });
  await assert.rejects(
    client.agent.join(["127.6.0.77"], { wan: false }),
    /Failed to join 127\.6\.0\.77: .*refused/,
  );
  await assert.rejects(client.agent.forceLeave("nobody", { prune: false }), {
    message: "agent: No node found with name 'nobody'",
  });
});

test("a second agent on the same folder is refused", async () => {
  await assert.rejects(startTestAgent(clientHcl("")), /data directory .* is in use by another agent/);
});

test("exec between agents: job, acknowledgement, output, exit code", async () => {
  const { agent } = client;
  const session = await agent.rpc(
    "Session.Apply",
    SessionRequest.make({
      Datacenter: "dc1",
      Op: "create",
      Session: Session.make({ Node: "c1", Behavior: "delete", TTL: "15s" }),
    }),
  );
  const DirEnt = DirEntry.make({
    Key: `_rexec/${session}/job`,
    Session: session,
    Value: Buffer.from('{"Command":"echo hi","Script":null,"Wait":1000000000}'),
  });
  assert.equal(
    await agent.rpc("KVS.Apply", KVSRequest.make({ Datacenter: "dc1", Op: "lock", DirEnt })),
    true,
  );
  await agent.events.fire({
    name: "_rexec",
    payload: Buffer.from(JSON.stringify({ Prefix: "_rexec", Session: session })),
    nodeFilter: "",
    serviceFilter: "",
    tagFilter: "",
    datacenter: "",
    token: "",
  });
  const keys = await eventually("both nodes have finished", async () => {
    const listed = await agent.rpc(
      "KVS.ListKeys",
      KeyListRequest.make({ Datacenter: "dc1", Prefix: `_rexec/${session}/` }),
    );
    return (listed.Keys ?? []).filter((k) => k.endsWith("/exit")).length === 2 ? listed.Keys : undefined;
  });
  assert.deepEqual([...keys].map((k) => k.slice(`_rexec/${session}/`.length)).sort(), [
    "c1/ack",
    "c1/exit",
    "c1/out/00000",
    "job",
    "s1/ack",
    "s1/exit",
    "s1/out/00000",
  ]);
  const out = await agent.rpc(
    "KVS.Get",
    KeyRequest.make({ Datacenter: "dc1", Key: `_rexec/${session}/s1/out/00000` }),
  );
  assert.equal(Buffer.from(out.Entries![0]!.Value!).toString(), "hi\n");
});

test("user events reach both", async () => {
  const fired = await client.agent.events.fire({
    name: "deploy",
    payload: null,
    nodeFilter: "",
    serviceFilter: "",
    tagFilter: "",
    datacenter: "",
    token: "",
  });
  for (const { agent } of [client, server])
    await eventually("the event", () => agent.events.list().some((e) => e.ID === fired.ID));
});

test("a service removed from the catalog by hand comes back with the next full sync", async () => {
  const { agent } = client;
  await agent.rpc("Catalog.Deregister", {
    Datacenter: "dc1",
    Node: "c1",
    ServiceID: "web",
    CheckID: "",
    Token: "",
  });
  agent.triggerFullSync();
  await eventually("web is back", async () => (await instances(agent, "web"))[0] === "c1");
});

test("killed without a word: the node fails; started again: API registrations are back", async () => {
  const options = { source: "remote", token: "", replaceExistingChecks: false } as const;
  const definition = ServiceDefinition.make({
    Name: "api",
    Port: 9,
    Checks: [CheckDefinition.make({ TTL: 60_000_000_000n })],
  });
  await client.agent.local.addService(definition, options);
  client.agent.local.updateTtlCheck("service:api", "passing", "ok");
  await eventually("api is passing", async () => (await instances(server.agent, "api"))[0] === "c1");
  const { nodeId } = client.agent;
  await client.agent.shutdown(1);
  assert.equal(existsSync(join(folder, "pid")), false);
  await eventually(
    "c1 is failed in the catalog",
    async () => (await instances(server.agent, "web")).length === 0,
  );
  client = await startTestAgent(clientHcl(webCheck("echo fine")), { level: "debug" });
  assert.equal(client.agent.nodeId, nodeId);
  await eventually(
    "api is passing again, its report held",
    async () => (await instances(server.agent, "api"))[0] === "c1",
  );
});

test("reload: applies what changed; a wrong configuration changes nothing", async () => {
  await client.agent.shutdown(0);
  let next = clientHcl(webCheck("echo fine"));
  client = await startTestAgent(next, { level: "debug", hooks: { loadConfig: async () => configOf(next) } });
  const { agent, lines } = client;
  await eventually("web is passing", async () => (await instances(agent, "web"))[0] === "c1");
  next = clientHcl(`${webCheck("echo fine", ', { name = "db" port = 5432 }')} node_meta { rack = "7" }`);
  const synced = lines.filter((l) => l.includes("Synced service 'web'")).length;
  await agent.reload();
  const node = await eventually("db and the metadata are in the catalog", async () => {
    const reply = await agent.rpc(
      "Catalog.NodeServices",
      NodeSpecificRequest.make({ Datacenter: "dc1", Node: "c1" }),
    );
    const found = reply.NodeServices;
    return found?.Services?.has("db") && found.Node?.Meta?.get("rack") === "7" ? found : undefined;
  });
  assert.ok(node.Services?.has("web"));
  assert.equal(lines.filter((l) => l.includes("Synced service 'web'")).length, synced, "web was left alone");
  next = clientHcl('service { name = "db" port = 1 } check { name = "x" ttl = "1s" interval = "1s" }');
  await assert.rejects(agent.reload());
  assert.equal(agent.local.service("db")?.Port, 5432);
  assert.ok(lines.some((l) => l.startsWith("[ERR] agent: Reload config failed: ")));
});

test("SIGINT on a client: a graceful leave, exit code 0, and the node is gone", async () => {
  const handlers = new Map<string, () => void>();
  watchSignals(client.agent, { on: (s, h) => handlers.set(s, h), off: (s) => handlers.delete(s) });
  handlers.get("SIGINT")!();
  assert.equal(await client.agent.ended, 0);
  await eventually("c1 is out of the catalog", async () => {
    const reply = await server.agent.rpc(
      "Catalog.NodeServices",
      NodeSpecificRequest.make({ Datacenter: "dc1", Node: "c1" }),
    );
    return reply.NodeServices === null;
  });
  // A client is in the LAN pool only: that the WAN pool does not know it is no mistake.
  await server.agent.forceLeave("c1", { prune: false });
  await server.agent.forceLeave("c1.dc1", { prune: false });
  await server.agent.forceLeave("c1", { prune: true });
  await eventually("c1 is forgotten", () => !server.agent.lanMembers().some((m) => m.name === "c1"));
});

test("the doors open before the join, and close with the agent; a door that cannot open ends the start", async () => {
  const order: string[] = [];
  const hooks = {
    openDoors: async () => {
      order.push("open");
      return async () => void order.push("close");
    },
    onJoining: () => void order.push("join"),
  };
  const { agent } = await startTestAgent(clientHcl(""), { hooks });
  await agent.shutdown(0);
  assert.deepEqual(order, ["open", "join", "close"]);
  const failing = {
    openDoors: () => Promise.reject(new Error("listen tcp 127.6.0.2:8500: bind: address already in use")),
  };
  await assert.rejects(startTestAgent(clientHcl(""), { hooks: failing }), /address already in use/);
  // The folder and the ports are free again.
  const { agent: last } = await startTestAgent(clientHcl(""));
  await last.shutdown(0);
});

test("a server alone leaves within the bound", async () => {
  const began = performance.now();
  await server.agent.leave();
  await server.agent.shutdown(0);
  assert.equal(await server.agent.ended, 0);
  assert.ok(performance.now() - began < 30_000);
});

test("a dev agent leads in no time and keeps nothing on disk", async (t) => {
  const { agent, lines } = await startTestAgent(
    'node_name = "dev" bind_addr = "127.6.0.3" client_addr = "127.6.0.3"',
    { dev: true },
  );
  t.after(() => agent.shutdown(0));
  assert.equal(agent.config.dataDir, undefined);
  const definition = ServiceDefinition.make({ Name: "web", Port: 80 });
  await agent.local.addService(definition, { source: "remote", token: "", replaceExistingChecks: false });
  await eventually("web is in the catalog", async () =>
    (await instances(agent, "web").catch((): readonly string[] => [])).includes("dev"),
  );
  assert.ok(lines.includes("[INFO] consul: cluster leadership acquired"));
});
