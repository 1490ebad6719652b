/**
 * IP addresses between text and the bytes on the wire: IPv4 always as 4 bytes, IPv6 as 16 (memberlist compares them
 * byte by byte). Text of IPv6 as in RFC 5952. No IO here; names are resolved by the transport.
 */
import { GossipError } from "./errors.ts";

const V4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;

function parseV4(text: string): Buffer | undefined {
  const m = V4.exec(text);
  if (!m) return undefined;
  const out = Buffer.alloc(4);
  for (let i = 0; i < 4; i++) {
    const n = Number(m[i + 1]);
    if (n > 255) return undefined;
    out[i] = n;
  }
  return out;
}

function parseV6(text: string): Buffer | undefined {
  const bare = text.split("%")[0]!;
  const halves = bare.split("::");
  if (halves.length > 2) return undefined;
  const groups = (half: string): number[] | undefined => {
    if (half === "") return [];
    const out: number[] = [];
    const parts = half.split(":");
    for (let i = 0; i < parts.length; i++) {
      const p = parts[i]!;
      if (i === parts.length - 1 && p.includes(".")) {
        const v4 = parseV4(p);
        if (v4 === undefined) return undefined;
        out.push(v4.readUInt16BE(0), v4.readUInt16BE(2));
      } else {
        if (!/^[0-9a-fA-F]{1,4}$/.test(p)) return undefined;
        out.push(Number.parseInt(p, 16));
      }
    }
    return out;
  };
  const head = groups(halves[0]!);
  const tail = halves.length === 2 ? groups(halves[1]!) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const out = Buffer.alloc(16);
  head.forEach((g, i) => {
    out.writeUInt16BE(g, i * 2);
  });
  tail.forEach((g, i) => {
    out.writeUInt16BE(g, 16 - (tail.length - i) * 2);
  });
  return out;
}

const MAPPED = Buffer.from("00000000000000000000ffff", "hex");

/** 4 or 16 bytes of an IP literal, a v4-mapped IPv6 one as 4; undefined when the text is no IP address. */
export function ipBytes(text: string): Buffer | undefined {
  const v4 = parseV4(text);
  if (v4 !== undefined) return v4;
  if (!text.includes(":")) return undefined;
  const v6 = parseV6(text);
  if (v6 !== undefined && v6.compare(MAPPED, 0, 12, 0, 12) === 0) return v6.subarray(12);
  return v6;
}

/** Text of 4 or 16 bytes; hexadecimal digits for any other length, which no socket accepts. */
export function ipText(bytes: Uint8Array): string {
  if (bytes.length === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`;
  if (bytes.length !== 16) return `?${Buffer.from(bytes).toString("hex")}`;
  const b = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (b.compare(MAPPED, 0, 12, 0, 12) === 0) return `::ffff:${ipText(b.subarray(12))}`;
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(b.readUInt16BE(i));
  // The longest run of two or more zero groups, the first of equals, becomes "::".
  let at = -1;
  let run = 1;
  for (let i = 0; i < 8; i++) {
    let j = i;
    while (j < 8 && groups[j] === 0) j++;
    if (j - i > run) {
      at = i;
      run = j - i;
    }
    if (j > i) i = j;
  }
  const hex = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((g) => g.toString(16))
      .join(":");
  return at < 0 ? hex(0, 8) : `${hex(0, at)}::${hex(at + run, 8)}`;
}

/** `ip:port`, IPv6 in brackets. */
export const hostPort = (host: string, port: number): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;

/** A place to join: `[name/]host[:port]`. */
export interface JoinTarget {
  /** Name that the node there should have; "" for any. */
  readonly nodeName: string;
  /** IP literal or host name, without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Parses `[name/]host[:port]`, `[name/][v6]:port` and a bare IPv6 literal. Throws {@link GossipError}. */
export function parseJoinTarget(text: string, defaultPort: number): JoinTarget {
  const slash = text.indexOf("/");
  const nodeName = slash >= 0 ? text.slice(0, slash) : "";
  if (slash === 0) throw new GossipError(`empty node name in join address "${text}"`);
  const rest = slash >= 0 ? text.slice(slash + 1) : text;
  if (ipBytes(rest) !== undefined) return { nodeName, host: rest, port: defaultPort };
  // Texts as Go's net package words them: operators search for them (observed in Consul 1.8.7).
  const m = /^\[([^\]]*)\](?::([^:]*))?$/.exec(rest) ?? /^([^:[\]]*)(?::([^:]*))?$/.exec(rest);
  if (m === null)
    throw new GossipError(
      rest.startsWith("[") && !rest.includes("]")
        ? `address ${rest}: missing ']' in address`
        : `address ${rest}: too many colons in address`,
    );
  const host = m[1] ?? "";
  if (host === "") throw new GossipError("lookup : no such host");
  if (m[2] === undefined) return { nodeName, host, port: defaultPort };
  if (!/^\d+$/.test(m[2]))
    throw new GossipError(`strconv.ParseUint: parsing ${JSON.stringify(m[2])}: invalid syntax`);
  const port = Number(m[2]);
  if (port > 65535)
    throw new GossipError(`strconv.ParseUint: parsing ${JSON.stringify(m[2])}: value out of range`);
  if (port === 0) throw new GossipError(`join address "${text}" has port 0, which nobody listens on`);
  return { nodeName, host, port };
}
