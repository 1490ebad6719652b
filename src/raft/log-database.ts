/**
 * Raft's log, term and vote in one SQLite file. Runs in the worker (log-worker.ts), synchronously.
 *
 * Durability: WAL journal with synchronous=FULL, so a commit returns after its fsync. A batch is one transaction.
 *
 * Nothing that was acknowledged may vanish silently. SQLite drops the tail of a WAL from the first frame that does not check,
 * which is right for a write cut by a crash, and wrong for a damaged one that had been acknowledged. So each transaction
 * carries a number (table `stable`, key "sequence"), and after its fsync the number is also put into a small file beside the
 * database (`raft.mark`, without fsync: it may be older than the truth, never newer). A database that is behind its mark has
 * lost acknowledged writes. Each row has a checksum over its index and bytes, so a flipped bit is found and named.
 */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import { RaftStorageError } from "./errors.ts";
import { findLostCommit } from "./wal-check.ts";

/** Rows are the original's encoding of an entry; `offset` and `length` lie in `bytes`. */
export interface PackedEntries {
  readonly bytes: Uint8Array;
  readonly index: Float64Array;
  readonly term: Float64Array;
  readonly type: Uint8Array;
  readonly length: Uint32Array;
}

export type DatabaseOp =
  | { readonly kind: "append"; readonly entries: PackedEntries }
  | { readonly kind: "truncate"; readonly from: number }
  | { readonly kind: "reset" };

export interface DatabaseBatch {
  readonly ops: readonly DatabaseOp[];
  readonly hardState:
    | { readonly term: number; readonly voteTerm: number; readonly voteFor: string }
    | undefined;
}

export interface DatabaseState {
  readonly hardState: { readonly term: number; readonly voteTerm: number; readonly voteFor: string };
  readonly first: number;
  readonly last: number;
  readonly runs: readonly { readonly from: number; readonly term: number }[];
  readonly recent: PackedEntries;
  readonly configurations: PackedEntries;
}

const FORMAT = "tribune-raft-1";
const DELETE_ROWS_MAX = 1024;
/** A checkpoint copies the WAL into the file at this many pages; below it a commit is one append and one fsync. */
const CHECKPOINT_PAGES = 2000;
const JOURNAL_BYTES_KEPT = 16 << 20;

export const DATABASE_FILE = "raft.sqlite";
export const MARK_FILE = "raft.mark";

const rowSum = (index: number, term: number, bytes: Uint8Array): number =>
  crc32(bytes, crc32(`${index}/${term}/`));
const stableSum = (key: string, value: string): number => crc32(`${key}=${value}`);

interface Row {
  readonly idx: number;
  readonly term: number;
  readonly type: number;
  readonly sum: number;
  readonly entry: Uint8Array;
}

export class LogDatabase {
  readonly #path: string;
  readonly #db: DatabaseSync;
  readonly #mark: number;
  readonly #markBytes = Buffer.alloc(24);
  #sequence = 0;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #insert: StatementSync;
  readonly #truncate: StatementSync;
  readonly #deleteSome: StatementSync;
  readonly #select: StatementSync;
  readonly #setStable: StatementSync;

  constructor(folder: string) {
    this.#path = join(folder, DATABASE_FILE);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const fresh = !existsSync(this.#path);
    const markPath = join(folder, MARK_FILE);
    const marked = readMark(markPath);
    if (fresh && marked !== undefined && marked > 0)
      throw new RaftStorageError(
        this.#path,
        `the file is missing, though ${markPath} says that ${marked} writes were acknowledged`,
      );
    const lost = findLostCommit(`${this.#path}-wal`);
    if (lost !== undefined) throw new RaftStorageError(`${this.#path}-wal`, lost);
    this.#db = this.#guard(() => new DatabaseSync(this.#path));
    try {
      this.#guard(() => this.#prepareFile(fresh, folder));
      this.#begin = this.#db.prepare("BEGIN IMMEDIATE");
      this.#commit = this.#db.prepare("COMMIT");
      this.#insert = this.#db.prepare("INSERT INTO log (idx, term, type, sum, entry) VALUES (?, ?, ?, ?, ?)");
      this.#truncate = this.#db.prepare("DELETE FROM log WHERE idx >= ?");
      this.#deleteSome = this.#db.prepare(
        `DELETE FROM log WHERE idx IN (SELECT idx FROM log WHERE idx <= ? ORDER BY idx LIMIT ${DELETE_ROWS_MAX})`,
      );
      this.#select = this.#db.prepare(
        "SELECT idx, term, type, sum, entry FROM log WHERE idx BETWEEN ? AND ? ORDER BY idx",
      );
      this.#setStable = this.#db.prepare("INSERT OR REPLACE INTO stable (key, value, sum) VALUES (?, ?, ?)");
      this.#sequence = Number(this.#stable("sequence") ?? 0);
      if (marked !== undefined && this.#sequence < marked)
        throw new RaftStorageError(
          `${this.#path}-wal`,
          `it ends at write ${this.#sequence}, but ${marked} writes were acknowledged`,
        );
    } catch (error) {
      this.#db.close();
      throw error;
    }
    this.#mark = openSync(markPath, existsSync(markPath) ? "r+" : "w+", 0o600);
  }

  #prepareFile(fresh: boolean, folder: string): void {
    this.#db.exec(`PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA locking_mode = EXCLUSIVE;
      PRAGMA cell_size_check = ON; PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}; PRAGMA journal_size_limit = ${JOURNAL_BYTES_KEPT}; PRAGMA cache_size = -8192`);
    this.#db.exec(`BEGIN IMMEDIATE;
      CREATE TABLE IF NOT EXISTS stable (key TEXT PRIMARY KEY, value TEXT NOT NULL, sum INTEGER NOT NULL) STRICT;
      CREATE TABLE IF NOT EXISTS log (idx INTEGER PRIMARY KEY, term INTEGER NOT NULL, type INTEGER NOT NULL, sum INTEGER NOT NULL, entry BLOB NOT NULL) STRICT;
      COMMIT`);
    if (fresh) {
      this.#db
        .prepare("INSERT OR REPLACE INTO stable (key, value, sum) VALUES ('format', ?, ?)")
        .run(FORMAT, stableSum("format", FORMAT));
      for (const path of [folder, dirname(folder)]) syncFolderNow(path);
      return;
    }
    const format = this.#stable("format");
    if (format !== FORMAT)
      throw new RaftStorageError(
        this.#path,
        format === undefined ? "its format record is missing" : `its format is ${format}, want ${FORMAT}`,
      );
  }

  /** SQLite's own findings become typed errors that name the file. */
  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      const code = (error as { errcode?: number }).errcode;
      // SQLITE_CORRUPT and SQLITE_NOTADB, with any extended code.
      if (code !== undefined && [11, 26].includes(code & 0xff))
        throw new RaftStorageError(this.#path, (error as Error).message, { cause: error });
      throw error;
    }
  }

  #stable(key: string): string | undefined {
    const row = this.#db.prepare("SELECT value, sum FROM stable WHERE key = ?").get(key) as
      | { value: string; sum: number }
      | undefined;
    if (row === undefined) return undefined;
    if (row.sum !== stableSum(key, row.value))
      throw new RaftStorageError(this.#path, `checksum of record "${key}" does not match`);
    return row.value;
  }

  /** Reads and verifies all rows. */
  load(recentMax: number): DatabaseState {
    return this.#guard(() => {
      const recent: Row[] = [];
      const configurations: Row[] = [];
      const runs: { from: number; term: number }[] = [];
      let first = 0;
      let last = 0;
      const all = this.#db.prepare("SELECT idx, term, type, sum, entry FROM log ORDER BY idx");
      for (const r of all.iterate()) {
        const row = r as unknown as Row;
        this.#verify(row, last === 0 ? undefined : last + 1);
        if (first === 0) first = row.idx;
        last = row.idx;
        const run = runs.at(-1);
        if (run !== undefined && run.term > row.term)
          throw new RaftStorageError(
            this.#path,
            `its term ${row.term} is below the term ${run.term} before it`,
            { index: row.idx },
          );
        if (run?.term !== row.term) runs.push({ from: row.idx, term: row.term });
        if (row.type === 5) configurations.push(row);
        recent.push(row);
        if (recent.length > 2 * recentMax) recent.splice(0, recentMax);
      }
      const hard = this.#stable("hard-state");
      if (hard === undefined && last > 0)
        throw new RaftStorageError(
          this.#path,
          "there are log entries, but the record of term and vote is missing",
        );
      const hardState =
        hard === undefined
          ? { term: 0, voteTerm: 0, voteFor: "" }
          : (JSON.parse(hard) as DatabaseState["hardState"]);
      return {
        hardState,
        first,
        last,
        runs,
        recent: pack(recent.slice(-recentMax)),
        configurations: pack(configurations),
      };
    });
  }

  #verify(row: Row, wanted: number | undefined): void {
    if (wanted !== undefined && row.idx !== wanted)
      throw new RaftStorageError(this.#path, `entries ${wanted} to ${row.idx - 1} are missing`, {
        index: wanted,
      });
    if (rowSum(row.idx, row.term, row.entry) !== row.sum)
      throw new RaftStorageError(this.#path, "its checksum does not match", { index: row.idx });
  }

  write(batch: DatabaseBatch): void {
    this.#guard(() => {
      this.#begin.run();
      try {
        for (const op of batch.ops) this.#apply(op);
        if (batch.hardState !== undefined) {
          const { term, voteTerm, voteFor } = batch.hardState;
          this.#put("hard-state", JSON.stringify({ term, voteTerm, voteFor }));
        }
        this.#put("sequence", String(this.#sequence + 1));
        this.#commit.run();
      } catch (error) {
        if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
        throw error;
      }
      this.#sequence++;
      this.#writeMark();
    });
  }

  #apply(op: DatabaseOp): void {
    switch (op.kind) {
      case "append": {
        const { bytes, index, term, type, length } = op.entries;
        let at = 0;
        for (let i = 0; i < index.length; i++) {
          const entry = bytes.subarray(at, at + length[i]!);
          at += length[i]!;
          this.#insert.run(index[i]!, term[i]!, type[i]!, rowSum(index[i]!, term[i]!, entry), entry);
        }
        return;
      }
      case "truncate":
        this.#truncate.run(op.from);
        return;
      case "reset":
        this.#db.exec("DELETE FROM log");
        return;
    }
  }

  #put(key: string, value: string): void {
    this.#setStable.run(key, value, stableSum(key, value));
  }

  #writeMark(): void {
    const b = this.#markBytes;
    b.write("TRIBMARK", 0, "latin1");
    b.writeBigUInt64BE(BigInt(this.#sequence), 8);
    b.writeUInt32BE(crc32(b.subarray(0, 16)), 16);
    writeSync(this.#mark, b, 0, 20, 0);
  }

  read(from: number, through: number, bytesMax: number): PackedEntries {
    return this.#guard(() => {
      const rows: Row[] = [];
      let bytes = 0;
      for (const r of this.#select.iterate(from, through)) {
        const row = r as unknown as Row;
        this.#verify(row, from + rows.length);
        rows.push(row);
        bytes += row.entry.length;
        if (bytes >= bytesMax) break;
      }
      return pack(rows);
    });
  }

  /** Deletes a bounded part of the entries up to `through`; tells whether some are left. */
  compactSome(through: number): boolean {
    return this.#guard(() => Number(this.#deleteSome.run(through).changes) === DELETE_ROWS_MAX);
  }

  close(): void {
    closeSync(this.#mark);
    this.#db.close();
  }
}

function pack(rows: readonly Row[]): PackedEntries {
  const bytes = Buffer.concat(rows.map((r) => r.entry));
  return {
    bytes,
    index: Float64Array.from(rows, (r) => r.idx),
    term: Float64Array.from(rows, (r) => r.term),
    type: Uint8Array.from(rows, (r) => r.type),
    length: Uint32Array.from(rows, (r) => r.entry.length),
  };
}

/** Acknowledged writes by the mark; undefined when there is no mark or it was torn (it is not fsynced). */
function readMark(path: string): number | undefined {
  if (!existsSync(path)) return undefined;
  const b = readFileSync(path);
  if (
    b.length < 20 ||
    b.toString("latin1", 0, 8) !== "TRIBMARK" ||
    b.readUInt32BE(16) !== crc32(b.subarray(0, 16))
  )
    return undefined;
  return Number(b.readBigUInt64BE(8));
}

function syncFolderNow(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
