/**
 * Text and bytes as the MessagePack of 2013 tells them apart: str8 for text, bin for bytes. The command-line protocol and serf's
 * IPC write this; both forms of either are read.
 */
import type { MsgpackWriter } from "./msgpack.ts";
import { bytes as rawBytes, str as rawText, type Type } from "./schema.ts";

function head(w: MsgpackWriter, n: number, tags: readonly [number, number, number]): void {
  if (n < 0x100) {
    w.byte(tags[0]);
    w.byte(n);
    return;
  }
  const wide = n >= 0x1_0000;
  w.byte(wide ? tags[2] : tags[1]);
  for (let shift = wide ? 24 : 8; shift >= 0; shift -= 8) w.byte((n >>> shift) & 0xff);
}

/** fixstr, str8, str16, str32. Reads bin too; nil is "". */
export const text: Type<string> = {
  ...rawText,
  name: "text",
  encode: (w, v) => {
    const bytes = Buffer.from(v);
    if (bytes.length < 32) return w.bytes(bytes);
    head(w, bytes.length, [0xd9, 0xda, 0xdb]);
    w.raw(bytes);
  },
  decode: (r) => r.bytes()?.toString("utf8") ?? "",
};

/** bin8, bin16, bin32. Reads str too. */
export const bin: Type<Uint8Array | null> = {
  ...rawBytes,
  name: "bin",
  encode: (w, v) => {
    if (v === null) return w.nil();
    head(w, v.length, [0xc4, 0xc5, 0xc6]);
    w.raw(v);
  },
};
