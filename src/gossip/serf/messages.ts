/**
 * serf's messages: carried as memberlist user messages, `type u8 | msgpack struct`.
 *
 *   filter = 00 msgpack [node names] | 01 msgpack {Tag, Expr}
 *   relay  = 09 msgpack {DestAddr {IP, Port, Zone}, DestName} | type u8 | msgpack body
 *
 * Source: observed in serf 0.9.4 and Consul 1.8.7.
 */
import { MsgpackReader } from "../../wire/msgpack.ts";
import {
  blob,
  bool,
  type Codec,
  decoding,
  encodeValue,
  int,
  list,
  ltime,
  nanoseconds,
  nullable,
  record,
  text,
  textMap,
  u8,
  u16,
  u32,
} from "../record.ts";

/** Append only: the numbers are the protocol. */
export const SERF_MESSAGE = {
  leave: 0,
  join: 1,
  pushPull: 2,
  userEvent: 3,
  query: 4,
  queryResponse: 5,
  conflictResponse: 6,
  keyRequest: 7,
  keyResponse: 8,
  relay: 9,
} as const;

/** Bits of a query's and a response's Flags. */
export const QUERY_FLAG = { ack: 1, noBroadcast: 2 } as const;
export const FILTER = { node: 0, tag: 1 } as const;

export interface LeaveIntent {
  readonly LTime: number;
  readonly Node: string;
  readonly Prune: boolean;
}
export const leaveIntent: Codec<LeaveIntent> = record({ LTime: ltime, Node: text, Prune: bool });

export interface JoinIntent {
  readonly LTime: number;
  readonly Node: string;
}
export const joinIntent: Codec<JoinIntent> = record({ LTime: ltime, Node: text });

export interface PastEvent {
  readonly Name: string;
  readonly Payload: Buffer | null;
}
export interface PastEvents {
  readonly LTime: number;
  readonly Events: readonly PastEvent[] | null;
}
const pastEvents: Codec<PastEvents> = record({
  LTime: ltime,
  Events: list(record({ Name: text, Payload: blob })),
});

export interface SerfState {
  readonly LTime: number;
  readonly StatusLTimes: ReadonlyMap<string, number> | null;
  readonly LeftMembers: readonly string[] | null;
  readonly EventLTime: number;
  readonly Events: readonly (PastEvents | null)[] | null;
  readonly QueryLTime: number;
}
export const serfState: Codec<SerfState> = record({
  LTime: ltime,
  StatusLTimes: textMap(ltime),
  LeftMembers: list(text),
  EventLTime: ltime,
  Events: list(nullable(pastEvents)),
  QueryLTime: ltime,
});

export interface UserEventMessage {
  readonly LTime: number;
  readonly Name: string;
  readonly Payload: Buffer | null;
  /** May be coalesced. */
  readonly CC: boolean;
}
export const userEvent: Codec<UserEventMessage> = record({
  LTime: ltime,
  Name: text,
  Payload: blob,
  CC: bool,
});

export interface QueryMessage {
  readonly LTime: number;
  readonly ID: number;
  readonly Addr: Buffer | null;
  readonly Port: number;
  readonly SourceNode: string;
  readonly Filters: readonly (Buffer | null)[] | null;
  readonly Flags: number;
  readonly RelayFactor: number;
  /** Nanoseconds. */
  readonly Timeout: bigint;
  readonly Name: string;
  readonly Payload: Buffer | null;
}
export const query: Codec<QueryMessage> = record({
  LTime: ltime,
  ID: u32,
  Addr: blob,
  Port: u16,
  SourceNode: text,
  Filters: list(blob),
  Flags: u32,
  RelayFactor: u8,
  Timeout: nanoseconds,
  Name: text,
  Payload: blob,
});

export interface QueryResponse {
  readonly LTime: number;
  readonly ID: number;
  readonly From: string;
  readonly Flags: number;
  readonly Payload: Buffer | null;
}
export const queryResponse: Codec<QueryResponse> = record({
  LTime: ltime,
  ID: u32,
  From: text,
  Flags: u32,
  Payload: blob,
});

export interface WireMember {
  readonly Name: string;
  readonly Addr: Buffer | null;
  readonly Port: number;
  readonly Tags: ReadonlyMap<string, string> | null;
  readonly Status: number;
  readonly ProtocolMin: number;
  readonly ProtocolMax: number;
  readonly ProtocolCur: number;
  readonly DelegateMin: number;
  readonly DelegateMax: number;
  readonly DelegateCur: number;
}
/** Payload of the answer to a conflict query; null for a name nobody knows. */
export const conflictResponse: Codec<WireMember | null> = nullable(
  record({
    Name: text,
    Addr: blob,
    Port: u16,
    Tags: textMap(text),
    Status: int,
    ProtocolMin: u8,
    ProtocolMax: u8,
    ProtocolCur: u8,
    DelegateMin: u8,
    DelegateMax: u8,
    DelegateCur: u8,
  }),
);

export interface KeyRequest {
  readonly Key: Buffer | null;
}
export const keyRequest: Codec<KeyRequest> = record({ Key: blob });

export interface KeyAnswer {
  readonly Result: boolean;
  readonly Message: string;
  readonly Keys: readonly string[] | null;
  readonly PrimaryKey: string;
}
export const keyAnswer: Codec<KeyAnswer> = record({
  Result: bool,
  Message: text,
  Keys: list(text),
  PrimaryKey: text,
});

export interface RelayHeader {
  readonly DestAddr: { readonly IP: Buffer | null; readonly Port: number; readonly Zone: string };
  readonly DestName: string;
}
const relayHeader: Codec<RelayHeader> = record({
  DestAddr: record({ IP: blob, Port: int, Zone: text }),
  DestName: text,
});

export interface TagFilter {
  readonly Tag: string;
  readonly Expr: string;
}
const tagFilter: Codec<TagFilter> = record({ Tag: text, Expr: text });
const nodeFilter = list(text);

export const encodeSerf = <T>(type: number, codec: Codec<T>, body: T): Buffer =>
  encodeValue([type], codec, body);

/** The body of a serf message, which starts with its type byte. Throws GossipDecodeError. */
export const decodeSerf = <T>(what: string, codec: Codec<T>, message: Buffer): T =>
  decoding(what, () => codec.decode(new MsgpackReader(message, 1)));

export const encodeNodeFilter = (names: readonly string[]): Buffer =>
  encodeValue([FILTER.node], nodeFilter, names);
export const encodeTagFilter = (f: TagFilter): Buffer => encodeValue([FILTER.tag], tagFilter, f);

export type QueryFilter =
  | { readonly kind: "node"; readonly names: readonly string[] }
  | { readonly kind: "tag"; readonly tag: string; readonly expr: string };

/** A filter's content; undefined for a kind that is not known. Throws GossipDecodeError. */
export function decodeFilter(bytes: Buffer): QueryFilter | undefined {
  switch (bytes[0]) {
    case FILTER.node:
      return { kind: "node", names: decodeSerf("node filter", nodeFilter, bytes) ?? [] };
    case FILTER.tag: {
      const f = decodeSerf("tag filter", tagFilter, bytes);
      return { kind: "tag", tag: f.Tag, expr: f.Expr };
    }
  }
  return undefined;
}

/** `inner` (a whole serf message) on its way over a third node. */
export const encodeRelay = (header: RelayHeader, inner: Buffer): Buffer =>
  Buffer.concat([encodeSerf(SERF_MESSAGE.relay, relayHeader, header), inner]);

export function decodeRelay(message: Buffer): { readonly header: RelayHeader; readonly inner: Buffer } {
  return decoding("relay", () => {
    const r = new MsgpackReader(message, 1);
    const header = relayHeader.decode(r);
    return { header, inner: message.subarray(r.pos) };
  });
}
