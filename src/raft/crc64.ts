/** CRC-64/ECMA-182 as the original's snapshot store uses it: reflected, start and end all ones, in two 32-bit halves. */

const POLY_HI = 0xc96c5795;
const POLY_LO = 0xd7870f42;
const SLICES = 8;
// Slicing by 8: table k is the effect of a byte that is k bytes further from the end.
const hi = Array.from({ length: SLICES }, () => new Uint32Array(256));
const lo = Array.from({ length: SLICES }, () => new Uint32Array(256));
for (let n = 0; n < 256; n++) {
  let h = 0;
  let l = n;
  for (let bit = 0; bit < 8; bit++) {
    const carry = l & 1;
    l = ((l >>> 1) | (h << 31)) >>> 0;
    h >>>= 1;
    if (carry) {
      h = (h ^ POLY_HI) >>> 0;
      l = (l ^ POLY_LO) >>> 0;
    }
  }
  hi[0]![n] = h;
  lo[0]![n] = l;
}
for (let k = 1; k < SLICES; k++)
  for (let n = 0; n < 256; n++) {
    const h = hi[k - 1]![n]!;
    const l = lo[k - 1]![n]!;
    hi[k]![n] = (h >>> 8) ^ hi[0]![l & 0xff]!;
    lo[k]![n] = ((l >>> 8) | (h << 24)) ^ lo[0]![l & 0xff]!;
  }
const [h0, h1, h2, h3, h4, h5, h6, h7] = hi as [
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
];
const [l0, l1, l2, l3, l4, l5, l6, l7] = lo as typeof hi as [
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
];

export class Crc64 {
  #hi = 0xffffffff;
  #lo = 0xffffffff;

  update(bytes: Uint8Array): void {
    let h = this.#hi;
    let l = this.#lo;
    let i = 0;
    for (const end = bytes.length - 7; i < end; i += 8) {
      const a = l ^ (bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24));
      const b = h ^ (bytes[i + 4]! | (bytes[i + 5]! << 8) | (bytes[i + 6]! << 16) | (bytes[i + 7]! << 24));
      h =
        h7[a & 0xff]! ^
        h6[(a >>> 8) & 0xff]! ^
        h5[(a >>> 16) & 0xff]! ^
        h4[a >>> 24]! ^
        h3[b & 0xff]! ^
        h2[(b >>> 8) & 0xff]! ^
        h1[(b >>> 16) & 0xff]! ^
        h0[b >>> 24]!;
      l =
        l7[a & 0xff]! ^
        l6[(a >>> 8) & 0xff]! ^
        l5[(a >>> 16) & 0xff]! ^
        l4[a >>> 24]! ^
        l3[b & 0xff]! ^
        l2[(b >>> 8) & 0xff]! ^
        l1[(b >>> 16) & 0xff]! ^
        l0[b >>> 24]!;
    }
    for (; i < bytes.length; i++) {
      const n = (l ^ bytes[i]!) & 0xff;
      l = ((l >>> 8) | (h << 24)) ^ l0[n]!;
      h = (h >>> 8) ^ h0[n]!;
    }
    this.#hi = h >>> 0;
    this.#lo = l >>> 0;
  }

  /** Eight bytes, big-endian. */
  digest(): Buffer {
    const out = Buffer.alloc(8);
    out.writeUInt32BE((this.#hi ^ 0xffffffff) >>> 0, 0);
    out.writeUInt32BE((this.#lo ^ 0xffffffff) >>> 0, 4);
    return out;
  }
}
