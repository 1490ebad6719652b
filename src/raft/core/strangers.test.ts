/** Hostile requests at a core that hears a leader, or leads: none may change its term, its role, its leader or its log. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../../ports/random.ts";
import { LOG_TYPE, type LogEntry, SUFFRAGE } from "../contract.ts";
import { TERM_JUMP_MAX } from "../limits.ts";
import type { Output, RaftRequest, RaftResponse } from "./messages.ts";
import { RaftCore } from "./raft-core.ts";

const servers = ["a", "b", "c"].map((id) => ({ id, address: `${id}:8300`, suffrage: SUFFRAGE.voter }));
const NO_BYTES = new Uint8Array(0);
const entryAt = (index: number, term: number): LogEntry => ({
  index,
  term,
  type: LOG_TYPE.noop,
  data: NO_BYTES,
  extensions: null,
});

function core(): RaftCore {
  const first = { ...entryAt(1, 1), type: LOG_TYPE.configuration };
  const made = new RaftCore(
    {
      id: "a",
      address: "a:8300",
      heartbeatTimeoutMs: 1000,
      electionTimeoutMs: 1000,
      leaderLeaseTimeoutMs: 500,
      trailingLogs: 10,
      appendEntriesMax: 64,
    },
    {
      hardState: { term: 5, voteTerm: 0, voteFor: "" },
      log: { first: 1, last: 1, runs: [{ from: 1, term: 1 }], recent: [first] },
      snapshot: { index: 0, term: 0 },
      configurations: [{ index: 1, servers }],
      applied: 0,
    },
    seededRandom(1),
    0,
  );
  made.start(0);
  return made;
}

let nextId = 0;
const hear = (c: RaftCore, request: RaftRequest): Output =>
  c.step({ kind: "request", id: ++nextId, request }, 1);

const append = (
  term: number,
  leader: string,
  from: string,
  entries: readonly LogEntry[] = [],
): RaftRequest => ({
  kind: "append",
  term,
  leader,
  from,
  prevIndex: entries.length > 0 ? 1 : 0,
  prevTerm: entries.length > 0 ? 1 : 0,
  entries,
  commit: 0,
  context: undefined,
});
const vote = (term: number, candidate: string, from: string, leadershipTransfer: boolean): RaftRequest => ({
  kind: "vote",
  term,
  candidate,
  from,
  lastIndex: 1e9,
  lastTerm: term,
  leadershipTransfer,
});
const install = (term: number, leader: string, from: string): RaftRequest => ({
  kind: "install",
  term,
  leader,
  from,
  lastIndex: 100,
  lastTerm: term,
  configuration: { servers: [{ id: "x", address: "x:8300", suffrage: SUFFRAGE.voter }] },
  configurationIndex: 100,
  size: 0,
});

/** Follower of b in term 5. `from`: what b writes into its headers. */
function follower(from: string = "b"): RaftCore {
  const c = core();
  hear(c, append(5, "b:8300", from));
  assert.equal(c.state.leader?.id, "b");
  return c;
}

/** Leader of term 6, if the vote of who answers for b counts. `voter`: the id in that answer's header. */
function candidate(voter: string): RaftCore {
  const c = core();
  for (const id of ["b", "c"]) c.state.oldPeers.add(id);
  c.step({ kind: "tick" }, 5000);
  const to = servers[1]!;
  c.step({ kind: "persisted", index: 1, term: 1, hardTerm: 6 }, 5000);
  c.step(
    {
      kind: "response",
      to,
      request: {
        kind: "vote",
        term: 6,
        candidate: "a:8300",
        from: "a",
        lastIndex: 1,
        lastTerm: 1,
        leadershipTransfer: false,
      },
      response: { kind: "vote-response", term: 6, granted: true, from: voter },
    },
    5000,
  );
  return c;
}

/** Leader of term 6. */
function leader(): RaftCore {
  const c = candidate("");
  assert.equal(c.state.role, "leader");
  return c;
}

const picture = (c: RaftCore) => {
  const { term, role, leader: known, voteTerm, log, configurations } = c.state;
  return { term, role, leader: known?.id, voteTerm, last: log.last, servers: configurations.latest.servers };
};

const attacks: readonly (readonly [string, RaftRequest])[] = [
  ["entries of a stranger, later term", append(1000, "x:8300", "x")],
  ["entries of a stranger who gives no id", append(1000, "x:8300", "", [entryAt(2, 1000)])],
  ["entries under our own address", append(1000, "a:8300", "b")],
  ["entries under our own id", append(1000, "b:8300", "a")],
  ["a snapshot of a stranger", install(1000, "x:8300", "x")],
  ["a snapshot of a stranger who gives no id", install(1000, "x:8300", "")],
  ["a vote for a stranger", vote(1000, "x:8300", "x", false)],
  ["a vote by transfer for a stranger", vote(1000, "x:8300", "x", true)],
  ["a vote by transfer for a stranger who gives no id", vote(1000, "x:8300", "", true)],
  ["a vote for ourselves", vote(1000, "a:8300", "a", true)],
  ["a vote for our own address", vote(1000, "a:8300", "", false)],
  ["a member's entries in a term beyond belief", append(5 + TERM_JUMP_MAX + 2, "b:8300", "b")],
  ["a member's vote in a term beyond belief", vote(Number.MAX_SAFE_INTEGER, "b:8300", "b", true)],
  ["TimeoutNow of a stranger", { kind: "timeout-now", from: "x" }],
  ["TimeoutNow of nobody", { kind: "timeout-now", from: "" }],
  ["TimeoutNow of a member that does not lead", { kind: "timeout-now", from: "c" }],
];

for (const [name, request] of attacks)
  for (const [role, make] of [
    ["follower", () => follower()],
    ["leader", leader],
  ] as const)
    test(`a ${role} is unmoved by ${name}`, () => {
      const c = make();
      const before = picture(c);
      const output = hear(c, request);
      assert.deepEqual(picture(c), before);
      assert.equal(output.persist, undefined);
      // The connection must not hang: every request has its answer, and no attack a yes.
      const replies = [...output.effects, ...output.afterPersist].filter((e) => e.kind === "reply");
      assert.equal(replies.length, 1);
      const response: RaftResponse = replies[0]!.response;
      if ("success" in response) assert.equal(response.success, false);
      if ("granted" in response) assert.equal(response.granted, false);
    });

test("a follower takes no entries of its own term from anybody but the leader of that term", () => {
  const c = follower();
  hear(c, append(5, "c:8300", "c", [entryAt(2, 5)]));
  assert.equal(c.state.leader?.id, "b");
  assert.equal(c.state.log.last, 1);
});

test("what the protocol asks for still happens", () => {
  const obeys = follower();
  hear(obeys, { kind: "timeout-now", from: "b" });
  assert.equal(obeys.state.role, "candidate");
  // 1.8.7 writes no id into its headers.
  const old = follower("");
  hear(old, { kind: "timeout-now", from: "" });
  assert.equal(old.state.role, "candidate");

  const deposed = leader();
  hear(deposed, append(7, "c:8300", "c"));
  assert.deepEqual([deposed.state.role, deposed.state.term], ["follower", 7]);

  // Nobody leads, and our configuration may lag behind: a leader that we do not know is taken, as in the original.
  const lost = core();
  hear(lost, append(9, "x:8300", "x"));
  assert.deepEqual([lost.state.term, lost.state.leader?.address], [9, "x:8300"]);

  const voter = follower();
  hear(voter, vote(6, "c:8300", "c", true));
  assert.equal(voter.state.voteFor, "c:8300");
});

test("a vote counts for the server that gave it, not for the one that had its address before", () => {
  assert.equal(candidate("b").state.role, "leader");
  assert.equal(candidate("b-replaced").state.role, "candidate");
});
