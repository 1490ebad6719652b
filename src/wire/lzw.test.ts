import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../ports/random.ts";
import { LzwError, lzwDecode, lzwEncode } from "./lzw.ts";

const MIB = 1 << 20;

test("lzw: round trips of every size class and alphabet", () => {
  const random = seededRandom(7);
  for (const size of [0, 1, 2, 3, 255, 256, 257, 1400, 4095, 70_000])
    for (const alphabet of [1, 2, 16, 256]) {
      const input = Buffer.from(Array.from({ length: size }, () => random.int(alphabet)));
      assert.deepEqual(lzwDecode(lzwEncode(input), MIB), input, `${size} bytes of ${alphabet} values`);
    }
});

test("lzw: a stream without the leading clear code is read", () => {
  // 'a' (0x61) then end (257), 9 bits each, from the low bits up.
  assert.equal(lzwDecode(Buffer.from([0x61, 0x02, 0x02]), 10).toString(), "a");
});

test("lzw: a bomb stops at the limit", () => {
  const bomb = lzwEncode(Buffer.alloc(MIB));
  assert.ok(bomb.length < 8192, `${bomb.length} bytes`);
  assert.throws(() => lzwDecode(bomb, MIB - 1), { name: "LzwError", code: "too-large" });
  assert.equal(lzwDecode(bomb, MIB).length, MIB);
});

test("lzw: every truncation and many mutations give a value or a typed error", () => {
  const random = seededRandom(11);
  const whole = lzwEncode(Buffer.from("the quick brown fox jumps over the lazy dog ".repeat(40)));
  for (let n = 0; n < whole.length; n++)
    assert.throws(() => lzwDecode(whole.subarray(0, n), MIB), { code: "truncated" });
  for (let i = 0; i < 5000; i++) {
    const bytes = Buffer.from(whole);
    for (let k = 0; k <= random.int(4); k++) bytes[random.int(bytes.length)] = random.int(256);
    try {
      lzwDecode(bytes, 1 << 16);
    } catch (error) {
      assert.ok(error instanceof LzwError);
    }
  }
});
