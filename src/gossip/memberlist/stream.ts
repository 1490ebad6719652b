/**
 * Messages on TCP. One exchange a connection: the dialer's message, then the acceptor's answer.
 *
 *   stream  = [ f4 | length u8 | label ]  (dialer only, once)  frame
 *   frame   = message | 09 msgpack {Algo, Buf} | 0a | length u32 | encrypted payload
 *   message = 00 ping | 02 ackResp | 06 push/pull | 08 msgpack {UserMsgLen} raw | 0d err
 *   06      = msgpack {Join, Nodes, UserStateLen} | Nodes x msgpack node | UserStateLen raw bytes
 *
 * Nothing marks the end but the counts inside. Additional data of an encrypted frame: its 5 head bytes, then the label,
 * also where the label is not on the wire. Source: observed in serf 0.9.4, Consul 1.8.7 and current memberlist.
 */

import type { Random } from "../../ports/random.ts";
import { MsgpackReader, MsgpackTruncatedError, MsgpackWriter } from "../../wire/msgpack.ts";
import { GossipDecodeError } from "../errors.ts";
import {
  PUSH_PULL_NODES_MAX,
  STREAM_BYTES_MAX,
  STREAM_INFLATED_BYTES_MAX,
  STREAM_PART_BYTES_MAX,
} from "../limits.ts";
import { decodeValue, decoding, encodeValue } from "../record.ts";
import {
  type AckResp,
  ackResp,
  type ErrResp,
  errResp,
  MESSAGE,
  type Ping,
  type PushPullNode,
  ping,
  pushPullHeader,
  pushPullNode,
  userHeader,
} from "./messages.ts";
import {
  checkLabel,
  decodeCompressed,
  encodeCompressed,
  encodeLabel,
  encrypts,
  splitLabel,
  type WireOptions,
} from "./packet.ts";
import { decryptPayload, ENCRYPTION_OVERHEAD, encryptPayload } from "./security.ts";

const FRAME_HEAD = 5;

/** Original texts for a stream that is encrypted on one side only; the acceptor sends them back as an err message. */
export const REMOTE_ENCRYPTED = "Remote state is encrypted and encryption is not configured";
export const REMOTE_PLAIN = "Encryption is configured but remote state is not encrypted";

export interface PushPull {
  readonly join: boolean;
  readonly nodes: readonly PushPullNode[];
  readonly userState: Buffer;
}

export type StreamMessage =
  | { readonly kind: "ping"; readonly body: Ping }
  | { readonly kind: "ack"; readonly body: AckResp }
  | { readonly kind: "push-pull"; readonly body: PushPull }
  | { readonly kind: "user"; readonly body: Buffer }
  | { readonly kind: "err"; readonly body: ErrResp };

/** A push/pull message without its layers. */
export function encodePushPull(state: PushPull): Buffer {
  const w = new MsgpackWriter(512 + state.nodes.length * 160 + state.userState.length);
  w.byte(MESSAGE.pushPull);
  pushPullHeader.encode(w, {
    Nodes: state.nodes.length,
    UserStateLen: state.userState.length,
    Join: state.join,
  });
  for (const n of state.nodes) pushPullNode.encode(w, n);
  w.raw(state.userState);
  return w.finish();
}

/** A user message on a stream, without its layers. */
export const encodeStreamUser = (raw: Buffer): Buffer =>
  Buffer.concat([encodeValue([MESSAGE.user], userHeader, { UserMsgLen: raw.length }), raw]);

/** What goes onto the stream for `message`. Only the dialer writes the label. */
export function encodeStream(
  message: Buffer,
  side: "dialer" | "acceptor",
  wire: WireOptions,
  random: Random,
): Buffer {
  let out = wire.compress ? encodeCompressed(message) : message;
  if (encrypts(wire)) {
    const head = Buffer.alloc(FRAME_HEAD);
    head[0] = MESSAGE.encrypt;
    const pad = wire.encryptionVersion === 0 ? 16 - (out.length % 16) : 0;
    head.writeUInt32BE(ENCRYPTION_OVERHEAD.v1 + out.length + pad, 1);
    const aad = wire.label.length > 0 ? Buffer.concat([head, wire.label]) : head;
    out = Buffer.concat([
      head,
      encryptPayload(wire.encryptionVersion, wire.keyring.primary!, out, aad, random),
    ]);
  }
  if (side === "dialer" && wire.label.length > 0) out = Buffer.concat([encodeLabel(wire.label), out]);
  return out;
}

/**
 * The message that `bytes`, all that was read so far, holds; undefined while it is incomplete. `side` is the reader's.
 * Throws {@link GossipDecodeError}: nothing that may still arrive can make it good.
 */
export function decodeStream(
  bytes: Buffer,
  side: "dialer" | "acceptor",
  wire: WireOptions,
): StreamMessage | undefined {
  if (bytes.length > STREAM_BYTES_MAX)
    throw new GossipDecodeError("too-large", `stream message is larger than ${STREAM_BYTES_MAX} bytes`);
  let rest = bytes;
  if (side === "acceptor") {
    if (bytes.length === 0) return undefined;
    if (bytes[0] === MESSAGE.hasLabel && (bytes.length < 2 || bytes.length < 2 + bytes[1]!)) return undefined;
    const split = splitLabel(bytes);
    checkLabel(split.label, wire);
    rest = split.rest;
  }
  if (rest.length === 0) return undefined;
  if (rest[0] === MESSAGE.encrypt) {
    if (rest.length < FRAME_HEAD) return undefined;
    const length = rest.readUInt32BE(1);
    if (length > STREAM_PART_BYTES_MAX)
      throw new GossipDecodeError(
        "too-large",
        `encrypted frame of ${length} bytes, most is ${STREAM_PART_BYTES_MAX}`,
      );
    if (wire.keyring.primary === undefined) throw new GossipDecodeError("not-configured", REMOTE_ENCRYPTED);
    if (rest.length < FRAME_HEAD + length) return undefined;
    const head = rest.subarray(0, FRAME_HEAD);
    const aad = wire.label.length > 0 ? Buffer.concat([head, wire.label]) : head;
    const plain = decryptPayload(wire.keyring.keys, rest.subarray(FRAME_HEAD, FRAME_HEAD + length), aad);
    return whole(decodeLayers(plain));
  }
  if (wire.keyring.primary !== undefined && wire.verifyIncoming)
    throw new GossipDecodeError("not-encrypted", REMOTE_PLAIN);
  return decodeLayers(rest);
}

/** Inside a frame or a compressed value all bytes are there: what is incomplete stays so. */
function whole(message: StreamMessage | undefined): StreamMessage {
  if (message === undefined) throw new GossipDecodeError("truncated", "stream message ends inside a value");
  return message;
}

function decodeLayers(bytes: Buffer): StreamMessage | undefined {
  if (bytes[0] !== MESSAGE.compress) return decodeMessage(bytes);
  // Whether the value is complete shows without copying it.
  try {
    new MsgpackReader(bytes, 1).skip();
  } catch (error) {
    if (error instanceof MsgpackTruncatedError) return undefined;
    return decoding("compress", () => {
      throw error;
    });
  }
  return whole(decodeMessage(decodeCompressed(bytes, STREAM_INFLATED_BYTES_MAX)));
}

function decodeMessage(bytes: Buffer): StreamMessage | undefined {
  const type = bytes[0];
  if (type === undefined) return undefined;
  try {
    switch (type) {
      case MESSAGE.ping:
        return { kind: "ping", body: decodeValue("ping", ping, bytes, 1) };
      case MESSAGE.ackResp:
        return { kind: "ack", body: decodeValue("ackResp", ackResp, bytes, 1) };
      case MESSAGE.err:
        return { kind: "err", body: decodeValue("err", errResp, bytes, 1) };
      case MESSAGE.user:
        return decodeStreamUser(bytes);
      case MESSAGE.pushPull:
        return decodePushPull(bytes);
    }
  } catch (error) {
    if (error instanceof GossipDecodeError && error.code === "truncated") return undefined;
    throw error;
  }
  throw new GossipDecodeError("unknown-type", `message type ${type} is not one for streams`);
}

function decodeStreamUser(bytes: Buffer): StreamMessage | undefined {
  return decoding("user", () => {
    const r = new MsgpackReader(bytes, 1);
    const { UserMsgLen: n } = userHeader.decode(r);
    if (n < 0 || n > STREAM_PART_BYTES_MAX)
      throw new GossipDecodeError(
        "too-large",
        `user message of ${n} bytes, most is ${STREAM_PART_BYTES_MAX}`,
      );
    if (r.remaining < n) return undefined;
    return { kind: "user", body: r.raw(n) };
  });
}

function decodePushPull(bytes: Buffer): StreamMessage | undefined {
  return decoding("push/pull", () => {
    const r = new MsgpackReader(bytes, 1);
    const head = pushPullHeader.decode(r);
    if (head.Nodes < 0 || head.Nodes > PUSH_PULL_NODES_MAX)
      throw new GossipDecodeError(
        "too-large",
        `push/pull of ${head.Nodes} nodes, most is ${PUSH_PULL_NODES_MAX}`,
      );
    if (head.UserStateLen < 0 || head.UserStateLen > STREAM_PART_BYTES_MAX)
      throw new GossipDecodeError(
        "too-large",
        `push/pull with ${head.UserStateLen} bytes of user state, most is ${STREAM_PART_BYTES_MAX}`,
      );
    // Skipping is cheap; values are built only once all bytes are there.
    const start = r.pos;
    for (let i = 0; i < head.Nodes; i++) r.skip();
    if (r.remaining < head.UserStateLen) return undefined;
    r.pos = start;
    const nodes: PushPullNode[] = [];
    for (let i = 0; i < head.Nodes; i++) nodes.push(pushPullNode.decode(r));
    return { kind: "push-pull", body: { join: head.Join, nodes, userState: r.raw(head.UserStateLen) } };
  });
}
