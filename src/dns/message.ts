/**
 * DNS messages (RFC 1035 section 4, RFC 6891 for EDNS, RFC 7871 for client subnets): what a query decodes into, and what an
 * answer is encoded from.
 */
import { isIPv4 } from "node:net";
import { addressText } from "../wire/ip-address.ts";
import { DnsFormatError, readName } from "./name.ts";

/** Record and query types. Append only: the numbers are the protocol. */
export const TYPE = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  AXFR: 252,
  ANY: 255,
} as const;
export const CLASS_IN = 1;
export const OPCODE = { query: 0, notify: 4 } as const;
/** Response codes. Append only. */
export const RCODE = { noError: 0, formErr: 1, servFail: 2, nxDomain: 3, notImp: 4, refused: 5 } as const;
/** EDNS option code (RFC 7871). */
export const EDNS_CLIENT_SUBNET = 8;

export type RecordData =
  /** A or AAAA, by the form of the address. */
  | { readonly kind: "address"; readonly address: string }
  | {
      readonly kind: "name";
      readonly type: typeof TYPE.CNAME | typeof TYPE.PTR | typeof TYPE.NS;
      readonly target: string;
    }
  | {
      readonly kind: "srv";
      readonly priority: number;
      readonly weight: number;
      readonly port: number;
      readonly target: string;
    }
  | { readonly kind: "txt"; readonly text: string }
  | {
      readonly kind: "soa";
      readonly mname: string;
      readonly rname: string;
      readonly serial: number;
      readonly refresh: number;
      readonly retry: number;
      readonly expire: number;
      readonly minimum: number;
    }
  /** Of a recursor's answer: kept as it came. */
  | { readonly kind: "raw"; readonly type: number; readonly bytes: Buffer };

export interface ResourceRecord {
  readonly name: string;
  /** Seconds. */
  readonly ttl: number;
  readonly data: RecordData;
}

export function typeOf(record: ResourceRecord): number {
  switch (record.data.kind) {
    case "address":
      return isIPv4(record.data.address) ? TYPE.A : TYPE.AAAA;
    case "srv":
      return TYPE.SRV;
    case "txt":
      return TYPE.TXT;
    case "soa":
      return TYPE.SOA;
    case "name":
    case "raw":
      return record.data.type;
  }
}

export interface ClientSubnet {
  /** 1 IPv4, 2 IPv6. */
  readonly family: number;
  readonly sourcePrefix: number;
  readonly address: Buffer;
}

export interface Edns {
  /** The client's UDP size in bytes, as it stands in the request. */
  readonly udpBytes: number;
  readonly subnet: ClientSubnet | undefined;
}

export interface Query {
  readonly id: number;
  readonly opcode: number;
  readonly recursionDesired: boolean;
  readonly checkingDisabled: boolean;
  /** The question's name in the client's case, with a final dot. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** The question section, for the echo. Its name is written out. */
  readonly question: Buffer;
  readonly edns: Edns | undefined;
}

/** What to do with a packet that came in. */
export type Received =
  | { readonly kind: "query"; readonly query: Query }
  /** Answer with this message; the packet is no query that can be answered otherwise. */
  | { readonly kind: "reply"; readonly bytes: Buffer }
  | { readonly kind: "ignore" };

const HEADER_BYTES = 12;
/** Bits of the header's second word. */
export const HEADER_FLAG = {
  qr: 0x8000,
  aa: 0x0400,
  tc: 0x0200,
  rd: 0x0100,
  ra: 0x0080,
  cd: 0x0010,
} as const;

/** Header only: the refusal of what cannot be read. */
function headerReply(id: number, opcode: number, flags: number, rcode: number): Buffer {
  const b = Buffer.alloc(HEADER_BYTES);
  b.writeUInt16BE(id, 0);
  b.writeUInt16BE(HEADER_FLAG.qr | (opcode << 11) | (flags & HEADER_FLAG.rd) | rcode, 2);
  return b;
}

/** Reads a packet that should be a query. Never throws. */
export function receiveQuery(bytes: Buffer): Received {
  if (bytes.length < HEADER_BYTES) return { kind: "ignore" };
  const id = bytes.readUInt16BE(0);
  const flags = bytes.readUInt16BE(2);
  if ((flags & HEADER_FLAG.qr) !== 0) return { kind: "ignore" };
  const opcode = (flags >> 11) & 0xf;
  if (opcode !== OPCODE.query && opcode !== OPCODE.notify)
    return { kind: "reply", bytes: headerReply(id, opcode, flags, RCODE.notImp) };
  const counts = [4, 6, 8, 10].map((at) => bytes.readUInt16BE(at)) as [number, number, number, number];
  const refusal = (): Received => ({ kind: "reply", bytes: headerReply(id, opcode, flags, RCODE.formErr) });
  if (counts[0] !== 1 || counts[1] > 1 || counts[2] > 1 || counts[3] > 2) return refusal();
  try {
    const { name, end } = readName(bytes, HEADER_BYTES);
    if (end + 4 > bytes.length) return refusal();
    let edns: Edns | undefined;
    let at = end + 4;
    for (let i = 0; i < counts[1] + counts[2] + counts[3]; i++) {
      const record = readRecord(bytes, at);
      at = record.end;
      if (record.type === TYPE.OPT) edns = readEdns(record.class, record.bytes);
    }
    const question = bytes.subarray(HEADER_BYTES, end + 4);
    return {
      kind: "query",
      query: {
        id,
        opcode,
        recursionDesired: (flags & HEADER_FLAG.rd) !== 0,
        checkingDisabled: (flags & HEADER_FLAG.cd) !== 0,
        name,
        type: bytes.readUInt16BE(end),
        class: bytes.readUInt16BE(end + 2),
        question,
        edns,
      },
    };
  } catch (error) {
    if (error instanceof DnsFormatError) return refusal();
    throw error;
  }
}

interface RawRecord {
  readonly name: string;
  readonly type: number;
  readonly class: number;
  readonly ttl: number;
  readonly bytes: Buffer;
  /** Where `bytes` begins in the message. */
  readonly start: number;
  readonly end: number;
}

function readRecord(message: Buffer, at: number): RawRecord {
  const { name, end } = readName(message, at);
  if (end + 10 > message.length) throw new DnsFormatError("dns: record ends outside the message");
  const length = message.readUInt16BE(end + 8);
  const start = end + 10;
  if (start + length > message.length) throw new DnsFormatError("dns: record data ends outside the message");
  return {
    name,
    type: message.readUInt16BE(end),
    class: message.readUInt16BE(end + 2),
    ttl: message.readUInt32BE(end + 4),
    bytes: message.subarray(start, start + length),
    start,
    end: start + length,
  };
}

function readEdns(udpBytes: number, options: Buffer): Edns {
  let subnet: ClientSubnet | undefined;
  for (let at = 0; at < options.length; ) {
    if (at + 4 > options.length) throw new DnsFormatError("dns: EDNS option ends outside the record");
    const code = options.readUInt16BE(at);
    const length = options.readUInt16BE(at + 2);
    const value = options.subarray(at + 4, at + 4 + length);
    if (value.length < length) throw new DnsFormatError("dns: EDNS option ends outside the record");
    if (code === EDNS_CLIENT_SUBNET) subnet = readSubnet(value);
    at += 4 + length;
  }
  return { udpBytes, subnet };
}

function readSubnet(value: Buffer): ClientSubnet {
  if (value.length < 4) throw new DnsFormatError("dns: client subnet too short");
  const family = value.readUInt16BE(0);
  const sourcePrefix = value[2]!;
  const bytes = family === 1 ? 4 : family === 2 ? 16 : 0;
  if (sourcePrefix > bytes * 8) throw new DnsFormatError("dns: client subnet prefix too long");
  const address = value.subarray(4);
  if (address.length > bytes) throw new DnsFormatError("dns: client subnet address too long");
  return { family, sourcePrefix, address: Buffer.from(address) };
}

/** The subnet's address as text, undefined when it has none. */
export function subnetAddress(subnet: ClientSubnet): string | undefined {
  if (subnet.family !== 1 && subnet.family !== 2) return undefined;
  const whole = Buffer.alloc(subnet.family === 1 ? 4 : 16);
  subnet.address.copy(whole);
  return addressText(whole);
}

export interface Decoded {
  readonly id: number;
  readonly flags: number;
  readonly rcode: number;
  readonly answers: readonly ResourceRecord[];
  readonly authority: readonly ResourceRecord[];
  /** Without the OPT record. */
  readonly additional: readonly ResourceRecord[];
  readonly edns: (Edns & { readonly bytes: Buffer }) | undefined;
}

/** An answer, of a recursor for example. Throws DnsFormatError. */
export function decodeMessage(bytes: Buffer): Decoded {
  if (bytes.length < HEADER_BYTES) throw new DnsFormatError("dns: message shorter than its header");
  let at = HEADER_BYTES;
  for (let i = 0; i < bytes.readUInt16BE(4); i++) at = readName(bytes, at).end + 4;
  let edns: Decoded["edns"];
  const section = (countAt: number): ResourceRecord[] => {
    const records: ResourceRecord[] = [];
    for (let i = 0; i < bytes.readUInt16BE(countAt); i++) {
      const r = readRecord(bytes, at);
      at = r.end;
      if (r.type === TYPE.OPT) edns = { ...readEdns(r.class, r.bytes), bytes: r.bytes };
      else records.push({ name: r.name, ttl: r.ttl, data: decodeData(bytes, r) });
    }
    return records;
  };
  const flags = bytes.readUInt16BE(2);
  const [answers, authority, additional] = [section(6), section(8), section(10)] as [
    ResourceRecord[],
    ResourceRecord[],
    ResourceRecord[],
  ];
  return { id: bytes.readUInt16BE(0), flags, rcode: flags & 0xf, answers, authority, additional, edns };
}

function decodeData(message: Buffer, r: RawRecord): RecordData {
  switch (r.type) {
    case TYPE.A:
    case TYPE.AAAA:
      if (r.bytes.length !== (r.type === TYPE.A ? 4 : 16))
        throw new DnsFormatError("dns: address of a wrong length");
      return { kind: "address", address: addressText(r.bytes) };
    case TYPE.CNAME:
    case TYPE.PTR:
    case TYPE.NS:
      return { kind: "name", type: r.type, target: readName(message, r.start).name };
    case TYPE.SRV:
      if (r.bytes.length < 7) throw new DnsFormatError("dns: SRV too short");
      return {
        kind: "srv",
        priority: r.bytes.readUInt16BE(0),
        weight: r.bytes.readUInt16BE(2),
        port: r.bytes.readUInt16BE(4),
        target: readName(message, r.start + 6).name,
      };
    case TYPE.TXT: {
      let text = "";
      for (let at = 0; at < r.bytes.length; at += r.bytes[at]! + 1)
        text += r.bytes.toString("utf8", at + 1, at + 1 + r.bytes[at]!);
      return { kind: "txt", text };
    }
    case TYPE.SOA: {
      const mname = readName(message, r.start);
      const rname = readName(message, mname.end);
      if (rname.end + 20 > r.end) throw new DnsFormatError("dns: SOA too short");
      const [serial, refresh, retry, expire, minimum] = [0, 4, 8, 12, 16].map((n) =>
        message.readUInt32BE(rname.end + n),
      ) as [number, number, number, number, number];
      return { kind: "soa", mname: mname.name, rname: rname.name, serial, refresh, retry, expire, minimum };
    }
    default:
      return { kind: "raw", type: r.type, bytes: Buffer.from(r.bytes) };
  }
}

export interface Reply {
  readonly query: Query;
  readonly rcode: number;
  readonly authoritative: boolean;
  readonly truncated: boolean;
  readonly recursionAvailable: boolean;
  readonly answers: readonly ResourceRecord[];
  readonly authority: readonly ResourceRecord[];
  readonly additional: readonly ResourceRecord[];
  /** Present: the reply ends with an OPT record. `scope` is the client subnet's scope prefix. */
  readonly edns:
    | { readonly udpBytes: number; readonly subnet: (ClientSubnet & { readonly scope: number }) | undefined }
    | undefined;
}

/** Bytes of the OPT record that a reply ends with. */
export function ednsBytes(edns: Reply["edns"]): number {
  if (edns === undefined) return 0;
  return 11 + (edns.subnet === undefined ? 0 : 8 + edns.subnet.address.length);
}
