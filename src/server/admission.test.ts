import assert from "node:assert/strict";
import { test } from "node:test";
import type { Member, MemberStatus } from "../gossip/contract.ts";
import { lanAdmission, wanAdmission } from "./admission.ts";
import { clientTags, describeServer, parseServer, serverTags } from "./server-metadata.ts";

const member = (
  name: string,
  tags: Iterable<readonly [string, string]>,
  status: MemberStatus = "alive",
  addr = "10.0.0.1",
): Member => ({
  name,
  addr,
  port: 8301,
  tags: new Map(tags),
  status,
  protocolMin: 1,
  protocolMax: 5,
  protocolCur: 2,
  delegateMin: 2,
  delegateMax: 5,
  delegateCur: 4,
});
const agent = (nodeId: string, datacenter = "dc1") => [
  ...clientTags({ datacenter, nodeId, version: "1.8.7" }),
];
const options = {
  datacenter: "dc1",
  nodeId: "id-s",
  version: "1.8.7",
  port: 8300,
  bootstrap: false,
  bootstrapExpect: 0,
  nonVoter: false,
};
const admit = lanAdmission({ nodeName: "me", nodeId: "mine", datacenter: "dc1" });

const refused: readonly [string, readonly Member[], string][] = [
  [
    "our ID under another name",
    [member("x", agent("mine"))],
    "Member 'x' has conflicting node ID 'mine' with this agent's ID",
  ],
  [
    "one ID twice",
    [member("a", agent("1")), member("b", agent("1"))],
    "Member 'b' has conflicting node ID '1' with member 'a'",
  ],
  [
    "a client of another datacenter",
    [member("x", agent("1", "dc2"))],
    "Member 'x' part of wrong datacenter 'dc2'",
  ],
  [
    "a server of another datacenter",
    [member("x", serverTags({ ...options, datacenter: "dc2" }, "lan"))],
    "Member 'x' part of wrong datacenter 'dc2'",
  ],
  [
    "a segment",
    [member("x", [...agent("1"), ["segment", "alpha"]])],
    "Member 'x' part of wrong segment 'alpha' (expected '')",
  ],
];
for (const [name, members, message] of refused)
  test(`LAN refuses ${name}`, () => assert.throws(() => admit(members), { message }));

const welcome: readonly [string, readonly Member[]][] = [
  ["ourselves", [member("me", agent("mine"))]],
  ["an agent", [member("c1", agent("1"))]],
  ["a plain serf agent", [member("serf", [])]],
  ["a left member with a conflict", [member("x", agent("mine"), "left")]],
  [
    "one ID twice of versions that copy them",
    [member("a", [...agent("1"), ["build", "0.8.4:x"]]), member("b", agent("1"))],
  ],
];
for (const [name, members] of welcome) test(`LAN takes ${name}`, () => admit(members));

test("WAN takes servers only", () => {
  wanAdmission()([member("s1.dc2", serverTags({ ...options, datacenter: "dc2" }, "wan"))]);
  assert.throws(() => wanAdmission()([member("x", agent("1"))]), { message: "Member 'x' is not a server" });
});

const lan = [...serverTags(options, "lan")];
const bad: readonly [string, readonly (readonly [string, string])[]][] = [
  ["no role", lan.filter(([k]) => k !== "role")],
  ["a port that is none", [...lan, ["port", "83OO"]]],
  ["a version that is none", [...lan, ["vsn", "two"]]],
  ["a build without a version", [...lan, ["build", "dev"]]],
  ["a bad expect", [...lan, ["expect", "x"]]],
  ["a bad feature flag", [...lan, ["ft_fs", "yes"]]],
  ["a bad segment address", [...lan, ["sl_alpha", "nowhere"]]],
];
for (const [name, tags] of bad)
  test(`no server: ${name}`, () => assert.equal(parseServer(member("s", tags)), undefined));

test("a server's tags are read as they were written", () => {
  const tags = serverTags(
    { ...options, bootstrapExpect: 3, nonVoter: true, wanJoinPort: 8302, revision: "abcdef01" },
    "lan",
  );
  const s = parseServer(member("s1", tags, "failed", "fe80::1"))!;
  assert.deepEqual(
    { ...s, features: [...s.features] },
    {
      name: "s1",
      shortName: "s1",
      id: "id-s",
      datacenter: "dc1",
      segment: "",
      ip: "fe80::1",
      port: 8300,
      address: "[fe80::1]:8300",
      bootstrap: false,
      expect: 3,
      nonVoter: true,
      version: 2,
      build: "1.8.7",
      raftVersion: 3,
      wanJoinPort: 8302,
      useTls: false,
      acls: "0",
      features: [["fs", 1]],
      status: "failed",
    },
  );
  const wan = parseServer(
    member(
      "s1.dc1",
      serverTags({ ...options, bootstrapExpect: 1, wanJoinPort: 8302 }, "wan"),
      "alive",
      "192.168.33.11",
    ),
  )!;
  assert.deepEqual([wan.shortName, wan.bootstrap, wan.expect, wan.wanJoinPort], ["s1", true, 0, 0]);
  assert.equal(describeServer(wan), "s1.dc1 (Addr: 192.168.33.11:8300) (DC: dc1)");
});
