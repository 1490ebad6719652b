import assert from "node:assert/strict";
import { test } from "node:test";
import type { MemberStatus } from "../gossip/contract.ts";
import { SUFFRAGE } from "../raft/contract.ts";
import { minRaftVersion, planBootstrap } from "./bootstrap.ts";
import { parseServer, type ServerInfo, serverTags } from "./server-metadata.ts";

interface Given {
  readonly dc?: string;
  readonly expect?: number;
  readonly nonVoter?: boolean;
  readonly raft?: string;
  readonly status?: MemberStatus;
}
function server(n: number, g: Given = {}): ServerInfo {
  const tags = new Map(
    serverTags(
      {
        datacenter: g.dc ?? "dc1",
        nodeId: `id-${n}`,
        version: "1.8.7",
        port: 8300,
        bootstrap: false,
        bootstrapExpect: g.expect ?? 3,
        nonVoter: g.nonVoter ?? false,
      },
      "lan",
    ),
  );
  if (g.raft !== undefined) tags.set("raft_vsn", g.raft);
  const versions = {
    protocolMin: 1,
    protocolMax: 5,
    protocolCur: 2,
    delegateMin: 2,
    delegateMax: 5,
    delegateCur: 4,
  };
  return parseServer({
    name: `s${n}`,
    addr: `10.0.0.${n}`,
    port: 8301,
    tags,
    status: g.status ?? "alive",
    ...versions,
  })!;
}
const options = { datacenter: "dc1", expect: 3 };

const cases: readonly [string, readonly ServerInfo[], "wait" | "abort" | "ask"][] = [
  ["two of three", [server(1), server(2)], "wait"],
  ["three", [server(1), server(2), server(3)], "ask"],
  ["two and one of another datacenter", [server(1), server(2), server(3, { dc: "dc2" })], "wait"],
  ["two and a non-voter", [server(1), server(2), server(3, { nonVoter: true })], "wait"],
  ["another number expected", [server(1), server(2), server(3, { expect: 5 })], "abort"],
  ["one in bootstrap mode", [server(1), server(2), server(3, { expect: 1 })], "abort"],
  ["one that joins an existing cluster counts", [server(1), server(2), server(3, { expect: 0 })], "ask"],
];
for (const [name, servers, kind] of cases)
  test(`planBootstrap: ${name}`, () => assert.equal(planBootstrap(servers, options).kind, kind));

test("the configuration has IDs, addresses and votes in member order", () => {
  const plan = planBootstrap([server(2), server(1), server(3), server(4, { nonVoter: true })], options);
  assert.deepEqual(plan.kind === "ask" && plan.configuration.servers, [
    { id: "id-2", address: "10.0.0.2:8300", suffrage: SUFFRAGE.voter },
    { id: "id-1", address: "10.0.0.1:8300", suffrage: SUFFRAGE.voter },
    { id: "id-3", address: "10.0.0.3:8300", suffrage: SUFFRAGE.voter },
    { id: "id-4", address: "10.0.0.4:8300", suffrage: SUFFRAGE.nonvoter },
  ]);
});

test("with an older raft protocol among the living, addresses are the IDs", () => {
  const servers = [server(1, { raft: "2" }), server(2), server(3)];
  const plan = planBootstrap(servers, options);
  assert.equal(plan.kind === "ask" && plan.configuration.servers[0]!.id, "10.0.0.1:8300");
  assert.equal(minRaftVersion(servers), 2);
  assert.equal(minRaftVersion([server(1, { raft: "2", status: "failed" }), server(2)]), 3);
});
