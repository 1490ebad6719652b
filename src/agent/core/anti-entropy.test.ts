import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HealthCheck, Node, NodeService, type RegisterRequest } from "../../model/catalog.ts";
import {
  acknowledge,
  compare,
  deregisterRequest,
  type NodeIdentity,
  plan,
  type RemoteNode,
  registerRequest,
  type SyncOperation,
  sameService,
} from "./anti-entropy.ts";
import { LocalRecords } from "./local-records.ts";

const identity: NodeIdentity = {
  datacenter: "dc1",
  node: "s1",
  id: "11111111-2222-3333-4444-555555555555",
  address: "10.0.0.1",
  taggedAddresses: new Map([["lan", "10.0.0.1"]]),
  meta: new Map(),
};

/** A catalog as one node sees it: what a server does with the agent's calls. */
class Catalog {
  node: Node | null = null;
  readonly services = new Map<string, NodeService>();
  readonly checks = new Map<string, HealthCheck>();

  register(r: RegisterRequest): void {
    if (this.node === null || !r.SkipNodeUpdate)
      this.node = Node.make({
        ID: r.ID,
        Node: r.Node,
        Address: r.Address,
        TaggedAddresses: r.TaggedAddresses,
        Meta: r.NodeMeta,
      });
    if (r.Service !== null) this.services.set(r.Service.ID, r.Service);
    for (const c of [r.Check, ...(r.Checks ?? [])]) {
      if (c === null) continue;
      const service = this.services.get(c.ServiceID);
      if (c.ServiceID !== "" && service === undefined)
        throw new Error(`Missing service registration: ${c.ServiceID}`);
      this.checks.set(c.CheckID, {
        ...c,
        ServiceName: service?.Service ?? "",
        ServiceTags: service?.Tags ?? null,
      });
    }
  }

  deregister(r: { readonly ServiceID: string; readonly CheckID: string }): void {
    if (r.ServiceID !== "") {
      this.services.delete(r.ServiceID);
      for (const [id, c] of this.checks) if (c.ServiceID === r.ServiceID) this.checks.delete(id);
    } else this.checks.delete(r.CheckID);
  }

  perform(operation: SyncOperation): void {
    if (operation.kind === "deregister-service" || operation.kind === "deregister-check")
      this.deregister(deregisterRequest(operation, identity, ""));
    else this.register(registerRequest(operation, identity, ""));
  }

  read(): RemoteNode {
    return { node: this.node, services: [...this.services.values()], checks: [...this.checks.values()] };
  }
}

function sync(records: LocalRecords, catalog: Catalog): readonly SyncOperation[] {
  compare(records, identity, catalog.read());
  const operations = plan(records);
  for (const operation of operations) {
    catalog.perform(operation);
    acknowledge(records, operation);
  }
  return operations;
}

const names = fc.constantFrom("a", "b", "c");
const tags = fc.option(fc.array(fc.constantFrom("x", "y"), { maxLength: 2 }), { nil: null });
const serviceArb = fc.record({
  id: names,
  port: fc.integer({ min: 0, max: 2 }),
  tags,
  override: fc.boolean(),
});
const checkArb = fc.record({
  id: fc.constantFrom("1", "2", "3", "4"),
  service: fc.option(names, { nil: "" }),
  status: fc.constantFrom("passing", "critical"),
  output: fc.constantFrom("", "out"),
  token: fc.constantFrom("", "t"),
});
const sideArb = fc.record({
  services: fc.array(serviceArb, { maxLength: 4 }),
  checks: fc.array(checkArb, { maxLength: 5 }),
});
type Side = typeof sideArb extends fc.Arbitrary<infer T> ? T : never;

const serviceOf = (s: Side["services"][number]): NodeService =>
  NodeService.make({
    ID: s.id,
    Service: `name-${s.id}`,
    Port: s.port,
    Tags: s.tags,
    EnableTagOverride: s.override,
    Weights: { Passing: 1, Warning: 1 },
  });

function checkOf(
  c: Side["checks"][number],
  services: ReadonlyMap<string, NodeService>,
): HealthCheck | undefined {
  const service = services.get(c.service);
  if (c.service !== "" && service === undefined) return undefined;
  return HealthCheck.make({
    Node: "s1",
    CheckID: c.id,
    Status: c.status,
    Output: c.output,
    ServiceID: c.service,
    ServiceName: service?.Service ?? "",
    ServiceTags: service?.Tags ?? null,
  });
}

function localOf(side: Side): LocalRecords {
  const records = new LocalRecords();
  for (const s of side.services) records.setService(serviceOf(s), "", "local");
  for (const c of side.checks) {
    const check = checkOf(c, records.services());
    if (check !== undefined) records.setCheck(check, undefined, c.token, "local", 0);
  }
  return records;
}

function catalogOf(side: Side, withNode: boolean): Catalog {
  const catalog = new Catalog();
  if (withNode) catalog.node = Node.make({ ID: identity.id, Node: "s1", Meta: new Map([["old", "1"]]) });
  catalog.services.set("consul", NodeService.make({ ID: "consul", Service: "consul" }));
  catalog.checks.set(
    "serfHealth",
    HealthCheck.make({ Node: "s1", CheckID: "serfHealth", Status: "passing" }),
  );
  for (const s of side.services) catalog.services.set(s.id, serviceOf(s));
  for (const c of side.checks) {
    const check = checkOf(c, catalog.services);
    if (check !== undefined) catalog.checks.set(c.id, check);
  }
  return catalog;
}

test("whatever is here and there, one plan makes the catalog agree, and a second has nothing to do", () => {
  fc.assert(
    fc.property(sideArb, sideArb, fc.boolean(), (here, there, withNode) => {
      const records = localOf(here);
      const catalog = catalogOf(there, withNode);
      sync(records, catalog);
      const { services, checks } = catalog;
      assert.deepEqual([...services.keys()].sort(), ["consul", ...records.services().keys()].sort());
      assert.deepEqual([...checks.keys()].sort(), ["serfHealth", ...records.checks().keys()].sort());
      for (const [id, s] of records.services()) assert.ok(sameService(s, services.get(id)!), id);
      for (const [id, c] of records.checks()) {
        assert.equal(checks.get(id)!.Status, c.Status);
        assert.equal(checks.get(id)!.Output, c.Output);
        assert.equal(checks.get(id)!.ServiceID, c.ServiceID);
      }
      assert.equal(catalog.node?.ID, identity.id);
      assert.deepEqual(sync(records, catalog), []);
    }),
    { numRuns: 2000 },
  );
});

test("changes made while a push is under way are pushed again", () => {
  const records = new LocalRecords();
  const catalog = new Catalog();
  records.setService(NodeService.make({ ID: "web", Service: "web", Port: 80 }), "", "local");
  compare(records, identity, catalog.read());
  const operations = plan(records);
  for (const operation of operations) catalog.perform(operation);
  records.setService(NodeService.make({ ID: "web", Service: "web", Port: 81 }), "", "local");
  for (const operation of operations) acknowledge(records, operation);
  assert.deepEqual(
    plan(records).map((o) => o.kind),
    ["register-service"],
  );
});

test("the order is node, services with their checks, other checks; tokens are not mixed", () => {
  const records = new LocalRecords();
  records.setService(NodeService.make({ ID: "web", Service: "web" }), "t1", "local");
  const check = (id: string, service: string): HealthCheck =>
    HealthCheck.make({ Node: "s1", CheckID: id, ServiceID: service, Output: "x" });
  records.setCheck(check("c1", "web"), undefined, "t1", "local", 0);
  records.setCheck(check("c2", "web"), undefined, "t1", "local", 0);
  records.setCheck(check("c3", "web"), undefined, "t2", "local", 0);
  records.setCheck(check("mem", ""), undefined, "", "local", 0);
  const operations = plan(records);
  assert.deepEqual(
    operations.map((o) => [o.kind, "checks" in o ? o.checks.map((c) => c.id) : []]),
    [
      ["register-node", []],
      ["register-service", ["c1", "c2"]],
      ["register-checks", ["c3"]],
      ["register-checks", ["mem"]],
    ],
  );
  const [, service, other] = operations;
  assert.equal(service?.kind, "register-service");
  if (service?.kind !== "register-service" || other?.kind !== "register-checks") return;
  const request = registerRequest(service, identity, "t1");
  assert.equal(request.Check, null);
  assert.equal(request.Checks?.length, 2);
  assert.equal(request.SkipNodeUpdate, true);
  assert.equal(registerRequest(other, identity, "t2").Check?.CheckID, "c3");
  assert.equal(registerRequest(other, identity, "t2").Service?.ID, "web");
});

test("with tag override the catalog's tags are taken", () => {
  const records = new LocalRecords();
  const catalog = new Catalog();
  records.setService(
    NodeService.make({ ID: "web", Service: "web", Tags: ["mine"], EnableTagOverride: true }),
    "",
    "local",
  );
  sync(records, catalog);
  catalog.services.set("web", { ...catalog.services.get("web")!, Tags: ["theirs"] });
  assert.deepEqual(sync(records, catalog), []);
  assert.deepEqual(records.service("web")?.service.Tags, ["theirs"]);
});

test("the outputs of many checks go in few calls", () => {
  const records = new LocalRecords();
  const catalog = new Catalog();
  for (let i = 0; i < 200; i++) {
    records.setService(NodeService.make({ ID: `s${i}`, Service: `s${i}` }), "", "local");
    records.setCheck(
      HealthCheck.make({
        Node: "s1",
        CheckID: `c${i}`,
        ServiceID: `s${i}`,
        ServiceName: `s${i}`,
        Status: "passing",
        Output: "0",
      }),
      undefined,
      "",
      "local",
      0,
    );
  }
  sync(records, catalog);
  for (let i = 0; i < 200; i++)
    assert.equal(
      records.updateCheck(`c${i}`, "passing", "1", i, { updateIntervalMs: 1000, chance: 0.5 }),
      "deferred",
    );
  assert.deepEqual(plan(records), []);
  assert.equal(records.expireDeferrals(500), false);
  assert.equal(records.nextDeferral(), 1000);
  assert.equal(records.expireDeferrals(1000), true);
  const operations = plan(records);
  assert.equal(operations.length, 4);
  for (const operation of operations) {
    catalog.perform(operation);
    acknowledge(records, operation);
  }
  assert.equal([...catalog.checks.values()].filter((c) => c.Output === "1").length, 200);
  assert.deepEqual(sync(records, catalog), []);
});
