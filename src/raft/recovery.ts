/**
 * From what the stores hold to a state that can take part: newest sound snapshot into the state machine, the log behind it
 * checked against it. And the way back for a cluster that lost its quorum: `peers.json`.
 */
import { join } from "node:path";
import type { Disk } from "../ports/disk.ts";
import type { Logger } from "../ports/log.ts";
import { decodeConfiguration } from "./configuration-codec.ts";
import {
  type Fsm,
  LOG_TYPE,
  type LogEntry,
  type RaftConfiguration,
  RaftError,
  type SnapshotMeta,
  SUFFRAGE,
} from "./contract.ts";
import { configurationFault, type IndexedConfiguration } from "./core/configuration.ts";
import type { Persist } from "./core/messages.ts";
import type { Recovered } from "./core/raft-core.ts";
import { RaftStorageError } from "./errors.ts";
import type { LogStore, StoredLog } from "./log-store.ts";
import type { SnapshotStore } from "./snapshot-store.ts";
import { writeState } from "./snapshot-writer.ts";

export const openStore = (store: LogStore): Promise<StoredLog> =>
  new Promise((resolve, reject) =>
    store.open((error, stored) => (error === undefined ? resolve(stored) : reject(error))),
  );
export const writeStore = (store: LogStore, batch: Persist): Promise<void> =>
  new Promise((resolve, reject) =>
    store.write(batch, (error) => (error === undefined ? resolve() : reject(error))),
  );
export const readStore = (
  store: LogStore,
  from: number,
  through: number,
  bytesMax: number,
): Promise<readonly LogEntry[]> =>
  new Promise((resolve, reject) =>
    store.read(from, through, bytesMax, (error, entries) =>
      error === undefined ? resolve(entries) : reject(error),
    ),
  );

const NO_SNAPSHOT = { index: 0, term: 0 };

/** Restores the newest snapshot that can be read; an unreadable one is an error unless an older one and the log make up for it. */
export async function restoreNewest(
  snapshots: SnapshotStore,
  fsm: Fsm,
  log: Logger,
  through: StoredLog,
): Promise<SnapshotMeta | undefined> {
  let fault: Error | undefined;
  const all = await snapshots.list();
  const newest = all[0]?.index ?? 0;
  for (const candidate of all) {
    try {
      const { meta, stream } = await snapshots.open(candidate.id);
      await fsm.restore(stream);
      log.info(`Restored from snapshot ${meta.id}`);
      // Between this snapshot and the newest one the log must have everything; an empty log has nothing.
      if (fault !== undefined && (through.first > meta.index + 1 || through.last < newest)) throw fault;
      return meta;
    } catch (error) {
      log.error(`Failed to restore snapshot ${candidate.id}: ${(error as Error).message}`);
      fault ??= error as Error;
    }
  }
  if (fault !== undefined && through.first !== 1) throw fault;
  return undefined;
}

/** What the core starts from. `meta` is what the state machine holds. Resets a log that does not fit the snapshot. */
export async function reconcileStores(
  store: LogStore,
  stored: StoredLog,
  meta: SnapshotMeta | undefined,
  log: Logger,
): Promise<Recovered> {
  const snapshot = meta ?? NO_SNAPSHOT;
  let kept = stored;
  if (stored.last > 0) {
    if (stored.first > snapshot.index + 1)
      throw new RaftStorageError(
        "log",
        `it begins at ${stored.first}, but the newest snapshot ends at ${snapshot.index}`,
        { index: snapshot.index + 1 },
      );
    // A snapshot that a leader sent lies beyond our log, or our log took another turn: its entries are worth nothing.
    if (
      snapshot.index > stored.last ||
      (snapshot.index >= stored.first && termIn(stored, snapshot.index) !== snapshot.term)
    ) {
      log.info(
        `Dropping log entries ${stored.first} to ${stored.last}: the snapshot at ${snapshot.index} replaced them`,
      );
      await writeStore(store, {
        ops: [{ kind: "reset" }],
        hardState: undefined,
        last: { index: snapshot.index, term: snapshot.term },
      });
      kept = { ...stored, first: 0, last: 0, runs: [], recent: [], configurations: [] };
    }
  }
  const configurations: IndexedConfiguration[] = [];
  if (meta !== undefined)
    configurations.push({ index: meta.configurationIndex, servers: meta.configuration.servers });
  for (const e of kept.configurations)
    if (meta === undefined || e.index > meta.index)
      configurations.push({ index: e.index, servers: decodeConfiguration(e.data).servers });
  // Without a snapshot nothing is known to be committed: an empty configuration stands before the first entry.
  if (meta === undefined) configurations.unshift({ index: 0, servers: [] });
  return {
    hardState: stored.hardState,
    log: kept,
    snapshot: { index: snapshot.index, term: snapshot.term },
    configurations,
    applied: snapshot.index,
  };
}

function termIn(stored: StoredLog, index: number): number | undefined {
  let term: number | undefined;
  for (const run of stored.runs) if (run.from <= index) term = run.term;
  return term;
}

/** The original's log. Its snapshots beside it can be read here, but what came after them, its term and its vote cannot. */
const FOREIGN_LOG = "raft.db";

/** Stops a start that would take the newest snapshot of another program for the whole state, or vote twice in one term. */
export async function refuseForeignLog(folder: string, disk: Disk): Promise<void> {
  if (!(await disk.list(folder)).includes(FOREIGN_LOG)) return;
  throw new RaftError(
    `${join(folder, FOREIGN_LOG)} is the log of a Consul server, which cannot be read here. Nothing was changed. Start with an empty data directory and join the cluster, or restore a snapshot that Consul saved.`,
  );
}

export const PEERS_FILE = "peers.json";
/** Its presence tells that this server has seen to peers.json before; without it a left-over of an old version is removed. */
export const PEERS_INFO_FILE = "peers.info";
const PEERS_INFO = `peers.json is read at start, once, to recover a cluster that has lost its quorum, and then deleted.

Stop all servers, put the same peers.json into the raft folder of each server that is to go on, and start them:

  [
    {"id": "adf4238a-882b-9ddc-4a9d-5b6758e4159e", "address": "10.1.0.1:8300", "non_voter": false}
  ]

"id" is the content of the file node-id in the data directory.
`;

/** The configuration in peers.json (protocol 3 objects, or protocol 2 address texts); undefined when there is no such file. */
export async function readPeersFile(folder: string, disk: Disk): Promise<RaftConfiguration | undefined> {
  const path = join(folder, PEERS_FILE);
  const info = await disk.read(join(folder, PEERS_INFO_FILE));
  if (info === undefined) {
    await disk.remove(path);
    await disk.writeAtomic(join(folder, PEERS_INFO_FILE), Buffer.from(PEERS_INFO));
    return undefined;
  }
  const file = await disk.read(path);
  if (file === undefined) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(file.toString("utf8"));
  } catch (cause) {
    throw new RaftError(`recovery failed to parse ${path}: ${(cause as Error).message}`);
  }
  if (!Array.isArray(json)) throw new RaftError(`recovery failed to parse ${path}: want a list of servers`);
  const servers = json.map((p: unknown) => {
    if (typeof p === "string") return { id: p, address: p, suffrage: SUFFRAGE.voter };
    const { id, address, non_voter } = (p ?? {}) as { id?: unknown; address?: unknown; non_voter?: unknown };
    if (typeof id !== "string" || typeof address !== "string")
      throw new RaftError(
        `recovery failed to parse ${path}: each server needs "id" and "address", found ${JSON.stringify(p)}`,
      );
    return { id, address, suffrage: non_voter === true ? SUFFRAGE.nonvoter : SUFFRAGE.voter };
  });
  const configuration = { servers };
  const fault = configurationFault(configuration);
  if (fault !== undefined) throw new RaftError(`recovery found a bad configuration in ${path}: ${fault}`);
  return configuration;
}

const REPLAY_BYTES = 4 << 20;

/**
 * Makes `configuration` the one in force without asking anybody: replays snapshot and log into the state machine, writes a
 * snapshot of it under the new configuration, deletes the log. Entries that were never committed become so.
 */
export async function recoverCluster(
  store: LogStore,
  stored: StoredLog,
  snapshots: SnapshotStore,
  fsm: Fsm,
  configuration: RaftConfiguration,
  log: Logger,
): Promise<void> {
  const meta = await restoreNewest(snapshots, fsm, log, stored);
  let index = meta?.index ?? 0;
  let term = meta?.term ?? 0;
  if (stored.last === 0 && meta === undefined)
    throw new RaftError(
      "refused to recover cluster with no initial state, this is probably an operator error",
    );
  while (index < stored.last) {
    const entries = await readStore(store, index + 1, stored.last, REPLAY_BYTES);
    if (entries.length === 0)
      throw new RaftStorageError("log", "the entry cannot be read", { index: index + 1 });
    for (const e of entries) {
      if (e.type === LOG_TYPE.command) fsm.apply(e);
      index = e.index;
      term = e.term;
    }
  }
  const sink = await snapshots.create();
  try {
    await writeState(fsm.snapshot(), sink, {
      now: () => performance.now(),
      rest: () => new Promise((resolve) => setImmediate(resolve)),
    });
    await sink.commit({ index, term, configuration, configurationIndex: 1 });
  } catch (error) {
    await sink.cancel();
    throw error;
  }
  await writeStore(store, { ops: [{ kind: "reset" }], hardState: undefined, last: { index, term } });
}
