import assert from "node:assert/strict";
import { test } from "node:test";
import type { Member, SerfEvent } from "../contract.ts";
import { Deadlines } from "../deadlines.ts";
import { Coalescer } from "./coalesce.ts";

const member = (name: string): Member => ({
  name,
  addr: "10.0.0.1",
  port: 1,
  tags: new Map(),
  status: "alive",
  protocolMin: 1,
  protocolMax: 5,
  protocolCur: 2,
  delegateMin: 2,
  delegateMax: 5,
  delegateCur: 4,
});
type MemberKind = "member-join" | "member-failed" | "member-update" | "member-reap";
const about = (kind: MemberKind, name: string): SerfEvent => ({ kind, members: [member(name)] });
const user = (name: string, ltime: bigint, payload: string, coalesce: boolean = true): SerfEvent => ({
  kind: "user",
  name,
  ltime,
  payload: Buffer.from(payload),
  coalesce,
});

function setUp(kind: "members" | "user-events"): { deadlines: Deadlines; out: string[]; c: Coalescer } {
  const deadlines = new Deadlines();
  const out: string[] = [];
  const c = new Coalescer({ kind, coalescePeriodMs: 3000, quiescentPeriodMs: 1000 }, deadlines, (e) => {
    if (e.kind === "user") out.push(`${e.name}@${e.ltime}=${Buffer.from(e.payload)}`);
    else if (e.kind !== "query") out.push(`${e.kind} ${e.members.map((m) => m.name).join(",")}`);
  });
  return { deadlines, out, c };
}

test("coalesce: a quiet second ends the period; one event per kind", () => {
  const { deadlines, out, c } = setUp("members");
  c.onEvent(about("member-join", "a"), 0);
  c.onEvent(about("member-join", "b"), 400);
  c.onEvent(about("member-failed", "c"), 800);
  deadlines.run(1799);
  assert.deepEqual(out, []);
  deadlines.run(1800);
  assert.deepEqual(out, ["member-join a,b", "member-failed c"]);
});

test("coalesce: without a quiet second the period ends after three", () => {
  const { deadlines, out, c } = setUp("members");
  for (let t = 0; t < 3000; t += 500) {
    c.onEvent(about("member-update", "a"), t);
    deadlines.run(t + 499);
  }
  deadlines.run(3000);
  assert.deepEqual(out, ["member-update a"]);
});

test("coalesce: a member that flaps back within a period is no news, an update always is", () => {
  const { out, c } = setUp("members");
  c.onEvent(about("member-join", "a"), 0);
  c.flush();
  c.onEvent(about("member-failed", "a"), 0);
  c.onEvent(about("member-join", "a"), 0);
  c.flush();
  c.onEvent(about("member-update", "a"), 0);
  c.flush();
  c.onEvent(about("member-update", "a"), 0);
  c.flush();
  assert.deepEqual(out, ["member-join a", "member-update a", "member-update a"]);
});

test("coalesce: of user events of one name the latest stay; others pass", () => {
  const { out, c } = setUp("user-events");
  c.onEvent(user("deploy", 1n, "old"), 0);
  c.onEvent(user("deploy", 3n, "new"), 0);
  c.onEvent(user("deploy", 3n, "twin"), 0);
  c.onEvent(user("deploy", 2n, "late"), 0);
  c.onEvent(user("now", 9n, "x", false), 0);
  c.onEvent(about("member-join", "a"), 0);
  assert.deepEqual(out, ["now@9=x", "member-join a"]);
  c.flush();
  assert.deepEqual(out.slice(2), ["deploy@3=new", "deploy@3=twin"]);
});
