/**
 * Layers of a datagram.
 *
 *   datagram  = [ f4 | length u8 | label ] body
 *   body      = message, or when encrypting: version u8 | nonce 12 | ciphertext | tag 16
 *   message   = 0c | crc32 u32 | message                        (outermost only)
 *             | 09 | msgpack {Algo 0, Buf lzw}                   (holds a message)
 *             | 07 | count u8 | count x length u16 | count x message
 *             | type u8 | body
 *
 * Source: observed in serf 0.9.4, Consul 1.8.7 and current memberlist.
 */
import { crc32 } from "node:zlib";
import type { Random } from "../../ports/random.ts";
import { LzwError, lzwDecode, lzwEncode } from "../../wire/lzw.ts";
import { GossipDecodeError } from "../errors.ts";
import { COMPOUND_PARTS_MAX, LABEL_BYTES_MAX, LAYERS_MAX, PACKET_INFLATED_BYTES_MAX } from "../limits.ts";
import { compressed, decodeBody, encodeMessage, MESSAGE } from "./messages.ts";
import {
  decryptPayload,
  ENCRYPTION_OVERHEAD,
  type EncryptionVersion,
  encryptPayload,
  type Keyring,
} from "./security.ts";

/** How packets and streams of a pool are wrapped. */
export interface WireOptions {
  /** Tried in order to decrypt; the first encrypts. Empty: no encryption. */
  readonly keyring: Keyring;
  /** Refuse plain traffic when there are keys. */
  readonly verifyIncoming: boolean;
  /** Encrypt when there are keys. */
  readonly verifyOutgoing: boolean;
  readonly encryptionVersion: EncryptionVersion;
  readonly compress: boolean;
  /** Bytes before everything else that tell one pool from another; empty for none. */
  readonly label: Buffer;
}

const NO_BYTES = Buffer.alloc(0);
const COMPOUND_HEAD = 2;
const PART_HEAD = 2;

export const encrypts = (wire: WireOptions): boolean =>
  wire.verifyOutgoing && wire.keyring.primary !== undefined;

/** Bytes that label and encryption add to a packet. */
export function wireOverhead(wire: WireOptions): number {
  const label = wire.label.length > 0 ? 2 + wire.label.length : 0;
  if (!encrypts(wire)) return label;
  return label + (wire.encryptionVersion === 0 ? ENCRYPTION_OVERHEAD.v0 : ENCRYPTION_OVERHEAD.v1);
}

/** One compound message of at most 127 parts. */
export function encodeCompound(parts: readonly Buffer[]): Buffer {
  if (parts.length > COMPOUND_PARTS_MAX) throw new RangeError(`compound of ${parts.length} parts`);
  let size = COMPOUND_HEAD;
  for (const p of parts) size += PART_HEAD + p.length;
  const out = Buffer.allocUnsafe(size);
  out[0] = MESSAGE.compound;
  out[1] = parts.length;
  let head = COMPOUND_HEAD;
  let at = COMPOUND_HEAD + PART_HEAD * parts.length;
  for (const p of parts) {
    head = out.writeUInt16BE(p.length, head);
    p.copy(out, at);
    at += p.length;
  }
  return out;
}

/** A compress message holding `message`, whatever its size. */
export const encodeCompressed = (message: Buffer): Buffer =>
  encodeMessage(MESSAGE.compress, compressed, { Algo: 0, Buf: lzwEncode(message) });

/** `0c | crc | message`. */
export function encodeCrc(message: Buffer): Buffer {
  const out = Buffer.allocUnsafe(5 + message.length);
  out[0] = MESSAGE.hasCrc;
  out.writeUInt32BE(crc32(message), 1);
  message.copy(out, 5);
  return out;
}

export const encodeLabel = (label: Buffer): Buffer =>
  Buffer.concat([Buffer.from([MESSAGE.hasLabel, label.length]), label]);

/** Datagrams that carry `parts`: one, unless there are more parts than a compound may have. */
export function encodePackets(
  parts: readonly Buffer[],
  options: { readonly crc: boolean },
  wire: WireOptions,
  random: Random,
): readonly Buffer[] {
  if (parts.length > COMPOUND_PARTS_MAX) {
    const out: Buffer[] = [];
    for (let i = 0; i < parts.length; i += COMPOUND_PARTS_MAX)
      out.push(...encodePackets(parts.slice(i, i + COMPOUND_PARTS_MAX), options, wire, random));
    return out;
  }
  let packet = parts.length === 1 ? parts[0]! : encodeCompound(parts);
  if (wire.compress) {
    const smaller = encodeCompressed(packet);
    if (smaller.length < packet.length) packet = smaller;
  }
  if (options.crc) packet = encodeCrc(packet);
  if (encrypts(wire))
    packet = encryptPayload(wire.encryptionVersion, wire.keyring.primary!, packet, wire.label, random);
  if (wire.label.length > 0) packet = Buffer.concat([encodeLabel(wire.label), packet]);
  return [packet];
}

/** Splits a leading label off. Throws when the header is cut. */
export function splitLabel(bytes: Buffer): { readonly label: Buffer; readonly rest: Buffer } {
  if (bytes[0] !== MESSAGE.hasLabel) return { label: NO_BYTES, rest: bytes };
  const n = bytes[1];
  if (n === undefined || bytes.length < 2 + n)
    throw new GossipDecodeError("truncated", "label header is cut");
  if (n === 0 || n > LABEL_BYTES_MAX) throw new GossipDecodeError("label", "label header holds no label");
  return { label: bytes.subarray(2, 2 + n), rest: bytes.subarray(2 + n) };
}

export function checkLabel(found: Buffer, wire: WireOptions): void {
  if (!found.equals(wire.label))
    throw new GossipDecodeError(
      "label",
      `label "${found.toString()}" is not this pool's "${wire.label.toString()}"`,
    );
}

/** The message inside a compress message. `budget` is the most it may inflate to, bytes. */
export function decodeCompressed(message: Buffer, budget: number): Buffer {
  const c = decodeBody("compress", compressed, message);
  if (c.Algo !== 0)
    throw new GossipDecodeError("unknown-compression", `compression algorithm ${c.Algo} is not known`);
  try {
    return lzwDecode(c.Buf ?? NO_BYTES, budget);
  } catch (error) {
    if (!(error instanceof LzwError)) throw error;
    throw new GossipDecodeError(error.code === "too-large" ? "too-large" : "compression", error.message, {
      cause: error,
    });
  }
}

/** Told each message of a packet, in order: its bytes from the type byte on (a view of the packet or of what it inflated to). */
export type MessageSink = (message: Buffer) => void;

/**
 * Takes a datagram apart. Throws {@link GossipDecodeError} when a layer is bad; messages before a cut compound's cut have
 * been delivered then.
 */
export function decodePacket(datagram: Buffer, wire: WireOptions, sink: MessageSink): void {
  const { label, rest } = splitLabel(datagram);
  checkLabel(label, wire);
  let packet = rest;
  if (wire.keyring.primary !== undefined) {
    try {
      packet = decryptPayload(wire.keyring.keys, rest, wire.label);
    } catch (error) {
      if (wire.verifyIncoming || !(error instanceof GossipDecodeError)) throw error;
    }
  }
  if (packet.length >= 5 && packet[0] === MESSAGE.hasCrc) {
    const wanted = packet.readUInt32BE(1);
    const inner = packet.subarray(5);
    const found = crc32(inner);
    if (found !== wanted)
      throw new GossipDecodeError(
        "crc",
        `CRC is ${found.toString(16)}, the packet says ${wanted.toString(16)}`,
      );
    packet = inner;
  }
  decodeLayer(packet, LAYERS_MAX, { left: PACKET_INFLATED_BYTES_MAX }, sink);
}

function decodeLayer(message: Buffer, layers: number, budget: { left: number }, sink: MessageSink): void {
  const type = message[0];
  if (type === undefined) throw new GossipDecodeError("empty", "message is empty");
  if (layers === 0) throw new GossipDecodeError("too-deep", `more than ${LAYERS_MAX} layers in one packet`);
  if (type === MESSAGE.compress) {
    const inflated = decodeCompressed(message, budget.left);
    budget.left -= inflated.length;
    return decodeLayer(inflated, layers - 1, budget, sink);
  }
  if (type !== MESSAGE.compound) return sink(message);
  const count = message[1];
  if (count === undefined || message.length < COMPOUND_HEAD + PART_HEAD * count)
    throw new GossipDecodeError("truncated", "compound's length table is cut");
  let at = COMPOUND_HEAD + PART_HEAD * count;
  let bad: unknown;
  for (let i = 0; i < count; i++) {
    const n = message.readUInt16BE(COMPOUND_HEAD + PART_HEAD * i);
    if (message.length - at < n)
      throw new GossipDecodeError("truncated", `compound is cut: ${count - i} of ${count} messages are lost`);
    const part = message.subarray(at, at + n);
    at += n;
    try {
      decodeLayer(part, layers - 1, budget, sink);
    } catch (error) {
      // One bad part does not spoil its neighbours; the packet is complained about once.
      if (!(error instanceof GossipDecodeError)) throw error;
      bad ??= error;
    }
  }
  if (bad !== undefined) throw bad;
}
