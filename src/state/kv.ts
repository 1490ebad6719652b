/** Keys and values: reads, and the verbs of KVS commands. Rules as observed in Consul 1.8.7. */
import type { DirEntry } from "../model/kv.ts";
import { keyOf, lower } from "./tables.ts";
import type { Answer, StateView } from "./tracked-read.ts";
import { CommandError, type WriteContext, type WriteTxn } from "./write-txn.ts";

/** Index: the entry's; for a missing key that of the last change of any key. */
export function kvGet(view: StateView, key: string): Answer<DirEntry | undefined> {
  const entry = view.row(view.tables.kvs.rows, key);
  return { index: entry?.ModifyIndex ?? anyKey(view), value: entry };
}

/** All entries under a prefix in key order. Index: the newest of them and of deletions under the prefix, if any. */
export function kvList(view: StateView, prefix: string): Answer<readonly DirEntry[]> {
  const value: DirEntry[] = [];
  const index = scanKeys(view, prefix, (entry) => {
    value.push(entry);
  });
  return { index, value };
}

/** Keys under a prefix, each cut after the first separator beyond the prefix, without repeats. "" does not cut. */
export function kvKeys(view: StateView, prefix: string, separator: string): Answer<readonly string[]> {
  const value: string[] = [];
  let last: string | undefined;
  const index = scanKeys(view, prefix, ({ Key }) => {
    const at = separator === "" ? -1 : Key.indexOf(separator, prefix.length);
    const key = at < 0 ? Key : Key.slice(0, at + separator.length);
    if (key === last) return;
    last = key;
    value.push(key);
  });
  return { index, value };
}

const anyKey = (view: StateView): number => view.lastChangeOf("kvs", "tombstones");

function scanKeys(view: StateView, prefix: string, visit: (entry: DirEntry) => void): number {
  const { kvs, tombstones } = view.tables;
  let newest = 0;
  view.scan(kvs.rows, prefix, (entry) => {
    if (entry.ModifyIndex > newest) newest = entry.ModifyIndex;
    visit(entry);
  });
  if (prefix === "") return anyKey(view);
  // A tombstone comes with a deletion, which the range of keys shows; reaping one is no news to anybody.
  tombstones.rows.tree.scan(prefix, (t) => {
    if (t.Index > newest) newest = t.Index;
  });
  return newest === 0 ? anyKey(view) : newest;
}

const currentEntry = (tx: WriteTxn, key: string): DirEntry | undefined => tx.tables.kvs.get(key);

/** Stores an entry as given; one that is equal already stays as it is. Returns the entry in force. */
function store(tx: WriteTxn, existing: DirEntry | undefined, wanted: DirEntry, session: string): DirEntry {
  if (
    existing !== undefined &&
    existing.Session === session &&
    existing.Flags === wanted.Flags &&
    existing.LockIndex === wanted.LockIndex &&
    sameBytes(existing.Value, wanted.Value)
  )
    return existing;
  const entry: DirEntry = {
    LockIndex: wanted.LockIndex,
    Key: wanted.Key,
    Flags: wanted.Flags,
    Value: wanted.Value,
    Session: session,
    CreateIndex: existing?.CreateIndex ?? tx.index,
    ModifyIndex: tx.index,
  };
  tx.put(tx.tables.kvs, entry);
  tx.bump("kvs");
  return entry;
}

function sameBytes(a: Uint8Array | null, b: Uint8Array | null): boolean {
  if (a === null || b === null) return (a?.length ?? 0) === (b?.length ?? 0);
  return Buffer.compare(a, b) === 0;
}

/** A plain set keeps the lock's session, but takes LockIndex from the request (observed). */
export function kvSet(tx: WriteTxn, wanted: DirEntry): DirEntry {
  const existing = currentEntry(tx, wanted.Key);
  return store(tx, existing, wanted, existing?.Session ?? "");
}

/** Sets if ModifyIndex matches; 0 means that the key must not exist. Undefined when it does not match. */
export function kvCas(tx: WriteTxn, wanted: DirEntry): DirEntry | undefined {
  const existing = currentEntry(tx, wanted.Key);
  if ((existing?.ModifyIndex ?? 0) !== wanted.ModifyIndex) return undefined;
  return store(tx, existing, wanted, existing?.Session ?? "");
}

function leaveTombstone(tx: WriteTxn, context: WriteContext, key: string): void {
  tx.put(tx.tables.tombstones, { Key: key, Index: tx.index });
  tx.bump("tombstones");
  tx.afterCommit(() => context.onTombstone(tx.index));
}

export function kvDelete(tx: WriteTxn, context: WriteContext, key: string): void {
  if (currentEntry(tx, key) === undefined) return;
  leaveTombstone(tx, context, key);
  tx.remove(tx.tables.kvs, key);
  tx.bump("kvs");
}

/** True when the key is gone afterwards, also when it was missing before. */
export function kvDeleteCas(tx: WriteTxn, context: WriteContext, key: string, modifyIndex: number): boolean {
  const existing = currentEntry(tx, key);
  if (existing === undefined) return true;
  if (existing.ModifyIndex !== modifyIndex) return false;
  kvDelete(tx, context, key);
  return true;
}

/** One tombstone stands for the whole tree; none when everything is deleted. */
export function kvDeleteTree(tx: WriteTxn, context: WriteContext, prefix: string): void {
  const doomed = tx.tables.kvs.rows.tree.list(prefix);
  if (doomed.length === 0) return;
  for (const entry of doomed) tx.remove(tx.tables.kvs, entry.Key);
  if (prefix !== "") leaveTombstone(tx, context, prefix);
  tx.bump("kvs");
}

const UUID_CHARS = 36;

/** Takes or keeps the lock; undefined when another session has it. */
export function kvLock(tx: WriteTxn, wanted: DirEntry): DirEntry | undefined {
  if (wanted.Session === "") throw new CommandError("missing session");
  if (wanted.Session.length !== UUID_CHARS)
    throw new CommandError("failed session lookup: index error: UUID must be 36 characters");
  if (tx.tables.sessions.get(lower(wanted.Session)) === undefined)
    throw new CommandError(`invalid session "${wanted.Session}"`);
  const existing = currentEntry(tx, wanted.Key);
  let lockIndex = 1;
  if (existing !== undefined) {
    if (existing.Session === wanted.Session) lockIndex = existing.LockIndex;
    else if (existing.Session !== "") return undefined;
    else lockIndex = existing.LockIndex + 1;
  }
  return store(tx, existing, { ...wanted, LockIndex: lockIndex }, wanted.Session);
}

/** Gives the lock up; undefined when the session does not hold it. */
export function kvUnlock(tx: WriteTxn, wanted: DirEntry): DirEntry | undefined {
  if (wanted.Session === "") throw new CommandError("missing session");
  const existing = currentEntry(tx, wanted.Key);
  if (existing === undefined || existing.Session !== wanted.Session) return undefined;
  return store(tx, existing, { ...wanted, LockIndex: existing.LockIndex }, "");
}

/** Ends a session's hold on a key: it is freed, or deleted. */
export function kvReleaseHeld(
  tx: WriteTxn,
  context: WriteContext,
  session: string,
  behavior: string,
): readonly string[] {
  const held = tx.tables.kvsBySession.tree.list(keyOf(lower(session), ""));
  for (const entry of held) {
    if (behavior === "delete") kvDelete(tx, context, entry.Key);
    else store(tx, entry, entry, "");
  }
  return held.map((entry) => entry.Key);
}

/** Drops tombstones of `index` and before; touches no index, as nothing that is read changes. */
export function reapTombstones(tx: WriteTxn, index: number): void {
  const doomed: string[] = [];
  tx.tables.tombstonesByIndex.tree.scan("", (row) => {
    if (row.Index > index) return false;
    doomed.push(row.Key);
    return true;
  });
  for (const key of doomed) tx.remove(tx.tables.tombstones, key);
}

/** Puts an entry of a snapshot. */
export function restoreKey(tx: WriteTxn, entry: DirEntry): void {
  tx.put(tx.tables.kvs, entry);
  tx.bump("kvs", entry.ModifyIndex);
}

/** Puts a tombstone of a snapshot, which is an entry with only a key and an index. */
export function restoreTombstone(tx: WriteTxn, entry: DirEntry): void {
  tx.put(tx.tables.tombstones, { Key: entry.Key, Index: entry.ModifyIndex });
  tx.bump("tombstones", entry.ModifyIndex);
}
