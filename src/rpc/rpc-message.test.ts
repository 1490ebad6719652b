import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { type MethodName, type RpcMethod, rpcMethods } from "../model/methods.ts";
import { SnapshotRequest, SnapshotResponse } from "../model/operator.ts";
import { seededRandom } from "../ports/random.ts";
import { MsgpackError, MsgpackReader } from "../wire/msgpack.ts";
import {
  any,
  bool,
  bytes,
  decode,
  encode,
  f32,
  f64,
  type GoValue,
  int64,
  list,
  map,
  ptr,
  str,
  struct,
  type Type,
  time,
  uint64,
} from "../wire/schema.ts";
import { MsgpackSplitter } from "../wire/value-splitter.ts";
import { requestRefusal } from "./errors.ts";
import {
  decodeRequestHead,
  decodeResponseHead,
  encodeErrorResponse,
  encodeRequest,
  encodeResponse,
} from "./rpc-message.ts";

interface Vector {
  readonly name: string;
  readonly hex: string;
  readonly request_hex?: string;
  readonly source?: string;
  readonly hex_truncated?: boolean;
  readonly decoded: { readonly header: { readonly Error: string }; readonly V?: string };
}
const load = (file: string): readonly Vector[] =>
  JSON.parse(readFileSync(new URL(`testdata/${file}`, import.meta.url), "utf8")) as readonly Vector[];

function values(bytes: Buffer): readonly Buffer[] {
  const splitter = new MsgpackSplitter(1 << 26);
  splitter.push(bytes);
  const out: Buffer[] = [];
  for (let v = splitter.next(); v !== undefined; v = splitter.next()) out.push(v);
  assert.equal(splitter.heldBytes, 0, "bytes behind the last value");
  return out;
}

const ISO_ZONE_FREE = /^af01/;
/** A value as text that does not depend on map order or on the zone of a time; texts that hold values are opened. */
function plain(raw: Buffer): string {
  const reader = new MsgpackReader(raw);
  const walk = (): string => {
    const at = reader.pos;
    const b = reader.peek();
    if ((b & 0xf0) === 0x80 || b === 0xde || b === 0xdf) {
      const n = reader.map()!;
      const out: string[] = [];
      for (let i = 0; i < n; i++) out.push(`${walk()}:${walk()}`);
      return `{${out.sort().join(",")}}`;
    }
    if ((b & 0xf0) === 0x90 || b === 0xdc || b === 0xdd) {
      const n = reader.array()!;
      return `[${Array.from({ length: n }, walk).join(",")}]`;
    }
    reader.skip();
    const hex = reader.buf.toString("hex", at, reader.pos);
    if (ISO_ZONE_FREE.test(hex) && hex.length === 32) return `${hex.slice(0, 28)}zone`;
    if ((b >= 0xa0 && b < 0xc0) || (b >= 0xd9 && b <= 0xdb)) {
      const text = new MsgpackReader(raw, at).bytes()!;
      // A byte string whose content is a sequence of values.
      const first = text[0] ?? 0xc1;
      if (text.length > 20 && (first < 0x90 || (first & 0xe0) === 0xa0)) {
        try {
          return `box(${values(text).map(plain).join(",")})`;
        } catch {
          return hex;
        }
      }
    }
    return hex;
  };
  return walk();
}

const declared = (name: string): RpcMethod<unknown, unknown> =>
  rpcMethods[name as MethodName] as unknown as RpcMethod<unknown, unknown>;

/** Made by hand with keys left out: such a request cannot come back as it was. */
const handBuilt = (v: Vector): boolean => v.source?.startsWith("hand-built") ?? false;

for (const file of ["methods.json", "federation.json"]) {
  for (const v of load(file)) {
    if (v.name.startsWith("snapshot ")) continue;
    test(`${file}: ${v.name}`, () => {
      const parts = values(Buffer.from(v.hex, "hex"));
      assert.equal(parts.length, 2);
      const [headBytes, body] = parts as [Buffer, Buffer];
      if (v.name.endsWith("/request")) {
        const head = decodeRequestHead(headBytes);
        const { request: type } = declared(head.ServiceMethod);
        const request = decodeBody(type, body);
        if (handBuilt(v)) return;
        const again = encodeRequest(head.ServiceMethod, head.Seq, type, request).bytes;
        assert.deepEqual(values(again)[0], headBytes);
        assert.equal(plain(values(again)[1]!), plain(body));
        return;
      }
      const head = decodeResponseHead(headBytes);
      if (head.Error !== "") {
        assert.deepEqual(encodeErrorResponse(head, head.Error), Buffer.from(v.hex, "hex"));
        return;
      }
      const { reply: type } = declared(head.ServiceMethod);
      const again = encodeResponse(head, type, decodeBody(type, body));
      assert.deepEqual(values(again)[0], headBytes);
      assert.equal(plain(values(again)[1]!), plain(body));
    });
  }
}

/** Decodes all of `body`. */
function decodeBody<T>(type: Type<T>, body: Buffer): T {
  const reader = new MsgpackReader(body);
  const value = type.decode(reader, 0);
  assert.equal(reader.remaining, 0);
  return value;
}

/** Methods of later versions: 1.8.7 has nothing to record. */
const LATER: ReadonlySet<string> = new Set(["Operator.TransferLeader"]);

test("every method of the table has a recorded request and response", () => {
  const names = new Set(load("methods.json").map((v) => v.name.replace(/ \(.*\)/, "")));
  const missing = Object.keys(rpcMethods).filter(
    (m) => !LATER.has(m) && (!names.has(`${m}/request`) || !names.has(`${m}/response`)),
  );
  assert.deepEqual(missing, []);
});

for (const v of load("errors-and-probes.json")) {
  if (v.request_hex === undefined) {
    test(`error reply: ${v.name}`, () => {
      const bytes = Buffer.from(v.hex, "hex");
      const head = decodeResponseHead(values(bytes)[0]!);
      assert.equal(head.Error, v.decoded.header.Error);
      assert.deepEqual(encodeErrorResponse(head, head.Error), bytes);
    });
    continue;
  }
  test(`probe: ${v.name.slice(7)}`, () => {
    const [headBytes, body] = values(Buffer.from(v.request_hex!, "hex")) as [Buffer, Buffer];
    const head = decodeRequestHead(headBytes);
    const answered = v.decoded.header.Error;
    if (!Object.hasOwn(rpcMethods, head.ServiceMethod)) {
      assert.match(answered, /^rpc: /);
      return;
    }
    if (!answered.startsWith("codec.decoder: ")) {
      declared(head.ServiceMethod).request.decode(new MsgpackReader(body), 0);
      return;
    }
    assert.throws(
      () => declared(head.ServiceMethod).request.decode(new MsgpackReader(body), 0),
      (error) => {
        assert.ok(error instanceof MsgpackError);
        assert.equal(requestRefusal.body(error), answered);
        return true;
      },
    );
  });
}

test("snapshot heads", () => {
  const [save, answer] = load("stream-types.json") as [Vector, Vector];
  const request = Buffer.from(save.hex, "hex").subarray(1);
  assert.deepEqual(encode(SnapshotRequest, decode(SnapshotRequest, request)), request);
  const response = Buffer.from(answer.hex, "hex");
  assert.deepEqual(encode(SnapshotResponse, decode(SnapshotResponse, response)), response);
  for (const v of load("federation.json").filter((x) => x.name.startsWith("snapshot "))) {
    const isRequest = v.name.endsWith("/request");
    const bytes = Buffer.from(v.hex, "hex").subarray(isRequest ? 1 : 0);
    const again = isRequest
      ? encode(SnapshotRequest, decode(SnapshotRequest, bytes))
      : encode(SnapshotResponse, decode(SnapshotResponse, bytes));
    assert.deepEqual(again, bytes.subarray(0, again.length));
  }
});

test("single values are written as Consul's encoder does", () => {
  const V = <T>(type: Type<T>) => struct("V", { V: type });
  const check = <T>(name: string, type: Type<T>, value: T): void => {
    const v = load("msgpack-types.json").find((x) => x.name === name);
    assert.ok(v, name);
    const bytes = encode(type, value).toString("hex");
    assert.equal(v.hex_truncated ? bytes.slice(0, v.hex.length) : bytes, v.hex, name);
    if (v.hex_truncated) return;
    assert.equal(
      encode(type, decode(type, Buffer.from(v.hex, "hex"))).toString("hex"),
      v.name === "[]byte empty" ? "81a156c0" : v.hex,
      name,
    );
  };
  for (const n of [0, 1, 31, 32, 255, 256, 65535, 65536]) check(`string of length ${n}`, str, "s".repeat(n));
  check("[]byte nil", V(bytes), { V: null });
  check("[]byte empty", V(bytes), { V: Buffer.alloc(0) });
  check("[]byte 3", V(bytes), { V: Buffer.of(0, 255, 1) });
  for (const v of load("msgpack-types.json"))
    if (v.name.startsWith("int64 ")) check(v.name, int64, BigInt(v.name.slice(6)));
  check("uint64 max", uint64, 2n ** 64n - 1n);
  check("float64 1.5", f64, 1.5);
  check("float32 1.5", f32, 1.5);
  check("bool true", bool, true);
  check("nil slice field", V(list(str)), { V: null });
  check("empty slice field", V(list(str)), { V: [] });
  check("nil map field", V(map(str)), { V: null });
  check("empty map field", V(map(str)), { V: new Map() });
  check("nil pointer field", V(ptr(str)), { V: null });
  check("duration 10s", V(int64), { V: 10_000_000_000n });
  check("time zero value", V(time), { V: time.zero() });
});

test("times of any zone are read", () => {
  const V = struct("V", { V: time });
  for (const v of load("msgpack-types.json"))
    if (v.name.startsWith("time ") && v.name !== "time zero value")
      assert.equal(
        decode(V, Buffer.from(v.hex, "hex")).V / 1_000_000n,
        BigInt(Date.parse(v.decoded.V!)),
        v.name,
      );
});

test("truncated and mutated messages give a value or a typed error", () => {
  const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));
  const random = seededRandom(seed);
  for (const v of load("methods.json")) {
    const whole = Buffer.from(v.hex, "hex");
    const [headBytes, body] = values(whole) as [Buffer, Buffer];
    const request = v.name.endsWith("/request");
    const name = request
      ? decodeRequestHead(headBytes).ServiceMethod
      : decodeResponseHead(headBytes).ServiceMethod;
    if (!request && decodeResponseHead(headBytes).Error !== "") continue;
    const type = request ? declared(name).request : declared(name).reply;
    const attempt = (bytes: Buffer, what: string): void => {
      try {
        type.decode(new MsgpackReader(bytes), 0);
      } catch (error) {
        assert.ok(
          error instanceof MsgpackError,
          `${v.name} ${what}, seed ${seed}: ${(error as Error).stack}`,
        );
      }
    };
    for (let cut = 0; cut < body.length; cut += body.length > 400 ? 7 : 1)
      attempt(body.subarray(0, cut), `cut at ${cut}`);
    for (let i = 0; i < 30; i++) {
      const changed = Buffer.from(body);
      for (let k = 0; k <= random.int(3); k++) changed[random.int(changed.length)] = random.int(256);
      attempt(changed, `mutation ${i}`);
    }
  }
});

test("few bytes cannot become many elements", () => {
  const bytes = Buffer.alloc(1 << 20, 0xc0);
  bytes[0] = 0xdd;
  bytes.writeUInt32BE(bytes.length - 5, 1);
  const reader = new MsgpackReader(bytes);
  reader.elementsLeft = 1000;
  assert.throws(() => list(any as Type<GoValue>).decode(reader, 0), /too many elements/);
});
