/** One all-or-nothing change of the tables: rows are written in place, and put back when it fails. */
import type { LockDelays } from "./lock-delays.ts";
import { lower, type Table, type TableIndex, type Tables, type Topic } from "./tables.ts";
import type { Watcher, WatchSet } from "./watch-set.ts";

/** A command that the state refuses; the message is the text that clients see. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}

/** Side effects of writes that are not part of the replicated state. */
export interface WriteContext {
  readonly lockDelays: LockDelays;
  readonly onTombstone: (index: number) => void;
}

interface Undo {
  readonly table: Table<unknown>;
  readonly key: string;
  readonly before: unknown;
}

export class WriteTxn {
  readonly tables: Tables;
  /** The raft index that changed rows get. */
  readonly index: number;
  readonly #undo: Undo[] = [];
  readonly #woken = new Set<Watcher>();
  readonly #afterCommit: (() => void)[] = [];

  constructor(tables: Tables, index: number) {
    this.tables = tables;
    this.index = index;
  }

  put<R>(table: Table<R>, row: R): void {
    this.#change(table, table.keyOf(row), row);
  }

  remove<R>(table: Table<R>, key: string): void {
    if (table.get(key) !== undefined) this.#change(table, key, undefined);
  }

  /** Raises a value of the index table to `value`; it is never lowered. */
  bump(key: string, value: number = this.index): void {
    const row = this.tables.indexes.get(lower(key));
    if (row === undefined || row.Value < value) this.put(this.tables.indexes, { Key: key, Value: value });
  }

  dropIndex(key: string): void {
    this.remove(this.tables.indexes, lower(key));
  }

  /** An event of a topic. */
  touch(topic: Topic, name: string): void {
    this.#collect(topic.watchers, name);
  }

  /** What to do once the change is in force: timers and such. */
  afterCommit(action: () => void): void {
    this.#afterCommit.push(action);
  }

  /** Ends the transaction. Returns the reads that are stale now. */
  commit(): ReadonlySet<Watcher> {
    for (const action of this.#afterCommit) action();
    return this.#woken;
  }

  rollback(): void {
    for (let i = this.#undo.length - 1; i >= 0; i--) {
      const { table, key, before } = this.#undo[i]!;
      this.#write(table, key, table.get(key), before);
    }
    this.#undo.length = 0;
    this.#woken.clear();
  }

  #change<R>(table: Table<R>, key: string, row: R | undefined): void {
    const before = table.get(key);
    this.#undo.push({ table: table as unknown as Table<unknown>, key, before });
    this.#write(table, key, before, row);
  }

  #write<R>(table: Table<R>, key: string, before: R | undefined, after: R | undefined): void {
    this.#set(table.rows, key, after);
    for (const { index, keysOf } of table.secondaries) {
      const oldKeys = before === undefined ? undefined : keysOf(before);
      const newKeys = after === undefined ? undefined : keysOf(after);
      if (typeof oldKeys === "string") {
        if (oldKeys !== newKeys) this.#set(index, oldKeys, undefined);
      } else if (oldKeys !== undefined) for (const k of oldKeys) this.#set(index, k, undefined);
      if (typeof newKeys === "string") this.#set(index, newKeys, after);
      else if (newKeys !== undefined) for (const k of newKeys) this.#set(index, k, after);
    }
  }

  #set<R>(index: TableIndex<R>, key: string, row: R | undefined): void {
    if (row === undefined) index.tree.delete(key);
    else index.tree.set(key, row);
    this.#collect(index.watchers, key);
  }

  #collect(watchers: WatchSet, key: string): void {
    if (!watchers.isEmpty) watchers.collect(key, this.#woken);
  }
}
