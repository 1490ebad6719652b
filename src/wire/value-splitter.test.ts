import assert from "node:assert/strict";
import test from "node:test";
import { seededRandom } from "../ports/random.ts";
import { MsgpackError, MsgpackWriter, valueEnd } from "./msgpack.ts";
import { MsgpackSplitter, MsgpackTooLongError } from "./value-splitter.ts";

const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));

function randomValue(w: MsgpackWriter, random: ReturnType<typeof seededRandom>, depth: number): void {
  switch (random.int(depth > 2 ? 7 : 9)) {
    case 0:
      return w.nil();
    case 1:
      return w.int(random.int(2 ** 31) - 2 ** 30);
    case 2:
      return w.bool(true);
    case 3:
      return w.float64(random.float());
    case 4:
      return w.bytes(random.bytes(random.int(300)));
    case 5:
      return w.bytes(random.bytes(random.int(20) === 0 ? 70_000 : 3));
    case 6:
      return w.bigint(-(2n ** 60n));
    case 7: {
      const n = random.int(20);
      w.array(n);
      for (let i = 0; i < n; i++) randomValue(w, random, depth + 1);
      return;
    }
    default: {
      const n = random.int(20);
      w.map(n);
      for (let i = 0; i < 2 * n; i++) randomValue(w, random, depth + 1);
    }
  }
}

test("values come out whole and in order, however the bytes are cut", () => {
  const random = seededRandom(seed);
  for (let round = 0; round < 40; round++) {
    const values: Buffer[] = [];
    for (let i = 0; i < 10; i++) {
      const w = new MsgpackWriter();
      randomValue(w, random, 0);
      values.push(Buffer.from(w.finish()));
      assert.equal(valueEnd(values.at(-1)!, 0), values.at(-1)!.length, `seed ${seed}`);
    }
    const all = Buffer.concat(values);
    const splitter = new MsgpackSplitter(1 << 24);
    const got: Buffer[] = [];
    const longest = 1 + random.int(random.int(2) === 0 ? 8 : 50_000);
    for (let at = 0; at < all.length; ) {
      const n = 1 + random.int(longest);
      splitter.push(Buffer.from(all.subarray(at, at + n)));
      at += n;
      for (let v = splitter.next(); v !== undefined; v = splitter.next()) got.push(v);
    }
    assert.equal(splitter.heldBytes, 0);
    // Compared at the end: a value returned early must not be overwritten by later bytes.
    assert.deepEqual(
      got.map((b) => b.toString("hex")),
      values.map((b) => b.toString("hex")),
      `seed ${seed}`,
    );
  }
});

test("every form that the reader skips has its length known", () => {
  const forms = [
    "c0",
    "c2",
    "c403616263",
    "c50001aa",
    "c600000001aa",
    "c70105aa",
    "c8000105aa",
    "c90000000105aa",
    "ca00000000",
    "cb0000000000000000",
    "cc01",
    "cd0001",
    "ce00000001",
    "cf0000000000000001",
    "d001",
    "d10001",
    "d200000001",
    "d30000000000000001",
    "d4aabb",
    "d5aabbcc",
    "d6aa00000000",
    "d7aa0000000000000000",
    `d8aa${"00".repeat(16)}`,
    "d90161",
    "da000161",
    "db0000000161",
    "dc0001c0",
    "dd00000001c0",
    "de0001c0c0",
    "df00000001c0c0",
    "e0",
    "ff",
    "7f",
    "80",
    "90",
    "a0",
  ];
  const all = Buffer.from(forms.join(""), "hex");
  for (let size = 1; size < 6; size++) {
    const splitter = new MsgpackSplitter(100);
    const got: string[] = [];
    for (let at = 0; at < all.length; at += size) {
      splitter.push(all.subarray(at, at + size));
      for (let v = splitter.next(); v !== undefined; v = splitter.next()) got.push(v.toString("hex"));
    }
    assert.deepEqual(got, forms);
  }
});

const refused = [
  { name: "the byte that starts no value", hex: "c1", error: MsgpackError },
  { name: "a text announced longer than the limit", hex: "db7fffffff", error: MsgpackTooLongError },
  { name: "an array announced longer than the limit", hex: "dd7fffffff", error: MsgpackTooLongError },
  { name: "a map announced longer than the limit", hex: "dfffffffff", error: MsgpackTooLongError },
  { name: "nesting without end", hex: "91".repeat(65), error: MsgpackError },
];
for (const { name, hex, error } of refused)
  test(`refuses ${name}`, () => {
    const splitter = new MsgpackSplitter(1 << 20);
    splitter.push(Buffer.from(hex, "hex"));
    assert.throws(() => splitter.next(), error);
  });

test("a large value in small pieces is not read over and over", () => {
  const w = new MsgpackWriter();
  w.array(200_000);
  for (let i = 0; i < 200_000; i++) w.str("item");
  const all = w.finish();
  const splitter = new MsgpackSplitter(1 << 24);
  const started = performance.now();
  let value: Buffer | undefined;
  for (let at = 0; at < all.length; at += 64) {
    splitter.push(all.subarray(at, at + 64));
    value = splitter.next() ?? value;
  }
  assert.equal(value?.length, all.length);
  // Read over and over, it would take minutes.
  assert.ok(performance.now() - started < 20_000);
});

test("an expected value is found whatever the pieces, and anything else is read as it is", () => {
  const w = new MsgpackWriter();
  w.array(50);
  for (let i = 0; i < 50; i++) w.str(`item ${i}`);
  const same = Buffer.from(w.finish());
  const other = Buffer.from(same);
  other[other.length - 1] = 0x21;
  const longer = Buffer.concat([Buffer.of(0xdc, 0, 51), same.subarray(3), Buffer.of(1)]);
  const after = Buffer.of(0x2a);
  for (const value of [same, other, longer, Buffer.of(0x80)])
    for (const size of [1, 7, same.length, 10_000]) {
      const all = Buffer.concat([value, after]);
      const splitter = new MsgpackSplitter(1 << 20);
      const got: Buffer[] = [];
      for (let at = 0; at < all.length; at += size) {
        splitter.push(all.subarray(at, at + size));
        for (;;) {
          const v = splitter.next(got.length === 0 ? same : undefined);
          if (v === undefined) break;
          got.push(v);
        }
      }
      assert.deepEqual(got, [value, after]);
      assert.equal(splitter.heldBytes, 0);
    }
});
