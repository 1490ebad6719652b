import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ConfigError } from "./diagnostic.ts";
import { plain } from "./document.ts";
import { parseJson } from "./json.ts";

const parse = (text: string) => parseJson({ name: "t.json", text, format: "json" });

test("json: what JSON.parse takes gives the same value, what it refuses is refused with a place", () => {
  const piece = fc.constantFrom(
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    '"a"',
    '"',
    "1",
    "-",
    ".5",
    "e3",
    "0",
    "true",
    "nul",
    " ",
    "\n",
    "\\u12",
    "é",
    "//",
  );
  const text = fc.oneof(
    fc.json(),
    fc.string(),
    fc.array(piece, { maxLength: 20 }).map((p) => p.join("")),
  );
  fc.assert(
    fc.property(text, (t) => {
      let wanted: unknown;
      let valid = true;
      try {
        wanted = JSON.parse(t);
      } catch {
        valid = false;
      }
      const object = typeof wanted === "object" && !Array.isArray(wanted);
      if (valid && object)
        assert.deepEqual(
          JSON.parse(JSON.stringify(plain(parse(t).root), (_, v) => (typeof v === "bigint" ? Number(v) : v))),
          JSON.parse(JSON.stringify(wanted ?? {})),
        );
      else
        assert.throws(
          () => parse(t),
          (error: unknown) => error instanceof ConfigError && error.diagnostics[0]!.line >= 1,
        );
    }),
    { numRuns: 5000 },
  );
});

test("json: a duplicate key counts last and is told", () => {
  const { root, duplicates } = parse('{"a": 1, "b": {"c": 1, "c": 2}, "a": 3}');
  assert.deepEqual({ ...(plain(root) as object) }.constructor, Object);
  assert.equal((plain(root) as Record<string, unknown>)["a"], 3);
  assert.deepEqual(
    duplicates.map((d) => d.key),
    ["c", "a"],
  );
});

test("json: whole numbers beyond 2^53 stay exact", () => {
  assert.equal(
    (plain(parse('{"a": 18446744073709551615}').root) as Record<string, unknown>)["a"],
    18446744073709551615n,
  );
});

test("json: nesting past the limit is refused, not a crash", () => {
  assert.throws(() => parse(`{"a":${"[".repeat(100_000)}`), /exceeded max depth/);
});

test("json: __proto__ is a key like any other", () => {
  const value = plain(parse('{"__proto__": {"x": 1}}').root) as Record<string, unknown>;
  assert.equal(Object.getPrototypeOf(value), null);
  assert.deepEqual(Object.keys(value), ["__proto__"]);
});
