import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { JsonObject, JsonSyntaxError, type JsonValue, parseGoJson, positionOf } from "./json-parser.ts";

const plain = (v: JsonValue): unknown => {
  if (v instanceof JsonObject) return Object.fromEntries(v.members.map(([k, x]) => [k, plain(x)]));
  // JSON.parse knows no bigints; that all digits are kept is tested below.
  return Array.isArray(v) ? v.map(plain) : typeof v === "bigint" ? Number(v) : v;
};

const broken = [
  { name: "nothing", text: " \n", error: "EOF", offset: 2 },
  { name: "cut object", text: '{"Node"', error: "unexpected EOF", offset: 7 },
  { name: "cut literal", text: "tru", error: "unexpected EOF", offset: 3 },
  {
    name: "wrong literal",
    text: "trux",
    error: "invalid character 'x' in literal true (expecting 'e')",
    offset: 3,
  },
  {
    name: "a bare word",
    text: '{"a":abc}',
    error: "invalid character 'a' looking for beginning of value",
    offset: 5,
  },
  {
    name: "an unquoted name",
    text: "{a:1}",
    error: "invalid character 'a' looking for beginning of object key string",
    offset: 1,
  },
  {
    name: "a comma too many",
    text: '{"a":1,}',
    error: "invalid character '}' looking for beginning of object key string",
    offset: 7,
  },
  {
    name: "a missing comma",
    text: '{"a":1 "b":2}',
    error: "invalid character '\"' after object key:value pair",
    offset: 7,
  },
  { name: "a missing colon", text: '{"a" 1}', error: "invalid character '1' after object key", offset: 5 },
  { name: "an open list", text: "[1 2]", error: "invalid character '2' after array element", offset: 3 },
  {
    name: "a line feed in a text",
    text: '"a\nb"',
    error: "invalid character '\\n' in string literal",
    offset: 2,
  },
  { name: "a bad escape", text: '"\\x"', error: "invalid character 'x' in string escape code", offset: 2 },
  {
    name: "a bad code",
    text: '"\\u12G4"',
    error: "invalid character 'G' in \\u hexadecimal character escape",
    offset: 5,
  },
  { name: "a lone minus", text: "-}", error: "invalid character '}' in numeric literal", offset: 1 },
  {
    name: "a lone point",
    text: "1.}",
    error: "invalid character '}' after decimal point in numeric literal",
    offset: 2,
  },
  {
    name: "a lone exponent",
    text: "1e+}",
    error: "invalid character '}' in exponent of numeric literal",
    offset: 3,
  },
  { name: "too deep", text: "[".repeat(100_000), error: "exceeded max depth", offset: 513 },
];
for (const { name, text, error, offset } of broken)
  test(`Go's words for ${name}`, () => {
    assert.throws(
      () => parseGoJson(text),
      (e: unknown) => e instanceof JsonSyntaxError && e.message === error && e.offset === offset,
    );
  });

test("all digits of an integer are kept", () => {
  assert.equal(parseGoJson("18446744073709551615"), 18_446_744_073_709_551_615n);
  assert.equal(parseGoJson("-9007199254740993"), -9_007_199_254_740_993n);
  assert.equal(parseGoJson("9007199254740991"), 9_007_199_254_740_991);
  assert.equal(parseGoJson("1e3"), 1000);
});

test("what follows the first value is not looked at", () =>
  assert.deepEqual(plain(parseGoJson('{"a":1} junk {')), { a: 1 }));

test("a name that comes twice is kept twice, in order", () => {
  const v = parseGoJson('{"a":1,"A":2,"a":3}') as JsonObject;
  assert.deepEqual(v.members, [
    ["a", 1],
    ["A", 2],
    ["a", 3],
  ]);
});

test("a lone surrogate becomes U+FFFD", () => assert.equal(parseGoJson('"\\ud800x"'), "\ufffdx"));

test("line and column of an offset", () =>
  assert.deepEqual(positionOf('{\n  "a" 1}', 8), { line: 2, column: 7 }));

test("reads what JSON.stringify writes", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), (v) => {
      assert.deepEqual(plain(parseGoJson(JSON.stringify(v))), JSON.parse(JSON.stringify(v)));
    }),
  );
});

test("any text is a value or a typed error", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom(...'{}[]",:0123456789.eE+-truefalsn \\u\n\ud800é') }),
      (text) => {
        try {
          parseGoJson(text);
        } catch (e) {
          assert.ok(e instanceof JsonSyntaxError, String(e));
        }
      },
    ),
    { numRuns: 2_000 },
  );
});
