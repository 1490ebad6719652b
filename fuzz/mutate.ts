/** Turns recorded messages into hostile ones: the same bytes with something wrong, or bytes that never meant anything. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Random } from "../src/ports/random.ts";

/** Largest message sent; real ones of this size exist (push/pull, snapshots). */
export const MESSAGE_BYTES_MAX = 60_000;

/** Every `hex` of the recorded vectors below `folder`, as bytes. */
export function recordedMessages(folder: string): Buffer[] {
  const out: Buffer[] = [];
  const collect = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(collect);
    else if (typeof value === "object" && value !== null)
      for (const [key, x] of Object.entries(value)) {
        if (
          /^(request_|response_|stream_)?hex$/.test(key) &&
          typeof x === "string" &&
          /^([0-9a-f]{2})+$/i.test(x)
        )
          out.push(Buffer.from(x, "hex").subarray(0, MESSAGE_BYTES_MAX));
        else collect(x);
      }
  };
  const walk = (path: string): void => {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      const full = join(path, entry.name);
      if (entry.isDirectory()) walk(full);
      else if (path.endsWith("testdata") && entry.name.endsWith(".json"))
        collect(JSON.parse(readFileSync(full, "utf8")));
    }
  };
  walk(folder);
  return out;
}

const INTERESTING = [
  0x00, 0x01, 0x7f, 0x80, 0x8f, 0x90, 0xa0, 0xbf, 0xc0, 0xc4, 0xcf, 0xd9, 0xdb, 0xdd, 0xdf, 0xff,
];

/** One to four changes: a flipped bit, another byte, a cut, a repeated or removed part, a huge length. */
export function mutate(random: Random, message: Uint8Array): Buffer {
  let b = Buffer.from(message);
  for (let n = 1 + random.int(4); n > 0 && b.length > 0; n--) {
    const at = random.int(b.length);
    switch (random.int(7)) {
      case 0:
        b[at]! ^= 1 << random.int(8);
        break;
      case 1:
        b[at] = random.int(256);
        break;
      case 2:
        b[at] = INTERESTING[random.int(INTERESTING.length)]!;
        break;
      case 3:
        b = b.subarray(0, at);
        break;
      case 4: {
        const end = Math.min(b.length, at + 1 + random.int(64));
        b = Buffer.concat([b.subarray(0, end), b.subarray(at)]);
        break;
      }
      case 5:
        b = Buffer.concat([b.subarray(0, at), b.subarray(Math.min(b.length, at + 1 + random.int(16)))]);
        break;
      default:
        b = Buffer.concat([b.subarray(0, at), Buffer.from([0xdb, 0xff, 0xff, 0xff, 0xff]), b.subarray(at)]);
    }
  }
  return b.subarray(0, MESSAGE_BYTES_MAX);
}

/** Random bytes of a random length, small ones more often. */
export function noise(random: Random): Buffer {
  return random.bytes(random.int(2 ** random.int(13)) + 1);
}
