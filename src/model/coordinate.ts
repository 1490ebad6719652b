/**
 * Network coordinates, user events and keyring operations.
 * Shapes as Consul 1.8.7 encodes them (observed bytes); field order is that of its JSON.
 */
import {
  bool,
  bytes,
  f64,
  field,
  type Infer,
  int,
  list,
  map,
  ptr,
  str,
  struct,
  uint8,
} from "../wire/schema.ts";
import { QueryMeta, QueryOptions, WriteRequest } from "./query.ts";

export const GossipCoordinate = struct("GossipCoordinate", {
  Vec: list(f64),
  Error: f64,
  Adjustment: f64,
  Height: f64,
});
export type GossipCoordinate = Infer<typeof GossipCoordinate>;

export const CoordinateUpdateRequest = struct("CoordinateUpdateRequest", {
  Datacenter: str,
  Node: str,
  Segment: str,
  Coord: ptr(GossipCoordinate),
  ...WriteRequest.fields,
});
export type CoordinateUpdateRequest = Infer<typeof CoordinateUpdateRequest>;

export const Coordinate = struct("Coordinate", {
  Node: str,
  Segment: str,
  Coord: ptr(GossipCoordinate),
});
export type Coordinate = Infer<typeof Coordinate>;

export const IndexedCoordinates = struct("IndexedCoordinates", {
  Coordinates: list(ptr(Coordinate)),
  ...QueryMeta.fields,
});
export type IndexedCoordinates = Infer<typeof IndexedCoordinates>;

export const DatacenterMap = struct("DatacenterMap", {
  Datacenter: str,
  AreaID: str,
  Coordinates: list(ptr(Coordinate)),
});
export type DatacenterMap = Infer<typeof DatacenterMap>;

export const EventFireRequest = struct("EventFireRequest", {
  Datacenter: str,
  Name: str,
  Payload: bytes,
  ...QueryOptions.fields,
});
export type EventFireRequest = Infer<typeof EventFireRequest>;

export const EventFireResponse = struct("EventFireResponse", {
  ...QueryMeta.fields,
});
export type EventFireResponse = Infer<typeof EventFireResponse>;

export const KeyringRequest = struct("KeyringRequest", {
  Operation: str,
  Key: str,
  Datacenter: str,
  Forwarded: bool,
  RelayFactor: uint8,
  LocalOnly: bool,
  ...QueryOptions.fields,
});
export type KeyringRequest = Infer<typeof KeyringRequest>;

export const KeyringResponse = struct("KeyringResponse", {
  WAN: bool,
  Datacenter: str,
  Segment: str,
  Messages: field(map(str), { omitempty: true }),
  Keys: map(int),
  PrimaryKeys: map(int),
  NumNodes: int,
  Error: field(str, { omitempty: true }),
});
export type KeyringResponse = Infer<typeof KeyringResponse>;

export const KeyringResponses = struct("KeyringResponses", {
  Responses: list(ptr(KeyringResponse)),
  ...QueryMeta.fields,
});
export type KeyringResponses = Infer<typeof KeyringResponses>;
