/**
 * Prepared queries.
 * Shapes as Consul 1.8.7 encodes them (observed bytes); field order is that of its JSON.
 */
import { bool, type Infer, int, list, map, ptr, str, struct } from "../wire/schema.ts";
import { CheckServiceNode } from "./catalog.ts";
import { QueryMeta, QueryOptions, QuerySource, RaftIndex, WriteRequest } from "./query.ts";

export const QueryTemplateOptions = struct("QueryTemplateOptions", {
  Type: str,
  Regexp: str,
  RemoveEmptyTags: bool,
});
export type QueryTemplateOptions = Infer<typeof QueryTemplateOptions>;

export const QueryDatacenterOptions = struct("QueryDatacenterOptions", {
  NearestN: int,
  Datacenters: list(str),
});
export type QueryDatacenterOptions = Infer<typeof QueryDatacenterOptions>;

export const ServiceQuery = struct("ServiceQuery", {
  Service: str,
  Failover: QueryDatacenterOptions,
  OnlyPassing: bool,
  IgnoreCheckIDs: list(str),
  Near: str,
  Tags: list(str),
  NodeMeta: map(str),
  ServiceMeta: map(str),
  Connect: bool,
});
export type ServiceQuery = Infer<typeof ServiceQuery>;

export const QueryDNSOptions = struct("QueryDNSOptions", {
  TTL: str,
});
export type QueryDNSOptions = Infer<typeof QueryDNSOptions>;

export const PreparedQuery = struct("PreparedQuery", {
  ID: str,
  Name: str,
  Session: str,
  Token: str,
  Template: QueryTemplateOptions,
  Service: ServiceQuery,
  DNS: QueryDNSOptions,
  ...RaftIndex.fields,
});
export type PreparedQuery = Infer<typeof PreparedQuery>;

export const PreparedQueryRequest = struct("PreparedQueryRequest", {
  Datacenter: str,
  Op: str,
  Query: ptr(PreparedQuery),
  ...WriteRequest.fields,
});
export type PreparedQueryRequest = Infer<typeof PreparedQueryRequest>;

export const PreparedQuerySpecificRequest = struct("PreparedQuerySpecificRequest", {
  Datacenter: str,
  QueryID: str,
  ...QueryOptions.fields,
});
export type PreparedQuerySpecificRequest = Infer<typeof PreparedQuerySpecificRequest>;

export const IndexedPreparedQueries = struct("IndexedPreparedQueries", {
  Queries: list(ptr(PreparedQuery)),
  ...QueryMeta.fields,
});
export type IndexedPreparedQueries = Infer<typeof IndexedPreparedQueries>;

export const PreparedQueryExecuteRequest = struct("PreparedQueryExecuteRequest", {
  Datacenter: str,
  QueryIDOrName: str,
  Limit: int,
  Connect: bool,
  Source: QuerySource,
  Agent: QuerySource,
  ...QueryOptions.fields,
});
export type PreparedQueryExecuteRequest = Infer<typeof PreparedQueryExecuteRequest>;

export const PreparedQueryExecuteRemoteRequest = struct("PreparedQueryExecuteRemoteRequest", {
  Datacenter: str,
  Query: PreparedQuery,
  Limit: int,
  Connect: bool,
  ...QueryOptions.fields,
});
export type PreparedQueryExecuteRemoteRequest = Infer<typeof PreparedQueryExecuteRemoteRequest>;

export const PreparedQueryExecuteResponse = struct("PreparedQueryExecuteResponse", {
  Service: str,
  Nodes: list(CheckServiceNode),
  DNS: QueryDNSOptions,
  Datacenter: str,
  Failovers: int,
  ...QueryMeta.fields,
});
export type PreparedQueryExecuteResponse = Infer<typeof PreparedQueryExecuteResponse>;

export const PreparedQueryExplainResponse = struct("PreparedQueryExplainResponse", {
  Query: PreparedQuery,
  ...QueryMeta.fields,
});
export type PreparedQueryExplainResponse = Infer<typeof PreparedQueryExplainResponse>;
