/**
 * memberlist's messages: one type byte, then a MessagePack struct (binary for compound, CRC, encrypt and label, which
 * packet.ts and stream.ts handle). Field order here is the declaration order of the array form.
 *
 * Source: SWIM (Das, Gupta, Motivala 2002) for the roles; bytes observed in serf 0.9.4 and Consul 1.8.7.
 */
import { MsgpackReader } from "../../wire/msgpack.ts";
import { blob, bool, type Codec, decoding, encodeValue, int, record, text, u8, u16, u32 } from "../record.ts";

/** First byte of a packet or stream. Append only: the numbers are the protocol. */
export const MESSAGE = {
  ping: 0,
  indirectPing: 1,
  ackResp: 2,
  suspect: 3,
  alive: 4,
  dead: 5,
  pushPull: 6,
  compound: 7,
  user: 8,
  compress: 9,
  encrypt: 10,
  nackResp: 11,
  hasCrc: 12,
  err: 13,
  hasLabel: 244,
} as const;

/** State of a record as push/pull carries it. Append only. */
export const NODE_STATE = { alive: 0, suspect: 1, dead: 2, left: 3 } as const;

export interface Ping {
  readonly SeqNo: number;
  /** Name of the node that should answer; "" for whoever is there. */
  readonly Node: string;
  readonly SourceAddr: Buffer | null;
  readonly SourcePort: number;
  readonly SourceNode: string;
}
export const ping: Codec<Ping> = record(
  { SeqNo: u32, Node: text, SourceAddr: blob, SourcePort: u16, SourceNode: text },
  { optional: ["SourceAddr", "SourcePort", "SourceNode"] },
);

export interface IndirectPing {
  readonly SeqNo: number;
  readonly Target: Buffer | null;
  readonly Port: number;
  readonly Node: string;
  readonly Nack: boolean;
  readonly SourceAddr: Buffer | null;
  readonly SourcePort: number;
  readonly SourceNode: string;
}
export const indirectPing: Codec<IndirectPing> = record(
  {
    SeqNo: u32,
    Target: blob,
    Port: u16,
    Node: text,
    Nack: bool,
    SourceAddr: blob,
    SourcePort: u16,
    SourceNode: text,
  },
  { optional: ["SourceAddr", "SourcePort", "SourceNode"] },
);

export interface AckResp {
  readonly SeqNo: number;
  readonly Payload: Buffer | null;
}
export const ackResp: Codec<AckResp> = record({ SeqNo: u32, Payload: blob });

export interface NackResp {
  readonly SeqNo: number;
}
export const nackResp: Codec<NackResp> = record({ SeqNo: u32 });

export interface ErrResp {
  readonly Error: string;
}
export const errResp: Codec<ErrResp> = record({ Error: text });

/** An accusation (suspect) or a verdict (dead); dead with From = Node is a leave. */
export interface Claim {
  readonly Incarnation: number;
  readonly Node: string;
  readonly From: string;
}
export const claim: Codec<Claim> = record({ Incarnation: u32, Node: text, From: text });

export interface Alive {
  readonly Incarnation: number;
  readonly Node: string;
  readonly Addr: Buffer | null;
  readonly Port: number;
  readonly Meta: Buffer | null;
  /** pmin, pmax, pcur, dmin, dmax, dcur. */
  readonly Vsn: Buffer | null;
}
export const alive: Codec<Alive> = record({
  Incarnation: u32,
  Node: text,
  Addr: blob,
  Port: u16,
  Meta: blob,
  Vsn: blob,
});

export interface PushPullHeader {
  readonly Nodes: number;
  readonly UserStateLen: number;
  readonly Join: boolean;
}
export const pushPullHeader: Codec<PushPullHeader> = record({ Nodes: int, UserStateLen: int, Join: bool });

export interface PushPullNode {
  readonly Name: string;
  readonly Addr: Buffer | null;
  readonly Port: number;
  readonly Meta: Buffer | null;
  readonly Incarnation: number;
  readonly State: number;
  readonly Vsn: Buffer | null;
}
export const pushPullNode: Codec<PushPullNode> = record({
  Name: text,
  Addr: blob,
  Port: u16,
  Meta: blob,
  Incarnation: u32,
  State: int,
  Vsn: blob,
});

export interface UserHeader {
  readonly UserMsgLen: number;
}
export const userHeader: Codec<UserHeader> = record({ UserMsgLen: int });

export interface Compressed {
  readonly Algo: number;
  readonly Buf: Buffer | null;
}
export const compressed: Codec<Compressed> = record({ Algo: u8, Buf: blob });

/** A whole message: type byte and body. */
export const encodeMessage = <T>(type: number, codec: Codec<T>, body: T): Buffer =>
  encodeValue([type], codec, body);

/** The body of `message`, which starts with its type byte. Throws GossipDecodeError. */
export const decodeBody = <T>(what: string, codec: Codec<T>, message: Buffer): T =>
  decoding(what, () => codec.decode(new MsgpackReader(message, 1)));
