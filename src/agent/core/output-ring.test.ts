import assert from "node:assert/strict";
import { test } from "node:test";
import { headOfOutput, OutputRing } from "./output-ring.ts";

const LIMIT = 4096;
for (const n of [0, 1, 4095, 4096])
  test(`ring: ${n} bytes are kept whole`, () => {
    const ring = new OutputRing(LIMIT);
    for (let i = 0; i < n; i += 1000) ring.write(Buffer.alloc(Math.min(1000, n - i), "x"));
    assert.equal(ring.text(), "x".repeat(n));
  });

for (const n of [4097, 6000])
  for (const piece of [7, 4096, 10_000])
    test(`ring: of ${n} bytes in pieces of ${piece} the last ${LIMIT} are kept`, () => {
      const all = Buffer.alloc(n, "0123456789abcdef");
      const ring = new OutputRing(LIMIT);
      for (let i = 0; i < n; i += piece) ring.write(all.subarray(i, i + piece));
      assert.equal(ring.text(), `Captured 4096 of ${n} bytes\n...\n${all.subarray(n - LIMIT).toString()}`);
      assert.equal(ring.bytes().length, LIMIT);
      assert.equal(ring.total, n);
    });

test("head: a report that is too long is cut with a note", () => {
  assert.equal(headOfOutput("x".repeat(4096), LIMIT), "x".repeat(4096));
  assert.equal(
    headOfOutput("x".repeat(6000), LIMIT),
    `${"x".repeat(4096)} ... (captured 4096 of 6000 bytes)`,
  );
});

test("head: a character is counted by its bytes", () => {
  assert.equal(headOfOutput("日本", 3), "日 ... (captured 3 of 6 bytes)");
});
