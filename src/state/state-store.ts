/**
 * The replicated state in memory: tables, all-or-nothing writes, tracked reads, frozen copies. Start here; what the tables
 * mean is in the file of each family (kv.ts, registration.ts, session.ts, ...), what changes them in fsm.ts.
 */
import type { Clock } from "../ports/clock.ts";
import { CACHED_READS_MAX } from "./limits.ts";
import { LockDelays } from "./lock-delays.ts";
import { STATE_TABLES, Tables } from "./tables.ts";
import { type Answer, type Commits, type Query, Read, StateView, type TrackedRead } from "./tracked-read.ts";
import type { Watcher } from "./watch-set.ts";
import { type WriteContext, WriteTxn } from "./write-txn.ts";

export interface StatePorts {
  readonly clock: Clock;
  /** A tombstone was left at `index`: the leader reaps it later. */
  readonly onTombstone?: (index: number) => void;
}

export class StateStore implements Commits {
  readonly #context: WriteContext;
  #tables = new Tables();
  #version = 0;
  /** Least recently used first. */
  readonly #cache = new Map<string, Read<unknown>>();

  constructor(ports: StatePorts) {
    this.#context = {
      lockDelays: new LockDelays(ports.clock),
      onTombstone: ports.onTombstone ?? (() => {}),
    };
  }

  /** The live tables: for queries and commands of this folder only. */
  get tables(): Tables {
    return this.#tables;
  }

  get version(): number {
    return this.#version;
  }

  /** Evaluates without tracking. */
  peek<T>(query: Query<T>): Answer<T> {
    const { index, value } = query(new StateView(this.#tables, false));
    return { index: Math.max(index, 1), value };
  }

  /** Evaluates; the read is watched from its first waiter on. */
  read<T>(query: Query<T>): TrackedRead<T> {
    return new Read(this, query);
  }

  /** Evaluates and watches until `release`. */
  track<T>(query: Query<T>): TrackedRead<T> {
    const read = new Read(this, query);
    read.pin();
    return read;
  }

  /**
   * The read under `key` while it is valid, else a fresh one. The key must name the query with all its arguments. The least
   * recently used read leaves when there are too many.
   */
  cached<T>(key: string, query: Query<T>): TrackedRead<T> {
    const kept = this.#cache.get(key) as Read<T> | undefined;
    if (kept?.valid) {
      // Move to the end only now and then: order need not be exact, and this is the hottest path.
      if (this.#cache.size > CACHED_READS_MAX / 2) {
        this.#cache.delete(key);
        this.#cache.set(key, kept as Read<unknown>);
      }
      return kept;
    }
    if (kept !== undefined) {
      kept.release();
      this.#cache.delete(key);
    }
    const read = new Read(this, query);
    read.pin();
    this.#cache.set(key, read as Read<unknown>);
    if (this.#cache.size > CACHED_READS_MAX) {
      const [oldest, evicted] = this.#cache.entries().next().value!;
      evicted.release();
      this.#cache.delete(oldest);
    }
    return read;
  }

  /** Runs one all-or-nothing write at raft index `index`; an error thrown inside undoes it and passes on. */
  write<T>(index: number, change: (tx: WriteTxn, context: WriteContext) => T): T {
    const tx = new WriteTxn(this.#tables, index);
    let result: T;
    try {
      result = change(tx, this.#context);
    } catch (error) {
      tx.rollback();
      throw error;
    }
    this.#version++;
    const stale = tx.commit();
    if (stale.size > 0) {
      for (const read of stale) read.invalidate(false);
      for (const read of stale) read.wake();
    }
    return result;
  }

  /** Runs a write, keeps what it returns, and undoes it: transactions that only read. */
  dryRun<T>(run: (tx: WriteTxn, context: WriteContext) => T): T {
    const tx = new WriteTxn(this.#tables, 0);
    try {
      return run(tx, this.#context);
    } finally {
      tx.rollback();
    }
  }

  /** A frozen copy of the tables; costs the same for any size. */
  snapshot(): Tables {
    return this.#tables.clone();
  }

  /** Replaces the whole state; every watched read is abandoned and its waiters wake. */
  replace(tables: Tables): void {
    const reads = new Set<Watcher>();
    for (const set of this.#tables.watchSets()) set.collectAll(reads);
    this.#tables = tables;
    this.#version++;
    this.#cache.clear();
    for (const read of reads) read.invalidate(true);
    for (const read of reads) read.wake();
  }

  /** The highest index of any table, 0 when empty. */
  get lastIndex(): number {
    return lastIndexOf(this.#tables);
  }

  /** Milliseconds until the key may be locked again; 0 when it is free. Known to this server only. */
  lockDelayMs(key: string): number {
    return this.#context.lockDelays.remainingMs(key);
  }
}

export function lastIndexOf(tables: Tables): number {
  let max = 0;
  for (const key of STATE_TABLES) max = Math.max(max, tables.lastChange(key));
  return max;
}
