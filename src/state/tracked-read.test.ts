import assert from "node:assert/strict";
import { test } from "node:test";
import { SimClock } from "../../sim/clock.ts";
import { HealthCheck, NodeService, RegisterRequest } from "../model/catalog.ts";
import { DirEntry, KVSRequest } from "../model/kv.ts";
import { getNode, listNodes, listServices, nodeServices, serviceNodes } from "./catalog.ts";
import { encodeCommand } from "./commands.ts";
import { StateFsm } from "./fsm.ts";
import { connectServiceHealth, nodeChecks, serviceChecks, serviceHealth } from "./health.ts";
import { kvGet, kvKeys, kvList } from "./kv.ts";
import { CACHED_READS_MAX } from "./limits.ts";
import { StateStore } from "./state-store.ts";
import type { Query, TrackedRead } from "./tracked-read.ts";

class Bench {
  readonly store = new StateStore({ clock: new SimClock() });
  readonly fsm = new StateFsm(this.store);
  index = 0;

  register(request: Partial<RegisterRequest>): void {
    this.#apply(
      encodeCommand("register", RegisterRequest.make({ Datacenter: "dc1", Address: "10.0.0.1", ...request })),
    );
  }
  kv(Op: string, Key: string, value = ""): void {
    const DirEnt = DirEntry.make({ Key, Value: Buffer.from(value) });
    this.#apply(encodeCommand("kvs", KVSRequest.make({ Op, DirEnt })));
  }
  #apply(data: Buffer): void {
    const result = this.fsm.apply({ index: ++this.index, term: 1, data, extensions: null });
    assert.ok(!(result instanceof Error), String(result));
  }
}

const service = (name: string, port = 80, more: Partial<NodeService> = {}): NodeService =>
  NodeService.make({ ID: name, Service: name, Port: port, ...more });

/** Watches queries by name; says who woke. */
function watchers(store: StateStore, queries: Readonly<Record<string, Query<unknown>>>) {
  const woken: string[] = [];
  const reads = new Map<string, TrackedRead<unknown>>();
  for (const [name, query] of Object.entries(queries)) {
    const read = store.read(query);
    read.onChange(() => woken.push(name));
    reads.set(name, read);
  }
  return { woken, reads };
}

test("1,000 services: a write to one wakes exactly its watchers", () => {
  const b = new Bench();
  for (let i = 0; i < 1000; i++)
    b.register({ Node: `n${i % 50}`, Address: `10.0.0.${i % 50}`, Service: service(`s${i}`) });
  const queries: Record<string, Query<unknown>> = {};
  for (let i = 0; i < 1000; i++) {
    queries[`health s${i}`] = (v) => serviceHealth(v, `s${i}`);
    queries[`catalog s${i}`] = (v) => serviceNodes(v, `s${i}`);
  }
  for (let i = 0; i < 50; i++) {
    queries[`node n${i}`] = (v) => nodeServices(v, `n${i}`);
    queries[`checks n${i}`] = (v) => nodeChecks(v, `n${i}`);
  }
  queries["services"] = listServices;
  queries["nodes"] = listNodes;
  queries["kv"] = (v) => kvList(v, "");
  queries["missing"] = (v) => serviceHealth(v, "nothing");

  const first = watchers(b.store, queries);
  b.register({ Node: "n7", Address: "10.0.0.7", Service: service("s7", 81) });
  assert.deepEqual(first.woken.sort(), ["catalog s7", "health s7", "node n7", "services"]);
  for (const [name, read] of first.reads)
    if (first.woken.includes(name)) assert.equal(read.valid, false, name);
  // Once only.
  b.register({ Node: "n7", Address: "10.0.0.7", Service: service("s7", 82) });
  assert.equal(first.woken.length, 4);

  const second = watchers(b.store, queries);
  const check = HealthCheck.make({
    Node: "n3",
    CheckID: "c",
    Name: "c",
    Status: "passing",
    ServiceID: "s53",
  });
  b.register({ Node: "n3", Address: "10.0.0.3", Checks: [check] });
  assert.deepEqual(second.woken.sort(), ["checks n3", "health s53"]);

  const third = watchers(b.store, queries);
  b.register({ Node: "n3", Address: "10.0.0.3", Checks: [check] });
  // The row is written anew, nothing changed: the node's checks are told, the service's health is not.
  assert.deepEqual(third.woken.sort(), ["checks n3"]);
});

test("a node-level check wakes the health of the services on that node", () => {
  const b = new Bench();
  b.register({ Node: "a", Service: service("web") });
  b.register({ Node: "b", Service: service("web") });
  b.register({ Node: "b", Service: service("db") });
  const { woken } = watchers(b.store, {
    web: (v) => serviceHealth(v, "web"),
    db: (v) => serviceHealth(v, "db"),
    dbChecks: (v) => serviceChecks(v, "db"),
  });
  b.register({
    Node: "a",
    Checks: [HealthCheck.make({ Node: "a", CheckID: "serfHealth", Status: "passing" })],
  });
  assert.deepEqual(woken, ["web"]);
});

test("keys and prefixes wake for what is theirs, and no waiter of another key", () => {
  const b = new Bench();
  for (const key of ["a", "a/1", "a/2", "b", "é/x"]) b.kv("set", key);
  const queries: Record<string, Query<unknown>> = {
    "key a": (v) => kvGet(v, "a"),
    "key a/1": (v) => kvGet(v, "a/1"),
    "key none": (v) => kvGet(v, "none"),
    "list a/": (v) => kvList(v, "a/"),
    "keys a": (v) => kvKeys(v, "a", "/"),
    "list all": (v) => kvList(v, ""),
    "list é": (v) => kvList(v, "é/"),
    "list none/": (v) => kvList(v, "none/"),
    [`list long`]: (v) => kvList(v, "long/".repeat(40)),
  };
  const expect = (change: () => void, names: readonly string[]): void => {
    const { woken } = watchers(b.store, queries);
    change();
    assert.deepEqual(woken.sort(), [...names].sort());
  };
  expect(() => b.kv("set", "a/1", "x"), ["key a/1", "list a/", "keys a", "list all"]);
  expect(() => b.kv("set", "b", "x"), ["list all"]);
  expect(() => b.kv("set", "b", "x"), []);
  expect(() => b.kv("set", "none", "x"), ["key none", "list all"]);
  expect(() => b.kv("set", "none/1", "x"), ["list none/", "list all"]);
  expect(() => b.kv("set", "é/y", "x"), ["list é", "list all"]);
  expect(() => b.kv("delete-tree", "a/"), ["key a/1", "list a/", "keys a", "list all"]);
  expect(() => b.kv("delete", "a"), ["key a", "keys a", "list all"]);
  expect(() => b.kv("set", `${"long/".repeat(40)}x`), ["list long", "list all"]);
});

test("the index of a missing key moves with any key, which wakes nobody but ends validity", () => {
  const b = new Bench();
  b.kv("set", "x", "1");
  const read = b.store.track((v) => kvGet(v, "none"));
  let woken = 0;
  read.onChange(() => woken++);
  assert.equal(read.index, 1);
  assert.equal(read.valid, true);
  b.kv("set", "y", "1");
  assert.equal(read.valid, false);
  assert.equal(woken, 0);
  b.kv("set", "none", "1");
  assert.equal(woken, 1);
});

test("waiting can be given up, and leaves nothing behind", () => {
  const b = new Bench();
  b.kv("set", "k", "1");
  const read = b.store.read((v) => kvGet(v, "k"));
  let woken = 0;
  const cancel = read.onChange(() => woken++);
  cancel();
  cancel();
  b.kv("set", "k", "2");
  assert.equal(woken, 0);
  for (const set of b.store.tables.watchSets()) assert.ok(set.isEmpty);
  // A waiter that comes too late is told at once.
  read.onChange(() => woken++);
  assert.equal(woken, 1);
});

test("a failed command wakes nobody and changes nothing", () => {
  const b = new Bench();
  b.register({ Node: "a", Service: service("web") });
  const { woken, reads } = watchers(b.store, {
    web: (v) => serviceHealth(v, "web"),
    node: (v) => getNode(v, "a"),
  });
  const bad = RegisterRequest.make({
    Node: "a",
    Address: "10.9.9.9",
    Service: service("web", 99),
    Checks: [HealthCheck.make({ Node: "a", CheckID: "c", ServiceID: "missing" })],
  });
  const result = b.fsm.apply({ index: 50, term: 1, data: encodeCommand("register", bad), extensions: null });
  assert.ok(result instanceof Error);
  assert.deepEqual(woken, []);
  for (const read of reads.values()) assert.equal(read.valid, true);
  assert.equal(b.store.peek((v) => getNode(v, "a")).value?.Address, "10.0.0.1");
});

test("cached answers are the same object while valid, and bounded", () => {
  const b = new Bench();
  b.kv("set", "k", "1");
  const query: Query<unknown> = (v) => kvGet(v, "k");
  const first = b.store.cached("kv k", query);
  first.attached = "body";
  assert.equal(b.store.cached("kv k", query), first);
  b.kv("set", "other", "1");
  assert.equal(b.store.cached("kv k", query), first);
  b.kv("set", "k", "2");
  const second = b.store.cached("kv k", query);
  assert.notEqual(second, first);
  assert.equal(second.attached, undefined);
  for (let i = 0; i < CACHED_READS_MAX + 100; i++) b.store.cached(`kv ${i}`, (v) => kvGet(v, `none${i}`));
  assert.notEqual(b.store.cached("kv k", query), second);
});

test("a restore abandons every watched read", async () => {
  const b = new Bench();
  b.kv("set", "k", "1");
  const { woken, reads } = watchers(b.store, { k: (v) => kvGet(v, "k"), nodes: (v) => listNodes(v) });
  const kept = b.store.cached("k", (v) => kvGet(v, "k"));
  const stream = [...b.fsm.snapshot()];
  await b.fsm.restore(
    (async function* () {
      yield* stream;
    })(),
  );
  assert.deepEqual(woken.sort(), ["k", "nodes"]);
  for (const read of [...reads.values(), kept]) {
    assert.equal(read.abandoned, true);
    assert.equal(read.valid, false);
  }
  assert.equal(b.store.cached("k", (v) => kvGet(v, "k")).abandoned, false);
});

test("a read of many rows watches their index instead of each", () => {
  const b = new Bench();
  for (let i = 0; i < 200; i++) b.register({ Node: `n${i}`, Service: service("big") });
  const { woken } = watchers(b.store, {
    catalog: (v) => serviceNodes(v, "big"),
    health: (v) => serviceHealth(v, "big"),
    connect: (v) => connectServiceHealth(v, "big"),
  });
  b.register({ Node: "n150", Address: "10.9.9.9" });
  assert.deepEqual(woken.sort(), ["catalog", "health"]);
});

test("a snapshot does not see later writes", () => {
  const b = new Bench();
  for (let i = 0; i < 2000; i++) b.kv("set", `k${i}`, "old");
  const frozen = b.store.snapshot();
  const stream = b.fsm.snapshot()[Symbol.iterator]();
  const chunks = [stream.next().value as Uint8Array];
  for (let i = 0; i < 2000; i += 2) b.kv("delete", `k${i}`);
  for (let i = 1; i < 2000; i += 2) b.kv("set", `k${i}`, "new");
  b.register({ Node: "later" });
  assert.equal(frozen.kvs.size, 2000);
  for (const row of frozen.kvs.rows.tree.values()) assert.equal(Buffer.from(row.Value!).toString(), "old");
  assert.equal(frozen.nodes.size, 0);
  for (let next = stream.next(); !next.done; next = stream.next()) chunks.push(next.value);
  const text = Buffer.concat(chunks).toString("latin1");
  assert.equal(text.split("new").length, 1);
  assert.equal(text.split("old").length, 2001);
});
