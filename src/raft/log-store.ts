/**
 * Where log, term and vote live. The contract, and the store of `-dev` that keeps them in memory; the one on disk is in
 * sqlite-log-store.ts. Both pass the suite of log-store-suite.ts.
 */
import { LOG_TYPE, type LogEntry } from "./contract.ts";
import type { TermRun } from "./core/log-view.ts";
import type { HardState, Persist } from "./core/messages.ts";

export interface StoredLog {
  readonly hardState: HardState;
  /** 0 and 0 when there is no entry. */
  readonly first: number;
  readonly last: number;
  readonly runs: readonly TermRun[];
  /** The newest entries, up to {@link RECENT_ENTRIES}. */
  readonly recent: readonly LogEntry[];
  /** All configuration entries. */
  readonly configurations: readonly LogEntry[];
}

/** Newest entries that come along when a store is opened. */
export const RECENT_ENTRIES = 512;

export type StoreCallback<T> = (error: Error | undefined, value: T) => void;

/** Calls run in order, one after the other; callbacks are never called from within the call. */
export interface LogStore {
  /** Reads what is there. Fails with RaftStorageError when it cannot be trusted. */
  open(done: StoreCallback<StoredLog>): void;
  /** All of `batch` or nothing; when `done` comes without error it survives a power cut. */
  write(batch: Persist, done: StoreCallback<void>): void;
  /** Entries from..through that are there, until `bytesMax` is passed (one at least). */
  read(from: number, through: number, bytesMax: number, done: StoreCallback<readonly LogEntry[]>): void;
  /** Deletes entries up to `through`. */
  compact(through: number, done: StoreCallback<void>): void;
  close(done: StoreCallback<void>): void;
}

/** Terms of consecutive entries as runs. */
export function runsOf(entries: Iterable<{ readonly index: number; readonly term: number }>): TermRun[] {
  const runs: TermRun[] = [];
  for (const e of entries) if (runs.at(-1)?.term !== e.term) runs.push({ from: e.index, term: e.term });
  return runs;
}

export class MemoryLogStore implements LogStore {
  #hardState: HardState = { term: 0, voteTerm: 0, voteFor: "" };
  #entries: LogEntry[] = [];

  open(done: StoreCallback<StoredLog>): void {
    const entries = this.#entries;
    const stored: StoredLog = {
      hardState: this.#hardState,
      first: entries[0]?.index ?? 0,
      last: entries.at(-1)?.index ?? 0,
      runs: runsOf(entries),
      recent: entries.slice(-RECENT_ENTRIES),
      configurations: entries.filter((e) => e.type === LOG_TYPE.configuration),
    };
    queueMicrotask(() => done(undefined, stored));
  }

  write(batch: Persist, done: StoreCallback<void>): void {
    for (const op of batch.ops) {
      if (op.kind === "append") for (const e of op.entries) this.#entries.push(e);
      else if (op.kind === "reset") this.#entries = [];
      else while (this.#entries.length > 0 && this.#entries.at(-1)!.index >= op.from) this.#entries.pop();
    }
    if (batch.hardState !== undefined) this.#hardState = batch.hardState;
    queueMicrotask(() => done(undefined));
  }

  read(from: number, through: number, bytesMax: number, done: StoreCallback<readonly LogEntry[]>): void {
    const first = this.#entries[0]?.index ?? 0;
    const out: LogEntry[] = [];
    let bytes = 0;
    for (
      let i = from - first;
      i >= 0 && i < this.#entries.length && this.#entries[i]!.index <= through;
      i++
    ) {
      const e = this.#entries[i]!;
      out.push(e);
      bytes += e.data.length;
      if (bytes >= bytesMax) break;
    }
    queueMicrotask(() => done(undefined, out));
  }

  compact(through: number, done: StoreCallback<void>): void {
    const first = this.#entries[0]?.index ?? 0;
    if (through >= first) this.#entries = this.#entries.slice(through - first + 1);
    queueMicrotask(() => done(undefined));
  }

  close(done: StoreCallback<void>): void {
    queueMicrotask(() => done(undefined));
  }
}
