/**
 * Domain names as text: labels joined and ended by dots ("web.service.consul."), bytes that would be misread escaped as in
 * zone files (RFC 1035 5.1): `\.` and `\DDD`. The letter case is kept.
 */
import { LABEL_BYTES_MAX, NAME_BYTES_MAX, POINTERS_MAX } from "./limits.ts";

/** The bytes are not a DNS message. */
export class DnsFormatError extends Error {
  override readonly name = "DnsFormatError";
}

const DOT = 0x2e;
const BACKSLASH = 0x5c;
/** Characters that zone files give a meaning; they are shown behind a backslash. */
const SPECIAL = new Set([DOT, BACKSLASH, ...Buffer.from(" '@;()\"")]);

function labelText(bytes: Buffer, start: number, end: number): string {
  let plain = true;
  for (let i = start; i < end && plain; i++) {
    const b = bytes[i]!;
    plain = b > 0x20 && b < 0x7f && !SPECIAL.has(b);
  }
  if (plain) return bytes.toString("latin1", start, end);
  let text = "";
  for (let i = start; i < end; i++) {
    const b = bytes[i]!;
    if (SPECIAL.has(b)) text += `\\${String.fromCharCode(b)}`;
    else if (b < 0x20 || b > 0x7e) text += `\\${String(b).padStart(3, "0")}`;
    else text += String.fromCharCode(b);
  }
  return text;
}

/** Reads the name at `at`, following pointers backwards only. `end` is where the reader goes on. */
export function readName(bytes: Buffer, at: number): { readonly name: string; readonly end: number } {
  let name = "";
  let end = -1;
  let length = 1;
  let pointers = 0;
  let bound = at;
  for (;;) {
    const n = bytes[at];
    if (n === undefined) throw new DnsFormatError("dns: name ends outside the message");
    if (n === 0) return { name: name === "" ? "." : name, end: end < 0 ? at + 1 : end };
    if ((n & 0xc0) === 0xc0) {
      if (at + 1 >= bytes.length) throw new DnsFormatError("dns: pointer ends outside the message");
      const to = ((n & 0x3f) << 8) | bytes[at + 1]!;
      if (end < 0) end = at + 2;
      // Backwards each time: no loop can be built.
      if (to >= bound || ++pointers > POINTERS_MAX)
        throw new DnsFormatError("dns: pointer does not point backwards");
      bound = to;
      at = to;
      continue;
    }
    if (n > LABEL_BYTES_MAX) throw new DnsFormatError("dns: bad label length");
    length += n + 1;
    if (length > NAME_BYTES_MAX) throw new DnsFormatError("dns: name too long");
    if (at + 1 + n > bytes.length) throw new DnsFormatError("dns: label ends outside the message");
    name += `${labelText(bytes, at + 1, at + 1 + n)}.`;
    at += n + 1;
  }
}

/** Labels of a name, first to last, still escaped; none for the root. */
export function labelsOf(name: string): string[] {
  const bare = name.endsWith(".") && !name.endsWith("\\.") ? name.slice(0, -1) : name;
  if (bare === "") return [];
  if (!bare.includes("\\")) return bare.split(".");
  const out: string[] = [];
  let label = "";
  for (let i = 0; i < bare.length; i++) {
    const c = bare[i]!;
    if (c === ".") {
      out.push(label);
      label = "";
    } else if (c === "\\") {
      label += c + (bare[++i] ?? "");
    } else label += c;
  }
  out.push(label);
  return out;
}

/** Bytes of one escaped label. */
export function labelBytes(label: string): Buffer {
  if (!label.includes("\\")) return Buffer.from(label, "utf8");
  const out: number[] = [];
  for (let i = 0; i < label.length; i++) {
    const c = label[i]!;
    if (c !== "\\") {
      out.push(...Buffer.from(c, "utf8"));
      continue;
    }
    const digits = /^\d{3}/.exec(label.slice(i + 1));
    if (digits) {
      out.push(Number(digits[0]) & 0xff);
      i += 3;
    } else if (i + 1 < label.length) out.push(...Buffer.from(label[++i]!, "utf8"));
  }
  return Buffer.from(out);
}

/** Ends with a dot. */
export const fqdn = (name: string): string => (name.endsWith(".") ? name : `${name}.`);

/** Whether a name can stand on the wire: labels of 1 to 63 bytes, 255 in all. */
export function isEncodable(name: string): boolean {
  let length = 1;
  for (const label of labelsOf(name)) {
    const n = label.includes("\\") ? labelBytes(label).length : Buffer.byteLength(label);
    if (n === 0 || n > LABEL_BYTES_MAX) return false;
    length += n + 1;
  }
  return length <= NAME_BYTES_MAX;
}
