/**
 * A simulated server's disk. A write that was not acknowledged may be there after a crash, or not, or be torn: then the store's
 * checksum drops it, all of a batch or nothing (what LogDatabase gives). The disk can be slow, full, or fail to read. And it can
 * lie: acknowledge what a crash then takes back; the store finds that its end is behind its mark and refuses to start.
 */
import { crc32 } from "node:zlib";
import type { Random } from "../../src/ports/random.ts";
import { encodeLogEntry } from "../../src/raft/codec.ts";
import { decodeConfiguration } from "../../src/raft/configuration-codec.ts";
import type { LogEntry, RaftServer, SnapshotMeta } from "../../src/raft/contract.ts";
import { LOG_TYPE } from "../../src/raft/contract.ts";
import type { HardState, Persist } from "../../src/raft/core/messages.ts";
import { RaftStorageError } from "../../src/raft/errors.ts";
import {
  type LogStore,
  RECENT_ENTRIES,
  runsOf,
  type StoreCallback,
  type StoredLog,
} from "../../src/raft/log-store.ts";
import type { SnapshotHead, SnapshotSink, SnapshotStore } from "../../src/raft/snapshot-store.ts";
import type { Checker } from "./checker.ts";

/** Runs `work` after `delayMs` unless the server has crashed meanwhile. */
export type Later = (delayMs: number, work: () => void) => void;

interface Stored {
  readonly meta: SnapshotMeta;
  readonly bytes: Uint8Array;
}

/** What was really on the disk when it began to lie, and what it has been told since. */
interface Lie {
  readonly entries: readonly LogEntry[];
  readonly hardState: HardState;
  readonly snapshots: readonly Stored[];
  readonly batches: Persist[];
}

/** Survives crashes. */
export class SimDisk {
  entries: LogEntry[] = [];
  hardState: HardState = { term: 0, voteTerm: 0, voteFor: "" };
  snapshots: readonly Stored[] = [];
  /** Handed over, not acknowledged. */
  inFlight: Persist | undefined;
  slowMs = 0;
  full = false;
  readErrors = false;
  /** Acknowledged writes are missing: the store does not open any more. */
  damaged = false;
  #lie: Lie | undefined;
  readonly #checker: Checker;
  readonly #random: Random;

  constructor(checker: Checker, random: Random) {
    this.#checker = checker;
    this.#random = random;
  }

  delay(): number {
    return 0.2 + this.#random.float() * 2 + (this.slowMs > 0 ? this.#random.float() * this.slowMs : 0);
  }

  failsToRead(): boolean {
    return this.readErrors && this.#random.int(3) === 0;
  }
  get lying(): boolean {
    return this.#lie !== undefined;
  }

  /** From now on nothing really reaches the disk, until {@link beHonest} or a crash. */
  beginToLie(): void {
    this.#lie ??= {
      entries: [...this.entries],
      hardState: this.hardState,
      snapshots: this.snapshots,
      batches: [],
    };
  }
  beHonest(): void {
    this.#lie = undefined;
  }

  /** Everybody in a configuration that this server has now, or may fall back to. */
  knownServers(): readonly RaftServer[] {
    const logged = this.entries.filter((e) => e.type === LOG_TYPE.configuration);
    const newest = this.snapshots[0]?.meta.configuration.servers ?? [];
    return [...newest, ...logged.slice(-2).flatMap((e) => decodeConfiguration(e.data).servers)];
  }

  /** A new, empty disk. */
  replace(): void {
    this.#lie = undefined;
    this.inFlight = undefined;
    this.damaged = false;
    this.entries = [];
    this.hardState = { term: 0, voteTerm: 0, voteFor: "" };
    this.snapshots = [];
  }

  commit(batch: Persist): void {
    this.#lie?.batches.push(batch);
    for (const op of batch.ops) {
      if (op.kind === "append")
        for (const e of op.entries) {
          const before = this.entries.at(-1);
          const prevTerm = e.index === 1 ? 0 : before?.index === e.index - 1 ? before.term : undefined;
          this.#checker.onAppend(e, prevTerm);
          this.entries.push(e);
        }
      else if (op.kind === "reset") this.entries = [];
      else while (this.entries.length > 0 && this.entries.at(-1)!.index >= op.from) this.entries.pop();
    }
    if (batch.hardState !== undefined) this.hardState = batch.hardState;
  }

  /** The power goes: the batch on its way made it to the disk, or in part, or not. */
  crash(): void {
    const lie = this.#lie;
    this.#lie = undefined;
    const batch = this.inFlight;
    this.inFlight = undefined;
    if (lie !== undefined) return this.#exposeLie(lie);
    if (batch === undefined) return;
    const frame = frameOf(batch);
    const written = [0, frame.length, this.#random.int(frame.length)][this.#random.int(3)]!;
    if (isWhole(frame.subarray(0, written))) this.commit(batch);
  }

  /** A first part of what was acknowledged is there; of the snapshots all, or torn ones, or none. */
  #exposeLie(lie: Lie): void {
    const kept = this.#random.int(lie.batches.length + 1);
    if (kept < lie.batches.length) {
      this.damaged = true;
      this.entries = [...lie.entries];
      this.hardState = lie.hardState;
      for (const batch of lie.batches.slice(0, kept)) this.commit(batch);
    }
    const honest = new Set(lie.snapshots);
    const newest = this.snapshots[0];
    if (newest === undefined || honest.has(newest) || this.#random.int(2) === 0) return;
    this.snapshots = this.snapshots.map((s) =>
      honest.has(s) ? s : { meta: s.meta, bytes: s.bytes.subarray(0, this.#random.int(s.bytes.length)) },
    );
    // An older snapshot and the log may make up for a torn one. If not, the server does not start.
    const sound = this.snapshots.find((s) => honest.has(s))?.meta.index ?? 0;
    const first = this.entries[0]?.index ?? 0;
    const last = this.entries.at(-1)?.index ?? 0;
    if (first === 0 || first > sound + 1 || last < newest.meta.index) this.damaged = true;
  }
}

/** A batch as it lies on the disk: length, checksum, bytes. */
function frameOf(batch: Persist): Buffer {
  const parts = batch.ops.map((op) =>
    op.kind === "append" ? Buffer.concat(op.entries.map(encodeLogEntry)) : Buffer.from(JSON.stringify(op)),
  );
  const payload = Buffer.concat([...parts, Buffer.from(JSON.stringify(batch.hardState ?? null))]);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(payload.length, 0);
  head.writeUInt32BE(crc32(payload), 4);
  return Buffer.concat([head, payload]);
}

const isWhole = (frame: Buffer): boolean =>
  frame.length >= 8 &&
  frame.length === 8 + frame.readUInt32BE(0) &&
  crc32(frame.subarray(8)) === frame.readUInt32BE(4);

/** Pieces in which a snapshot is read. */
const CHUNKS = 5;

const noSpace = (): Error => Object.assign(new Error("database or disk is full"), { code: "ENOSPC" });

export class SimLogStore implements LogStore {
  readonly #disk: SimDisk;
  readonly #later: Later;
  /** Calls run one after the other. */
  readonly #queue: ((next: () => void) => void)[] = [];
  #running = false;

  constructor(disk: SimDisk, later: Later) {
    this.#disk = disk;
    this.#later = later;
  }

  #enqueue(work: (next: () => void) => void): void {
    this.#queue.push(work);
    if (!this.#running) this.#next();
  }
  #next(): void {
    const work = this.#queue.shift();
    this.#running = work !== undefined;
    work?.(() => this.#next());
  }

  open(done: StoreCallback<StoredLog>): void {
    this.#enqueue((next) =>
      this.#later(this.#disk.delay(), () => {
        const { entries, hardState } = this.#disk;
        next();
        const error = this.#disk.damaged
          ? new RaftStorageError("log", "it ends before what was acknowledged")
          : this.#disk.failsToRead()
            ? new Error("disk I/O error")
            : undefined;
        if (error !== undefined) return done(error, undefined as never);
        done(undefined, {
          hardState,
          first: entries[0]?.index ?? 0,
          last: entries.at(-1)?.index ?? 0,
          runs: runsOf(entries),
          recent: entries.slice(-Math.min(RECENT_ENTRIES, 20)),
          configurations: entries.filter((e) => e.type === LOG_TYPE.configuration),
        });
      }),
    );
  }

  write(batch: Persist, done: StoreCallback<void>): void {
    this.#enqueue((next) => {
      const disk = this.#disk;
      if (disk.full) {
        this.#later(disk.delay(), () => {
          next();
          done(noSpace());
        });
        return;
      }
      disk.inFlight = batch;
      this.#later(disk.delay(), () => {
        disk.inFlight = undefined;
        disk.commit(batch);
        next();
        done(undefined);
      });
    });
  }

  read(from: number, through: number, bytesMax: number, done: StoreCallback<readonly LogEntry[]>): void {
    this.#enqueue((next) =>
      this.#later(this.#disk.delay(), () => {
        next();
        if (this.#disk.failsToRead()) return done(new Error("disk I/O error"), []);
        const first = this.#disk.entries[0]?.index ?? 0;
        const out: LogEntry[] = [];
        let bytes = 0;
        for (let i = from - first; i >= 0 && i < this.#disk.entries.length; i++) {
          const e = this.#disk.entries[i]!;
          if (e.index > through || (out.length > 0 && bytes >= bytesMax)) break;
          out.push(e);
          bytes += e.data.length;
        }
        done(undefined, out);
      }),
    );
  }

  compact(through: number, done: StoreCallback<void>): void {
    this.#enqueue((next) =>
      this.#later(this.#disk.delay(), () => {
        const first = this.#disk.entries[0]?.index ?? 0;
        if (through >= first) this.#disk.entries = this.#disk.entries.slice(through - first + 1);
        next();
        done(undefined);
      }),
    );
  }

  close(done: StoreCallback<void>): void {
    this.#enqueue((next) =>
      this.#later(0, () => {
        next();
        done(undefined);
      }),
    );
  }
}

export class SimSnapshotStore implements SnapshotStore {
  readonly #disk: SimDisk;
  readonly #later: Later;
  readonly #wall: () => number;

  constructor(disk: SimDisk, later: Later, wall: () => number) {
    this.#disk = disk;
    this.#later = later;
    this.#wall = wall;
  }

  #wait(): Promise<void> {
    return new Promise((resolve) => this.#later(this.#disk.delay(), resolve));
  }

  async create(): Promise<SnapshotSink> {
    const chunks: Uint8Array[] = [];
    return {
      write: async (chunk) => {
        if (this.#disk.full) throw noSpace();
        chunks.push(chunk);
      },
      commit: async (head: SnapshotHead) => {
        await this.#wait();
        if (this.#disk.full) throw noSpace();
        const bytes = Buffer.concat(chunks);
        const meta: SnapshotMeta = {
          ...head,
          id: `${head.term}-${head.index}-${Math.floor(this.#wall())}`,
          size: bytes.length,
        };
        this.#disk.snapshots = [{ meta, bytes }, ...this.#disk.snapshots]
          .sort((a, b) => b.meta.term - a.meta.term || b.meta.index - a.meta.index)
          .slice(0, 2);
        // Durable, but the word of it takes its time: a crash in between leaves a snapshot that the log does not know.
        await this.#wait();
        return meta;
      },
      cancel: async () => {},
    };
  }

  async list(): Promise<readonly SnapshotMeta[]> {
    return this.#disk.snapshots.map((s) => s.meta);
  }

  async open(
    id: string,
  ): Promise<{ readonly meta: SnapshotMeta; readonly stream: AsyncIterable<Uint8Array> }> {
    await this.#wait();
    const found = this.#disk.snapshots.find((s) => s.meta.id === id);
    if (found === undefined) throw new Error(`no snapshot ${id}`);
    if (this.#disk.failsToRead()) throw new Error("disk I/O error");
    return { meta: found.meta, stream: new SnapshotStream(found) };
  }

  async remove(id: string): Promise<void> {
    this.#disk.snapshots = this.#disk.snapshots.filter((s) => s.meta.id !== id);
  }
}

/** A snapshot's bytes in several chunks, so that records are cut anywhere. A torn one is noticed at its end. */
export class SnapshotStream implements AsyncIterable<Uint8Array> {
  readonly #stored: Stored;

  constructor(stored: Stored) {
    this.#stored = stored;
  }

  /** Last log entry that the state holds. */
  get index(): number {
    return this.#stored.meta.index;
  }

  get term(): number {
    return this.#stored.meta.term;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    const { meta, bytes } = this.#stored;
    const step = Math.max(64, Math.ceil(bytes.length / CHUNKS));
    for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step);
    if (bytes.length !== meta.size)
      throw new RaftStorageError(
        "state.bin",
        `it has ${bytes.length} bytes, its meta.json says ${meta.size}`,
      );
  }
}
