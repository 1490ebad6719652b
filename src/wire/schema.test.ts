import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { MsgpackError } from "./msgpack.ts";
import * as s from "./schema.ts";

const vectors: readonly { name: string; hex: string }[] = JSON.parse(
  readFileSync(new URL("./testdata/msgpack-types.json", import.meta.url), "utf8"),
);
const hexOf = (name: string): string => vectors.find((v) => v.name === name)!.hex;
const hex = <T>(type: s.Type<T>, v: T): string => s.encode(type, v).toString("hex");
const unhex = <T>(type: s.Type<T>, text: string): T => s.decode(type, Buffer.from(text, "hex"));

const DirEntry = s.struct("DirEntry", {
  LockIndex: s.uint,
  Key: s.str,
  Flags: s.uint64,
  Value: s.bytes,
  Session: s.field(s.str, { omitempty: true }),
  CreateIndex: s.uint,
  ModifyIndex: s.uint,
});

test("a struct is written with sorted keys and read in any order, unknown keys skipped, missing ones zero", () => {
  const v = unhex(DirEntry, hexOf("DirEntry"));
  assert.equal(v.Key, "k");
  assert.equal(v.Flags, 7n);
  assert.equal(v.ModifyIndex, 300);
  assert.equal(hex(DirEntry, v), hexOf("DirEntry"));
  const sub = s.struct("Sub", { ModifyIndex: s.uint, Absent: s.list(s.str) });
  assert.deepEqual(unhex(sub, hexOf("DirEntry")), { ModifyIndex: 300, Absent: null });
});

const V = <T>(type: s.Type<T>) => s.struct("V", { V: type });
const forms = [
  { name: "nil slice field", type: V(s.list(s.str)), v: { V: null } },
  { name: "empty slice field", type: V(s.list(s.str)), v: { V: [] } },
  { name: "nil map field", type: V(s.map(s.str)), v: { V: null } },
  { name: "empty map field", type: V(s.map(s.str)), v: { V: new Map() } },
  { name: "nil pointer field", type: V(s.ptr(DirEntry)), v: { V: null } },
  { name: "[]byte nil", type: V(s.bytes), v: { V: null } },
  { name: "[]byte 3", type: V(s.bytes), v: { V: Buffer.from("00ff01", "hex") } },
  { name: "duration 10s", type: V(s.dur), v: { V: 10_000_000_000n } },
  { name: "time zero value", type: V(s.time), v: { V: s.TIME_ZERO } },
  { name: "time UTC", type: V(s.time), v: { V: s.parseTime("2020-12-09T01:02:03.000456789Z")! } },
];
for (const { name, type, v } of forms)
  test(`bytes as the original's: ${name}`, () => {
    const t = type as s.Type<unknown>;
    assert.equal(hex(t, v), hexOf(name));
    assert.deepEqual(unhex(t, hexOf(name)), v);
  });

test("a time of another zone is the same instant", () => {
  const t = unhex(V(s.time), hexOf("time -05:30"));
  assert.equal(s.formatTime(t.V), "2020-12-09T06:32:03Z");
});

test("an empty byte string decodes to nil, as 1.8 does", () => {
  assert.deepEqual(unhex(V(s.bytes), hexOf("[]byte empty")), { V: null });
});

test("JSON: omitempty, base64, exact 64-bit integers, HTML escapes, sorted map keys", () => {
  const v = DirEntry.make({ Key: "<a>&\u2028", Flags: 18446744073709551615n, Value: Buffer.from("test") });
  assert.equal(
    DirEntry.json(v),
    '{"LockIndex":0,"Key":"\\u003ca\\u003e\\u0026\\u2028","Flags":18446744073709551615,"Value":"dGVzdA==","CreateIndex":0,"ModifyIndex":0}',
  );
  assert.equal(
    s.map(s.int).json(
      new Map([
        ["b", 1],
        ["a", 2],
      ]),
    ),
    '{"a":2,"b":1}',
  );
  assert.equal(s.list(s.str).json(null), "null");
  assert.equal(s.list(s.str).json([]), "[]");
});

test("JSON floats as Go writes them", () => {
  for (const [v, want] of [
    [1, "1"],
    [0.1, "0.1"],
    [1e21, "1e+21"],
    [1e-7, "1e-07"],
    [-2.5e-9, "-2.5e-09"],
  ] as const)
    assert.equal(s.jsonFloat(v), want);
});

test("JSON keys match in any case; a wrong kind names its path", () => {
  assert.equal(DirEntry.fromJson({ key: "x", FLAGS: 5 }, "").Flags, 5n);
  const Outer = s.struct("Outer", { Entries: s.list(DirEntry) });
  assert.throws(() => Outer.fromJson({ Entries: [{ Key: "a" }, { Key: 1 }] }, ""), {
    name: "JsonShapeError",
    message: "Entries[1].Key: want string, found number",
  });
});

test("a counter beyond 2^53 is a decode error, a bound saturates, a field that keeps 64 bits keeps them", () => {
  const max = "cfffffffffffffffff";
  assert.throws(() => unhex(s.uint, max), /Overflow uint value: 18446744073709551615/);
  assert.equal(unhex(s.indexBound, max), Number.MAX_SAFE_INTEGER);
  assert.equal(unhex(s.uint64, max), 18446744073709551615n);
  assert.throws(() => unhex(s.uint8, "cd012c"), /Overflow uint value: 300/);
});

test("untyped values keep integers and floats apart on the wire", () => {
  const v = new Map<string, s.GoValue>([
    ["n", 1],
    ["i", 2n],
    ["l", ["x", true, null]],
  ]);
  const back = unhex(s.any, hex(s.any, v));
  assert.deepEqual(back, v);
  assert.equal(hex(s.any, s.goValue(1)), "cb3ff0000000000000");
});

test("byteOrder() sorts as Go does, also above the surrogates", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" }), (a, b) => {
      const want = Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      assert.equal(Math.sign(s.byteOrder(a, b)), want);
    }),
  );
  assert.equal(s.byteOrder("\uffff", "\u{10000}"), -1);
});

test("every truncation of a value is a typed error", () => {
  const bytes = Buffer.from(hexOf("DirEntry"), "hex");
  for (let cut = 0; cut < bytes.length; cut++)
    assert.throws(() => s.decode(DirEntry, bytes.subarray(0, cut)), MsgpackError, `cut at ${cut}`);
});

test("mutated bytes give a value or a typed error", () => {
  const bytes = Buffer.from(hexOf("DirEntry"), "hex");
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, to) => {
      const mutated = Buffer.from(bytes);
      mutated[at] = to;
      try {
        s.decode(DirEntry, mutated);
      } catch (error) {
        assert.ok(error instanceof MsgpackError, String(error));
      }
    }),
    { numRuns: 1000 },
  );
});

test("indentJson() prints as Go's MarshalIndent", () => {
  assert.equal(
    s.indentJson('[{"a":"x:{,","b":[],"c":{}},1]'),
    '[\n    {\n        "a": "x:{,",\n        "b": [],\n        "c": {}\n    },\n    1\n]',
  );
});
