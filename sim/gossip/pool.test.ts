/** Whole pools in simulated time: what members see when others come, go, fail, are cut off and come back. */
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import type { SerfEvent } from "../../src/gossip/contract.ts";
import { memoryDisk } from "../../src/ports/disk.ts";
import { type SimNode, SimPool } from "./pool.ts";

let pool: SimPool;
afterEach(() => pool.close());

async function form(
  count: number,
  seed: number,
  options: Parameters<SimPool["add"]>[1] = {},
): Promise<readonly SimNode[]> {
  pool = new SimPool({ seed });
  for (let i = 1; i <= count; i++) await pool.add(`n${i}`, options);
  for (const n of pool.nodes.slice(1)) await pool.settled(n.pool.join([pool.nodes[0]!.host]));
  assert.notEqual(await pool.until(() => pool.converged(), 60_000), undefined, `seed ${seed}: pool formed`);
  return pool.nodes;
}

const kinds = (n: SimNode, of: string): readonly string[] =>
  n.events.flatMap(({ event }) =>
    "members" in event && event.members.some((m) => m.name === of) ? [event.kind.replace("member-", "")] : [],
  );
const users = (n: SimNode): readonly string[] =>
  n.events.flatMap(({ event }) => (event.kind === "user" ? [event.name] : []));
const logged = (n: SimNode, text: string): boolean =>
  n.log.some((l) => `${l.name}: ${l.message}`.includes(text));
const status = (n: SimNode, of: string): string | undefined => n.pool.member(of)?.status;

test("pool: members see each other join, and say so in the log", async () => {
  const [a, b] = await form(2, 1, { tags: new Map([["role", "web"]]) });
  assert.deepEqual(kinds(a!, "n2"), ["join"]);
  assert.deepEqual(kinds(b!, "n1"), ["join"]);
  assert.ok(logged(a!, `serf: EventMemberJoin: n2 ${b!.host}`));
  assert.deepEqual([...a!.pool.member("n2")!.tags], [["role", "web"]]);
});

test("pool: join counts addresses that worked and keeps the errors of those that did not", async () => {
  const [a, b] = await form(2, 2);
  pool.network.name("peers", [a!.host, "10.9.9.9"]);
  const c = await pool.add("c");
  const result = await pool.settled(c.pool.join(["peers", "nowhere.example", `${b!.host}:7946`]));
  assert.equal(result.joined, 2);
  assert.equal(result.errors.length, 2);
  assert.match(result.errors[0]!.message, /10\.9\.9\.9.*connection refused/);
  assert.match(result.errors[1]!.message, /nowhere\.example.*no such host/);
});

for (const count of [2, 3, 5, 10])
  test(`pool: a crash among ${count} is detected in 4.9 to 10 s`, async () => {
    const nodes = await form(count, 30 + count);
    await pool.run(5000);
    const victim = nodes[count - 1]!;
    const at = pool.clock.now();
    await pool.crash(victim);
    const took = await pool.until(
      () => nodes.filter((n) => n.up).every((n) => status(n, victim.name) === "failed"),
      60_000,
    );
    assert.ok(took !== undefined && took >= 4900 && took <= 10_000, `${took} ms`);
    const seen = nodes[0]!.events.find((e) => e.event.kind === "member-failed" && e.at >= at);
    assert.ok(seen !== undefined);
    assert.ok(
      nodes.some((n) => n.up && logged(n, `memberlist: Suspect ${victim.name} has failed, no acks received`)),
    );
    assert.ok(
      nodes
        .filter((n) => n.up)
        .every((n) => logged(n, `serf: EventMemberFailed: ${victim.name} ${victim.host}`)),
    );
  });

test("pool: a node that is silent for 3 s refutes and is never reported failed", async () => {
  const nodes = await form(5, 4);
  const quiet = nodes[2]!.host;
  pool.network.partition((a, b) => a !== quiet && b !== quiet);
  await pool.run(3000);
  pool.network.heal();
  await pool.run(30_000);
  for (const n of nodes)
    assert.deepEqual(
      kinds(n, "n3").filter((k) => k !== "join"),
      [],
      n.name,
    );
  assert.ok(nodes.some((n) => logged(n, "Suspect n3 has failed")));
  assert.ok(logged(nodes[2]!, "Refuting a suspect message"));
});

test("pool: one-way and relayed paths keep a node alive: only its link to one prober is cut", async () => {
  const nodes = await form(5, 5);
  const [a, b] = [nodes[0]!.host, nodes[1]!.host];
  pool.network.partition((x, y) => !((x === a && y === b) || (x === b && y === a)));
  await pool.run(60_000);
  for (const n of nodes) assert.equal(status(n, "n2"), "alive");
  assert.ok(!nodes.some((n) => n.events.some((e) => e.event.kind === "member-failed")));
});

test("pool: a partition splits the pool and heals by itself", async () => {
  const nodes = await form(8, 6);
  const left = new Set(nodes.slice(0, 4).map((n) => n.host));
  pool.network.partition((a, b) => left.has(a) === left.has(b));
  await pool.run(60_000);
  for (const n of nodes.slice(0, 4))
    for (const m of nodes.slice(4)) assert.equal(status(n, m.name), "failed");
  pool.network.heal();
  const took = await pool.until(() => pool.converged(), 120_000);
  assert.ok(took !== undefined, "healed");
  assert.ok(kinds(nodes[0]!, "n8").join().endsWith("failed,join"));
});

test("pool: a graceful leave is 'left' everywhere within 2 s, without a failure, and not probed on", async () => {
  const nodes = await form(6, 7);
  const leaver = nodes[3]!;
  const leaving = leaver.pool.leave();
  const took = await pool.until(() => nodes.every((n) => status(n, "n4") === "left"), 20_000);
  assert.ok(took !== undefined && took < 2000, `${took} ms`);
  await pool.settled(leaving);
  await pool.crash(leaver);
  await pool.run(60_000);
  for (const n of nodes.filter((x) => x.up)) assert.deepEqual(kinds(n, "n4"), ["join", "leave"]);
  assert.ok(logged(nodes[0]!, `serf: EventMemberLeave: n4 ${leaver.host}`));
});

test("pool: force-leave turns failed into left, prune erases, unknown names are refused", async () => {
  const nodes = await form(4, 8);
  await pool.crash(nodes[3]!);
  await pool.until(() => nodes.slice(0, 3).every((n) => status(n, "n4") === "failed"), 60_000);
  await pool.settled(nodes[0]!.pool.forceLeave("n4"));
  await pool.until(() => nodes.slice(0, 3).every((n) => status(n, "n4") === "left"), 10_000);
  for (const n of nodes.slice(0, 3)) assert.deepEqual(kinds(n, "n4"), ["join", "failed", "leave"]);
  await pool.settled(nodes[1]!.pool.forceLeave("n4", { prune: true }));
  assert.notEqual(
    await pool.until(() => nodes.slice(0, 3).every((n) => status(n, "n4") === undefined), 10_000),
    undefined,
  );
  for (const n of nodes.slice(0, 3)) assert.equal(kinds(n, "n4").at(-1), "reap");
  await assert.rejects(nodes[0]!.pool.forceLeave("nobody"), {
    message: "agent: No node found with name 'nobody'",
  });
});

test("pool: an alive member refutes a force-leave", async () => {
  const nodes = await form(4, 9);
  await pool.settled(nodes[0]!.pool.forceLeave("n3"));
  await pool.run(30_000);
  for (const n of nodes) assert.equal(status(n, "n3"), "alive");
});

test("pool: failed and left members are reaped after their time", async () => {
  const timings = { reapIntervalMs: 1000, reconnectTimeoutMs: 20_000, tombstoneTimeoutMs: 10_000 };
  const nodes = await form(4, 10, { timings });
  await pool.crash(nodes[3]!);
  await pool.settled(nodes[2]!.pool.leave());
  await pool.crash(nodes[2]!);
  await pool.until(() => status(nodes[0]!, "n4") === "failed", 30_000);
  const gone = await pool.until(() => status(nodes[0]!, "n3") === undefined, 30_000);
  assert.ok(gone !== undefined);
  assert.equal(status(nodes[0]!, "n4"), "failed");
  await pool.until(() => status(nodes[0]!, "n4") === undefined, 60_000);
  assert.equal(kinds(nodes[0]!, "n4").at(-1), "reap");
  assert.equal(nodes[0]!.pool.members().length, 2);
});

test("pool: a failed member is tried again and comes back after a long partition", async () => {
  const nodes = await form(2, 11, { timings: { gossipToTheDeadMs: 5000, reconnectIntervalMs: 10_000 } });
  const [a] = nodes;
  pool.network.partition((x, y) => x === y);
  await pool.run(600_000);
  assert.equal(status(a!, "n2"), "failed");
  pool.network.heal();
  const took = await pool.until(() => pool.converged(), 60_000);
  assert.ok(took !== undefined && took < 30_000, `${took} ms`);
  assert.ok(logged(a!, "serf: attempting reconnect to n2"));
});

test("pool: user events reach every member once, and late joiners only when they ask for old ones", async () => {
  const nodes = await form(20, 12);
  nodes[4]!.pool.userEvent("deploy", Buffer.from("v1"));
  nodes[7]!.pool.userEvent("restart", Buffer.alloc(0));
  await pool.until(() => nodes.every((n) => users(n).length === 2), 60_000);
  await pool.run(60_000);
  for (const n of nodes) assert.deepEqual([...users(n)].sort(), ["deploy", "restart"], n.name);
  const fresh = await pool.add("fresh");
  await pool.settled(fresh.pool.join([nodes[0]!.host], { ignoreOld: true }));
  const replaying = await pool.add("replaying");
  await pool.settled(replaying.pool.join([nodes[0]!.host]));
  await pool.run(60_000);
  assert.deepEqual(users(fresh), []);
  assert.deepEqual([...users(replaying)].sort(), ["deploy", "restart"]);
});

test("pool: a user event beyond the limit is refused with the original's texts", async () => {
  const [a] = await form(1, 13);
  assert.throws(() => a!.pool.userEvent("e", Buffer.alloc(512)), {
    message: "user event exceeds configured limit of 512 bytes before encoding",
  });
  assert.throws(() => a!.pool.userEvent("e", Buffer.alloc(500)), {
    message: "encoded user event exceeds configured limit of 512 bytes after encoding",
  });
});

interface Gathered {
  readonly acks: string[];
  readonly responses: Map<string, string>;
  done: boolean;
}

function ask(node: SimNode, name: string, options: Parameters<SimNode["pool"]["query"]>[2]): Gathered {
  const got: Gathered = { acks: [], responses: new Map(), done: false };
  node.pool.query(name, Buffer.from("q"), options, {
    onAck: (from) => got.acks.push(from),
    onResponse: (from, payload) => got.responses.set(from, Buffer.from(payload).toString()),
    onDone: () => {
      assert.equal(got.done, false);
      got.done = true;
    },
  });
  return got;
}

const answer = (n: SimNode): void => {
  n.pool.onEvent((e) => {
    if (e.kind === "query") e.query.respond(Buffer.from(`${n.name} says ${e.query.name}`));
  });
};

test("pool: queries with acks, answers, filters by name and tag, and relays", async () => {
  pool = new SimPool({ seed: 14 });
  for (let i = 1; i <= 5; i++)
    answer(await pool.add(`n${i}`, { tags: new Map([["role", i % 2 ? "web" : "db"]]) }));
  for (const n of pool.nodes.slice(1)) await pool.settled(n.pool.join([pool.nodes[0]!.host]));
  await pool.until(() => pool.converged(), 60_000);
  const [first] = pool.nodes;
  const all = ask(first!, "load", { requestAck: true });
  await pool.until(() => all.done, 30_000);
  assert.deepEqual([...all.acks].sort(), ["n1", "n2", "n3", "n4", "n5"]);
  assert.equal(all.responses.get("n4"), "n4 says load");
  assert.equal(all.responses.size, 5);
  const web = ask(first!, "load", { filterTags: new Map([["role", "^w.b$"]]) });
  const named = ask(first!, "load", { filterNodes: ["n2", "n5"], requestAck: true });
  const none = ask(first!, "load", { filterTags: new Map([["role", "("]]) });
  const relayed = ask(first!, "load", { relayFactor: 2, requestAck: true });
  await pool.until(() => web.done && named.done && none.done && relayed.done, 30_000);
  assert.deepEqual([...web.responses.keys()].sort(), ["n1", "n3", "n5"]);
  assert.deepEqual(web.acks, []);
  assert.deepEqual([...named.acks].sort(), ["n2", "n5"]);
  assert.equal(none.responses.size, 0);
  assert.equal(relayed.acks.length, 5, "relayed copies are counted once");
});

test("pool: relays carry answers around a cut link", async () => {
  const nodes = await form(5, 15);
  for (const n of nodes) answer(n);
  const [a, b] = [nodes[0]!.host, nodes[1]!.host];
  pool.network.partition((x, y) => !((x === a && y === b) || (x === b && y === a)));
  const got = ask(nodes[0]!, "load", { relayFactor: 3, requestAck: true });
  await pool.until(() => got.done, 30_000);
  assert.ok(got.acks.includes("n2"));
  assert.ok(got.responses.has("n2"));
});

test("pool: an answer that is late, second or too large is refused with the original's texts", async () => {
  const [a, b] = await form(2, 16);
  type Query = Extract<SerfEvent, { kind: "query" }>["query"];
  const queries: Query[] = [];
  b!.pool.onEvent((e) => {
    if (e.kind === "query") queries.push(e.query);
  });
  ask(a!, "one", { timeoutMs: 2000 });
  await pool.until(() => queries.length === 1, 5000);
  assert.throws(() => queries[0]!.respond(Buffer.alloc(1024)), {
    message: "response exceeds limit of 1024 bytes",
  });
  queries[0]!.respond(Buffer.from("x"));
  assert.throws(() => queries[0]!.respond(Buffer.from("x")), { message: "response already sent" });
  ask(a!, "two", { timeoutMs: 1000 });
  await pool.until(() => queries.length === 2, 5000);
  await pool.run(3000);
  assert.throws(() => queries[1]!.respond(Buffer.from("x")), { message: "response is past the deadline" });
  assert.throws(() => a!.pool.query("big", Buffer.alloc(1024), {}, {}), {
    message: "query exceeds limit of 1024 bytes",
  });
});

test("pool: tags change everywhere", async () => {
  const nodes = await form(5, 17);
  nodes[1]!.pool.setTags(new Map([["v", "2"]]));
  const took = await pool.until(() => nodes.every((n) => n.pool.member("n2")?.tags.get("v") === "2"), 10_000);
  assert.ok(took !== undefined && took < 3000, `${took} ms`);
  assert.equal(kinds(nodes[0]!, "n2").at(-1), "update");
  assert.throws(() => nodes[0]!.pool.setTags(new Map([["big", "x".repeat(600)]])), {
    message: "Encoded length of tags exceeds limit of 512 bytes",
  });
});

test("pool: a restarted node with other tags outbids its former life", async () => {
  const nodes = await form(4, 18);
  await pool.crash(nodes[2]!);
  await pool.run(2000);
  await pool.restart(nodes[2]!, { tags: new Map([["life", "second"]]) });
  await pool.settled(nodes[2]!.pool.join([nodes[0]!.host]));
  const took = await pool.until(
    () => nodes.every((n) => n.pool.member("n3")?.tags.get("life") === "second"),
    60_000,
  );
  assert.notEqual(took, undefined);
});

test("pool: the snapshot rejoins after a crash, but not after a leave unless asked", async () => {
  const disk = memoryDisk();
  pool = new SimPool({ seed: 19 });
  const a = await pool.add("a");
  const b = await pool.add("b", { snapshotPath: "data/local.snapshot" }, disk);
  await pool.settled(b.pool.join([a.host]));
  a.pool.userEvent("old", Buffer.from("x"));
  await pool.run(5000);
  assert.deepEqual(users(b), ["old"]);
  await pool.crash(b);
  await pool.until(() => status(a, "b") === "failed", 60_000);
  b.events.length = 0;
  await pool.restart(b, { snapshotPath: "data/local.snapshot" });
  assert.notEqual(await pool.until(() => pool.converged(), 30_000), undefined);
  assert.deepEqual(users(b), [], "events of the former life are not told again");
  await pool.settled(b.pool.leave());
  await pool.crash(b);
  await pool.restart(b, { snapshotPath: "data/local.snapshot" });
  await pool.run(10_000);
  assert.equal(b.pool.members().length, 1);
  await pool.crash(b);
  await pool.restart(b, { snapshotPath: "data/local.snapshot", rejoinAfterLeave: true });
  assert.equal(b.pool.members().length, 1, "the leave of a life without the option had forgotten the peers");
  await pool.settled(b.pool.join([a.host]));
  await pool.settled(b.pool.leave());
  await pool.crash(b);
  await pool.restart(b, { snapshotPath: "data/local.snapshot", rejoinAfterLeave: true });
  assert.notEqual(await pool.until(() => pool.converged(), 30_000), undefined);
});

test("pool: admission refuses a join and a member, on whichever side it is set", async () => {
  pool = new SimPool({ seed: 20 });
  const strict = await pool.add("strict", {
    admit: (members) => {
      for (const m of members)
        if (m.tags.get("dc") !== "dc1" && m.status !== "left")
          throw new Error(`Member '${m.name}' part of wrong datacenter '${m.tags.get("dc") ?? ""}'`);
    },
    tags: new Map([["dc", "dc1"]]),
  });
  const stranger = await pool.add("stranger", { tags: new Map([["dc", "dc2"]]) });
  const outward = await pool.settled(strict.pool.join([stranger.host]));
  assert.equal(outward.joined, 0);
  assert.match(outward.errors[0]!.message, /Member 'stranger' part of wrong datacenter 'dc2'/);
  const inward = await pool.settled(stranger.pool.join([strict.host]));
  assert.equal(inward.joined, 1, "the initiator is answered before it is judged, as the original does");
  await pool.run(30_000);
  assert.equal(strict.pool.members().length, 1);
});

test("pool: two nodes with one name: the late one asks, loses and gives way", async () => {
  const nodes = [...(await form(4, 21, { nameConflictResolution: true }))];
  const twin = await pool.add("n2", { nameConflictResolution: true });
  await pool.settled(twin.pool.join([nodes[0]!.host]));
  const lost = await pool.until(() => logged(twin, "minority in name conflict resolution, quitting"), 60_000);
  assert.notEqual(lost, undefined);
  twin.up = false;
  for (const n of nodes) assert.equal(n.pool.member("n2")?.addr, nodes[1]!.host);
  assert.ok(!logged(nodes[1]!, "minority"));
});

test("pool: keys are listed, installed, used and removed over the pool", async () => {
  const [one, two] = [Buffer.alloc(16, 1), Buffer.alloc(32, 2)];
  let stored: readonly Uint8Array[] = [];
  const nodes = await form(4, 22, { keys: [one], onKeysChanged: (keys) => (stored = keys) });
  const a = nodes[0]!.pool;
  assert.equal(a.encrypted, true);
  const listed = await pool.settled(a.keyOperation("list", "", 0));
  assert.deepEqual([...listed.keys], [[one.toString("base64"), 4]]);
  assert.deepEqual([...listed.primaryKeys], [[one.toString("base64"), 4]]);
  const refused = await pool.settled(a.keyOperation("use", two.toString("base64"), 0));
  assert.equal(refused.error, "4/4 nodes reported failure");
  assert.equal(refused.messages.get("n2"), "Requested key is not in the keyring");
  for (const operation of ["install", "use"] as const) {
    const r = await pool.settled(a.keyOperation(operation, two.toString("base64"), 2));
    assert.equal(r.error, undefined, operation);
    assert.equal(r.numResp, 4);
  }
  const removed = await pool.settled(a.keyOperation("remove", one.toString("base64"), 0));
  assert.equal(removed.error, undefined);
  assert.deepEqual(
    stored.map((k) => Buffer.from(k)),
    [two],
  );
  await pool.run(20_000);
  assert.ok(pool.converged());
  await assert.rejects(a.keyOperation("install", "not base64!", 0), { message: /illegal base64 data/ });
});

test("pool: a plain node and an encrypted one do not mix, and say why", async () => {
  pool = new SimPool({ seed: 23 });
  const secret = await pool.add("secret", { keys: [Buffer.alloc(16, 1)] });
  const open = await pool.add("open");
  const inward = await pool.settled(open.pool.join([secret.host]));
  assert.equal(inward.joined, 0);
  const outward = await pool.settled(secret.pool.join([open.host]));
  assert.equal(outward.joined, 0);
  assert.match(outward.errors[0]!.message, /encrypt/i);
  assert.ok(logged(secret, "Encryption is configured but remote state is not encrypted"));
});

test("pool: a left member may come back from another address at once, a failed one after 30 s", async () => {
  const nodes = await form(4, 24);
  await pool.settled(nodes[3]!.pool.leave());
  await pool.crash(nodes[3]!);
  const moved = await pool.add("n4", { bindAddr: "10.8.8.8" });
  await pool.settled(moved.pool.join([nodes[0]!.host]));
  assert.notEqual(
    await pool.until(() => nodes.slice(0, 3).every((n) => n.pool.member("n4")?.addr === "10.8.8.8"), 10_000),
    undefined,
  );
  await pool.crash(moved);
  await pool.until(() => nodes.slice(0, 3).every((n) => status(n, "n4") === "failed"), 60_000);
  const again = await pool.add("n4", { bindAddr: "10.8.8.9" });
  await pool.settled(again.pool.join([nodes[0]!.host]));
  await pool.run(5000);
  assert.equal(nodes[0]!.pool.member("n4")?.addr, "10.8.8.8", "too early");
  await pool.run(30_000);
  await pool.settled(again.pool.join([nodes[0]!.host]));
  assert.notEqual(
    await pool.until(() => nodes[0]!.pool.member("n4")?.addr === "10.8.8.9", 30_000),
    undefined,
  );
});

test("pool: coordinates learn the network", async () => {
  pool = new SimPool({ seed: 25, network: { delayMsMin: 10, delayMsMax: 10 } });
  for (let i = 1; i <= 4; i++) await pool.add(`n${i}`);
  for (const n of pool.nodes.slice(1)) await pool.settled(n.pool.join([pool.nodes[0]!.host]));
  await pool.run(300_000);
  const [a] = pool.nodes;
  const own = a!.pool.coordinate();
  const other = a!.pool.cachedCoordinate("n2")!;
  const apart = Math.hypot(...own.Vec!.map((x, i) => x - other.Vec![i]!)) + own.Height + other.Height;
  assert.ok(Math.abs(apart - 0.02) < 0.01, `${apart} s`);
  assert.deepEqual(a!.pool.cachedCoordinate("n1"), own);
});

test("pool: stats have serf's keys", async () => {
  const [a] = await form(2, 26);
  assert.deepEqual([...a!.pool.stats().keys()].sort(), [
    "coordinate_resets",
    "encrypted",
    "event_queue",
    "event_time",
    "failed",
    "health_score",
    "intent_queue",
    "left",
    "member_time",
    "members",
    "query_queue",
    "query_time",
  ]);
  assert.equal(a!.pool.stats().get("encrypted"), "false");
  assert.equal(a!.pool.stats().get("members"), "2");
});

test("pool: IPv6 members", async () => {
  pool = new SimPool({ seed: 27 });
  for (let i = 1; i <= 3; i++) await pool.add(`n${i}`, { bindAddr: `2001:db8::${i}` });
  for (const n of pool.nodes.slice(1)) await pool.settled(n.pool.join(["[2001:db8::1]:7946"]));
  assert.notEqual(await pool.until(() => pool.converged(), 10_000), undefined);
  const got = ask(pool.nodes[0]!, "load", { requestAck: true });
  await pool.until(() => got.done, 10_000);
  assert.equal(got.acks.length, 3);
  assert.equal(pool.nodes[1]!.pool.member("n3")?.addr, "2001:db8::3");
});

test("pool: 100 nodes with 2% loss form, hear an event and notice a crash", async () => {
  pool = new SimPool({ seed: 28, keepLog: false, network: { delayMsMin: 0.5, delayMsMax: 3, loss: 0.02 } });
  for (let i = 1; i <= 100; i++) await pool.add(`n${i}`);
  for (const n of pool.nodes.slice(1)) await pool.settled(n.pool.join([pool.nodes[0]!.host]));
  assert.notEqual(await pool.until(() => pool.converged(), 60_000, 100), undefined, "formed");
  pool.nodes[50]!.pool.userEvent("deploy", Buffer.from("x"));
  const told = await pool.until(() => pool.nodes.every((n) => users(n).length === 1), 100_000, 50);
  assert.ok(told !== undefined, "event");
  const victim = pool.nodes[99]!;
  await pool.crash(victim);
  const noticed = await pool.until(
    () => pool.nodes.every((n) => !n.up || status(n, "n100") === "failed"),
    60_000,
    100,
  );
  assert.ok(noticed !== undefined && noticed > 8000 && noticed < 20_000, `${noticed} ms`);
});

test("pool: runs of one seed are equal, of two seeds are not", async () => {
  const run = async (seed: number): Promise<string> => {
    await form(6, seed);
    await pool.run(20_000);
    const summary = `${pool.network.packets} packets, ${pool.network.bytes} bytes, ${pool.clock.now()}`;
    await pool.close();
    return summary;
  };
  const [a, b, c] = [await run(77), await run(77), await run(78)];
  assert.equal(a, b);
  assert.notEqual(a, c);
});

test("pool: where UDP is lost and TCP works, nobody fails, and the log says what is wrong", async () => {
  const nodes = await form(4, 29);
  pool.network.options = { ...pool.network.options, loss: 1 };
  await pool.run(60_000);
  for (const n of nodes) assert.ok(!n.events.some((e) => e.event.kind === "member-failed"), n.name);
  assert.ok(
    logged(nodes[0]!, "over TCP but UDP probes failed"),
    nodes[0]!.log
      .map((l) => l.message)
      .slice(-5)
      .join("; "),
  );
});

test("pool: a node that is cut off doubts itself, and recovers its health afterwards", async () => {
  const nodes = await form(6, 31);
  const sick = nodes[5]!;
  const score = (): number => Number(sick.pool.stats().get("health_score"));
  assert.equal(score(), 0);
  pool.network.partition((a, b) => a !== sick.host && b !== sick.host);
  await pool.run(5000);
  assert.ok(score() > 0, "missing nacks and acks raise the score");
  pool.network.heal();
  assert.notEqual(await pool.until(() => score() === 0 && pool.converged(), 120_000), undefined);
});
