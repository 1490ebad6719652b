import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ConfigError } from "../diagnostic.ts";
import { type DocValue, plain } from "../document.ts";
import { parseHcl } from "./parser.ts";

/** As the key tables see it: blocks are lists. */
function raw(value: DocValue): unknown {
  switch (value.kind) {
    case "object":
      return Object.fromEntries(value.members.map((m) => [m.key, raw(m.value)]));
    case "list":
      return value.items.map(raw);
    case "number":
      return value.exact ?? value.value;
    case "null":
      return null;
    default:
      return value.value;
  }
}

const parse = (text: string) => raw(parseHcl({ name: "t.hcl", text, format: "hcl" }));

const cases: readonly { readonly name: string; readonly text: string; readonly value: unknown }[] = [
  { name: "empty", text: "", value: {} },
  { name: "comments only", text: "# a\n// b\n/* c\n d */", value: {} },
  { name: "last scalar wins", text: "a=1 a=2", value: { a: 2 } },
  { name: "lists append", text: "a=[1] a=[2]", value: { a: [1, 2] } },
  { name: "block", text: "b {x=1}", value: { b: [{ x: 1 }] } },
  { name: "assigned object", text: "b = {x=1}", value: { b: [{ x: 1 }] } },
  { name: "two blocks, mixed", text: "b {x=1} b = {y=2}", value: { b: [{ x: 1 }, { y: 2 }] } },
  { name: "list and block", text: "b = [{x=1}] b {y=2}", value: { b: [{ x: 1 }, { y: 2 }] } },
  { name: "labels", text: 'b "l" {x=1} b "m" {x=2}', value: { b: [{ l: [{ x: 1 }] }, { m: [{ x: 2 }] }] } },
  { name: "two labels", text: 'b "l" "k" {x=1}', value: { b: [{ l: [{ k: [{ x: 1 }] }] }] } },
  {
    name: "nested lists, mixed types",
    text: 'a = [[1],[2], true, "x"]',
    value: { a: [[1], [2], true, "x"] },
  },
  { name: "empty block, list, string", text: 'a {} b = [] c = ""', value: { a: [{}], b: [], c: "" } },
  { name: "trailing commas", text: "a = [1,2,], b = 3,", value: { a: [1, 2], b: 3 } },
  {
    name: "numbers",
    text: "a=010 b=0x1F c=-5 d=.5 e=1. f=1e3 g=-1.5e-2",
    value: { a: 8, b: 31, c: -5, d: 0.5, e: 1, f: 1000, g: -0.015 },
  },
  {
    name: "64 bits",
    text: "a=9223372036854775807 b=-9223372036854775808",
    value: { a: 9223372036854775807n, b: -9223372036854775808n },
  },
  { name: "dotted and dashed keys", text: "a.b = 1 c-d = 2 _e = 3", value: { "a.b": 1, "c-d": 2, _e: 3 } },
  { name: "letters of any script", text: "größe = 1", value: { größe: 1 } },
  { name: "quoted keys", text: '"a b" = 1', value: { "a b": 1 } },
  {
    name: "escapes",
    text: String.raw`a = "\a\b\f\n\r\t\v\\\"\101\x41\u00e9\U0001f600"`,
    value: { a: '\x07\b\f\n\r\t\v\\"AAé😀' },
  },
  { name: "interpolation stays", text: `a = "$\{ f("x {y}") }z"`, value: { a: `$\{ f("x {y}") }z` } },
  { name: "heredoc", text: "a = <<EOT\nx\n  y\nEOT\nb = 1", value: { a: "x\n  y\n", b: 1 } },
  { name: "heredoc with indented end", text: "a = <<E\n  x\n  E\n", value: { a: "  x\n" } },
  { name: "indented heredoc", text: "a = <<-E\n    x\n      y\n    E\n", value: { a: "x\n  y\n" } },
  {
    name: "indented heredoc, not all indented",
    text: "a = <<-E\n x\n    y\n  E\n",
    value: { a: " x\n    y\n" },
  },
  { name: "carriage returns", text: "a = 1\r\nb {\r\n c = 2\r\n}\r\n", value: { a: 1, b: [{ c: 2 }] } },
  { name: "booleans", text: "a = true b = false", value: { a: true, b: false } },
];

for (const { name, text, value } of cases) test(`hcl: ${name}`, () => assert.deepEqual(parse(text), value));

test("hcl: a one-element list of blocks stands for its object in free data", () => {
  assert.deepEqual(
    JSON.parse(JSON.stringify(plain(parseHcl({ name: "t", text: "a { b { c = 1 } }", format: "hcl" })))),
    { a: { b: { c: 1 } } },
  );
});

test("hcl: any text gives a document or an error with a place inside it", () => {
  const piece = fc.constantFrom(
    "a",
    "b",
    "=",
    "{",
    "}",
    "[",
    "]",
    ",",
    '"',
    "x",
    "1",
    "0x",
    ".",
    "-",
    "#",
    "/*",
    "*/",
    "<<E\n",
    "E",
    "\n",
    " ",
    "true",
    "${",
    "\\",
    "é",
    "\u0000",
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(piece, { maxLength: 40 }).map((p) => p.join("")),
      ),
      (text) => {
        try {
          parse(text);
        } catch (error) {
          assert.ok(error instanceof ConfigError, String(error));
          const [d] = error.diagnostics;
          assert.ok(d !== undefined && d.line >= 1 && d.line <= text.split("\n").length);
          assert.ok(d.column >= 1 && d.column <= [...d.lineText].length + 2, error.explain());
        }
      },
    ),
    { numRuns: 3000 },
  );
});

test("hcl: nesting past the limit is refused, not a crash", () => {
  assert.throws(() => parse(`a=${"[".repeat(100_000)}`), ConfigError);
  assert.throws(() => parse("a {".repeat(100_000)), ConfigError);
});
