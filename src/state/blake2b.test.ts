import assert from "node:assert/strict";
import { test } from "node:test";
import { blake2b256 } from "./blake2b.ts";

/** `b2sum -l 256` of GNU coreutils prints these. */
const cases = [
  { name: "nothing", input: "", hex: "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8" },
  { name: "abc", input: "abc", hex: "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319" },
  {
    name: "one byte before a block's end",
    input: "x".repeat(127),
    hex: "32afe327aece2cc8275e868be2ea929410f47bcfbac87d8197d92c972a290d3d",
  },
  {
    name: "one block",
    input: "x".repeat(128),
    hex: "164ffb7089bae6f5a62fb0795e751dc9e88eac92e1a5b2fafe93a25abf2d9c3b",
  },
  {
    name: "one byte after a block's end",
    input: "x".repeat(129),
    hex: "03b0758fa71d249c846c2304a2b9996e6ae66ffa7e5528f9e612e089a360fc8d",
  },
  {
    name: "two blocks",
    input: "x".repeat(256),
    hex: "cb9d468022b930d52da4d9b0226ef9c997e0acc119eeb08afefb8219bc53972b",
  },
  {
    name: "many blocks",
    input: "x".repeat(1000),
    hex: "ab75119ede14ef06ebf31f745fb655ed006cccfe8054c635308a557f7c9beaba",
  },
];
for (const { name, input, hex } of cases)
  test(`blake2b256: ${name}`, () => assert.equal(blake2b256(input).toString("hex"), hex));

test("blake2b256: parts are one input, block borders included", () => {
  for (const length of [127, 128, 129, 255, 256, 257, 1000]) {
    const text = "x".repeat(length);
    assert.deepEqual(blake2b256(text), blake2b256(text.slice(0, 5), Buffer.from(text.slice(5))));
  }
});
