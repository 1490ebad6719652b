import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Crc64 } from "./crc64.ts";
import { RaftStorageError } from "./errors.ts";
import { SNAPSHOT_SLICE_MS } from "./limits.ts";
import { decodeMeta, encodeMeta, SnapshotMetaError } from "./snapshot-meta.ts";
import {
  FileSnapshotStore,
  MemorySnapshotStore,
  type SnapshotHead,
  type SnapshotStore,
} from "./snapshot-store.ts";
import { writeState } from "./snapshot-writer.ts";

const root = mkdtempSync(join(tmpdir(), "tribune-snapshots-"));
after(() => rmSync(root, { recursive: true, force: true }));
let made = 0;
const freshFolder = (): string => join(root, String(made++));

const head = (index: number, term: number = 2): SnapshotHead => ({
  index,
  term,
  configuration: {
    servers: [
      { id: "a", address: "127.3.0.1:8300", suffrage: 0 },
      { id: "b", address: "127.3.0.2:8300", suffrage: 1 },
    ],
  },
  configurationIndex: 1,
});
const save = async (
  store: SnapshotStore,
  index: number,
  bytes: Uint8Array,
  term?: number,
): Promise<string> => {
  const sink = await store.create();
  await sink.write(bytes);
  return (await sink.commit(head(index, term))).id;
};
const readAll = async (store: SnapshotStore, id: string): Promise<Buffer> => {
  const chunks: Uint8Array[] = [];
  for await (const c of (await store.open(id)).stream) chunks.push(c);
  return Buffer.concat(chunks);
};

test("CRC-64/ECMA of the catalogue's check text, whole and in parts", () => {
  const whole = new Crc64();
  whole.update(Buffer.from("123456789"));
  assert.equal(whole.digest().toString("hex"), "995dc9bbdf1939fa");
  const parts = new Crc64();
  for (const c of "123456789") parts.update(Buffer.from(c));
  assert.deepEqual(parts.digest(), whole.digest());
});

test("a recorded meta.json reads and writes byte for byte", () => {
  const recorded = (
    JSON.parse(readFileSync(new URL("./testdata/disk-snapshot-meta.json", import.meta.url), "utf8")) as {
      hex: string;
    }[]
  )[0]!;
  const text = Buffer.from(recorded.hex, "hex").toString("utf8");
  const { meta, crc } = decodeMeta(text);
  assert.deepEqual([meta.index, meta.term, meta.configurationIndex, meta.size], [37, 2, 33, 10797]);
  assert.equal(meta.configuration.servers.length, 4);
  assert.equal(encodeMeta(meta, crc), text);
});

test("a meta.json that is none gives a typed error", () => {
  for (const text of [
    "",
    "[]",
    "{}",
    '{"Version":2}',
    '{"Version":1,"ID":"x","Index":-1}',
    '{"Version":1,"ID":"x","Index":1,"Term":1,"Configuration":{"Servers":[{}]}}',
  ])
    assert.throws(() => decodeMeta(text), SnapshotMetaError, text);
});

for (const [name, make] of [
  ["file", () => new FileSnapshotStore(freshFolder(), () => 1_000)],
  ["memory", () => new MemorySnapshotStore(() => 1_000)],
] as const) {
  test(`${name} store: what is committed comes back, newest first`, async () => {
    const store = make();
    assert.deepEqual(await store.list(), []);
    const bytes = Buffer.alloc(700_000, "state");
    await save(store, 10, Buffer.from("old"));
    const id = await save(store, 20, bytes);
    const newest = (await store.list())[0]!;
    assert.deepEqual(newest, { ...head(20), id, size: bytes.length });
    assert.deepEqual(await readAll(store, id), bytes);
  });

  test(`${name} store: what is cancelled leaves nothing`, async () => {
    const store = make();
    const sink = await store.create();
    await sink.write(Buffer.from("half"));
    await sink.cancel();
    assert.deepEqual(await store.list(), []);
  });
}

test("file store: keeps two, in the original's layout, and never shows a half-written one", async () => {
  const folder = freshFolder();
  const store = new FileSnapshotStore(folder, () => 1_795_372_850_814);
  for (const index of [5, 9, 7]) await save(store, index, Buffer.from(`state ${index}`));
  const sink = await store.create();
  await sink.write(Buffer.from("never finished"));
  assert.deepEqual(
    (await store.list()).map((m) => m.id),
    ["2-9-1795372850814", "2-7-1795372850814"],
  );
  assert.deepEqual(readdirSync(join(folder, "2-9-1795372850814")).sort(), ["meta.json", "state.bin"]);
  assert.equal(readdirSync(folder).filter((n) => n.endsWith(".tmp")).length, 1);
  await sink.cancel();
  mkdirSync(join(folder, "left-by-a-crash.tmp"));
  await store.clean();
  assert.equal(readdirSync(folder).filter((n) => n.endsWith(".tmp")).length, 0);
});

test("file store: damage is named with the file", async () => {
  const bytes = Buffer.alloc(600_000, "x");
  const cases: readonly [string, (path: string) => void, RegExp][] = [
    [
      "flipped byte",
      (p) => writeFileSync(join(p, "state.bin"), Buffer.concat([bytes.subarray(1), Buffer.from("y")])),
      /state\.bin is damaged: its CRC-64 does not match/,
    ],
    [
      "cut",
      (p) => truncateSync(join(p, "state.bin"), 1000),
      /state\.bin is damaged: it has 1000 bytes, its meta\.json says 600000/,
    ],
    ["longer", (p) => writeFileSync(join(p, "state.bin"), Buffer.alloc(900_000)), /state\.bin is damaged/],
    ["no meta", (p) => rmSync(join(p, "meta.json")), /meta\.json is damaged/],
    [
      "bad meta",
      (p) => writeFileSync(join(p, "meta.json"), "{"),
      /meta\.json is damaged: meta\.json is not JSON/,
    ],
    ["no state", (p) => rmSync(join(p, "state.bin")), /state\.bin is damaged/],
  ];
  for (const [name, damage, message] of cases) {
    const folder = freshFolder();
    const store = new FileSnapshotStore(folder, () => 1);
    const id = await save(store, 3, bytes);
    damage(join(folder, id));
    await assert.rejects(
      readAll(store, id),
      (e) => e instanceof RaftStorageError && message.test(e.message),
      name,
    );
  }
});

test("a reader that has begun keeps its snapshot when it is reaped", async () => {
  const store = new FileSnapshotStore(freshFolder(), () => 1);
  const bytes = Buffer.alloc(800_000, "a");
  const id = await save(store, 1, bytes);
  const { stream } = await store.open(id);
  const chunks: Uint8Array[] = [];
  for await (const c of stream) {
    if (chunks.length === 0) for (const index of [2, 3, 4]) await save(store, index, Buffer.from("b"));
    chunks.push(c);
  }
  assert.ok(chunks.length > 1);
  assert.deepEqual(Buffer.concat(chunks), bytes);
});

/** Files below `folder` that this process has open. */
const openFiles = (folder: string): string[] =>
  readdirSync("/proc/self/fd")
    .map((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        return "";
      }
    })
    .filter((path) => path.startsWith(folder));
// The runtime ends the program when it collects a file that was never closed.
const skip = existsSync("/proc/self/fd") ? false : "needs /proc to see open files";

test("a stream that nobody reads, or not to its end, keeps no file open", { skip }, async () => {
  const folder = freshFolder();
  const store = new FileSnapshotStore(folder, () => 1);
  const id = await save(store, 1, Buffer.alloc(800_000, "a"));
  await store.open(id);
  assert.deepEqual(openFiles(folder), []);
  for await (const _ of (await store.open(id)).stream) {
    assert.equal(openFiles(folder).length, 1);
    break;
  }
  assert.deepEqual(openFiles(folder), []);
});

test("a snapshot whose last bytes cannot be written keeps no file open and leaves nothing", {
  skip,
}, async () => {
  const folder = freshFolder();
  const store = new FileSnapshotStore(folder, () => 1);
  const sink = await store.create();
  // Small enough to be written only by commit, as on a full disk; what is written cannot be.
  await sink.write({ length: 1 } as unknown as Uint8Array);
  await assert.rejects(sink.commit(head(1)), TypeError);
  await sink.cancel();
  assert.deepEqual(openFiles(folder), []);
  assert.deepEqual(readdirSync(folder), []);
});

test("writing a state gives way after each slice of time", async () => {
  let now = 0;
  let turns = 0;
  const written: number[] = [];
  function* state(): Generator<Uint8Array> {
    for (let i = 0; i < 1000; i++) {
      now += 1;
      yield Buffer.from([i & 0xff]);
    }
  }
  await writeState(
    state(),
    { write: async (c) => void written.push(c.length) },
    { now: () => now, rest: async () => void turns++ },
  );
  assert.equal(
    written.reduce((a, b) => a + b, 0),
    1000,
  );
  assert.equal(turns, Math.floor(1000 / SNAPSHOT_SLICE_MS));
});
