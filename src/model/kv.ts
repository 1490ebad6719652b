/**
 * KV, sessions and transactions.
 * Shapes as Consul 1.8.7 encodes them (observed bytes); field order is that of its JSON.
 */
import { bytes, dur, field, type Infer, int, list, ptr, str, struct, uint, uint64 } from "../wire/schema.ts";
import { HealthCheck, Node, NodeService } from "./catalog.ts";
import { Intention } from "./connect.ts";
import { keptList } from "./kept-list.ts";
import { QueryMeta, QueryOptions, RaftIndex, WriteRequest } from "./query.ts";

export const DirEntry = struct("DirEntry", {
  LockIndex: uint,
  Key: str,
  Flags: uint64,
  Value: bytes,
  Session: field(str, { omitempty: true }),
  ...RaftIndex.fields,
});
export type DirEntry = Infer<typeof DirEntry>;

export const KVSRequest = struct("KVSRequest", {
  Datacenter: str,
  Op: str,
  DirEnt: DirEntry,
  ...WriteRequest.fields,
});
export type KVSRequest = Infer<typeof KVSRequest>;

export const KeyRequest = struct("KeyRequest", {
  Datacenter: str,
  Key: str,
  ...QueryOptions.fields,
});
export type KeyRequest = Infer<typeof KeyRequest>;

export const KeyListRequest = struct("KeyListRequest", {
  Datacenter: str,
  Prefix: str,
  Seperator: str,
  ...QueryOptions.fields,
});
export type KeyListRequest = Infer<typeof KeyListRequest>;

export const IndexedDirEntries = struct("IndexedDirEntries", {
  Entries: keptList(list(ptr(DirEntry))),
  ...QueryMeta.fields,
});
export type IndexedDirEntries = Infer<typeof IndexedDirEntries>;

export const IndexedKeyList = struct("IndexedKeyList", {
  Keys: keptList(list(str)),
  ...QueryMeta.fields,
});
export type IndexedKeyList = Infer<typeof IndexedKeyList>;

export const ServiceCheck = struct("ServiceCheck", {
  ID: str,
  Namespace: str,
});
export type ServiceCheck = Infer<typeof ServiceCheck>;

export const Session = struct("Session", {
  ID: str,
  Name: str,
  Node: str,
  LockDelay: dur,
  Behavior: str,
  TTL: str,
  NodeChecks: list(str),
  ServiceChecks: list(ServiceCheck),
  Checks: field(list(str), { omitempty: true }),
  ...RaftIndex.fields,
});
export type Session = Infer<typeof Session>;

export const SessionRequest = struct("SessionRequest", {
  Datacenter: str,
  Op: str,
  Session: Session,
  ...WriteRequest.fields,
});
export type SessionRequest = Infer<typeof SessionRequest>;

export const SessionSpecificRequest = struct("SessionSpecificRequest", {
  Datacenter: str,
  SessionID: str,
  Session: str,
  ...QueryOptions.fields,
});
export type SessionSpecificRequest = Infer<typeof SessionSpecificRequest>;

export const IndexedSessions = struct("IndexedSessions", {
  Sessions: list(ptr(Session)),
  ...QueryMeta.fields,
});
export type IndexedSessions = Infer<typeof IndexedSessions>;

export const TxnKVOp = struct("TxnKVOp", {
  Verb: str,
  DirEnt: DirEntry,
});
export type TxnKVOp = Infer<typeof TxnKVOp>;

export const TxnIntentionOp = struct("TxnIntentionOp", {
  Datacenter: str,
  Op: str,
  Intention: ptr(Intention),
  ...WriteRequest.fields,
});
export type TxnIntentionOp = Infer<typeof TxnIntentionOp>;

export const TxnNodeOp = struct("TxnNodeOp", {
  Verb: str,
  Node: Node,
});
export type TxnNodeOp = Infer<typeof TxnNodeOp>;

export const TxnServiceOp = struct("TxnServiceOp", {
  Verb: str,
  Node: str,
  Service: NodeService,
});
export type TxnServiceOp = Infer<typeof TxnServiceOp>;

export const TxnCheckOp = struct("TxnCheckOp", {
  Verb: str,
  Check: HealthCheck,
});
export type TxnCheckOp = Infer<typeof TxnCheckOp>;

export const TxnSessionOp = struct("TxnSessionOp", {
  Verb: str,
  Session: Session,
});
export type TxnSessionOp = Infer<typeof TxnSessionOp>;

export const TxnOp = struct("TxnOp", {
  KV: ptr(TxnKVOp),
  Intention: ptr(TxnIntentionOp),
  Node: ptr(TxnNodeOp),
  Service: ptr(TxnServiceOp),
  Check: ptr(TxnCheckOp),
  Session: ptr(TxnSessionOp),
});
export type TxnOp = Infer<typeof TxnOp>;

export const TxnRequest = struct("TxnRequest", {
  Datacenter: str,
  Ops: list(ptr(TxnOp)),
  ...WriteRequest.fields,
});
export type TxnRequest = Infer<typeof TxnRequest>;

export const TxnReadRequest = struct("TxnReadRequest", {
  Datacenter: str,
  Ops: list(ptr(TxnOp)),
  ...QueryOptions.fields,
});
export type TxnReadRequest = Infer<typeof TxnReadRequest>;

export const TxnResult = struct("TxnResult", {
  KV: field(ptr(DirEntry), { omitempty: true }),
  Node: field(ptr(Node), { omitempty: true }),
  Service: field(ptr(NodeService), { omitempty: true }),
  Check: field(ptr(HealthCheck), { omitempty: true }),
});
export type TxnResult = Infer<typeof TxnResult>;

export const TxnError = struct("TxnError", {
  OpIndex: int,
  What: str,
});
export type TxnError = Infer<typeof TxnError>;

export const TxnResponse = struct("TxnResponse", {
  Results: list(ptr(TxnResult)),
  Errors: list(ptr(TxnError)),
});
export type TxnResponse = Infer<typeof TxnResponse>;

export const TxnReadResponse = struct("TxnReadResponse", {
  Results: list(ptr(TxnResult)),
  Errors: list(ptr(TxnError)),
  ...QueryMeta.fields,
});
export type TxnReadResponse = Infer<typeof TxnReadResponse>;
