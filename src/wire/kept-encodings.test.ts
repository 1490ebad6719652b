import assert from "node:assert/strict";
import { test } from "node:test";
import { KeptEncodings } from "./kept-encodings.ts";

test("a value is encoded twice, then kept; another object of the same content is another value", () => {
  const kept = new KeptEncodings(1000);
  let encoded = 0;
  const encode = (v: { readonly n: number }): Uint8Array => {
    encoded++;
    return Buffer.alloc(10, v.n);
  };
  const value = { n: 1 };
  for (let i = 0; i < 5; i++) assert.deepEqual(kept.get(value, encode), Buffer.alloc(10, 1));
  assert.equal(encoded, 2);
  kept.get({ n: 1 }, encode);
  assert.equal(encoded, 3);
  assert.equal(kept.bytes, 10);
});

test("never more bytes than allowed, the least recently used go first, too large ones are not kept", () => {
  const kept = new KeptEncodings(100);
  const values = Array.from({ length: 6 }, (_, i) => ({ i }));
  const encode = (): Uint8Array => Buffer.alloc(25);
  for (const v of values.slice(0, 4)) for (let i = 0; i < 2; i++) kept.get(v, encode);
  assert.equal(kept.bytes, 100);
  // Used again: the second is the oldest now.
  kept.get(values[0]!, encode);
  for (let i = 0; i < 2; i++) kept.get(values[4]!, encode);
  assert.equal(kept.bytes, 100);
  let asked = 0;
  const counting = (): Uint8Array => {
    asked++;
    return Buffer.alloc(25);
  };
  kept.get(values[0]!, counting);
  assert.equal(asked, 0);
  kept.get(values[1]!, counting);
  assert.equal(asked, 1);
  const big = {};
  for (let i = 0; i < 3; i++) assert.equal(kept.get(big, () => Buffer.alloc(26)).byteLength, 26);
  assert.ok(kept.bytes <= 100);
});
