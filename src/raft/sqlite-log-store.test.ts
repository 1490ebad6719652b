import assert from "node:assert/strict";
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, test } from "node:test";
import { encodeLogEntry } from "./codec.ts";
import { RaftStorageError } from "./errors.ts";
import { DATABASE_FILE, LogDatabase, MARK_FILE, type PackedEntries } from "./log-database.ts";
import { batch, closeStore, entry, logStoreSuite } from "./log-store-suite.ts";
import { openStore, writeStore } from "./recovery.ts";
import { SqliteLogStore } from "./sqlite-log-store.ts";

const root = mkdtempSync(join(tmpdir(), "tribune-log-"));
after(() => rmSync(root, { recursive: true, force: true }));
let made = 0;
const freshFolder = (): string => join(root, String(made++));

logStoreSuite("sqlite log store", () => {
  const folder = freshFolder();
  return { store: new SqliteLogStore(folder), reopen: () => new SqliteLogStore(folder) };
});

/**
 * Appends alone go by shared memory, everything else by message: the thread must not take a message before the append that was
 * asked earlier, and the answer to a message that arrives first must not be taken for the append's.
 */
test("requests behind an append are carried out and answered behind it", async () => {
  const store = new SqliteLogStore(freshFolder());
  await openStore(store);
  const rounds = 3000;
  for (let i = 1; i <= rounds; i++) {
    const answers: string[] = [];
    const appended = new Promise<void>((resolve, reject) =>
      store.write(
        {
          ops: [{ kind: "append", entries: [entry(i, 1)] }],
          hardState: undefined,
          last: { index: i, term: 1 },
        },
        (error) => {
          answers.push("append");
          if (error === undefined) resolve();
          else reject(error);
        },
      ),
    );
    // At some later moment, while the thread is busy, or done but not yet heard.
    for (let wait = i % 7; wait > 0; wait--) await new Promise((resolve) => setImmediate(resolve));
    const read = new Promise<number>((resolve, reject) =>
      store.read(i, i, 1000, (error, entries) => {
        answers.push("read");
        if (error === undefined) resolve(entries.length);
        else reject(error);
      }),
    );
    assert.equal(await read, 1, `entry ${i} is read by who asks behind its append`);
    await appended;
    assert.deepEqual(answers, ["append", "read"], `round ${i}`);
  }
  await closeStore(store);
});

const packed = (from: number, to: number, term: number = 1): PackedEntries => {
  const rows = Array.from({ length: to - from + 1 }, (_, i) => encodeLogEntry(entry(from + i, term)));
  return {
    bytes: Buffer.concat(rows),
    index: Float64Array.from(rows, (_, i) => from + i),
    term: Float64Array.from(rows, () => term),
    type: Uint8Array.from(rows, () => 0),
    length: Uint32Array.from(rows, (r) => r.length),
  };
};
const write = (db: LogDatabase, from: number, to: number): void =>
  db.write({
    ops: [{ kind: "append", entries: packed(from, to) }],
    hardState: { term: 1, voteTerm: 1, voteFor: "127.3.0.1:8300" },
  });

/** The files as a power cut would leave them: everything that was synced, without the clean closing. */
function crashCopy(from: string, options: { readonly mark?: boolean } = {}): string {
  const to = freshFolder();
  new LogDatabase(to).close();
  for (const suffix of ["", "-wal"])
    copyFileSync(join(from, DATABASE_FILE + suffix), join(to, DATABASE_FILE + suffix));
  if (options.mark ?? true) copyFileSync(join(from, MARK_FILE), join(to, MARK_FILE));
  else rmSync(join(to, MARK_FILE));
  return to;
}

function reopened(folder: string): { last: number; fault?: RaftStorageError } {
  try {
    const db = new LogDatabase(folder);
    try {
      return { last: db.load(10).last };
    } finally {
      db.close();
    }
  } catch (error) {
    if (error instanceof RaftStorageError) return { last: -1, fault: error };
    throw error;
  }
}

test("a write that was acknowledged is there after a crash, whatever happens to the unsynced mark", () => {
  const folder = freshFolder();
  const db = new LogDatabase(folder);
  for (let i = 1; i <= 20; i++) {
    write(db, i, i);
    assert.equal(reopened(crashCopy(folder)).last, i);
    assert.equal(reopened(crashCopy(folder, { mark: false })).last, i);
  }
  db.close();
});

test("a write cut short at any byte of the WAL leaves all that was acknowledged before it", () => {
  const folder = freshFolder();
  const db = new LogDatabase(folder);
  write(db, 1, 3);
  const copyBefore = crashCopy(folder);
  const synced = statSync(join(folder, `${DATABASE_FILE}-wal`)).size;
  write(db, 4, 40);
  const full = readFileSync(join(folder, `${DATABASE_FILE}-wal`));
  db.close();
  assert.ok(full.length > synced);
  for (let length = synced; length < full.length; length += 509) {
    const cut = crashCopy(copyBefore);
    writeFileSync(join(cut, `${DATABASE_FILE}-wal`), full.subarray(0, length));
    const { last, fault } = reopened(cut);
    assert.equal(fault, undefined);
    assert.equal(last, 3, `cut at ${length}`);
  }
});

test("a flipped byte anywhere in the WAL of acknowledged writes is named, never lost silently", () => {
  const folder = freshFolder();
  const db = new LogDatabase(folder);
  for (let i = 1; i <= 12; i++) write(db, i * 5 - 4, i * 5);
  const copy = crashCopy(folder);
  db.close();
  const wal = readFileSync(join(copy, `${DATABASE_FILE}-wal`));
  let named = 0;
  for (let at = 32; at < wal.length; at += 1711) {
    const bad = crashCopy(copy);
    const changed = Buffer.from(wal);
    changed[at]! ^= 0x41;
    writeFileSync(join(bad, `${DATABASE_FILE}-wal`), changed);
    const { last, fault } = reopened(bad);
    // Bytes of frames that a later frame of the same page replaced do not matter to SQLite, all others do.
    if (fault === undefined) assert.equal(last, 60, `flip at ${at}`);
    else {
      named++;
      assert.match(fault.path, /raft\.sqlite/);
      assert.match(fault.message, /Nothing was changed/);
    }
  }
  assert.ok(named > 10, `named ${named}`);
});

test("without the mark, damage before the last transaction of the WAL is still named", () => {
  const folder = freshFolder();
  const db = new LogDatabase(folder);
  for (let i = 1; i <= 6; i++) write(db, i, i);
  const copy = crashCopy(folder, { mark: false });
  db.close();
  const path = join(copy, `${DATABASE_FILE}-wal`);
  const wal = readFileSync(path);
  wal[32 + 24 + 100]! ^= 1;
  writeFileSync(path, wal);
  assert.match(
    reopened(copy).fault?.message ?? "",
    /raft\.sqlite-wal is damaged: frame 0 .* later transactions follow/,
  );
});

test("a flipped byte in a stored entry is named with its index", () => {
  const folder = freshFolder();
  const db = new LogDatabase(folder);
  write(db, 1, 200);
  db.close();
  const path = join(folder, DATABASE_FILE);
  const file = readFileSync(path);
  const at = file.indexOf("entry 137");
  assert.ok(at > 0);
  file[at + 2]! ^= 0x10;
  writeFileSync(path, file);
  const { fault } = reopened(folder);
  assert.equal(fault?.index, 137);
  assert.equal(fault?.path, path);
});

test("a missing row, a swapped row, a changed vote and a foreign file are named", () => {
  const cases: readonly [string, (path: string) => void, RegExp][] = [
    [
      "missing row",
      (p) => sql(p, "DELETE FROM log WHERE idx = 7"),
      /log index 7\) is damaged: entries 7 to 7 are missing/,
    ],
    [
      "swapped entries",
      (p) =>
        sql(
          p,
          "UPDATE log SET entry = (SELECT entry FROM log WHERE idx = 3), sum = (SELECT sum FROM log WHERE idx = 3) WHERE idx = 4",
        ),
      /log index 4\) is damaged: its checksum/,
    ],
    [
      "vote changed",
      (p) =>
        sql(p, `UPDATE stable SET value = '{"term":1,"voteTerm":0,"voteFor":""}' WHERE key = 'hard-state'`),
      /checksum of record "hard-state"/,
    ],
    [
      "vote gone",
      (p) => sql(p, "DELETE FROM stable WHERE key = 'hard-state'"),
      /record of term and vote is missing/,
    ],
    [
      "older copy",
      (p) => sql(p, "UPDATE stable SET value = '3', sum = (SELECT sum FROM stable WHERE key = 'sequence')"),
      /checksum of record|is 3/,
    ],
    ["not a database", (p) => writeFileSync(p, Buffer.alloc(8192, 7)), /not a database/],
    ["torn file", (p) => truncateSync(p, 5000), /malformed|not a database|is damaged/],
    ["gone", (p) => rmSync(p), /the file is missing/],
  ];
  for (const [name, damage, message] of cases) {
    const folder = freshFolder();
    const db = new LogDatabase(folder);
    for (let i = 1; i <= 30; i++) write(db, i, i);
    db.close();
    damage(join(folder, DATABASE_FILE));
    assert.match(reopened(folder).fault?.message ?? "opened without complaint", message, name);
  }
});

function sql(path: string, text: string): void {
  const db = new DatabaseSync(path);
  db.exec(text);
  db.close();
}

test("the worker reports damage as the typed error, and a full disk as a failed write that changed nothing", async () => {
  const folder = freshFolder();
  const store = new SqliteLogStore(folder);
  await openStore(store);
  await writeStore(store, batch({ kind: "append", entries: [entry(1, 1)] }));
  await assert.rejects(
    writeStore(store, batch({ kind: "append", entries: [entry(2, 1), entry(1, 1)] })),
    /UNIQUE/,
  );
  await writeStore(store, {
    ...batch({ kind: "append", entries: [entry(2, 1)] }),
    hardState: { term: 1, voteTerm: 0, voteFor: "" },
  });
  await closeStore(store);
  await assert.rejects(writeStore(store, batch()), /closed/);
  sql(join(folder, DATABASE_FILE), "DELETE FROM log WHERE idx = 1; UPDATE log SET idx = 5");
  const again = new SqliteLogStore(folder);
  await assert.rejects(openStore(again), (e) => e instanceof RaftStorageError && e.index === 5);
  assert.ok(existsSync(join(folder, DATABASE_FILE)));
});
