import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger } from "../../ports/log.ts";
import { noMetrics } from "../../ports/metrics.ts";
import { seededRandom } from "../../ports/random.ts";
import { Deadlines } from "../deadlines.ts";
import type { NodeView } from "../memberlist/effects.ts";
import { profileTimings } from "../profile.ts";
import type { SerfEffect } from "./context.ts";
import { LamportClock } from "./lamport.ts";
import { Members } from "./members.ts";

function fixture(): { members: Members; kinds: () => string[] } {
  const effects: SerfEffect[] = [];
  const context = {
    name: "self",
    timings: profileTimings.lan,
    random: seededRandom(1),
    log: silentLogger,
    metrics: noMetrics,
    deadlines: new Deadlines(),
    emit: (effect: SerfEffect) => void effects.push(effect),
  };
  const members = new Members(context, new LamportClock(), {
    refute: () => {},
    leaving: () => false,
    erased: () => {},
  });
  return { members, kinds: () => effects.flatMap((e) => (e.kind === "event" ? [e.event.kind] : [])) };
}

const view = (state: NodeView["state"]): NodeView => ({
  name: "other",
  addr: Buffer.from([127, 0, 0, 2]),
  host: "127.0.0.2",
  port: 8301,
  meta: Buffer.alloc(0),
  vsn: Buffer.from([1, 5, 2, 2, 5, 4]),
  state,
});

test("a farewell that overtakes its leave intent is a leave, not a failure", () => {
  const { members, kinds } = fixture();
  members.onJoin(view("alive"), 0);
  members.onLeave(view("left"), 1000);
  assert.deepEqual(kinds(), ["member-join", "member-leave"]);
  assert.equal(members.get("other")?.status, "left");
  // The intent that comes late changes nothing any more.
  members.onLeaveIntent({ LTime: 5, Node: "other", Prune: false }, 1100);
  assert.deepEqual(kinds(), ["member-join", "member-leave"]);
});

test("a node that is found dead without a word has failed", () => {
  const { members, kinds } = fixture();
  members.onJoin(view("alive"), 0);
  members.onLeave(view("dead"), 1000);
  assert.deepEqual(kinds(), ["member-join", "member-failed"]);
});
