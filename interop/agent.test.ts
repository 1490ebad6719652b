/**
 * Our client agent in a cluster whose server is the original: what it registers shows on the server's doors, events and remote
 * commands reach it, and what takes it down shows too. Skipped, with the reason, where the original is not there.
 */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { promisify } from "node:util";
import type { RunningAgent } from "../src/agent/agent.ts";
import { startTestAgent, eventually as within } from "../src/agent/fixture.ts";
import { DCSpecificRequest } from "../src/model/catalog.ts";
import { CheckDefinition, ServiceDefinition } from "../src/model/definition.ts";
import { KeyRequest } from "../src/model/kv.ts";

const CONSUL = new URL("../.peers/consul", import.meta.url).pathname;
const SERVER = "127.6.0.9";
const OURS = "127.6.0.10";
const skip = existsSync(CONSUL) ? false : "no .peers/consul: run interop/setup.sh";
const HTTP = `http://${SERVER}:8500`;
const S = 1_000_000_000n;

/** Two programs on a machine that may be slow and busy: the deadline only ends what would never come. */
const WITHIN_MS = 90_000;
const eventually = <T>(what: string, probe: () => T | Promise<T>): Promise<NonNullable<T>> =>
  within(what, probe, WITHIN_MS);

let folder = "";
let consul: ReturnType<typeof spawn> | undefined;
let agent: RunningAgent;
let lines: readonly string[] = [];

const get = async (path: string): Promise<unknown> => (await fetch(HTTP + path)).json();
/** A PUT at an agent of the original, which must be taken. */
const put = async (path: string, body?: string, at: string = HTTP): Promise<void> => {
  const reply = await fetch(at + path, { method: "PUT", body: body ?? null });
  assert.equal(reply.status, 200, `PUT ${path}: ${await reply.text()}`);
};
const ended = (child: ReturnType<typeof spawn>): Promise<void> =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once("exit", () => resolve());
    child.kill("SIGKILL");
  });
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
  if (consul !== undefined) await ended(consul);
  if (folder !== "") rmSync(folder, { recursive: true, force: true });
});

interface Health {
  readonly Node: { readonly Node: string; readonly Address: string };
  readonly Service: { readonly Port: number; readonly Tags: readonly string[]; readonly CreateIndex: number };
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
  // Each is written when the server's answer is back, which the catalog may show before.
  await eventually("the service's line", () => lines.includes("[INFO] agent: Synced service 'web'"));
  await eventually("the server's line", () =>
    lines.some((l) => l.startsWith(`[INFO] consul: adding server original (Addr: ${SERVER}:8300) (DC: dc1)`)),
  );
});

test("the original's DNS answers with it", { skip }, async () => {
  await eventually("its address", async () => {
    const { stdout } = await promisify(execFile)("dig", [
      "+short",
      `@${SERVER}`,
      "-p",
      "8600",
      "web.service.consul",
    ]);
    return stdout.trim() === OURS;
  });
});

test("a second full sync has nothing to say: the original stores what we mean", { skip }, async () => {
  // What the first one and the check's first results still had to say comes to its end; a difference that the original's storing
  // makes would be said by every sync.
  await eventually("two full syncs without a word", async () => {
    const before = lines.length;
    for (let i = 0; i < 2; i++) {
      agent.triggerFullSync();
      await agent.rpc("Catalog.ListNodes", DCSpecificRequest.make({ Datacenter: "dc1" }));
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
    return !lines.slice(before).some((l) => l.includes("Synced"));
  });
});

test("changes reach the catalog at once, removals too", { skip }, async () => {
  const options = { source: "remote", token: "", replaceExistingChecks: false } as const;
  const checks = [CheckDefinition.make({ TTL: 600n * S }), CheckDefinition.make({ TTL: 600n * S })];
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
  const created = async (): Promise<number | undefined> => (await passing("web"))[0]?.Service.CreateIndex;
  const before = await created();
  await put("/v1/catalog/deregister", JSON.stringify({ Node: "ours", ServiceID: "web" }));
  agent.triggerFullSync();
  // A regular sync may have come first: that it was gone shows by its new index.
  const again = await eventually("web is back", created);
  assert.notEqual(again, before);
});

test("events both ways", { skip }, async () => {
  await put("/v1/event/fire/theirs?service=web&tag=v1", "hello");
  await put("/v1/event/fire/elsewhere?node=nobody", "x");
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
  const exec = async (wait: string): Promise<{ readonly out: string; readonly code: unknown }> => {
    const words = ["exec", `-http-addr=${SERVER}:8500`, "-node=ours", `-wait=${wait}`];
    const child = spawn(CONSUL, [...words, "echo from $(expr 40 + 2)"], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    let out = "";
    child.stdout.on("data", (d) => {
      out += d;
    });
    const code = await new Promise((resolve) => child.once("close", resolve));
    return { out, code };
  };
  // It waits so long for the first answer, which is the machine's matter.
  let { out, code } = await exec("1s");
  for (const wait of ["3s", "10s", "30s"])
    if (!out.includes("1 / 1 node(s)")) ({ out, code } = await exec(wait));
  assert.match(out, /^ {4}ours: from 42$/m);
  assert.match(out, /^==> ours: finished with exit code 0$/m);
  assert.match(out, /^1 \/ 1 node\(s\) completed \/ acknowledged$/m);
  assert.equal(code, 0);
});

test("coordinates, sessions, keys: our RPC reaches the original from the agent", { skip }, async () => {
  await put("/v1/kv/a", "b");
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
  const self = async (): Promise<string> =>
    ((await (await fetch(`http://${ip}:8500/v1/agent/self`)).json()) as { Config: { NodeID: string } }).Config
      .NodeID;

  let original = startOriginal();
  const id = await eventually("the original client is up", () => self().catch(() => undefined));
  const body = JSON.stringify({ Name: "kept", Port: 7, Check: { TTL: "600s" } });
  const at = `http://${ip}:8500`;
  await put("/v1/agent/service/register", body, at);
  await put("/v1/agent/check/pass/service:kept?note=from+theirs", undefined, at);
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
