import assert from "node:assert/strict";
import { test } from "node:test";
import { SimClock } from "../../sim/clock.ts";
import { ACLToken } from "../model/acl.ts";
import { NodeService, RegisterRequest } from "../model/catalog.ts";
import { ConfigEntryRequest } from "../model/config-entry-box.ts";
import { DirEntry, KVSRequest, type TxnResponse } from "../model/kv.ts";
import { seededRandom } from "../ports/random.ts";
import { MsgpackReader } from "../wire/msgpack.ts";
import { any, decode } from "../wire/schema.ts";
import { gatewayServices, listNodes, listServices, serviceNodes } from "./catalog.ts";
import { CHUNK_INCOMPLETE, ChunkError, decodeChunkPlace, encodeChunkPlace, splitCommand } from "./chunks.ts";
import { type CommandBody, commandByType, commands, encodeCommand } from "./commands.ts";
import { coordinates } from "./coordinate.ts";
import { BadCommandError, StateFsm, UnknownCommandError } from "./fsm.ts";
import { checksInState, serviceHealth } from "./health.ts";
import { kvGet, kvList } from "./kv.ts";
import { preparedQueryList } from "./prepared-query.ts";
import { sessionList } from "./session.ts";
import { StateStore } from "./state-store.ts";
import { StateStreamError } from "./state-stream.ts";
import { recordedLog, recordedRandomRun, recordedState } from "./testdata/recorded.ts";
import type { Query } from "./tracked-read.ts";
import { CommandError } from "./write-txn.ts";

const newFsm = (): { store: StateStore; fsm: StateFsm; clock: SimClock } => {
  const clock = new SimClock();
  const store = new StateStore({ clock });
  return { store, fsm: new StateFsm(store), clock };
};

async function* pieces(data: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < data.length; at += size) yield data.subarray(at, at + size);
}

const wholeStream = (fsm: StateFsm): Buffer => Buffer.concat([...fsm.snapshot()]);

/** Maps without order, times without zone: what two encoders may write differently. */
function normal(value: unknown): unknown {
  if (value instanceof Map)
    return Object.fromEntries(
      [...value].sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => [k, normal(v)]),
    );
  if (Array.isArray(value)) return value.map(normal);
  return value;
}

/** Records as generic values, each with its type. Bytes of a stream that the schema does not know are seen too. */
function recordsOf(stream: Uint8Array): { header: unknown; records: string[] } {
  const print = (v: unknown): string => JSON.stringify(v, (_, x) => (typeof x === "bigint" ? `${x}n` : x));
  const r = new MsgpackReader(stream);
  const header = normal(any.decode(r, 0));
  const records: string[] = [];
  while (r.remaining > 0) {
    const type = r.byte();
    const start = r.pos;
    r.skip();
    const bytes = r.buf.subarray(start, r.pos);
    let body: unknown;
    if (type === 22) {
      // A byte string of several values: compared by what the model reads.
      body = ConfigEntryRequest.decode(new MsgpackReader(bytes), 0);
      records.push(`22 ${print(normal(structuredClone(body)))}`);
      continue;
    }
    // Tokens carry times in the zone of whoever made them; the model reads them as instants.
    body = normal(type === 17 ? decode(ACLToken, bytes) : decode(any, bytes));
    records.push(`${type} ${print(body)}`);
  }
  return { header, records };
}

for (const name of ["known", "basic", "acl", "semantics"]) {
  test(`log ${name} of Consul 1.8.7 leads to exactly its recorded state`, () => {
    const { fsm } = newFsm();
    for (const entry of recordedLog(`log-${name}`)) if (entry.command) fsm.apply(entry);
    const ours = recordsOf(wholeStream(fsm));
    const theirs = recordsOf(recordedState(`snapshot-${name}`));
    assert.deepEqual(ours.header, theirs.header);
    for (let i = 0; i < Math.max(ours.records.length, theirs.records.length); i++)
      assert.equal(ours.records[i], theirs.records[i], `record ${i}`);
  });

  test(`archive ${name} of Consul 1.8.7 restores to the state that its log leads to`, async () => {
    const replayed = newFsm();
    for (const entry of recordedLog(`log-${name}`)) if (entry.command) replayed.fsm.apply(entry);
    const restored = newFsm();
    await restored.fsm.restore(pieces(recordedState(`snapshot-${name}`), 100));
    assert.deepEqual(recordsOf(wholeStream(restored.fsm)), recordsOf(wholeStream(replayed.fsm)));
  });
}

test("1,350 recorded commands of random requests lead to exactly the recorded state, and back", async () => {
  const { log, state } = recordedRandomRun();
  const { fsm } = newFsm();
  for (const { index, data } of log) fsm.apply({ index, term: 2, data, extensions: null });
  // Checks are written under their node's own spelling: the original refuses to restore others.
  const spelled = (records: readonly string[]): string[] =>
    records.map((r) => r.replaceAll('"Node":"nB"', '"Node":"nb"'));
  const ours = recordsOf(wholeStream(fsm)).records;
  assert.deepEqual(spelled(ours), spelled(recordsOf(state).records));
  const restored = newFsm();
  await restored.fsm.restore(pieces(state, 1000));
  assert.deepEqual(spelled(recordsOf(wholeStream(restored.fsm)).records), spelled(ours));
});

/** X-Consul-Index of Consul 1.8.7 after entries of log-semantics; 0 is shown as 1. */
const reported: readonly { after: number; name: string; query: Query<unknown>; index: number }[] = [
  { after: 9, name: "instances of a service", query: (v) => serviceNodes(v, "web"), index: 8 },
  { after: 14, name: "nodes", query: listNodes, index: 14 },
  { after: 26, name: "a locked key", query: (v) => kvGet(v, "rel"), index: 26 },
  { after: 26, name: "all keys", query: (v) => kvList(v, ""), index: 26 },
  { after: 28, name: "sessions after a critical check", query: sessionList, index: 28 },
  {
    after: 28,
    name: "keys that a session's end released and deleted",
    query: (v) => kvList(v, ""),
    index: 28,
  },
  { after: 28, name: "queries bound to that session", query: preparedQueryList, index: 28 },
  { after: 32, name: "a key written twice alike", query: (v) => kvGet(v, "a"), index: 31 },
  { after: 37, name: "a missing key", query: (v) => kvGet(v, "a/b/c"), index: 33 },
  { after: 37, name: "a prefix of a deleted key", query: (v) => kvList(v, "d"), index: 28 },
  { after: 40, name: "a deleted tree", query: (v) => kvList(v, "d/"), index: 40 },
  { after: 40, name: "a prefix without keys", query: (v) => kvList(v, "none"), index: 40 },
  { after: 41, name: "all keys after a deletion of nothing", query: (v) => kvList(v, ""), index: 40 },
  {
    after: 43,
    name: "health of what is left of a service",
    query: (v) => serviceHealth(v, "web"),
    index: 43,
  },
  { after: 43, name: "a service that never was", query: (v) => serviceNodes(v, "never"), index: 43 },
  { after: 44, name: "health of an extinct service", query: (v) => serviceHealth(v, "web"), index: 44 },
  {
    after: 44,
    name: "a service that never was, after an extinction",
    query: (v) => serviceNodes(v, "never"),
    index: 44,
  },
  { after: 48, name: "services behind a gateway", query: (v) => gatewayServices(v, "tg"), index: 47 },
  {
    after: 49,
    name: "services behind a gateway, the last gone",
    query: (v) => gatewayServices(v, "tg"),
    index: 49,
  },
  { after: 54, name: "a key freed by its session's node", query: (v) => kvGet(v, "held"), index: 54 },
  { after: 54, name: "sessions after their node", query: sessionList, index: 54 },
  { after: 54, name: "nodes at the end", query: listNodes, index: 54 },
  { after: 54, name: "services at the end", query: (v) => listServices(v), index: 49 },
  { after: 54, name: "checks in any state", query: (v) => checksInState(v, "any"), index: 49 },
  { after: 54, name: "coordinates of nobody", query: coordinates, index: 1 },
];
for (const { after, name, query, index } of reported)
  test(`index of ${name} (entry ${after})`, () => {
    const { fsm, store } = newFsm();
    for (const e of recordedLog("log-semantics")) if (e.command && e.index <= after) fsm.apply(e);
    assert.equal(store.read(query).index, index);
  });

test("every recorded entry gives the recorded result", () => {
  const { fsm } = newFsm();
  let compared = 0;
  for (const entry of recordedLog("log-semantics")) {
    if (!entry.command) continue;
    const result = fsm.apply(entry);
    const wanted = entry.fsmResult;
    if (wanted === undefined) continue;
    compared++;
    if (wanted.error !== undefined) {
      assert.ok(result instanceof CommandError, entry.name);
      assert.equal(result.message, wanted.error, entry.name);
    } else if (wanted.type === "structs.TxnResponse") {
      const errors = ((result as TxnResponse).Errors ?? []).map((e) => `op ${e?.OpIndex}: ${e?.What}`);
      assert.equal(`{[] [${errors.join(" ")}]}`, wanted.value, entry.name);
    } else assert.equal(result ?? null, wanted.value, entry.name);
  }
  assert.ok(compared > 45, `${compared} compared`);
});

test("entries of other runs are applied or refused as values, never thrown", () => {
  const { fsm } = newFsm();
  const log = recordedLog("log-misc");
  let applied = 0;
  for (const entry of log) {
    if (!entry.command || entry.truncated) continue;
    fsm.apply(entry);
    applied++;
  }
  assert.ok(applied >= 20, `${applied} applied`);
});

test("commands encode to the recorded bytes", () => {
  let compared = 0;
  for (const name of ["log-known", "log-basic", "log-acl", "log-semantics", "log-misc"])
    for (const entry of recordedLog(name)) {
      if (!entry.command || entry.truncated || entry.extensions !== null) continue;
      const kind = commandByType.get(entry.data[0]! & 0x7f)!;
      const body = commands[kind].body.decode(new MsgpackReader(entry.data, 1), 0);
      const again = encodeCommand(kind, body as CommandBody<typeof kind>);
      assert.equal(again[0], entry.data[0], entry.name);
      assert.equal(again.length, entry.data.length, entry.name);
      // Maps come in random order there: the same bytes up to order.
      if (kind !== "aclTokenSet" && kind !== "aclBootstrap")
        assert.deepEqual([...again].sort(), [...entry.data].sort(), entry.name);
      compared++;
    }
  assert.ok(compared > 150, `${compared} compared`);
});

test("weights that make no sense are stored as the default (observed, value by value)", () => {
  const { store, fsm } = newFsm();
  let index = 10;
  const stored = ([Passing, Warning]: readonly [number, number]): readonly number[] => {
    const data = encodeCommand(
      "register",
      RegisterRequest.make({
        Datacenter: "dc1",
        Node: "n",
        Address: "10.0.0.1",
        Service: NodeService.make({ ID: "w", Service: "w", Weights: { Passing, Warning } }),
      }),
    );
    fsm.apply({ index: index++, term: 2, data, extensions: null });
    const { ServiceWeights } = store.read((v) => serviceNodes(v, "w")).value[0]!;
    return [ServiceWeights.Passing, ServiceWeights.Warning];
  };
  for (const kept of [
    [1, 0],
    [10, 3],
    [65_535, 65_535],
  ] as const)
    assert.deepEqual(stored(kept), kept);
  for (const replaced of [
    [0, 0],
    [0, 3],
    [-1, 1],
    [1, -1],
    [65_536, 0],
    [65_535, 65_536],
  ] as const)
    assert.deepEqual(stored(replaced), [1, 1]);
});

test("a split command is applied at the last chunk; chunks of an older term are forgotten", async () => {
  const { store, fsm } = newFsm();
  const value = Buffer.alloc(1_300_000, "Z");
  const request = KVSRequest.make({
    Datacenter: "dc1",
    Op: "set",
    DirEnt: DirEntry.make({ Key: "big", Value: value }),
  });
  const parts = splitCommand(encodeCommand("kvs", request), 0xd2838925e9e45dc8n);
  assert.equal(parts.length, 3);
  const [first, second, third] = parts.map(({ data, extensions }, i) => ({
    index: 10 + i,
    term: 2,
    data,
    extensions,
  }));
  assert.equal(fsm.apply(first!), CHUNK_INCOMPLETE);
  assert.equal(fsm.apply(second!), CHUNK_INCOMPLETE);
  // The incomplete command survives a snapshot.
  const other = newFsm();
  await other.fsm.restore(pieces(wholeStream(fsm), 4096));
  for (const { fsm: f, store: s } of [{ fsm, store }, other]) {
    assert.equal(f.apply(third!), undefined);
    const entry = s.peek((view) => kvGet(view, "big")).value;
    assert.equal(entry?.ModifyIndex, 12);
    assert.deepEqual(entry?.Value, value);
  }
  assert.equal(fsm.apply({ ...first!, index: 20 }), CHUNK_INCOMPLETE);
  assert.equal(fsm.apply({ ...second!, index: 21, term: 3 }), CHUNK_INCOMPLETE);
  assert.equal(fsm.apply({ ...third!, index: 22, term: 3 }), CHUNK_INCOMPLETE);
});

test("chunk extensions are the recorded ones", () => {
  const recorded = recordedLog("log-misc").filter((e) => e.extensions !== null);
  assert.equal(recorded.length, 1);
  const extensions = recorded[0]!.extensions!;
  const place = decodeChunkPlace(extensions);
  assert.deepEqual([place.sequenceNum, place.numChunks], [1, 2]);
  assert.deepEqual(encodeChunkPlace(place), Buffer.from(extensions));
  const [first, second] = splitCommand(Buffer.alloc(600_000), place.opNum);
  assert.deepEqual(decodeChunkPlace(first!.extensions!), { ...place, sequenceNum: 0 });
  assert.deepEqual(second!.extensions, Buffer.from(extensions));
  assert.throws(() => decodeChunkPlace(Buffer.of(0x08)), ChunkError);
  assert.throws(() => decodeChunkPlace(Buffer.of(0x10, 5, 0x18, 2)), ChunkError);
});

test("an unknown command stops the machine, unless it is marked as one to pass over", () => {
  const { fsm } = newFsm();
  const entry = (data: Buffer) => ({ index: 7, term: 1, data, extensions: null });
  assert.equal(fsm.apply(entry(Buffer.of(99 | 0x80, 0xc0))), undefined);
  assert.throws(
    () => fsm.apply(entry(Buffer.of(99, 0xc0))),
    (e) => e instanceof UnknownCommandError && /entry 7.*type 99/.test(e.message),
  );
  assert.throws(() => fsm.apply(entry(Buffer.of(2, 0xc1))), BadCommandError);
  assert.throws(() => fsm.apply(entry(Buffer.alloc(0))), BadCommandError);
});

test("a bad stream is refused and leaves the state as it was", async () => {
  const { fsm, store } = newFsm();
  for (const e of recordedLog("log-known")) if (e.command) fsm.apply(e);
  const before = wholeStream(fsm);
  const good = recordedState("snapshot-basic");
  const bad: [string, Buffer][] = [
    ["empty", Buffer.alloc(0)],
    ["cut in the header", good.subarray(0, 5)],
    ["cut in a record", good.subarray(0, good.length - 3)],
    ["unknown record", Buffer.concat([good, Buffer.of(77, 0xc0)])],
    ["not msgpack", Buffer.from("hello")],
    ["huge announcement", Buffer.concat([good.subarray(0, 12), Buffer.of(2, 0xdf, 0xff, 0xff, 0xff, 0xff)])],
  ];
  for (const [name, stream] of bad) {
    await assert.rejects(fsm.restore(pieces(stream, 512)), StateStreamError, name);
    assert.deepEqual(wholeStream(fsm), before, name);
  }
  for (let cut = 13; cut < good.length; cut += 97) {
    const rejected = await fsm.restore(pieces(good.subarray(0, cut), 1 << 20)).then(
      () => undefined,
      (e: unknown) => e,
    );
    // A cut between two records cannot be told from a shorter stream.
    if (rejected !== undefined) assert.ok(rejected instanceof StateStreamError);
  }
  assert.ok(store.lastIndex > 0);
});

test("recorded log entries with a damaged byte are applied, refused, or a typed error", () => {
  const random = seededRandom(20);
  const log = [...recordedLog("log-basic"), ...recordedLog("log-acl")].filter(
    (e) => e.command && e.extensions === null,
  );
  const { fsm } = newFsm();
  for (let i = 0; i < 20_000; i++) {
    const entry = log[random.int(log.length)]!;
    const data = Buffer.from(entry.data);
    data[random.int(data.length)] = random.int(256);
    try {
      fsm.apply({ ...entry, index: 1000 + i, data });
    } catch (error) {
      assert.ok(error instanceof BadCommandError || error instanceof UnknownCommandError, String(error));
    }
  }
});
