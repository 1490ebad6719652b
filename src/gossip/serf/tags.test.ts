import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeTags, encodeTags } from "./tags.ts";

const cases = [
  { name: "none", tags: new Map<string, string>(), hex: "ff80" },
  { name: "one", tags: new Map([["a", "b"]]), hex: "ff81a161a162" },
  { name: "blank value", tags: new Map([["a", ""]]), hex: "ff81a161a0" },
];
for (const { name, tags, hex } of cases)
  test(`tags: ${name}`, () => {
    assert.equal(encodeTags(tags).toString("hex"), hex);
    assert.deepEqual(decodeTags(Buffer.from(hex, "hex")), { tags, damaged: false });
  });

test("tags: meta of an old node is its role", () => {
  assert.deepEqual(decodeTags(Buffer.from("web")).tags, new Map([["role", "web"]]));
  assert.deepEqual(decodeTags(Buffer.alloc(0)).tags, new Map([["role", ""]]));
});

test("tags: of a damaged map, what came before the damage", () => {
  const whole = encodeTags(
    new Map([
      ["a", "1"],
      ["b", "2"],
    ]),
  );
  const cut = decodeTags(whole.subarray(0, whole.length - 1));
  assert.equal(cut.damaged, true);
  assert.deepEqual(cut.tags, new Map([["a", "1"]]));
});

test("tags: 512 bytes fit, 513 do not", () => {
  const sized = (n: number): Map<string, string> => new Map([["k", "x".repeat(n)]]);
  assert.equal(encodeTags(sized(505)).length, 512);
  assert.throws(() => encodeTags(sized(506)), {
    message: "Encoded length of tags exceeds limit of 512 bytes",
  });
});
