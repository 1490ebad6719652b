/** DNS messages to bytes, with name compression (RFC 1035 4.1.4). */
import { addressBytes } from "../wire/ip-address.ts";
import { MESSAGE_BYTES_MAX } from "./limits.ts";
import {
  CLASS_IN,
  EDNS_CLIENT_SUBNET,
  type Edns,
  HEADER_FLAG,
  type RecordData,
  type Reply,
  type ResourceRecord,
  TYPE,
  typeOf,
} from "./message.ts";
import { DnsFormatError, fqdn, isEncodable, labelBytes, labelsOf } from "./name.ts";

/** Offsets beyond this cannot be pointed to (14 bits). */
const POINTER_MAX = 0x3fff;

class Encoder {
  #buf: Buffer;
  #pos = 0;
  readonly #compress: boolean;
  /** Where a name, or the end of one, stands in the message. */
  readonly #known = new Map<string, number>();

  constructor(bytes: number, compress: boolean) {
    this.#buf = Buffer.allocUnsafe(bytes);
    this.#compress = compress;
  }

  #room(n: number): void {
    if (this.#pos + n <= this.#buf.length) return;
    const grown = Buffer.allocUnsafe(Math.max(2 * this.#buf.length, this.#pos + n));
    this.#buf.copy(grown, 0, 0, this.#pos);
    this.#buf = grown;
  }

  u16(v: number): void {
    this.#room(2);
    this.#pos = this.#buf.writeUInt16BE(v & 0xffff, this.#pos);
  }

  u32(v: number): void {
    this.#room(4);
    this.#pos = this.#buf.writeUInt32BE(v >>> 0, this.#pos);
  }

  bytes(v: Buffer): void {
    this.#room(v.length);
    v.copy(this.#buf, this.#pos);
    this.#pos += v.length;
  }

  /** The question as it came; its name can be pointed to. */
  question(name: string, bytes: Buffer): void {
    const at = this.#pos;
    this.bytes(bytes);
    if (!this.#compress) return;
    let rest = name;
    for (let offset = at; rest !== "." && rest !== ""; ) {
      this.#known.set(rest, offset);
      const n = bytes[offset - at]!;
      if ((n & 0xc0) !== 0) break;
      offset += n + 1;
      rest = labelEnd(rest);
    }
  }

  /** @param mayPoint whether this place may hold a pointer; in any case later names may point here. */
  name(name: string, mayPoint: boolean): void {
    let rest = fqdn(name);
    while (rest !== "." && rest !== "") {
      if (this.#compress) {
        const known = this.#known.get(rest);
        if (known !== undefined && mayPoint) return this.u16(0xc000 | known);
        if (known === undefined && this.#pos <= POINTER_MAX) this.#known.set(rest, this.#pos);
      }
      const next = labelEnd(rest);
      const label = rest.slice(0, rest.length - next.length - 1);
      this.#label(label);
      rest = next;
    }
    this.#room(1);
    this.#buf[this.#pos++] = 0;
  }

  #label(label: string): void {
    const bytes = label.includes("\\") ? labelBytes(label) : undefined;
    this.#room(1 + (bytes?.length ?? 3 * label.length));
    const n =
      bytes === undefined
        ? this.#buf.write(label, this.#pos + 1, "utf8")
        : bytes.copy(this.#buf, this.#pos + 1);
    this.#buf[this.#pos] = n;
    this.#pos += n + 1;
  }

  record(record: ResourceRecord): void {
    this.name(record.name, true);
    this.u16(typeOf(record));
    this.u16(CLASS_IN);
    this.u32(record.ttl);
    this.u16(0);
    const start = this.#pos;
    this.#data(record.data);
    this.#buf.writeUInt16BE(this.#pos - start, start - 2);
  }

  #data(data: RecordData): void {
    switch (data.kind) {
      case "address":
        return this.bytes(addressBytes(data.address));
      case "name":
        return this.name(data.target, true);
      case "srv":
        this.u16(data.priority);
        this.u16(data.weight);
        this.u16(data.port);
        // RFC 2782: the target is not compressed. Observed: later owners point to it all the same.
        return this.name(data.target, false);
      case "txt": {
        // One character-string holds 255 bytes; a longer text continues in further ones.
        const bytes = Buffer.from(data.text, "utf8");
        for (let at = 0; at === 0 || at < bytes.length; at += 255) {
          const part = bytes.subarray(at, at + 255);
          this.bytes(Buffer.concat([Buffer.of(part.length), part]));
        }
        return;
      }
      case "soa":
        this.name(data.mname, true);
        this.name(data.rname, true);
        for (const v of [data.serial, data.refresh, data.retry, data.expire, data.minimum]) this.u32(v);
        return;
      case "raw":
        return this.bytes(data.bytes);
    }
  }

  opt(edns: NonNullable<Reply["edns"]>): void {
    const { subnet } = edns;
    this.bytes(Buffer.of(0));
    this.u16(TYPE.OPT);
    this.u16(edns.udpBytes);
    this.u32(0);
    if (subnet === undefined) return this.u16(0);
    this.u16(8 + subnet.address.length);
    this.u16(EDNS_CLIENT_SUBNET);
    this.u16(4 + subnet.address.length);
    this.u16(subnet.family);
    this.bytes(Buffer.of(subnet.sourcePrefix, subnet.scope));
    this.bytes(subnet.address);
  }

  finish(): Buffer {
    return this.#buf.subarray(0, this.#pos);
  }
}

/** What follows the first label and its dot: "b.c." of "a.b.c.", "" of "a.". */
function labelEnd(name: string): string {
  const dot = name.indexOf(".");
  if (dot < 0) return "";
  if (dot === 0 || name.charCodeAt(dot - 1) !== 0x5c) return name.slice(dot + 1);
  const [first] = labelsOf(name);
  return name.slice(first!.length + 1);
}

/** The message's bytes. `compress` is RFC 1035 4.1.4 name compression. */
export function encodeReply(reply: Reply, options: { readonly compress: boolean }): Buffer {
  const { query } = reply;
  const e = new Encoder(512, options.compress);
  e.u16(query.id);
  e.u16(
    HEADER_FLAG.qr |
      (query.opcode << 11) |
      (reply.authoritative ? HEADER_FLAG.aa : 0) |
      (reply.truncated ? HEADER_FLAG.tc : 0) |
      (query.recursionDesired ? HEADER_FLAG.rd : 0) |
      (reply.recursionAvailable ? HEADER_FLAG.ra : 0) |
      (query.checkingDisabled ? HEADER_FLAG.cd : 0) |
      reply.rcode,
  );
  e.u16(1);
  e.u16(reply.answers.length);
  e.u16(reply.authority.length);
  e.u16(reply.additional.length + (reply.edns === undefined ? 0 : 1));
  e.question(query.name, query.question);
  for (const r of reply.answers) e.record(r);
  for (const r of reply.authority) e.record(r);
  for (const r of reply.additional) e.record(r);
  if (reply.edns !== undefined) e.opt(reply.edns);
  return e.finish();
}

/** A query, without EDNS unless its parts are given. Throws DnsFormatError for a name that is too long. */
export function encodeQuery(id: number, name: string, type: number, edns?: Edns): Buffer {
  if (!isEncodable(name)) throw new DnsFormatError(`dns: name cannot be asked for: ${name}`);
  const e = new Encoder(64, false);
  e.u16(id);
  e.u16(HEADER_FLAG.rd);
  e.u16(1);
  e.u16(0);
  e.u16(0);
  e.u16(edns === undefined ? 0 : 1);
  e.name(name, false);
  e.u16(type);
  e.u16(CLASS_IN);
  if (edns !== undefined)
    e.opt({ ...edns, subnet: edns.subnet === undefined ? undefined : { ...edns.subnet, scope: 0 } });
  const bytes = e.finish();
  if (bytes.length > MESSAGE_BYTES_MAX) throw new DnsFormatError("dns: query too long");
  return bytes;
}
