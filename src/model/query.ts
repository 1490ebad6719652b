/**
 * What every request and reply carries: query options, write requests, query metadata, raft indexes.
 * Shapes as Consul 1.8.7 encodes them (observed bytes); field order is that of its JSON.
 */
import { bool, dur, type Infer, indexBound, str, struct, uint } from "../wire/schema.ts";

export const RaftIndex = struct("RaftIndex", {
  CreateIndex: uint,
  ModifyIndex: uint,
});
export type RaftIndex = Infer<typeof RaftIndex>;

export const QueryOptions = struct("QueryOptions", {
  Token: str,
  MinQueryIndex: indexBound,
  MaxQueryTime: dur,
  AllowStale: bool,
  RequireConsistent: bool,
  UseCache: bool,
  MaxStaleDuration: dur,
  MaxAge: dur,
  MustRevalidate: bool,
  StaleIfError: dur,
  Filter: str,
});
export type QueryOptions = Infer<typeof QueryOptions>;

export const WriteRequest = struct("WriteRequest", {
  Token: str,
});
export type WriteRequest = Infer<typeof WriteRequest>;

export const QueryMeta = struct("QueryMeta", {
  Index: uint,
  LastContact: dur,
  KnownLeader: bool,
  ConsistencyLevel: str,
});
export type QueryMeta = Infer<typeof QueryMeta>;

export const QuerySource = struct("QuerySource", {
  Datacenter: str,
  Segment: str,
  Node: str,
  Ip: str,
});
export type QuerySource = Infer<typeof QuerySource>;
