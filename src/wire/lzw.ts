/**
 * LZW as memberlist compresses packets: GIF's variant without GIF's framing. 8-bit literals, bits packed from the least
 * significant end, codes of 9 to 12 bits, clear code 256, end code 257.
 *
 *   stream = { code } end, codes in a bit stream from the low bits up, last byte padded with zero bits
 *
 * Source: T. Welch, "A Technique for High-Performance Data Compression" (1984); GIF89a, appendix F; the order of table
 * growth and resets as observed in serf 0.9.4 and Consul 1.8.7 (the latter leaves out the leading clear code).
 */

/** The bytes are no LZW stream, or one that inflates beyond the caller's limit. */
export class LzwError extends Error {
  override readonly name = "LzwError";
  readonly code: "invalid-code" | "truncated" | "too-large";
  constructor(code: LzwError["code"], message: string) {
    super(message);
    this.code = code;
  }
}

const CLEAR = 256;
const END = 257;
const WIDTH_MIN = 9;
const WIDTH_MAX = 12;
const TABLE_SIZE = 1 << WIDTH_MAX;
const CODE_MAX = TABLE_SIZE - 1;
const NONE = 0xffff;

// One packet is coded at a time and never across an await, so the tables are shared.
const prefix = new Uint16Array(TABLE_SIZE);
const suffix = new Uint8Array(TABLE_SIZE);
const first = new Uint8Array(TABLE_SIZE);
const lengths = new Uint16Array(TABLE_SIZE);
for (let i = 0; i < 256; i++) {
  suffix[i] = i;
  first[i] = i;
  lengths[i] = 1;
}

/** The inflated bytes, at most `maxBytes`. Throws {@link LzwError}. */
export function lzwDecode(input: Uint8Array, maxBytes: number): Buffer {
  let out = Buffer.allocUnsafe(Math.min(maxBytes, Math.max(512, input.length * 4)));
  let length = 0;
  let bits = 0;
  let bitCount = 0;
  let at = 0;
  let width = WIDTH_MIN;
  let hi = END;
  let limit = 512;
  let last = NONE;
  for (;;) {
    while (bitCount < width) {
      if (at >= input.length) throw new LzwError("truncated", "lzw: stream ends before its end code");
      bits |= input[at++]! << bitCount;
      bitCount += 8;
    }
    const code = bits & ((1 << width) - 1);
    bits >>>= width;
    bitCount -= width;
    if (code === END) return out.subarray(0, length);
    if (code === CLEAR) {
      width = WIDTH_MIN;
      hi = END;
      limit = 512;
      last = NONE;
      continue;
    }
    if (code > hi) throw new LzwError("invalid-code", `lzw: code ${code} is beyond the table's end ${hi}`);
    // A code that is just being defined stands for the last expansion followed by its own first byte.
    const defining = code === hi && last !== NONE;
    const size = defining ? lengths[last]! + 1 : lengths[code]!;
    const end = length + size;
    if (end > maxBytes) throw new LzwError("too-large", `lzw: inflates beyond ${maxBytes} bytes`);
    if (end > out.length) {
      const grown = Buffer.allocUnsafe(Math.min(maxBytes, Math.max(end, out.length * 2)));
      out.copy(grown, 0, 0, length);
      out = grown;
    }
    let from = code;
    let i = end - 1;
    if (defining) {
      out[i--] = first[last]!;
      from = last;
    }
    while (i >= length) {
      out[i--] = suffix[from]!;
      from = prefix[from]!;
    }
    if (last !== NONE && hi > END) {
      prefix[hi] = last;
      suffix[hi] = out[length]!;
      first[hi] = first[last]!;
      lengths[hi] = lengths[last]! + 1;
    }
    length = end;
    last = code;
    hi++;
    if (hi >= limit) {
      if (width === WIDTH_MAX) {
        last = NONE;
        hi--;
      } else {
        width++;
        limit <<= 1;
      }
    }
  }
}

// Open addressing; a slot counts only when its stamp is that of the present table, so that clearing is one increment.
const SLOTS = 16384;
const slotKey = new Uint32Array(SLOTS);
const slotCode = new Uint16Array(SLOTS);
const slotStamp = new Uint32Array(SLOTS);
let stamp = 0;

/** The compressed bytes, with the leading clear code that current peers write. */
export function lzwEncode(input: Uint8Array): Buffer {
  // 12 bits a byte at worst, and the clear codes.
  const out = Buffer.allocUnsafe(((input.length * 3) >> 1) + (input.length >> 10) + 16);
  let length = 0;
  let bits = 0;
  let bitCount = 0;
  let width = WIDTH_MIN;
  let hi = END;
  let limit = 512;
  const emit = (code: number): void => {
    bits |= code << bitCount;
    bitCount += width;
    while (bitCount >= 8) {
      out[length++] = bits & 0xff;
      bits >>>= 8;
      bitCount -= 8;
    }
  };
  const newTable = (): void => {
    stamp = (stamp + 1) >>> 0;
    if (stamp === 0) {
      slotStamp.fill(0);
      stamp = 1;
    }
  };
  /** Counts one more code; tells whether the table was full and has been cleared. */
  const grow = (): boolean => {
    hi++;
    if (hi === limit) {
      width++;
      limit <<= 1;
    }
    if (hi !== CODE_MAX) return false;
    emit(CLEAR);
    width = WIDTH_MIN;
    hi = END;
    limit = 512;
    newTable();
    return true;
  };
  newTable();
  emit(CLEAR);
  if (input.length > 0) {
    let current = input[0]!;
    for (let i = 1; i < input.length; i++) {
      const b = input[i]!;
      const key = (current << 8) | b;
      let slot = (Math.imul(key, 0x9e3779b1) >>> 18) & (SLOTS - 1);
      while (slotStamp[slot] === stamp && slotKey[slot] !== key) slot = (slot + 1) & (SLOTS - 1);
      if (slotStamp[slot] === stamp) {
        current = slotCode[slot]!;
        continue;
      }
      emit(current);
      current = b;
      if (grow()) continue;
      slotStamp[slot] = stamp;
      slotKey[slot] = key;
      slotCode[slot] = hi;
    }
    emit(current);
    grow();
  }
  emit(END);
  if (bitCount > 0) out[length++] = bits & 0xff;
  return out.subarray(0, length);
}
