import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cleanPath, escapePath, hasUnprintable, parseQuery, percentDecode } from "./url.ts";

const paths = [
  { path: "/v1/kv/a", clean: "/v1/kv/a" },
  { path: "/v1/kv/a/", clean: "/v1/kv/a/" },
  { path: "//v1///kv//a/", clean: "/v1/kv/a/" },
  { path: "/v1/./kv/../x", clean: "/v1/x" },
  { path: "/../..", clean: "/" },
  { path: "/v1/..", clean: "/" },
  { path: "/v1/kv/...", clean: "/v1/kv/..." },
  { path: "/v1/kv/.a/b.", clean: "/v1/kv/.a/b." },
];
for (const { path, clean } of paths) test(`cleanPath ${path}`, () => assert.equal(cleanPath(path), clean));

test("a clean path is clean", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom("/", ".", "a") }), (s) =>
      assert.equal(cleanPath(cleanPath(`/${s}`)), cleanPath(`/${s}`)),
    ),
  );
});

test("queries: plus, percent, semicolons, flags, repeats", () => {
  const q = parseQuery("a=1+2&b=%2Bx;c&a=3&&=z")!;
  assert.deepEqual(
    [q.get("a"), q.all("a"), q.get("b"), q.has("c"), q.get("c"), q.has("d")],
    ["1 2", ["1 2", "3"], "+x", true, "", false],
  );
  assert.equal(q.encode(), "=z&a=1+2&a=3&b=%2Bx&c=");
  assert.equal(parseQuery("a=%zz"), undefined);
});

test("percent decoding: broken escapes are refused, bytes that are no text become U+FFFD", () => {
  assert.equal(percentDecode("a%2Fb%25"), "a/b%");
  assert.equal(percentDecode("%zz"), undefined);
  assert.equal(percentDecode("%"), undefined);
  assert.equal(percentDecode("é%ff%C3%A9"), "é\ufffdé");
});

test("any text decodes or is refused", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom("%", "a", "f", "2", "é", "+", "&", "=") }), (s) => {
      percentDecode(s);
      parseQuery(s);
    }),
  );
});

test("printable: letters of all scripts, signs, the ASCII blank; no control character, no other blank", () => {
  assert.equal(hasUnprintable("/v1/kv/a b é 漢 ☃ ٣"), false);
  for (const c of ["\u0000", "\n", "\u007f", "\u00a0", "\u2028", "\u200b"])
    assert.equal(hasUnprintable(`/${c}`), true, JSON.stringify(c));
});

test("Location headers are escaped as Go does", () =>
  assert.equal(escapePath("/v1/kv/a b?%é:@"), "/v1/kv/a%20b%3F%25%C3%A9:@"));
