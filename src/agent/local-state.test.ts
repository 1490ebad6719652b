import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { SimClock } from "../../sim/clock.ts";
import { CheckDefinition, ServiceDefinition, SidecarDefinition } from "../model/definition.ts";
import { realDisk } from "../ports/disk.ts";
import { formatLogLine, LogHub } from "../ports/log.ts";
import { seededRandom } from "../ports/random.ts";
import { hasServiceManager } from "./checks/os-service-probe.ts";
import { ConfiguredRegistrations } from "./configured-registrations.ts";
import { AgentError } from "./contract.ts";
import { LocalRecords } from "./core/local-records.ts";
import { FakeCatalog } from "./fake-catalog.ts";
import { AgentLocalState } from "./local-state.ts";
import { aggregateStatus } from "./maintenance.ts";
import type { LocalStateSettings } from "./prepare-registration.ts";
import { StateStore } from "./state-store.ts";

const S = 1_000_000_000n;

const settings: LocalStateSettings = {
  checkUpdateIntervalMs: 300_000,
  checkOutputBytesMax: 4096,
  discardCheckOutput: false,
  enableLocalScriptChecks: true,
  enableRemoteScriptChecks: false,
  checkTls: undefined,
  sidecarPorts: { min: 21_000, max: 21_255 },
};

function setUp(
  t: TestContext,
  more: {
    readonly dataDir?: string;
    readonly clock?: SimClock;
    readonly settings?: Partial<LocalStateSettings>;
  } = {},
) {
  let dataDir = more.dataDir;
  if (dataDir === undefined) {
    const made = mkdtempSync(join(tmpdir(), "agent-state-"));
    t.after(() => rmSync(made, { recursive: true, force: true }));
    dataDir = made;
  }
  const clock = more.clock ?? new SimClock();
  const hub = new LogHub(clock);
  const lines: string[] = [];
  hub.attach((line) => lines.push(formatLogLine(line).slice(20)), "debug");
  const log = hub.logger("agent");
  const records = new LocalRecords();
  let pushes = 0;
  const local = new AgentLocalState(
    { node: "s1", datacenter: "dc1", settings: { ...settings, ...more.settings }, userToken: () => "" },
    {
      clock,
      random: seededRandom(1),
      log,
      rpc: new FakeCatalog(),
      records,
      store: new StateStore({ dataDir }, { disk: realDisk, log }),
      triggerPush: () => void pushes++,
      pausePush: () => () => void pushes++,
    },
  );
  t.after(() => local.stop());
  return {
    local,
    records,
    clock,
    dataDir,
    lines,
    registrations: new ConfiguredRegistrations(local),
    pushes: () => pushes,
  };
}

const remote = { source: "remote", token: "", replaceExistingChecks: false } as const;
const service = ServiceDefinition.make;
const check = CheckDefinition.make;
const web = service({
  Name: "web",
  Port: 80,
  Tags: ["a"],
  Address: "10.0.0.9",
  Checks: [check({ TTL: 30n * S })],
});

const refused = (status: number, text: string) => (error: unknown) => {
  assert.ok(error instanceof AgentError, String(error));
  assert.equal(error.message, text);
  assert.equal(error.httpStatus, status);
  return true;
};

test("a service gets its defaults and its checks' ids", async (t) => {
  const { local } = setUp(t);
  await local.addService(
    service({
      ...web,
      Checks: [check({ TTL: S }), check({ ID: "mine", TTL: S }), check({ TTL: S, Name: "n" })],
    }),
    remote,
  );
  const record = local.service("web")!;
  assert.deepEqual(record.Weights, { Passing: 1, Warning: 1 });
  assert.deepEqual([...record.TaggedAddresses!.keys()], ["lan_ipv4", "wan_ipv4"]);
  assert.deepEqual([...local.checks().keys()], ["service:web:1", "mine", "service:web:3"]);
  assert.deepEqual(
    [...local.checks().values()].map((c) => c.Name),
    ["Service 'web' check", "Service 'web' check", "n"],
  );
});

const wrong = [
  { name: "no name", d: service(), status: 400, text: "Missing service name" },
  {
    name: "any address",
    d: service({ Name: "a", Address: "0.0.0.0" }),
    status: 400,
    text: "Invalid service address",
  },
  {
    name: "weights",
    d: service({ Name: "a", Weights: { Passing: 0, Warning: 1 } }),
    status: 400,
    text: "Invalid Weights: Passing must be greater than 0",
  },
  {
    name: "metadata",
    d: service({ Name: "a", Meta: new Map([["consul-x", "1"]]) }),
    status: 400,
    text: "Invalid Service Meta: Couldn't load metadata pair ('consul-x', '1'): Key prefix 'consul-' is reserved for internal use",
  },
  {
    name: "a check",
    d: service({ Name: "a", Checks: [check()] }),
    status: 400,
    text: "Invalid check: TTL must be > 0 for TTL checks",
  },
  {
    name: "a check's status",
    d: service({ Name: "a", Checks: [check({ TTL: S, Status: "green" })] }),
    status: 400,
    text: "Status for checks must 'passing', 'warning', 'critical'",
  },
  {
    name: "a script by API",
    d: service({ Name: "a", Checks: [check({ ScriptArgs: ["true"], Interval: S })] }),
    status: 500,
    text: "Scripts are disabled on this agent from remote calls; to enable, configure 'enable_script_checks' to true",
  },
  {
    name: "an operating system's service",
    d: service({ Name: "a", Checks: [check({ OSService: "x", Interval: S })] }),
    status: 500,
    text: "not implemented",
    skip: hasServiceManager() ? "this host has systemd" : false,
  },
];
for (const { name, d, status, text, ...rest } of wrong)
  test(`refused, and nothing is changed: ${name}`, {
    skip: "skip" in rest ? rest.skip : false,
  }, async (t) => {
    const { local, dataDir } = setUp(t);
    await assert.rejects(local.addService(d, remote), refused(status, text));
    assert.equal(local.services().size, 0);
    assert.equal(readdirSync(dataDir).length, 0);
  });

test("checks: refusals", async (t) => {
  const { local } = setUp(t);
  await assert.rejects(local.addCheck(check({ TTL: S }), remote), refused(400, "Missing check name"));
  await assert.rejects(
    local.addCheck(check({ Name: "c", TTL: S, Status: "x" }), remote),
    refused(400, "Bad check status"),
  );
  await assert.rejects(
    local.addCheck(check({ Name: "c", TTL: S, ServiceID: "nope" }), remote),
    refused(500, 'ServiceID "nope" does not exist'),
  );
  await assert.rejects(local.removeCheck("c"), AgentError);
  await assert.rejects(local.removeService(""), refused(500, "ServiceID missing"));
  assert.throws(
    () => local.updateTtlCheck("c", "passing", ""),
    refused(500, 'CheckID "c" does not have associated TTL'),
  );
  assert.throws(() => local.updateTtlCheck("c", "fine", ""), refused(400, "Invalid check status: 'fine'"));
});

test("script checks from files run unless switched off", async (t) => {
  const { local } = setUp(t, { settings: { enableLocalScriptChecks: false } });
  const definition = check({ Name: "c", Script: "true", Interval: S });
  await assert.rejects(
    local.addCheck(definition, { source: "local", token: "" }),
    refused(
      500,
      "Scripts are disabled on this agent; to enable, configure 'enable_script_checks' or 'enable_local_script_checks' to true",
    ),
  );
  local.applySettings({ ...settings, enableLocalScriptChecks: true });
  await local.addCheck(definition, { source: "local", token: "" });
  assert.equal(local.check("c")?.Type, "script");
});

test("registering again keeps status and other checks, unless they are replaced", async (t) => {
  const { local } = setUp(t);
  await local.addService(web, remote);
  await local.addCheck(check({ Name: "extra", TTL: S, ServiceID: "web" }), remote);
  local.updateTtlCheck("service:web", "passing", "fine");
  await local.addService(web, remote);
  assert.equal(local.check("service:web")?.Status, "passing");
  assert.ok(local.check("extra"));
  await local.enableServiceMaintenance("web", "", "");
  await local.addService(web, { ...remote, replaceExistingChecks: true });
  assert.deepEqual([...local.checks().keys()].sort(), ["_service_maintenance:web", "service:web"]);
});

test("after a restart: API registrations are back, checks critical, TTL reports as far as they hold", async (t) => {
  const clock = new SimClock();
  const first = setUp(t, { clock });
  await first.local.addService(web, { ...remote, token: "tok" });
  await first.local.addCheck(check({ Name: "short", TTL: S }), remote);
  await first.local.addCheck(
    check({ Name: "tcp", TCP: "127.0.0.1:1", Interval: 10n * S, Notes: "n", UDP: "x:1" }),
    remote,
  );
  await first.local.enableNodeMaintenance("why", "");
  first.local.updateTtlCheck("service:web", "passing", "fine");
  first.local.updateTtlCheck("short", "passing", "soon over");
  await first.local.stop();
  clock.advance(2_500);

  const second = setUp(t, { clock, dataDir: first.dataDir });
  await second.registrations.load({ services: [], checks: [] });
  assert.equal(second.local.service("web")?.Port, 80);
  assert.equal(second.local.serviceToken("web"), "tok");
  assert.equal(second.local.check("service:web")?.Status, "passing");
  assert.equal(second.local.check("service:web")?.Output, "fine");
  assert.equal(second.local.check("short")?.Status, "critical");
  assert.equal(second.local.check("tcp")?.Status, "critical");
  assert.equal(second.local.checkDefinition("tcp")?.UDP, "x:1");
  assert.equal(second.local.check("_node_maintenance")?.Notes, "why");
  clock.advance(31_000);
  assert.equal(
    second.local.check("service:web")?.Output,
    "TTL expired (last output before timeout follows): fine",
  );
  await second.local.disableNodeMaintenance();
  await second.local.removeService("web");
  assert.deepEqual(readdirSync(join(first.dataDir, "services")), []);
});

test("what Consul 1.8.7 has stored is read, and written alike", async (t) => {
  const recorded = fileURLToPath(new URL("testdata/data-dir-1.8.7", import.meta.url));
  const { local, dataDir, registrations } = setUp(t, { settings: { enableRemoteScriptChecks: true } });
  cpSync(recorded, dataDir, { recursive: true });
  await registrations.load({ services: [], checks: [] });
  assert.deepEqual([...local.services().keys()], ["web"]);
  assert.deepEqual([...local.checks().keys()].sort(), ["_node_maintenance", "h1", "s1", "service:web"]);
  assert.deepEqual(local.checkDefinition("s1")?.ScriptArgs, ["echo", "hi"]);
  assert.equal(local.checkDefinition("service:web")?.DeregisterCriticalServiceAfter, 5400n * S);
  for (const kind of ["services", "checks"])
    for (const name of readdirSync(join(recorded, kind))) {
      if (name === "state") continue;
      const theirs = JSON.parse(readFileSync(join(recorded, kind, name), "utf8"));
      const again = setUp(t, { settings: { enableRemoteScriptChecks: true } });
      cpSync(join(recorded, "services"), join(again.dataDir, "services"), { recursive: true });
      if (kind === "checks") cpSync(join(recorded, kind, name), join(again.dataDir, kind, name));
      await again.registrations.load({ services: [], checks: [] });
      const store = new StateStore(
        { dataDir: again.dataDir },
        { disk: realDisk, log: new LogHub(again.clock).logger("") },
      );
      if (kind === "services") for (const kept of await store.services()) await store.putService(kept);
      else for (const kept of await store.checks()) await store.putCheck(kept);
      const ours = JSON.parse(readFileSync(join(again.dataDir, kind, name), "utf8"));
      assert.deepEqual(ours, theirs, name);
    }
});

test("a damaged file is named, kept aside, and stops nothing", async (t) => {
  const first = setUp(t);
  await first.local.addService(web, remote);
  await first.local.stop();
  const [name] = readdirSync(join(first.dataDir, "services"));
  writeFileSync(join(first.dataDir, "services", "damaged"), '{"Service":');
  writeFileSync(join(first.dataDir, "services", "empty"), "{}");
  writeFileSync(join(first.dataDir, "services", "half.tmp"), "x");
  const second = setUp(t, { dataDir: first.dataDir });
  await second.registrations.load({ services: [], checks: [] });
  assert.ok(second.local.service("web"));
  assert.deepEqual(
    readdirSync(join(first.dataDir, "services")).sort(),
    [name, "damaged.corrupt", "empty.corrupt", "half.tmp"].sort(),
  );
  assert.equal(
    second.lines.filter((l) => l.startsWith("[ERR] agent: Failed decoding service file")).length,
    2,
  );
});

test("a configured service hides the stored one", async (t) => {
  const first = setUp(t);
  await first.local.addService(web, remote);
  await first.local.stop();
  const second = setUp(t, { dataDir: first.dataDir });
  await second.registrations.load({ services: [service({ Name: "web", Port: 81 })], checks: [] });
  assert.equal(second.local.service("web")?.Port, 81);
  assert.deepEqual(readdirSync(join(first.dataDir, "services")), []);
});

test("reload: unchanged checks run on, changed ones keep their status, removed ones go, API ones stay", async (t) => {
  const { local, records, registrations } = setUp(t);
  const cache = service({ Name: "cache", Port: 1, Checks: [check({ TTL: 30n * S })] });
  const memory = check({ Name: "memory", TTL: 30n * S });
  await registrations.load({ services: [web, cache], checks: [memory] });
  await local.addService(service({ Name: "api", Port: 9 }), remote);
  for (const id of ["service:web", "service:cache", "memory"]) local.updateTtlCheck(id, "passing", "fine");
  const untouched = records.check("service:web")!.revision;
  await registrations.reload({ services: [web, service({ ...cache, Port: 2 })], checks: [] });
  assert.equal(records.check("service:web")!.revision, untouched);
  assert.equal(local.service("cache")?.Port, 2);
  assert.equal(local.check("service:cache")?.Status, "passing");
  assert.equal(local.check("memory"), undefined);
  assert.ok(local.service("api"));
  await registrations.reload({ services: [web], checks: [] });
  assert.equal(local.service("cache"), undefined);
  await local.removeService("web");
  await registrations.reload({ services: [web], checks: [] });
  assert.ok(local.service("web"), "what the configuration has comes back");
});

test("reload: one wrong definition changes nothing", async (t) => {
  const { local, records, registrations } = setUp(t);
  await registrations.load({ services: [web], checks: [] });
  const before = records.revision;
  await assert.rejects(
    registrations.reload({ services: [service({ Name: "new" })], checks: [check({ Name: "bad" })] }),
    refused(500, "Failed to register check 'bad': TTL must be > 0 for TTL checks"),
  );
  await assert.rejects(
    registrations.reload({ services: [], checks: [check({ Name: "c", TTL: S, ServiceID: "web" })] }),
    refused(500, `Failed to register check 'c': ServiceID "web" does not exist`),
  );
  assert.equal(records.revision, before);
  assert.ok(local.service("web"));
});

test("services that are critical for too long are removed, not before a minute", async (t) => {
  const { local, clock, lines } = setUp(t);
  await local.addService(
    service({ Name: "gone", Checks: [check({ TTL: S, DeregisterCriticalServiceAfter: S })] }),
    remote,
  );
  await local.addService(service({ Name: "stays", Checks: [check({ TTL: S })] }), remote);
  clock.advance(60_000);
  await local.reapCriticalServices(60_000);
  assert.ok(local.service("gone"));
  clock.advance(2);
  await local.reapCriticalServices(60_000);
  assert.equal(local.service("gone"), undefined);
  assert.equal(local.check("service:gone"), undefined);
  assert.ok(local.service("stays"));
  assert.ok(
    lines.includes(
      "[INFO] agent: Check for service has been critical for too long; deregistered service service=gone check=service:gone",
    ),
  );
});

test("maintenance", async (t) => {
  const { local, lines } = setUp(t);
  await local.addService(web, remote);
  await assert.rejects(
    local.enableServiceMaintenance("x", "", ""),
    refused(404, 'No service registered with ID "x"'),
  );
  await local.enableServiceMaintenance("web", "", "");
  await local.enableServiceMaintenance("web", "another reason", "");
  const record = local.check("_service_maintenance:web")!;
  assert.equal(
    record.Notes,
    "Maintenance mode is enabled for this service, but no reason was provided. This is a default message.",
  );
  assert.deepEqual(
    [record.Status, record.Type, record.ServiceID, record.ServiceTags],
    ["critical", "maintenance", "web", ["a"]],
  );
  assert.equal(aggregateStatus(local.checks().values()), "maintenance");
  await local.disableServiceMaintenance("web");
  await local.disableServiceMaintenance("web");
  await local.enableNodeMaintenance("broken", "");
  assert.equal(local.check("_node_maintenance")?.Notes, "broken");
  await local.disableNodeMaintenance();
  assert.deepEqual(
    lines.filter((l) => l.includes("maintenance mode")),
    [
      "[INFO] agent: Service entered maintenance mode service=web",
      "[INFO] agent: Service left maintenance mode service=web",
      "[INFO] agent: Node entered maintenance mode",
      "[INFO] agent: Node left maintenance mode",
    ],
  );
});

const aggregates = [
  { statuses: [], status: "passing" },
  { statuses: ["passing", "warning"], status: "warning" },
  { statuses: ["critical", "warning"], status: "critical" },
  { statuses: ["passing", "odd"], status: "" },
];
for (const { statuses, status } of aggregates)
  test(`aggregate of [${statuses}] is "${status}"`, () =>
    assert.equal(aggregateStatus(statuses.map((Status) => ({ CheckID: "c", Status }))), status));

test("a real script check runs and its result is published", async (t) => {
  const { local, clock } = setUp(t);
  await local.addCheck(check({ Name: "c", Script: "echo hello; exit 1", Interval: S }), {
    source: "local",
    token: "",
  });
  const changed = new Promise<void>((resolve) => local.onChange(resolve));
  clock.advance(1000);
  await changed;
  assert.equal(local.check("c")?.Status, "warning");
  assert.equal(local.check("c")?.Output, "hello\n");
});

test("discarded output", async (t) => {
  const { local } = setUp(t, { settings: { discardCheckOutput: true } });
  await local.addService(web, remote);
  local.updateTtlCheck("service:web", "passing", "secret");
  assert.equal(local.check("service:web")?.Output, "");
});

test("a sidecar comes and goes with its service, also over a restart", async (t) => {
  const first = setUp(t);
  const meshed = service({ Name: "web", Port: 80, SidecarService: SidecarDefinition.make({}) });
  await first.local.addService(meshed, remote);
  const id = "web-sidecar-proxy";
  assert.equal(first.local.service(id)?.Proxy.DestinationServiceID, "web");
  assert.deepEqual(
    [...first.local.checks().values()].filter((c) => c.ServiceID === id).map((c) => c.CheckID),
    [`service:${id}:1`, `service:${id}:2`],
  );
  await first.local.stop();

  const second = setUp(t, { dataDir: first.dataDir });
  await second.local.restoreServices();
  await second.local.restoreChecks();
  assert.equal(second.local.service(id)?.Port, 21_000);
  await second.local.addService(meshed, remote);
  assert.equal(second.local.service(id)?.Port, 21_000);
  await second.local.removeService("web");
  assert.deepEqual([second.local.services().size, second.local.checks().size], [0, 0]);
});

test("reload: a sidecar that is no longer asked for goes", async (t) => {
  const { local } = setUp(t);
  const configured = new ConfiguredRegistrations(local);
  const meshed = service({ Name: "web", Port: 80, SidecarService: SidecarDefinition.make({}) });
  await configured.load({ services: [meshed], checks: [] });
  assert.equal(local.services().size, 2);
  await configured.reload({ services: [service({ Name: "web", Port: 80 })], checks: [] });
  assert.deepEqual([...local.services().keys()], ["web"]);
});
