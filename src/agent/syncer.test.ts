import assert from "node:assert/strict";
import { test } from "node:test";
import { SimClock, settle } from "../../sim/clock.ts";
import { HealthCheck, NodeService, type RegisterRequest } from "../model/catalog.ts";
import { formatLogLine, LogHub } from "../ports/log.ts";
import { noMetrics } from "../ports/metrics.ts";
import { seededRandom } from "../ports/random.ts";
import { LocalRecords } from "./core/local-records.ts";
import { FakeCatalog } from "./fake-catalog.ts";
import { PUSHES_MAX } from "./limits.ts";
import { Syncer, syncScale } from "./syncer.ts";

function setUp(
  options: { readonly members?: number; readonly server?: boolean; readonly agentToken?: string } = {},
) {
  const clock = new SimClock();
  const hub = new LogHub(clock);
  const lines: string[] = [];
  hub.attach((line) => lines.push(formatLogLine(line).slice(20)), "info");
  const records = new LocalRecords();
  const catalog = new FakeCatalog();
  const syncer = new Syncer(
    records,
    {
      identity: () => ({
        datacenter: "dc1",
        node: "s1",
        id: "i",
        address: "10.0.0.1",
        taggedAddresses: new Map(),
        meta: new Map(),
      }),
      members: () => options.members ?? 1,
      server: options.server ?? false,
      agentToken: () => options.agentToken ?? "",
      userToken: () => "",
    },
    { clock, random: seededRandom(7), log: hub.logger("agent"), metrics: noMetrics, rpc: catalog },
  );
  return { clock, lines, records, catalog, syncer };
}

const web = NodeService.make({ ID: "web", Service: "web", Port: 80 });
const webCheck = HealthCheck.make({
  Node: "s1",
  CheckID: "service:web",
  ServiceID: "web",
  ServiceName: "web",
  Status: "critical",
});

const scales = [
  [0, 1],
  [1, 1],
  [128, 1],
  [129, 2],
  [256, 2],
  [257, 3],
  [512, 3],
  [513, 4],
  [1024, 4],
] as const;
for (const [members, scale] of scales)
  test(`scale of ${members} members is ${scale}`, () => assert.equal(syncScale(members), scale));

test("the first sync pushes node, service and check, in the tutorial's words", async () => {
  const { clock, lines, records, catalog, syncer } = setUp();
  records.setService(web, "", "local");
  records.setCheck(webCheck, undefined, "", "local", 0);
  syncer.start();
  await clock.run(0);
  assert.deepEqual(lines, [
    "[INFO] agent: started state syncer",
    "[INFO] agent: Synced node info",
    "[INFO] agent: Synced service 'web'",
  ]);
  assert.equal(catalog.checks.get("service:web")?.Status, "critical");
  records.updateCheck("service:web", "passing", "ok", clock.now(), { updateIntervalMs: 300_000, chance: 0 });
  syncer.triggerPush();
  await settle();
  assert.equal(lines.at(-1), "[INFO] agent: Synced check 'service:web'");
  assert.equal(catalog.checks.get("service:web")?.Status, "passing");
  records.deleteCheck("service:web");
  records.deleteService("web");
  syncer.triggerPush();
  await settle();
  assert.equal(lines.at(-1), "[INFO] agent: Deregistered service 'web'");
  assert.equal(catalog.checks.size, 0);
  await syncer.stop();
});

test("a full sync comes every one to two minutes, and repairs what the catalog lost", async () => {
  const { clock, records, catalog, syncer } = setUp();
  records.setService(web, "", "local");
  syncer.start();
  const times: number[] = [];
  catalog.onCall = ({ method }) => void (method === "Health.NodeChecks" && times.push(clock.now()));
  await clock.run(600_000);
  for (let i = 1; i < times.length; i++) {
    const gap = times[i]! - times[i - 1]!;
    assert.ok(gap >= 60_000 && gap <= 120_000, `gap ${gap}`);
  }
  assert.ok(times.length >= 5);
  catalog.services.clear();
  catalog.services.set("ghost", NodeService.make({ ID: "ghost", Service: "ghost" }));
  catalog.services.set("consul", NodeService.make({ ID: "consul", Service: "consul" }));
  await clock.run(120_001);
  assert.deepEqual([...catalog.services.keys()].sort(), ["consul", "web"]);
  await syncer.stop();
});

test("services go several at once, after the node and before checks of their own; a failure stops what has not begun", async () => {
  const { clock, records, catalog, syncer } = setUp();
  const of = (i: number): NodeService => NodeService.make({ ID: `s${i}`, Service: "s" });
  for (let i = 0; i < 40; i++) records.setService(of(i), "", "local");
  records.setCheck(HealthCheck.make({ Node: "s1", CheckID: "own" }), undefined, "", "local", 0);
  let under = 0;
  let most = 0;
  const order: string[] = [];
  catalog.onCall = async ({ method, request }) => {
    if (method !== "Catalog.Register") return;
    const { Service, Check } = request as RegisterRequest;
    order.push(Service !== null ? "service" : Check !== null ? "check" : "node");
    most = Math.max(most, ++under);
    await settle();
    under--;
  };
  syncer.start();
  for (let i = 0; i < 10; i++) await clock.run(0);
  assert.deepEqual([order[0], order.at(-1), order.length], ["node", "check", 42]);
  assert.equal(most, PUSHES_MAX);

  let asked = 0;
  for (let i = 40; i < 80; i++) records.setService(of(i), "", "local");
  catalog.onCall = async () => {
    asked++;
    await settle();
    throw new Error("no");
  };
  syncer.triggerPush();
  for (let i = 0; i < 10; i++) await clock.run(0);
  assert.equal(asked, PUSHES_MAX);
  assert.equal(catalog.services.size, 40);
  await syncer.stop();
});

test("a failure is told, changes wait, and the next try comes within 15 to 30 s", async () => {
  const { clock, lines, records, catalog, syncer } = setUp();
  const failed: number[] = [];
  let broken = true;
  catalog.onCall = ({ method }) => {
    if (!broken) return;
    if (method === "Health.NodeChecks") failed.push(clock.now());
    throw new Error("No cluster leader");
  };
  syncer.start();
  await settle();
  assert.equal(lines.at(-1), "[ERR] agent: failed to sync remote state: No cluster leader");
  records.setService(web, "", "local");
  syncer.triggerPush();
  await settle();
  assert.equal(catalog.count("Catalog.Register"), 0);
  await clock.run(100_000);
  for (let i = 1; i < failed.length; i++) {
    const gap = failed[i]! - failed[i - 1]!;
    assert.ok(gap >= 15_000 && gap <= 30_000, `gap ${gap}`);
  }
  broken = false;
  await clock.run(30_000);
  assert.ok(catalog.services.has("web"));
  await syncer.stop();
});

test("when a server comes up the sync is within 3 s", async () => {
  const { clock, catalog, syncer } = setUp();
  catalog.onCall = () => {
    throw new Error("No known Consul servers");
  };
  syncer.start();
  await settle();
  catalog.onCall = () => {};
  syncer.serverUp();
  await clock.run(3000);
  assert.notEqual(catalog.node, null);
  await syncer.stop();
});

test("while paused nothing is pushed, afterwards everything", async () => {
  const { clock, records, catalog, syncer } = setUp();
  syncer.start();
  await clock.run(0);
  const resume = syncer.pause();
  const resumeToo = syncer.pause();
  records.setService(web, "", "local");
  syncer.triggerPush();
  resume();
  resume();
  await settle();
  assert.equal(catalog.services.size, 0);
  resumeToo();
  await settle();
  assert.equal(catalog.services.size, 1);
  await syncer.stop();
});

test("a denial is told once and asked again at the next full sync", async () => {
  const { clock, lines, records, catalog, syncer } = setUp();
  records.setService(web, "", "local");
  let denied = true;
  catalog.onCall = ({ method, request }) => {
    if (denied && method === "Catalog.Register" && (request as { Service: unknown }).Service !== null)
      throw new Error("Permission denied");
  };
  syncer.start();
  await clock.run(0);
  assert.equal(lines.at(-1), "[WARN] agent: Service 'web' registration blocked by ACLs");
  syncer.triggerPush();
  await settle();
  assert.equal(catalog.count("Catalog.Register"), 2);
  denied = false;
  await clock.run(120_000);
  assert.ok(catalog.services.has("web"));
  await syncer.stop();
});

test("when a service's token is gone, the node's own token removes it", async () => {
  const { clock, records, catalog, syncer } = setUp({ agentToken: "node-token" });
  records.setService(web, "lost", "remote");
  syncer.start();
  await clock.run(0);
  catalog.onCall = ({ request }) => {
    if ((request as { Token: string }).Token === "lost")
      throw new Error("rpc error making call: ACL not found");
  };
  records.deleteService("web");
  syncer.triggerPush();
  await settle();
  assert.equal(catalog.services.size, 0);
  await syncer.stop();
});

test("an unknown service at deregistration is as good as done", async () => {
  const { clock, records, catalog, syncer } = setUp();
  records.setService(web, "", "local");
  syncer.start();
  await clock.run(0);
  catalog.onCall = ({ method }) => {
    if (method === "Catalog.Deregister") throw new Error("Unknown service 'web'");
  };
  records.deleteService("web");
  syncer.triggerPush();
  await settle();
  assert.equal(records.serviceEntries().size, 0);
  await syncer.stop();
});

test("a server tells that its own service is in the catalog, once", async () => {
  const { clock, lines, catalog, syncer } = setUp({ server: true });
  syncer.start();
  await clock.run(10_000);
  catalog.services.set("consul", NodeService.make({ ID: "consul", Service: "consul" }));
  await clock.run(3_000);
  assert.equal(lines.at(-1), "[INFO] agent: Synced service 'consul'");
  const reads = catalog.count("Health.NodeChecks");
  await clock.run(300_000);
  assert.ok(catalog.count("Health.NodeChecks") - reads <= 5);
  assert.equal(lines.filter((l) => l === "[INFO] agent: Synced service 'consul'").length, 1);
  assert.equal(catalog.count("Catalog.Deregister"), 0);
  await syncer.stop();
});

test("a thousand chattering checks cost few writes", async () => {
  const { clock, records, catalog, syncer } = setUp();
  const random = seededRandom(3);
  for (let i = 0; i < 1000; i++) {
    records.setService(NodeService.make({ ID: `s${i}`, Service: `s${i}` }), "", "local");
    records.setCheck(
      HealthCheck.make({
        Node: "s1",
        CheckID: `c${i}`,
        ServiceID: `s${i}`,
        ServiceName: `s${i}`,
        Status: "passing",
        Output: "start",
      }),
      undefined,
      "",
      "local",
      0,
    );
  }
  syncer.start();
  await clock.run(0);
  const before = catalog.count("Catalog.Register");
  for (let i = 0; i < 1000; i++) {
    const again = (): void => {
      if (
        records.updateCheck(`c${i}`, "passing", `output ${random.float()}`, clock.now(), {
          updateIntervalMs: 300_000,
          chance: random.float(),
        }) === "changed"
      )
        syncer.triggerPush();
      clock.timer(10_000, again);
    };
    clock.timer(random.float() * 10_000, again);
  }
  // Ten minutes, in steps that let pushes run between.
  for (let t = 0; t < 600; t++) {
    clock.advance(1000);
    await settle();
  }
  const writes = catalog.count("Catalog.Register") - before;
  assert.ok(writes < 250, `${writes} writes in 10 minutes`);
  assert.ok(writes > 10, `${writes} writes: outputs must get through`);
  await syncer.stop();
});
