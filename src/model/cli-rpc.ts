/**
 * Messages of the command-line protocol (port 8400 of Consul 0.6), with those of serf's IPC that the same port takes.
 *
 * Each direction is a sequence of MessagePack values: header, then for some commands a body.
 *   request header = {Command, Seq, Token?}     response header = {Error, Seq}
 *
 * Shapes as Consul 0.6.4 and serf 0.9.4 encode them (observed).
 */
import { bin, text } from "../wire/msgpack-2013.ts";
import { bool, type Infer, int, list, map, struct, uint8, uint16, uint64 } from "../wire/schema.ts";
import { GossipCoordinate } from "./coordinate.ts";

/** The only version there is. */
export const CLI_RPC_VERSION = 1;

export const RequestHeader = struct("RequestHeader", { Command: text, Seq: uint64, Token: text });
export type RequestHeader = Infer<typeof RequestHeader>;
export const ResponseHeader = struct("ResponseHeader", { Error: text, Seq: uint64 });
export type ResponseHeader = Infer<typeof ResponseHeader>;

export const HandshakeRequest = struct("HandshakeRequest", { Version: int });
export const AuthRequest = struct("AuthRequest", { AuthKey: text });
/** `WAN` is Consul's, `Replay` serf's. */
export const JoinRequest = struct("JoinRequest", { Existing: list(text), WAN: bool, Replay: bool });
export const JoinResponse = struct("JoinResponse", { Num: int });
export const ForceLeaveRequest = struct("ForceLeaveRequest", { Node: text, Prune: bool });
export const MonitorRequest = struct("MonitorRequest", { LogLevel: text });
export const StopRequest = struct("StopRequest", { Stop: uint64 });
export const KeyRequest = struct("KeyRequest", { Key: text });

/** `Addr` is 4 or 16 bytes. */
export const Member = struct("Member", {
  Name: text,
  Addr: bin,
  Port: uint16,
  Tags: map(text),
  Status: text,
  ProtocolMin: uint8,
  ProtocolMax: uint8,
  ProtocolCur: uint8,
  DelegateMin: uint8,
  DelegateMax: uint8,
  DelegateCur: uint8,
});
export type Member = Infer<typeof Member>;
export const MembersResponse = struct("MembersResponse", { Members: list(Member) });

/** Group to key to value. */
export const StatsResponse = map(map(text));

export const LogRecord = struct("LogRecord", { Log: text });

export const KeyringEntry = struct("KeyringEntry", { Datacenter: text, Pool: text, Key: text, Count: int });
export const KeyringMessage = struct("KeyringMessage", {
  Datacenter: text,
  Pool: text,
  Node: text,
  Message: text,
});
export const KeyringInfo = struct("KeyringInfo", {
  Datacenter: text,
  Pool: text,
  NumNodes: int,
  Error: text,
});
export const KeyringBody = struct("KeyringBody", {
  Keys: list(KeyringEntry),
  Messages: list(KeyringMessage),
  Info: list(KeyringInfo),
});
export type KeyringBody = Infer<typeof KeyringBody>;

/** serf's: expressions must match the whole text. */
export const MembersFilteredRequest = struct("MembersFilteredRequest", {
  Tags: map(text),
  Status: text,
  Name: text,
});
export const EventRequest = struct("EventRequest", { Name: text, Payload: bin, Coalesce: bool });
export const StreamRequest = struct("StreamRequest", { Type: text });
export const MemberEventRecord = struct("MemberEventRecord", { Event: text, Members: list(Member) });
export const UserEventRecord = struct("UserEventRecord", {
  Event: text,
  LTime: uint64,
  Name: text,
  Payload: bin,
  Coalesce: bool,
});
export const CoordinateRequest = struct("CoordinateRequest", { Node: text });
export const CoordinateResponse = struct("CoordinateResponse", { Coord: GossipCoordinate, Ok: bool });
