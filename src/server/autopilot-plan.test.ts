import assert from "node:assert/strict";
import { test } from "node:test";
import type { MemberStatus } from "../gossip/contract.ts";
import { AutopilotConfig, type AutopilotServerHealth, type AutopilotServerStats } from "../model/operator.ts";
import { type RaftServer, SUFFRAGE } from "../raft/contract.ts";
import {
  healthReport,
  judgeHealth,
  parseLastContact,
  planCleanup,
  planPromotions,
} from "./autopilot-plan.ts";
import { parseServer, type ServerInfo, serverTags } from "./server-metadata.ts";

function server(n: number, status: MemberStatus = "alive", nonVoter = false): ServerInfo {
  const tags = serverTags(
    {
      datacenter: "dc1",
      nodeId: `id-${n}`,
      version: "1.8.7",
      port: 8300,
      bootstrap: false,
      bootstrapExpect: 3,
      nonVoter,
    },
    "lan",
  );
  const versions = {
    protocolMin: 1,
    protocolMax: 5,
    protocolCur: 2,
    delegateMin: 2,
    delegateMax: 5,
    delegateCur: 4,
  };
  return parseServer({ name: `s${n}`, addr: `10.0.0.${n}`, port: 8301, tags, status, ...versions })!;
}
const peer = (n: number, suffrage: number = SUFFRAGE.voter): RaftServer => ({
  id: `id-${n}`,
  address: `10.0.0.${n}:8300`,
  suffrage,
});
const config = AutopilotConfig.make({
  LastContactThreshold: 200_000_000n,
  MaxTrailingLogs: 250,
  ServerStabilizationTime: 10_000_000_000n,
});

function judge(
  servers: readonly ServerInfo[],
  stats: Readonly<Record<string, AutopilotServerStats>>,
  before: readonly AutopilotServerHealth[] = [],
  nowNs = 0n,
) {
  return judgeHealth({
    config,
    servers,
    raft: [peer(1), peer(2), peer(3, SUFFRAGE.nonvoter)],
    leaderId: "id-1",
    lastTerm: 5,
    lastIndex: 1000,
    stats: new Map(Object.entries(stats)),
    before: new Map(before.map((h) => [h.ID, h])),
    nowNs,
  });
}
const stats = (LastContact: string, LastTerm = 5, LastIndex = 1000): AutopilotServerStats => ({
  LastContact,
  LastTerm,
  LastIndex,
});

const contacts: readonly [string, bigint][] = [
  ["never", -1n],
  ["0", 0n],
  ["12.3ms", 12_300_000n],
  ["nonsense", -1n],
];
for (const [text, wanted] of contacts)
  test(`parseLastContact ${text}`, () => assert.equal(parseLastContact(text), wanted));

const health: readonly [string, ServerInfo, AutopilotServerStats | undefined, boolean][] = [
  ["the leader", server(1), stats("0"), true],
  ["in contact", server(2), stats("150ms"), true],
  ["too long without contact", server(2), stats("201ms"), false],
  ["never in contact", server(2), stats("never"), false],
  ["of an older term", server(2), stats("1ms", 4), false],
  ["at the edge of the trailing logs", server(2), stats("1ms", 5, 750), true],
  ["behind them", server(2), stats("1ms", 5, 749), false],
  ["without an answer", server(2), undefined, false],
  ["failed by gossip", server(2, "failed"), stats("1ms"), false],
];
for (const [name, s, answer, wanted] of health)
  test(`judgeHealth: ${name}`, () =>
    assert.equal(judge([s], answer === undefined ? {} : { [s.name]: answer })[0]!.Healthy, wanted));

test("stability counts from the last change of health", () => {
  const first = judge([server(2)], { s2: stats("1ms") }, [], 100n);
  assert.equal(first[0]!.StableSince, 100n);
  assert.equal(judge([server(2)], { s2: stats("1ms") }, first, 200n)[0]!.StableSince, 100n);
  assert.equal(judge([server(2)], {}, first, 300n)[0]!.StableSince, 300n);
});

test("promotion waits for stability, and passes by those that shall not vote", () => {
  const judged = judge([server(3)], { s3: stats("1ms") }, [], 0n);
  const plan = (nowNs: bigint, neverVote: readonly string[] = []) =>
    planPromotions(judged, [peer(1), peer(3, SUFFRAGE.nonvoter)], {
      stabilizationNs: config.ServerStabilizationTime,
      nowNs,
      neverVote: new Set(neverVote),
    }).map((p) => p.id);
  assert.deepEqual(plan(9_999_999_999n), []);
  assert.deepEqual(plan(10_000_000_000n), ["id-3"]);
  assert.deepEqual(plan(10_000_000_000n, ["id-3"]), []);
});

test("the report counts how many voters may fail", () => {
  const raft = [peer(1), peer(2), peer(3)];
  const judged = judge([server(1), server(2)], { s1: stats("0"), s2: stats("1ms") });
  const report = healthReport(judged, raft);
  assert.deepEqual([report.Healthy, report.FailureTolerance], [true, 0]);
});

const three = [peer(1), peer(2), peer(3)];
const cleanups: readonly [
  string,
  readonly ServerInfo[],
  readonly RaftServer[],
  number,
  readonly string[],
  readonly string[],
][] = [
  ["all alive", [server(1), server(2), server(3)], three, 0, [], []],
  ["one of three failed", [server(1), server(2), server(3, "failed")], three, 0, ["s3"], []],
  [
    "two of three failed: none may go",
    [server(1), server(2, "failed"), server(3, "failed")],
    three,
    0,
    [],
    [],
  ],
  ["a minimum quorum keeps the dead", [server(1), server(2), server(3, "failed")], three, 3, [], []],
  ["a stale peer", [server(1), server(2)], three, 0, [], ["id-3"]],
  [
    "a failed non-voter goes at once",
    [server(1), server(2, "failed"), server(4, "failed", true)],
    [peer(1), peer(2), peer(4, SUFFRAGE.nonvoter)],
    0,
    ["s4"],
    [],
  ],
  [
    "a server that left stands behind no peer",
    [server(1), server(2), server(3, "left")],
    three,
    0,
    [],
    ["id-3"],
  ],
];
for (const [name, servers, raft, minQuorum, leave, remove] of cleanups)
  test(`planCleanup: ${name}`, () => {
    const plan = planCleanup(servers, raft, minQuorum);
    assert.deepEqual([plan.forceLeave, plan.removePeers.map((p) => p.id)], [leave, remove]);
  });
