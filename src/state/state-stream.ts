/**
 * The state as a stream of bytes, for snapshots and for followers that are far behind.
 *
 *   stream = map {LastIndex: uint}, record*        until the end; no lengths, no count, no checksum
 *   record = type byte, MessagePack body
 *
 * Order as Consul 1.8.7 writes it: each node with its services and checks, coordinates, sessions, ACL objects, keys,
 * tombstones, prepared queries, autopilot, intentions, CA, config entries, federation states, the index table, chunks.
 * The index table comes after what it describes, so that reading it last sets every value right.
 */
import { ACL, ACLAuthMethod, ACLBindingRule, ACLPolicy, ACLRole, ACLToken } from "../model/acl.ts";
import { RegisterRequest } from "../model/catalog.ts";
import { FederationStateRequest } from "../model/config-entry.ts";
import { ConfigEntryRequest } from "../model/config-entry-box.ts";
import { CAConfiguration, CAConsulProviderState, CARoot, Intention } from "../model/connect.ts";
import { Coordinate } from "../model/coordinate.ts";
import { DirEntry, Session } from "../model/kv.ts";
import { AutopilotConfig } from "../model/operator.ts";
import { PreparedQuery } from "../model/prepared-query.ts";
import { RaftIndex } from "../model/query.ts";
import { MsgpackReader, MsgpackTruncatedError, MsgpackWriter } from "../wire/msgpack.ts";
import { bool, list, ptr, str, struct, type Type, uint } from "../wire/schema.ts";
import {
  restoreAuthMethod,
  restoreBindingRule,
  restorePolicy,
  restoreRole,
  restoreToken,
  tokenOfLegacy,
} from "./acl-writes.ts";
import { restoreAutopilotConfig } from "./autopilot.ts";
import { ChunkState } from "./chunks.ts";
import { restoreConfigEntry } from "./config-entry.ts";
import { restoreCaConfig, restoreCaProviderState, restoreCaRoot } from "./connect-ca.ts";
import { restoreCoordinates } from "./coordinate.ts";
import { restoreFederationState } from "./federation.ts";
import { restoreIntention } from "./intention.ts";
import { restoreKey, restoreTombstone } from "./kv.ts";
import { STREAM_CHUNK_BYTES, STREAM_RECORD_BYTES_MAX } from "./limits.ts";
import { restorePreparedQuery } from "./prepared-query.ts";
import { register } from "./registration.ts";
import { restoreSession } from "./session.ts";
import { lastIndexOf } from "./state-store.ts";
import { ACL_BOOTSTRAP_INDEX_KEY, keyOf, lower, Tables } from "./tables.ts";
import { type WriteContext, WriteTxn } from "./write-txn.ts";

const Header = struct("SnapshotHeader", { LastIndex: uint });
const IndexRecord = struct("IndexEntry", { Key: str, Value: uint });
const ACLBootstrap = struct("ACLBootstrap", { AllowBootstrap: bool, ...RaftIndex.fields });
const CoordinateBatch = list(ptr(Coordinate));

/** Record types. The numbers are those of the commands where there is one. */
export const RECORD = {
  register: 0,
  key: 2,
  session: 3,
  aclLegacy: 4,
  tombstone: 5,
  coordinates: 6,
  preparedQuery: 7,
  autopilot: 9,
  aclBootstrap: 11,
  intention: 12,
  caRoot: 13,
  caProviderState: 14,
  caConfig: 15,
  index: 16,
  token: 17,
  policy: 19,
  configEntry: 22,
  role: 23,
  bindingRule: 25,
  authMethod: 27,
  chunks: 29,
  federationState: 30,
} as const;

/** The stream is not one of the state; the old state stays. */
export class StateStreamError extends Error {
  override readonly name = "StateStreamError";
}

/** The chunks of the stream of frozen tables, made as they are asked for. */
export function* encodeState(tables: Tables, chunks: ChunkState): Generator<Uint8Array> {
  const w = new MsgpackWriter(2 * STREAM_CHUNK_BYTES);
  Header.encode(w, { LastIndex: lastIndexOf(tables) });
  for (const write of records(tables, chunks)) {
    write(w);
    if (w.length >= STREAM_CHUNK_BYTES) yield w.take();
  }
  if (w.length > 0) yield w.take();
}

type WriteRecord = (w: MsgpackWriter) => void;

function record<T>(type: number, body: Type<T>, value: T): WriteRecord {
  return (w) => {
    w.byte(type);
    body.encode(w, value);
  };
}

function* records(tables: Tables, chunks: ChunkState): Generator<WriteRecord> {
  yield* nodeRecords(tables);
  for (const row of tables.coordinates.rows.tree.values())
    yield record(RECORD.coordinates, CoordinateBatch, [row]);
  for (const row of tables.sessions.rows.tree.values()) yield record(RECORD.session, Session, row);
  for (const row of tables.tokens.rows.tree.values()) yield record(RECORD.token, ACLToken, row);
  for (const row of tables.policies.rows.tree.values()) yield record(RECORD.policy, ACLPolicy, row);
  for (const row of tables.roles.rows.tree.values()) yield record(RECORD.role, ACLRole, row);
  for (const row of tables.bindingRules.rows.tree.values())
    yield record(RECORD.bindingRule, ACLBindingRule, row);
  // All of them: Consul 1.8.7 writes only the first, and loses the others.
  for (const row of tables.authMethods.rows.tree.values())
    yield record(RECORD.authMethod, ACLAuthMethod, row);
  for (const row of tables.kvs.rows.tree.values()) yield record(RECORD.key, DirEntry, row);
  for (const row of tables.tombstones.rows.tree.values())
    yield record(RECORD.tombstone, DirEntry, DirEntry.make({ Key: row.Key, ModifyIndex: row.Index }));
  for (const row of tables.preparedQueries.rows.tree.values())
    yield record(RECORD.preparedQuery, PreparedQuery, row);
  for (const row of tables.autopilot.rows.tree.values()) yield record(RECORD.autopilot, AutopilotConfig, row);
  for (const row of tables.intentions.rows.tree.values()) yield record(RECORD.intention, Intention, row);
  for (const row of tables.caRoots.rows.tree.values()) yield record(RECORD.caRoot, CARoot, row);
  for (const row of tables.caProviderStates.rows.tree.values())
    yield record(RECORD.caProviderState, CAConsulProviderState, row);
  for (const row of tables.caConfig.rows.tree.values()) yield record(RECORD.caConfig, CAConfiguration, row);
  for (const row of tables.configEntries.rows.tree.values())
    yield record(RECORD.configEntry, ConfigEntryRequest, { Op: "", Datacenter: "", Token: "", Entry: row });
  for (const row of tables.federationStates.rows.tree.values())
    yield record(
      RECORD.federationState,
      FederationStateRequest,
      FederationStateRequest.make({ Op: "upsert", State: row }),
    );
  for (const row of tables.indexes.rows.tree.values()) yield record(RECORD.index, IndexRecord, row);
  yield record(RECORD.chunks, ChunkState, chunks);
}

function* nodeRecords(tables: Tables): Generator<WriteRecord> {
  for (const node of tables.nodes.rows.tree.values()) {
    const request = RegisterRequest.make({
      Datacenter: node.Datacenter,
      ID: node.ID,
      Node: node.Node,
      Address: node.Address,
      TaggedAddresses: node.TaggedAddresses,
      NodeMeta: node.Meta,
      CreateIndex: node.CreateIndex,
      ModifyIndex: node.ModifyIndex,
    });
    yield record(RECORD.register, RegisterRequest, request);
    const prefix = keyOf(lower(node.Node), "");
    for (const { Service } of tables.services.rows.tree.list(prefix))
      yield record(RECORD.register, RegisterRequest, { ...request, Service });
    // A check of a node that is spelled otherwise would not match the registration that carries it.
    for (const check of tables.checks.rows.tree.list(prefix))
      yield record(RECORD.register, RegisterRequest, {
        ...request,
        Check: check.Node === node.Node ? check : { ...check, Node: node.Node },
      });
  }
}

type Restore = (tx: WriteTxn, r: MsgpackReader) => void;
const reading =
  <T>(body: Type<T>, put: (tx: WriteTxn, value: T) => void): Restore =>
  (tx, r) =>
    put(tx, body.decode(r, 0));

/** Restoring has no side effects outside the tables. */
const noContext = { lockDelays: undefined as never, onTombstone: () => {} } satisfies WriteContext;

const restorers: ReadonlyMap<number, Restore> = new Map([
  [RECORD.register, reading(RegisterRequest, (tx, request) => register(tx, noContext, request, "preserve"))],
  [RECORD.key, reading(DirEntry, restoreKey)],
  [RECORD.session, reading(Session, restoreSession)],
  [RECORD.aclLegacy, reading(ACL, (tx, acl) => restoreToken(tx, tokenOfLegacy(acl)))],
  [RECORD.tombstone, reading(DirEntry, restoreTombstone)],
  [
    RECORD.coordinates,
    reading(CoordinateBatch, (tx, batch) =>
      restoreCoordinates(
        tx,
        (batch ?? []).filter((c) => c !== null),
      ),
    ),
  ],
  [RECORD.preparedQuery, reading(PreparedQuery, restorePreparedQuery)],
  [RECORD.autopilot, reading(AutopilotConfig, restoreAutopilotConfig)],
  [RECORD.aclBootstrap, reading(ACLBootstrap, (tx, b) => tx.bump(ACL_BOOTSTRAP_INDEX_KEY, b.ModifyIndex))],
  [RECORD.intention, reading(Intention, restoreIntention)],
  [RECORD.caRoot, reading(CARoot, restoreCaRoot)],
  [RECORD.caProviderState, reading(CAConsulProviderState, restoreCaProviderState)],
  [RECORD.caConfig, reading(CAConfiguration, restoreCaConfig)],
  [RECORD.index, reading(IndexRecord, (tx, row) => tx.put(tx.tables.indexes, row))],
  [RECORD.token, reading(ACLToken, restoreToken)],
  [RECORD.policy, reading(ACLPolicy, restorePolicy)],
  [RECORD.role, reading(ACLRole, restoreRole)],
  [RECORD.bindingRule, reading(ACLBindingRule, restoreBindingRule)],
  [RECORD.authMethod, reading(ACLAuthMethod, restoreAuthMethod)],
  [
    RECORD.configEntry,
    reading(ConfigEntryRequest, (tx, { Entry }) => {
      if (Entry !== null) restoreConfigEntry(tx, Entry);
    }),
  ],
  [
    RECORD.federationState,
    reading(FederationStateRequest, (tx, { State }) => {
      if (State !== null) restoreFederationState(tx, State);
    }),
  ],
]);

/** Builds tables from a stream. Rejects with {@link StateStreamError} at the first thing that is wrong. */
export async function decodeState(
  stream: AsyncIterable<Uint8Array>,
): Promise<{ readonly tables: Tables; readonly chunks: ChunkState }> {
  const tables = new Tables();
  let chunks = ChunkState.zero();
  let header: { readonly LastIndex: number } | undefined;
  let offset = 0;

  /** Reads what `buffer` holds; returns how many bytes were used. */
  const readAll = (buffer: Buffer, final: boolean): number => {
    let used = 0;
    while (used < buffer.length) {
      const r = new MsgpackReader(buffer, used);
      let type: number | undefined;
      try {
        if (header === undefined) header = Header.decode(r, 0);
        else {
          type = r.byte();
          if (type === RECORD.chunks) chunks = ChunkState.decode(r, 0);
          else {
            const restore = restorers.get(type);
            if (restore === undefined) throw new StateStreamError(`Unrecognized msg type ${type}`);
            restore(new WriteTxn(tables, header.LastIndex), r);
          }
        }
      } catch (error) {
        if (error instanceof MsgpackTruncatedError && !final) return used;
        const what = type === undefined ? "header" : `record of type ${type}`;
        const why = error instanceof Error ? error.message : String(error);
        throw new StateStreamError(`state stream: ${what} at byte ${offset + used}: ${why}`, {
          cause: error,
        });
      }
      used = r.pos;
    }
    return used;
  };

  let rest: Buffer = Buffer.alloc(0);
  let wanted = 0;
  for await (const chunk of stream) {
    rest =
      rest.length === 0
        ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
        : Buffer.concat([rest, chunk]);
    // A record that did not fit is tried again when there is twice as much of it, so that its cost stays linear.
    if (rest.length < wanted) continue;
    const used = readAll(rest, false);
    offset += used;
    rest = rest.subarray(used);
    wanted = used === 0 ? 2 * rest.length : 0;
    if (rest.length > STREAM_RECORD_BYTES_MAX)
      throw new StateStreamError(
        `state stream: record at byte ${offset} is larger than ${STREAM_RECORD_BYTES_MAX} bytes`,
      );
  }
  readAll(rest, true);
  if (header === undefined) throw new StateStreamError("state stream: empty");
  return { tables, chunks };
}
