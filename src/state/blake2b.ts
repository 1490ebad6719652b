/**
 * BLAKE2b with a 32-byte digest (RFC 7693), unkeyed: the hash that Consul 1.8.7 stores with tokens, policies, roles and
 * intentions. OpenSSL offers only the 64-byte form, whose digest is a different one (the length is part of the input).
 *
 * 64-bit words are pairs of 32-bit ones, low half first.
 */
const BLOCK_BYTES = 128;
const DIGEST_BYTES = 32;
const ROUNDS = 12;

/** Fractional parts of the square roots of the first eight primes (RFC 7693, 2.6), low and high halves. */
const IV = Uint32Array.of(
  0xf3bcc908,
  0x6a09e667,
  0x84caa73b,
  0xbb67ae85,
  0xfe94f82b,
  0x3c6ef372,
  0x5f1d36f1,
  0xa54ff53a,
  0xade682d1,
  0x510e527f,
  0x2b3e6c1f,
  0x9b05688c,
  0xfb41bd6b,
  0x1f83d9ab,
  0x137e2179,
  0x5be0cd19,
);

/** Message word order of each round (RFC 7693, 2.7); rounds 10 and 11 repeat the first two. */
const SIGMA: readonly (readonly number[])[] = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
  [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
  [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
  [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
  [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];

/** Columns, then diagonals, of the 4 by 4 state. */
const MIXES: readonly (readonly [number, number, number, number])[] = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
];

const v = new Uint32Array(32);
const m = new Uint32Array(32);

/** v[a] += v[b] + m[word]; all are word numbers. */
function add(a: number, b: number, lowX: number, highX: number): void {
  const low = v[2 * a]! + v[2 * b]! + lowX;
  v[2 * a] = low;
  v[2 * a + 1] = v[2 * a + 1]! + v[2 * b + 1]! + highX + Math.floor(low / 0x1_0000_0000);
}

/** v[a] = (v[a] ^ v[b]) rotated right by `bits`. */
function xorRotate(a: number, b: number, bits: number): void {
  let low = v[2 * a]! ^ v[2 * b]!;
  let high = v[2 * a + 1]! ^ v[2 * b + 1]!;
  if (bits >= 32) [low, high] = [high, low];
  const n = bits % 32;
  if (n === 0) {
    v[2 * a] = low;
    v[2 * a + 1] = high;
    return;
  }
  v[2 * a] = (low >>> n) | (high << (32 - n));
  v[2 * a + 1] = (high >>> n) | (low << (32 - n));
}

function compress(h: Uint32Array, block: DataView, at: number, counted: number, last: boolean): void {
  v.set(h);
  v.set(IV, 16);
  v[24] = v[24]! ^ counted;
  v[25] = v[25]! ^ Math.floor(counted / 0x1_0000_0000);
  if (last) {
    v[28] = ~v[28]!;
    v[29] = ~v[29]!;
  }
  for (let i = 0; i < 32; i++) m[i] = block.getUint32(at + 4 * i, true);
  for (let round = 0; round < ROUNDS; round++) {
    const order = SIGMA[round % 10]!;
    for (let i = 0; i < 8; i++) {
      const [a, b, c, d] = MIXES[i]!;
      const x = order[2 * i]!;
      const y = order[2 * i + 1]!;
      add(a, b, m[2 * x]!, m[2 * x + 1]!);
      xorRotate(d, a, 32);
      add(c, d, 0, 0);
      xorRotate(b, c, 24);
      add(a, b, m[2 * y]!, m[2 * y + 1]!);
      xorRotate(d, a, 16);
      add(c, d, 0, 0);
      xorRotate(b, c, 63);
    }
  }
  for (let i = 0; i < 16; i++) h[i] = h[i]! ^ v[i]! ^ v[i + 16]!;
}

/** The 32-byte BLAKE2b digest of the concatenated parts; text counts as UTF-8. */
export function blake2b256(...parts: readonly (string | Uint8Array)[]): Buffer {
  const input = Buffer.concat(parts.map((p) => (typeof p === "string" ? Buffer.from(p) : p)));
  const blocks = Math.max(1, Math.ceil(input.length / BLOCK_BYTES));
  const padded = Buffer.alloc(blocks * BLOCK_BYTES);
  padded.set(input);
  const view = new DataView(padded.buffer, padded.byteOffset, padded.length);
  const h = Uint32Array.from(IV);
  h[0] = h[0]! ^ (0x0101_0000 | DIGEST_BYTES);
  for (let i = 0; i < blocks; i++) {
    const last = i === blocks - 1;
    compress(h, view, i * BLOCK_BYTES, last ? input.length : (i + 1) * BLOCK_BYTES, last);
  }
  const out = Buffer.alloc(DIGEST_BYTES);
  for (let i = 0; i < DIGEST_BYTES / 4; i++) out.writeUInt32LE(h[i]!, 4 * i);
  return out;
}
