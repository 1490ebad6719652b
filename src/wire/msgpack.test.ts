import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { MsgpackError, MsgpackReader, MsgpackTruncatedError, MsgpackWriter, valueEnd } from "./msgpack.ts";

interface Vector {
  readonly name: string;
  readonly hex: string;
  readonly decoded: unknown;
  readonly hex_truncated?: boolean;
}
const vectors: readonly Vector[] = JSON.parse(
  readFileSync(new URL("./testdata/msgpack-types.json", import.meta.url), "utf8"),
);
const written = (write: (w: MsgpackWriter) => void): string => {
  const w = new MsgpackWriter(1);
  write(w);
  return w.finish().toString("hex");
};

for (const v of vectors) {
  const integer = /^u?int64 (-?\d+|max)$/.exec(v.name);
  if (integer) {
    const n = integer[1] === "max" ? 0xffff_ffff_ffff_ffffn : BigInt(integer[1]!);
    test(`writer and reader agree with the original: ${v.name}`, () => {
      assert.equal(
        written((w) => w.bigint(n)),
        v.hex,
      );
      assert.equal(BigInt(new MsgpackReader(Buffer.from(v.hex, "hex")).integer()), n);
    });
  }
  const text = /^string of length (\d+)$/.exec(v.name);
  if (text) {
    test(`writer and reader agree with the original: ${v.name}`, () => {
      const s = "s".repeat(Number(text[1]));
      const hex = written((w) => w.str(s));
      assert.ok(hex.startsWith(v.hex), `${hex.slice(0, 20)} for ${v.hex.slice(0, 20)}`);
      assert.equal(new MsgpackReader(Buffer.from(hex, "hex")).str(), s);
    });
  }
}

test("text with characters of several bytes takes the form its bytes ask for", () => {
  // 11 times 3 bytes = 33: no longer a fixstr, though 11 characters are.
  assert.equal(written((w) => w.str("あ".repeat(11))).slice(0, 6), "da0021");
  assert.equal(written((w) => w.str("あ".repeat(10))).slice(0, 2), "be");
});

test("reader takes every form a newer peer may write", () => {
  const cases: readonly (readonly [string, (r: MsgpackReader) => unknown, unknown])[] = [
    ["d90161", (r) => r.str(), "a"],
    ["c0", (r) => r.str(), ""],
    ["c40161", (r) => r.bytes()?.toString(), "a"],
    ["920102", (r) => [...r.bytes()!], [1, 2]],
    ["d0ff", (r) => r.integer(), -1],
    ["d37fffffffffffffff", (r) => r.integer(), 0x7fff_ffff_ffff_ffffn],
    ["ca3fc00000", (r) => r.float(), 1.5],
    ["05", (r) => r.float(), 5],
    ["01", (r) => r.bool(), true],
    ["dc000101", (r) => r.array(), 1],
    ["de000101c0", (r) => r.map(), 1],
  ];
  for (const [hex, read, want] of cases)
    assert.deepEqual(read(new MsgpackReader(Buffer.from(hex, "hex"))), want, hex);
});

test("bin for text is refused with the original's sentence", () => {
  assert.throws(() => new MsgpackReader(Buffer.from("c40161", "hex")).str(), {
    message: "codec.decoder: readContainerLen: Unrecognized descriptor byte: hex: c4, dec: 196",
  });
});

test("announced lengths beyond the input are refused before anything is allocated", () => {
  for (const hex of ["dbffffffff", "ddffffffff", "dfffffffff", "c6ffffffff"]) {
    const read = (f: (r: MsgpackReader) => unknown): unknown => f(new MsgpackReader(Buffer.from(hex, "hex")));
    assert.throws(() => read((r) => r.skip()), MsgpackTruncatedError, hex);
  }
  assert.throws(() => new MsgpackReader(Buffer.from("ddffffffff00", "hex")).array(), MsgpackTruncatedError);
});

test("nesting beyond the limit is an error, not a full stack", () => {
  assert.throws(() => new MsgpackReader(Buffer.alloc(100_000, 0x91)).skip(), MsgpackError);
});

test("valueEnd() finds the end of each value and asks for more when it is cut", () => {
  const w = new MsgpackWriter();
  w.map(2);
  w.str("a");
  w.array(3);
  w.int(1);
  w.float64(2.5);
  w.nil();
  w.str("b");
  w.bigint(1n << 63n);
  const bytes = w.finish();
  assert.equal(valueEnd(bytes, 0), bytes.length);
  for (let cut = 0; cut < bytes.length; cut++)
    assert.equal(valueEnd(bytes.subarray(0, cut), 0), undefined, `cut at ${cut}`);
});

test("random bytes give a value or a typed error, and skip() never leaves the buffer", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const r = new MsgpackReader(bytes);
      try {
        r.skip();
        assert.ok(r.pos <= bytes.length);
      } catch (error) {
        assert.ok(error instanceof MsgpackError, String(error));
      }
    }),
    { numRuns: 2000 },
  );
});

test("integers survive the round trip in all 64 bits", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(1n << 63n), max: (1n << 64n) - 1n }), (n) => {
      const hex = written((w) => w.bigint(n));
      assert.equal(BigInt(new MsgpackReader(Buffer.from(hex, "hex")).integer()), n);
    }),
  );
});
