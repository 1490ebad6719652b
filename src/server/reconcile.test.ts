import assert from "node:assert/strict";
import { test } from "node:test";
import type { Member, MemberStatus } from "../gossip/contract.ts";
import { HealthCheck, Node, NodeService } from "../model/catalog.ts";
import { type RaftServer, SUFFRAGE } from "../raft/contract.ts";
import {
  belongsHere,
  type CatalogView,
  consulServiceMeta,
  planMember,
  planRaftJoin,
  raftEntryOf,
  unknownToSerf,
} from "./reconcile.ts";
import { clientTags, parseServer, serverTags } from "./server-metadata.ts";

const member = (
  name: string,
  tags: ReadonlyMap<string, string>,
  status: MemberStatus = "alive",
  addr = "10.0.0.1",
): Member => ({
  name,
  addr,
  port: 8301,
  tags,
  status,
  protocolMin: 1,
  protocolMax: 5,
  protocolCur: 2,
  delegateMin: 2,
  delegateMax: 5,
  delegateCur: 4,
});
const base = {
  datacenter: "dc1",
  nodeId: "id-1",
  version: "1.8.7",
  port: 8300,
  bootstrap: false,
  bootstrapExpect: 0,
  nonVoter: false,
};
const server = (
  name: string,
  status: MemberStatus = "alive",
  more: Partial<typeof base> = {},
  addr = "10.0.0.1",
) => member(name, serverTags({ ...base, ...more }, "lan"), status, addr);
const client = (name: string, status: MemberStatus = "alive") =>
  member(name, clientTags({ ...base, nodeId: `id-${name}` }), status);

const nobody: CatalogView = { node: null, consulService: undefined, serfHealth: undefined };
const check = (Node: string, Status: string): HealthCheck =>
  HealthCheck.make({ Node, CheckID: "serfHealth", Status });
const known = (name: string, status: string, Address = "10.0.0.1"): CatalogView => ({
  node: Node.make({
    ID: `id-${name}`,
    Node: name,
    Address,
    Meta: new Map([["k", "v"]]),
    TaggedAddresses: new Map([["lan", Address]]),
  }),
  consulService: undefined,
  serfHealth: check(name, status),
});
const options = { datacenter: "dc1", reaped: false };

test("an alive client that moved becomes a node with serfHealth, its metadata kept", () => {
  const plan = planMember(client("c1"), known("c1", "critical", "10.0.0.9"), options);
  assert.equal(plan.kind, "register");
  if (plan.kind !== "register") return;
  assert.equal(plan.log, "member 'c1' joined, marking health alive");
  const { request } = plan;
  assert.deepEqual(
    [request.Node, request.ID, request.Address, request.Service],
    ["c1", "id-c1", "10.0.0.1", null],
  );
  assert.deepEqual([...request.NodeMeta!], [["k", "v"]]);
  assert.deepEqual([...request.TaggedAddresses!], [["lan", "10.0.0.9"]]);
  assert.deepEqual(
    [request.Check!.CheckID, request.Check!.Name, request.Check!.Status, request.Check!.Output],
    ["serfHealth", "Serf Health Status", "passing", "Agent alive and reachable"],
  );
  assert.equal(request.SkipNodeUpdate, false);
});

test("what an agent writes of its node between our look and our entry stays", () => {
  for (const view of [nobody, known("c1", "critical")]) {
    const plan = planMember(client("c1"), view, options);
    assert.ok(plan.kind === "register" && plan.request.SkipNodeUpdate);
  }
});

test("a new client has no metadata of ours", () => {
  const plan = planMember(client("c1"), nobody, options);
  assert.ok(
    plan.kind === "register" && plan.request.NodeMeta === null && plan.request.TaggedAddresses === null,
  );
});

test("a server brings the consul service; equal metadata needs no write", () => {
  const m = server("s1");
  const plan = planMember(m, nobody, options);
  assert.ok(plan.kind === "register");
  const service = plan.request.Service!;
  assert.deepEqual(
    [service.ID, service.Service, service.Port, service.Weights],
    ["consul", "consul", 8300, { Passing: 1, Warning: 1 }],
  );
  const view = { ...known("s1", "passing"), consulService: service };
  assert.equal(planMember(m, view, options).kind, "nothing");
  const other = {
    ...view,
    consulService: NodeService.make({ ...service, Meta: new Map([...service.Meta!, ["version", "1.8.6"]]) }),
  };
  assert.equal(planMember(m, other, options).kind, "register");
  assert.equal(consulServiceMeta(m, parseServer(m)!).get("non_voter"), "false");
});

const quiet: readonly [string, Member, CatalogView, boolean][] = [
  ["alive and right already", client("c1"), known("c1", "passing"), false],
  ["failed and unknown", client("c1", "failed"), nobody, false],
  ["failed and critical already", client("c1", "failed"), known("c1", "critical"), false],
  ["left and unknown", client("c1", "left"), nobody, false],
  ["leaving", client("c1", "leaving"), known("c1", "passing"), false],
  ["reaped and unknown", client("c1", "failed"), nobody, true],
];
for (const [name, m, view, reaped] of quiet)
  test(`nothing to do: ${name}`, () =>
    assert.equal(planMember(m, view, { ...options, reaped }).kind, "nothing"));

test("an address that changed is written although the check passes", () => {
  assert.equal(planMember(client("c1"), known("c1", "passing", "10.0.0.9"), options).kind, "register");
});

test("a failed member turns critical, its node untouched", () => {
  const plan = planMember(client("c1", "failed"), known("c1", "passing"), options);
  assert.ok(plan.kind === "register");
  assert.equal(plan.log, "member 'c1' failed, marking health critical");
  assert.deepEqual(
    [plan.request.Check!.Status, plan.request.Check!.Output, plan.request.SkipNodeUpdate],
    ["critical", "Agent not live or unreachable", true],
  );
});

for (const [status, reaped, word] of [
  ["left", false, "left"],
  ["failed", true, "reaped"],
] as const)
  test(`a member that ${word} is deregistered`, () => {
    const plan = planMember(client("c1", status), known("c1", "passing"), { ...options, reaped });
    assert.ok(plan.kind === "deregister");
    assert.equal(plan.log, `member 'c1' ${word}, deregistering`);
    assert.deepEqual(plan.request, { Datacenter: "dc1", Node: "c1", ServiceID: "", CheckID: "", Token: "" });
  });

const homes: readonly [string, Member, boolean][] = [
  ["our client", client("c1"), true],
  ["our server", server("s1"), true],
  ["a server of another datacenter", server("s1", "alive", { datacenter: "dc2" }), false],
  ["a plain serf agent", member("x", new Map()), false],
  ["a server with a bad port", member("x", new Map([...serverTags(base, "lan"), ["port", "80x"]])), false],
  ["a server of a segment", member("x", new Map([...serverTags(base, "lan"), ["segment", "a"]])), false],
];
for (const [name, m, wanted] of homes)
  test(`belongsHere: ${name}`, () => assert.equal(belongsHere(m, "dc1"), wanted));

test("catalog nodes that gossip has forgotten are found, external ones left alone", () => {
  const checks = [
    check("C1", "passing"),
    check("gone", "critical"),
    HealthCheck.make({ Node: "external", CheckID: "http" }),
  ];
  assert.deepEqual(unknownToSerf(checks, [client("c1", "left")]), ["gone"]);
});

const peer = (id: string, address: string): RaftServer => ({ id, address, suffrage: SUFFRAGE.voter });
const info = (name: string, more: Partial<typeof base> = {}, addr = "10.0.0.1") =>
  parseServer(server(name, "alive", more, addr))!;
const join = (
  name: string,
  configuration: readonly RaftServer[],
  more: Partial<typeof base> = {},
  minRaftVersion = 3,
) =>
  planRaftJoin(info(name, more), {
    self: "s0",
    servers: [info("s0", { nodeId: "id-0" }, "10.0.0.5")],
    configuration,
    minRaftVersion,
  });

test("a new server joins raft without a vote", () => {
  assert.deepEqual(join("s1", [peer("id-0", "10.0.0.5:8300")]), {
    kind: "steps",
    steps: [{ kind: "add-nonvoter", id: "id-1", address: "10.0.0.1:8300" }],
  });
});
test("a known server needs nothing", () =>
  assert.equal(join("s1", [peer("id-1", "10.0.0.1:8300")]).kind, "nothing"));
test("a server with a new address replaces its old entry", () => {
  assert.deepEqual(join("s1", [peer("id-1", "10.0.0.9:8300")]), {
    kind: "steps",
    steps: [
      { kind: "remove", id: "id-1", why: "ID" },
      { kind: "add-nonvoter", id: "id-1", address: "10.0.0.1:8300" },
    ],
  });
});
test("a server that took over an address removes the one before", () => {
  const plan = join("s1", [peer("old", "10.0.0.1:8300")]);
  assert.deepEqual(plan.kind === "steps" && plan.steps[0], { kind: "remove", id: "old", why: "address" });
});
test("with servers of raft protocol 2 around it gets a vote", () => {
  const plan = join("s1", [], {}, 2);
  assert.deepEqual(plan.kind === "steps" && plan.steps, [
    { kind: "add-voter", id: "id-1", address: "10.0.0.1:8300" },
  ]);
});
test("the leader leaves its own entry alone while the cluster is small", () => {
  const plan = planRaftJoin(info("s0"), {
    self: "s0",
    servers: [],
    configuration: [peer("x", "y")],
    minRaftVersion: 3,
  });
  assert.equal(plan.kind, "nothing");
});
test("two servers in bootstrap mode do not become one cluster", () => {
  const other = info("s0", { bootstrapExpect: 1, nodeId: "id-0" });
  const plan = planRaftJoin(info("s1", { bootstrapExpect: 1 }), {
    self: "s0",
    servers: [other],
    configuration: [],
    minRaftVersion: 3,
  });
  assert.equal(plan.kind, "refuse");
});

test("who left is found by ID, by address only where the ID is the address", () => {
  const entries = [peer("id-2", "10.0.0.1:8300"), peer("10.0.0.3:8300", "10.0.0.3:8300")];
  assert.equal(raftEntryOf({ id: "id-1", address: "10.0.0.1:8300" }, entries), undefined);
  assert.equal(raftEntryOf({ id: "id-2", address: "x" }, entries), entries[0]);
  assert.equal(raftEntryOf({ id: "id-3", address: "10.0.0.3:8300" }, entries), entries[1]);
});
