/**
 * A simulated server's disk: what was written but not acknowledged may or may not be there after a crash, all of a batch or
 * nothing (what LogDatabase gives). It can be slow, full, or fail to read.
 */

import type { Random } from "../../src/ports/random.ts";
import type { LogEntry, SnapshotMeta } from "../../src/raft/contract.ts";
import { LOG_TYPE } from "../../src/raft/contract.ts";
import type { HardState, Persist } from "../../src/raft/core/messages.ts";
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

/** Survives crashes. */
export class SimDisk {
  entries: LogEntry[] = [];
  hardState: HardState = { term: 0, voteTerm: 0, voteFor: "" };
  snapshots: { readonly meta: SnapshotMeta; readonly bytes: Uint8Array }[] = [];
  /** Handed over, not acknowledged. */
  inFlight: Persist | undefined;
  slowMs = 0;
  full = false;
  readErrors = false;
  readonly #server: string;
  readonly #checker: Checker;
  readonly #random: Random;

  constructor(server: string, checker: Checker, random: Random) {
    this.#server = server;
    this.#checker = checker;
    this.#random = random;
  }

  delay(): number {
    return 0.2 + this.#random.float() * 2 + (this.slowMs > 0 ? this.#random.float() * this.slowMs : 0);
  }

  get random(): Random {
    return this.#random;
  }

  commit(batch: Persist): void {
    for (const op of batch.ops) {
      if (op.kind === "append")
        for (const e of op.entries) {
          const before = this.entries.at(-1);
          const prevTerm = e.index === 1 ? 0 : before?.index === e.index - 1 ? before.term : undefined;
          this.#checker.onAppend(this.#server, e, prevTerm);
          this.entries.push(e);
        }
      else if (op.kind === "reset") this.entries = [];
      else while (this.entries.length > 0 && this.entries.at(-1)!.index >= op.from) this.entries.pop();
    }
    if (batch.hardState !== undefined) this.hardState = batch.hardState;
  }

  /** The power goes: the batch on its way made it to the disk, or did not. */
  crash(): void {
    const batch = this.inFlight;
    this.inFlight = undefined;
    if (batch !== undefined && this.#random.int(2) === 0) this.commit(batch);
  }
}

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
        if (this.#disk.readErrors && this.#disk.random.int(3) === 0)
          return done(new Error("disk I/O error"), []);
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
    return { meta: found.meta, stream: oneChunk(found.bytes) };
  }

  async remove(id: string): Promise<void> {
    this.#disk.snapshots = this.#disk.snapshots.filter((s) => s.meta.id !== id);
  }
}

async function* oneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
