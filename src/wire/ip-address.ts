/** IP addresses between text and bytes. */
import { isIPv4 } from "node:net";

/** IP text of 4 or 16 bytes. */
export function addressText(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i));
  // RFC 5952: the longest run of two or more zero groups becomes "::".
  let best = 0;
  let bestAt = -1;
  for (let i = 0; i < 8; i++) {
    let n = 0;
    while (i + n < 8 && groups[i + n] === 0) n++;
    if (n > best && n > 1) {
      best = n;
      bestAt = i;
    }
  }
  const hex = (part: readonly number[]): string => part.map((g) => g.toString(16)).join(":");
  return bestAt < 0 ? hex(groups) : `${hex(groups.slice(0, bestAt))}::${hex(groups.slice(bestAt + best))}`;
}

/** 4 or 16 bytes of an IP text. */
export function addressBytes(address: string): Buffer {
  if (isIPv4(address)) {
    const out = Buffer.allocUnsafe(4);
    let at = 0;
    for (const part of address.split(".")) out[at++] = Number(part);
    return out;
  }
  const out = Buffer.alloc(16);
  let text = address;
  const zone = text.indexOf("%");
  if (zone >= 0) text = text.slice(0, zone);
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (dotted) {
    const v4 = addressBytes(dotted[2]!);
    text = `${dotted[1]}${v4.readUInt16BE(0).toString(16)}:${v4.readUInt16BE(2).toString(16)}`;
  }
  const [head, tail] = text.split("::") as [string, string | undefined];
  const front = head === "" ? [] : head.split(":");
  const back = tail === undefined || tail === "" ? [] : tail.split(":");
  front.forEach((g, i) => {
    out.writeUInt16BE(Number.parseInt(g, 16), 2 * i);
  });
  back.forEach((g, i) => {
    out.writeUInt16BE(Number.parseInt(g, 16), 16 - 2 * (back.length - i));
  });
  return out;
}
