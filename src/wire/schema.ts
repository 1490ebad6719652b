/**
 * Types that know their bytes and their JSON: one declaration gives the TypeScript type, the zero value, the
 * MessagePack form (struct keys sorted by bytes, nothing omitted) and the JSON form as Go's encoder writes it.
 *
 * Go's rules that show on the wire and are kept here: a nil slice, map or byte string is not an empty one (null versus
 * []); unknown keys are skipped; missing keys are zero; maps come in any order; JSON escapes <, > and &.
 */
import { formatDuration, parseDuration } from "./duration.ts";
import { DEPTH_MAX, MsgpackError, MsgpackReader, MsgpackWriter } from "./msgpack.ts";

/** A value in JSON text that does not fit its declared type: `path` names the field. */
export class JsonShapeError extends Error {
  override readonly name = "JsonShapeError";
  readonly path: string;
  constructor(path: string, wanted: string, found: unknown) {
    super(`${path || "value"}: want ${wanted}, found ${jsonKind(found)}`);
    this.path = path;
  }
}

const jsonKind = (v: unknown): string =>
  v === null ? "null" : Array.isArray(v) ? "array" : typeof v === "object" ? "object" : typeof v;

/** What a type is made of, for readers that walk declarations: strict JSON bodies, filter selectors, API descriptions. */
export type Shape =
  | { readonly kind: "string" | "bytes" | "bool" | "float" | "duration" | "time" | "any" }
  | { readonly kind: "integer"; readonly min: bigint; readonly max: bigint; readonly big: boolean }
  // biome-ignore lint/suspicious/noExplicitAny: of whatever type
  | { readonly kind: "list" | "map" | "pointer"; readonly of: Type<any> }
  | { readonly kind: "struct"; readonly fields: Fields };

/** A type's name, zero value, and forms. `T` is what the rest of the program holds. */
export interface Type<T> {
  readonly name: string;
  /** Absent for a type with forms of its own. */
  readonly shape?: Shape;
  zero(): T;
  encode(w: MsgpackWriter, v: T): void;
  decode(r: MsgpackReader, depth: number): T;
  /** JSON text of `v`. */
  json(v: T): string;
  /** Value of parsed JSON (numbers may be bigint). Throws {@link JsonShapeError}. */
  fromJson(v: unknown, path: string): T;
  /** Go's "empty" for omitempty. */
  empty(v: T): boolean;
}

/** The TypeScript type of a declared type. */
export type Infer<S> = S extends Type<infer T> ? T : never;

const NEEDS_ESCAPE = /[<>&\u2028\u2029]/;
const ESCAPE = /[<>&\u2028\u2029]/g;

/** JSON text of a string, escaped as Go's encoding/json does. */
export function jsonString(v: string): string {
  const s = JSON.stringify(v);
  if (!NEEDS_ESCAPE.test(s)) return s;
  return s.replace(ESCAPE, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** JSON text of a float, as Go writes it: exponent below 1e-6 and from 1e21 on. */
export function jsonFloat(v: number): string {
  if (!Number.isFinite(v)) throw new MsgpackError(`json: unsupported value: ${v}`);
  if (Object.is(v, -0)) return "-0";
  // JavaScript already switches to exponents at the same places, but writes e-7 where Go writes e-07.
  return String(v).replace(/e([+-])(\d)$/, "e$10$2");
}

export const str: Type<string> = {
  name: "str",
  shape: { kind: "string" },
  zero: () => "",
  encode: (w, v) => w.str(v),
  decode: (r) => r.str(),
  json: jsonString,
  fromJson: (v, path) => {
    if (v === null || v === undefined) return "";
    if (typeof v !== "string") throw new JsonShapeError(path, "string", v);
    return v;
  },
  empty: (v) => v === "",
};

/** Raw bytes, or null for Go's nil. In JSON base64. */
export const bytes: Type<Uint8Array | null> = {
  name: "bytes",
  shape: { kind: "bytes" },
  zero: () => null,
  encode: (w, v) => (v === null ? w.nil() : w.bytes(v)),
  // A copy: the packet's buffer must not be kept alive by a stored value. Empty becomes nil, as 1.8 decodes it.
  decode: (r) => {
    const v = r.bytes();
    return v === null || v.length === 0 ? null : Buffer.from(v);
  },
  json: (v) =>
    v === null ? "null" : `"${Buffer.from(v.buffer, v.byteOffset, v.byteLength).toString("base64")}"`,
  fromJson: (v, path) => {
    if (v === null || v === undefined) return null;
    if (typeof v !== "string") throw new JsonShapeError(path, "base64 string", v);
    return Buffer.from(v, "base64");
  },
  empty: (v) => v === null || v.length === 0,
};

export const bool: Type<boolean> = {
  name: "bool",
  shape: { kind: "bool" },
  zero: () => false,
  encode: (w, v) => w.bool(v),
  decode: (r) => r.bool(),
  json: (v) => (v ? "true" : "false"),
  fromJson: (v, path) => {
    if (v === null || v === undefined) return false;
    if (typeof v !== "boolean") throw new JsonShapeError(path, "true or false", v);
    return v;
  },
  empty: (v) => !v,
};

function jsonInteger(v: unknown, path: string): bigint {
  if (v === null || v === undefined) return 0n;
  if (typeof v === "bigint") return v;
  if (typeof v === "number" && Number.isInteger(v)) return BigInt(v);
  throw new JsonShapeError(path, "integer", v);
}

/** go-msgpack's text; it shows the descriptor byte for the one-byte form. */
const negativeUnsigned = (v: number | bigint): MsgpackError =>
  new MsgpackError(
    `codec.decoder: Assigning negative signed value: ${v >= -32 ? Number(v) + 256 : v}, to unsigned type`,
  );

function integerType(name: string, min: number, max: number, saturate: boolean): Type<number> {
  const check = (v: number | bigint): number => {
    if (v >= min && v <= max) return Number(v);
    if (saturate && v > max) return max;
    if (v < 0 && min === 0) throw negativeUnsigned(v);
    const kind = min < 0 ? "int" : "uint";
    throw new MsgpackError(`codec.decoder: Overflow ${kind} value: ${v}`);
  };
  return {
    name,
    shape: { kind: "integer", min: BigInt(min), max: BigInt(max), big: false },
    zero: () => 0,
    encode: (w, v) => w.int(v),
    decode: (r) => check(r.integer()),
    json: (v) => String(v),
    fromJson: (v, path) => {
      const n = jsonInteger(v, path);
      if (n < BigInt(min) || (n > BigInt(max) && !saturate))
        throw new JsonShapeError(path, `integer from ${min} to ${max}`, v);
      return n > BigInt(max) ? max : Number(n);
    },
    empty: (v) => v === 0,
  };
}

/** A Go int whose values are known to stay small (ports, counts). Beyond 2^53: a decode error. */
export const int: Type<number> = integerType("int", Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, false);
/** A uint64 that counts (raft index, term). Beyond 2^53: a decode error. */
export const uint: Type<number> = integerType("uint", 0, Number.MAX_SAFE_INTEGER, false);
/** A uint64 that is only compared (MinQueryIndex): values beyond 2^53 are taken as 2^53-1. */
export const indexBound: Type<number> = integerType("uint", 0, Number.MAX_SAFE_INTEGER, true);
export const uint8: Type<number> = integerType("uint8", 0, 255, false);
export const uint16: Type<number> = integerType("uint16", 0, 65535, false);
export const uint32: Type<number> = integerType("uint32", 0, 0xffff_ffff, false);

function bigintType(name: string, min: bigint, max: bigint): Type<bigint> {
  return {
    name,
    shape: { kind: "integer", min, max, big: true },
    zero: () => 0n,
    encode: (w, v) => w.bigint(v),
    decode: (r) => {
      const v = BigInt(r.integer());
      if (v < 0n && min === 0n) throw negativeUnsigned(v);
      if (v < min || v > max) throw new MsgpackError(`codec.decoder: Overflow ${name} value: ${v}`);
      return v;
    },
    json: (v) => v.toString(),
    fromJson: (v, path) => {
      const n = jsonInteger(v, path);
      if (n < min || n > max) throw new JsonShapeError(path, `integer from ${min} to ${max}`, v);
      return n;
    },
    empty: (v) => v === 0n,
  };
}

/** All 64 bits matter: KV flags, Lamport times, event ids. */
export const uint64: Type<bigint> = bigintType("uint64", 0n, 0xffff_ffff_ffff_ffffn);
export const int64: Type<bigint> = bigintType("int64", -0x8000_0000_0000_0000n, 0x7fff_ffff_ffff_ffffn);
/** time.Duration: nanoseconds. */
export const dur: Type<bigint> = { ...int64, name: "dur", shape: { kind: "duration" } };

/** A duration that JSON shows as text ("10s"); it is read from text or from nanoseconds. On the wire as {@link dur}. */
export const durText: Type<bigint> = {
  ...dur,
  name: "durText",
  json: (v) => `"${formatDuration(v)}"`,
  fromJson: (v, path) => {
    if (typeof v !== "string") return dur.fromJson(v, path);
    try {
      return parseDuration(v);
    } catch {
      throw new JsonShapeError(path, "duration", v);
    }
  },
};

function floatType(name: string, write: (w: MsgpackWriter, v: number) => void): Type<number> {
  return {
    name,
    shape: { kind: "float" },
    zero: () => 0,
    encode: write,
    decode: (r) => r.float(),
    json: jsonFloat,
    fromJson: (v, path) => {
      if (v === null || v === undefined) return 0;
      if (typeof v === "number" || typeof v === "bigint") return Number(v);
      throw new JsonShapeError(path, "number", v);
    },
    empty: (v) => v === 0,
  };
}
export const f64: Type<number> = floatType("f64", (w, v) => w.float64(v));
export const f32: Type<number> = floatType("f32", (w, v) => w.float32(v));

/** Seconds from 0001-01-01 to 1970-01-01, both at midnight UTC. */
const UNIX_TO_YEAR_ONE_S = 62135596800n;
const NS_PER_S = 1_000_000_000n;
/** Go's zero time.Time as Unix nanoseconds. */
export const TIME_ZERO: bigint = -UNIX_TO_YEAR_ONE_S * NS_PER_S;

/** RFC 3339 with nanoseconds as Go prints it (trailing zeros dropped), in UTC. `ns` is Unix nanoseconds. */
export function formatTime(ns: bigint): string {
  let frac = ns % NS_PER_S;
  if (frac < 0n) frac += NS_PER_S;
  const seconds = (ns - frac) / NS_PER_S;
  const base = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  const digits = frac === 0n ? "" : `.${frac.toString().padStart(9, "0").replace(/0+$/, "")}`;
  return `${base}${digits}Z`;
}

const RFC3339 = /^(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)$/;

/** Unix nanoseconds of an RFC 3339 text, or undefined when it is none. */
export function parseTime(text: string): bigint | undefined {
  const m = RFC3339.exec(text);
  if (!m) return undefined;
  const ms = Date.parse(`${m[1]!.toUpperCase()}${m[3]!.toUpperCase()}`);
  if (Number.isNaN(ms)) return undefined;
  return BigInt(ms) * 1_000_000n + BigInt((m[2] ?? "").padEnd(9, "0"));
}

/**
 * time.Time as Unix nanoseconds. On the wire 15 bytes: version 1, seconds since year one (8, big-endian), nanoseconds
 * (4), zone offset in minutes (2, -1 = UTC). Any zone is read, UTC is written.
 */
export const time: Type<bigint> = {
  name: "time",
  shape: { kind: "time" },
  zero: () => TIME_ZERO,
  encode: (w, v) => {
    let frac = v % NS_PER_S;
    if (frac < 0n) frac += NS_PER_S;
    const b = Buffer.allocUnsafe(15);
    b[0] = 1;
    b.writeBigInt64BE((v - frac) / NS_PER_S + UNIX_TO_YEAR_ONE_S, 1);
    b.writeUInt32BE(Number(frac), 9);
    b.writeInt16BE(-1, 13);
    w.bytes(b);
  },
  decode: (r) => {
    const b = r.bytes();
    if (b === null) return TIME_ZERO;
    if (b.length < 15) throw new MsgpackError(`Time.UnmarshalBinary: invalid length`);
    if (b[0] !== 1) throw new MsgpackError("Time.UnmarshalBinary: unsupported version");
    return (b.readBigInt64BE(1) - UNIX_TO_YEAR_ONE_S) * NS_PER_S + BigInt(b.readInt32BE(9));
  },
  json: (v) => `"${formatTime(v)}"`,
  fromJson: (v, path) => {
    if (v === null || v === undefined) return TIME_ZERO;
    const t = typeof v === "string" ? parseTime(v) : undefined;
    if (t === undefined) throw new JsonShapeError(path, "RFC 3339 time", v);
    return t;
  },
  empty: () => false,
};

/** An untyped value: floats are numbers, integers (which only msgpack knows) are bigints. */
export type GoValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly GoValue[]
  | ReadonlyMap<string, GoValue>;

function encodeAny(w: MsgpackWriter, v: GoValue): void {
  if (v === null) w.nil();
  else if (typeof v === "boolean") w.bool(v);
  else if (typeof v === "number") w.float64(v);
  else if (typeof v === "bigint") w.bigint(v);
  else if (typeof v === "string") w.str(v);
  else if (v instanceof Map) {
    w.map(v.size);
    for (const [k, x] of v as ReadonlyMap<string, GoValue>) {
      w.str(k);
      encodeAny(w, x);
    }
  } else {
    const list = v as readonly GoValue[];
    w.array(list.length);
    for (const x of list) encodeAny(w, x);
  }
}

function decodeAny(r: MsgpackReader, depth: number): GoValue {
  if (depth > DEPTH_MAX) throw new MsgpackError(`msgpack: nested deeper than ${DEPTH_MAX}`);
  const b = r.peek();
  if (b === 0xc0) return r.nil() ? null : null;
  if (b === 0xc2 || b === 0xc3) return r.bool();
  if (b === 0xca || b === 0xcb) return r.float();
  if (b < 0x80 || b >= 0xe0 || (b >= 0xcc && b <= 0xd3)) return BigInt(r.integer());
  if ((b & 0xe0) === 0xa0 || (b >= 0xd9 && b <= 0xdb)) return r.str();
  if (b >= 0xc4 && b <= 0xc6) return r.bytes()!.toString("utf8");
  if ((b & 0xf0) === 0x80 || b === 0xde || b === 0xdf) {
    const n = r.map()!;
    const out = new Map<string, GoValue>();
    for (let i = 0; i < n; i++) {
      const k = r.str();
      out.set(k, decodeAny(r, depth + 1));
    }
    return out;
  }
  const n = r.array()!;
  const out: GoValue[] = [];
  for (let i = 0; i < n; i++) out.push(decodeAny(r, depth + 1));
  return out;
}

function jsonAny(v: GoValue): string {
  if (v === null) return "null";
  if (typeof v === "boolean") return v ? "true" : "false";
  if (typeof v === "number") return jsonFloat(v);
  if (typeof v === "bigint") return v.toString();
  if (typeof v === "string") return jsonString(v);
  if (v instanceof Map) {
    const m = v as ReadonlyMap<string, GoValue>;
    return `{${[...m.keys()]
      .sort(byteOrder)
      .map((k) => `${jsonString(k)}:${jsonAny(m.get(k)!)}`)
      .join(",")}}`;
  }
  return `[${(v as readonly GoValue[]).map(jsonAny).join(",")}]`;
}

/** A parsed JSON value as an untyped one: every number becomes a float64, as Go decodes into interface{}. */
export function goValue(v: unknown): GoValue {
  if (v === null || v === undefined) return null;
  if (typeof v === "boolean" || typeof v === "string" || typeof v === "number") return v;
  if (typeof v === "bigint") return Number(v);
  if (Array.isArray(v)) return v.map(goValue);
  if (v instanceof Map) return new Map([...v].map(([k, x]) => [String(k), goValue(x)]));
  return new Map(Object.entries(v as object).map(([k, x]) => [k, goValue(x)]));
}

/** interface{}: what JSON can hold. */
export const any: Type<GoValue> = {
  name: "any",
  shape: { kind: "any" },
  zero: () => null,
  encode: encodeAny,
  decode: decodeAny,
  json: jsonAny,
  fromJson: (v) => goValue(v),
  empty: (v) => v === null,
};

/** Order of Go strings: by their UTF-8 bytes (JavaScript compares UTF-16 units, which differs above U+D7FF). */
export function byteOrder(a: string, b: string): number {
  if (a === b) return 0;
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    // Surrogates stand for code points above every other unit.
    const xs = x >= 0xd800 && x <= 0xdfff;
    const ys = y >= 0xd800 && y <= 0xdfff;
    if (xs !== ys) return xs ? 1 : -1;
    return x < y ? -1 : 1;
  }
  return a.length < b.length ? -1 : 1;
}

/** []T, or null for nil. */
export function list<T>(of: Type<T>): Type<readonly T[] | null> {
  return {
    name: `[${of.name}]`,
    shape: { kind: "list", of },
    zero: () => null,
    encode: (w, v) => {
      if (v === null) return w.nil();
      w.array(v.length);
      for (const x of v) of.encode(w, x);
    },
    decode: (r, depth) => {
      if (depth > DEPTH_MAX) throw new MsgpackError(`msgpack: nested deeper than ${DEPTH_MAX}`);
      const n = r.array();
      if (n === null) return null;
      const out: T[] = [];
      for (let i = 0; i < n; i++) out.push(of.decode(r, depth + 1));
      return out;
    },
    json: (v) => {
      if (v === null) return "null";
      let s = "[";
      for (let i = 0; i < v.length; i++) s += i === 0 ? of.json(v[i]!) : `,${of.json(v[i]!)}`;
      return `${s}]`;
    },
    fromJson: (v, path) => {
      if (v === null || v === undefined) return null;
      if (!Array.isArray(v)) throw new JsonShapeError(path, "array", v);
      return v.map((x, i) => of.fromJson(x, `${path}[${i}]`));
    },
    empty: (v) => v === null || v.length === 0,
  };
}

/** map[string]T, or null for nil. JSON keys come sorted. */
export function map<T>(of: Type<T>): Type<ReadonlyMap<string, T> | null> {
  return {
    name: `{str:${of.name}}`,
    shape: { kind: "map", of },
    zero: () => null,
    encode: (w, v) => {
      if (v === null) return w.nil();
      w.map(v.size);
      for (const [k, x] of v) {
        w.str(k);
        of.encode(w, x);
      }
    },
    decode: (r, depth) => {
      if (depth > DEPTH_MAX) throw new MsgpackError(`msgpack: nested deeper than ${DEPTH_MAX}`);
      const n = r.map();
      if (n === null) return null;
      const out = new Map<string, T>();
      for (let i = 0; i < n; i++) {
        const k = r.str();
        out.set(k, of.decode(r, depth + 1));
      }
      return out;
    },
    json: (v) => {
      if (v === null) return "null";
      const keys = v.size > 1 ? [...v.keys()].sort(byteOrder) : v.keys();
      let s = "";
      for (const k of keys) s += `${s === "" ? "" : ","}${jsonString(k)}:${of.json(v.get(k)!)}`;
      return `{${s}}`;
    },
    fromJson: (v, path) => {
      if (v === null || v === undefined) return null;
      if (typeof v !== "object" || Array.isArray(v)) throw new JsonShapeError(path, "object", v);
      const entries = v instanceof Map ? [...(v as Map<string, unknown>)] : Object.entries(v);
      return new Map(entries.map(([k, x]) => [k, of.fromJson(x, path ? `${path}.${k}` : k)]));
    },
    empty: (v) => v === null || v.size === 0,
  };
}

/** *T: null for nil. */
export function ptr<T>(of: Type<T>): Type<T | null> {
  return {
    name: `*${of.name}`,
    shape: { kind: "pointer", of },
    zero: () => null,
    encode: (w, v) => (v === null ? w.nil() : of.encode(w, v)),
    decode: (r, depth) => (r.nil() ? null : of.decode(r, depth)),
    json: (v) => (v === null ? "null" : of.json(v)),
    fromJson: (v, path) => (v === null || v === undefined ? null : of.fromJson(v, path)),
    empty: (v) => v === null,
  };
}

/** A type that refers to itself through others. */
export function lazy<T>(name: string, get: () => Type<T>): Type<T> {
  return {
    name,
    zero: () => get().zero(),
    encode: (w, v) => get().encode(w, v),
    decode: (r, depth) => get().decode(r, depth),
    json: (v) => get().json(v),
    fromJson: (v, path) => get().fromJson(v, path),
    empty: (v) => get().empty(v),
  };
}

/** A type whose wire form is a byte string holding the inner type's form (Go's BinaryMarshaler). */
export function boxed<T>(of: Type<T>): Type<T> {
  return {
    ...of,
    name: `boxed ${of.name}`,
    encode: (w, v) => {
      const inner = new MsgpackWriter();
      of.encode(inner, v);
      w.bytes(inner.finish());
    },
    decode: (r, depth) => {
      const b = r.bytes();
      if (b === null) return of.zero();
      return of.decode(new MsgpackReader(b), depth + 1);
    },
  };
}

/** How a field differs from its type's plain form. */
export interface FieldOptions {
  /** Key in JSON when it is not the field's name; "-" keeps the field out of JSON. */
  readonly json?: string;
  readonly omitempty?: boolean;
  /** Key on the wire when it is not the field's name. */
  readonly wire?: string;
}

/** A field with options. */
export interface Field<T> {
  readonly type: Type<T>;
  readonly options: FieldOptions;
}

/** `type` with JSON options, for use in {@link struct}. */
export const field = <T>(type: Type<T>, options: FieldOptions): Field<T> => ({ type, options });

/** Fields of a struct: name to type, or to type with options. Spread another struct's `fields` to inline it. */
// biome-ignore lint/suspicious/noExplicitAny: each field has its own type
export type Fields = Readonly<Record<string, Type<any> | Field<any>>>;

type FieldValue<F> = F extends Type<infer T> ? T : F extends Field<infer T> ? T : never;
/** The object type that a set of fields describes. */
export type StructValue<F extends Fields> = { readonly [K in keyof F]: FieldValue<F[K]> };

/** A struct type: beside the {@link Type} members, its fields and a maker. */
export interface StructType<F extends Fields> extends Type<StructValue<F>> {
  readonly fields: F;
  /** A whole value: `partial` over the zero value. Field order is that of the declaration. */
  make(partial?: Partial<StructValue<F>>): StructValue<F>;
}

interface Slot {
  readonly name: string;
  readonly type: Type<unknown>;
  readonly key: Buffer;
  readonly jsonKey: string;
  readonly jsonName: string;
  readonly omitempty: boolean;
}

/** Whether `buf` goes on with `want` at `pos`. For a dozen bytes a loop is several times faster than Buffer.compare. */
function holdsAt(buf: Uint8Array, pos: number, want: Uint8Array): boolean {
  for (let i = 0; i < want.length; i++) if (buf[pos + i] !== want[i]) return false;
  return true;
}

/** Declares a struct. Wire keys are the field names, sorted by bytes; JSON keys keep the declaration's order. */
export function struct<const F extends Fields>(name: string, fields: F): StructType<F> {
  type V = StructValue<F>;
  type Loose = Record<string, unknown>;
  const slots: Slot[] = Object.entries(fields).map(([key, f]) => {
    const plain = "options" in f ? f : { type: f, options: {} as FieldOptions };
    const jsonName = plain.options.json ?? key;
    return {
      name: key,
      type: plain.type as Type<unknown>,
      key: Buffer.from(plain.options.wire ?? key),
      jsonName,
      jsonKey: `${jsonString(jsonName)}:`,
      omitempty: plain.options.omitempty ?? false,
    };
  });
  const sorted = [...slots].sort((a, b) => Buffer.compare(a.key, b.key));
  const encodedKeys = sorted.map((s) => {
    const w = new MsgpackWriter(s.key.length + 3);
    w.bytes(s.key);
    return w.finish();
  });
  const byKey = new Map(sorted.map((s, i) => [s.key.toString("latin1"), i]));
  const jsonSlots = slots.filter((s) => s.jsonName !== "-");
  const byJson = new Map(jsonSlots.map((s) => [s.jsonName.toLowerCase(), s]));

  const zero = (): V => {
    const out: Loose = {};
    for (const s of slots) out[s.name] = s.type.zero();
    return out as V;
  };

  return {
    name,
    shape: { kind: "struct", fields },
    fields,
    zero,
    make: (partial) => (partial === undefined ? zero() : Object.assign(zero(), partial)),
    encode: (w, v) => {
      const o = v as Loose;
      w.map(sorted.length);
      for (let i = 0; i < sorted.length; i++) {
        const s = sorted[i]!;
        w.raw(encodedKeys[i]!);
        s.type.encode(w, o[s.name]);
      }
    },
    decode: (r, depth) => {
      if (depth > DEPTH_MAX) throw new MsgpackError(`msgpack: nested deeper than ${DEPTH_MAX}`);
      const out = zero() as Loose;
      const first = r.peek();
      if ((first & 0xf0) === 0x90 || first === 0xdc || first === 0xdd) {
        // Go's decoder takes a struct as an array too: its fields by position, more items skipped.
        const items = r.array()!;
        for (let i = 0; i < items; i++) {
          const s = slots[i];
          if (s === undefined) r.skip(depth + 1);
          else out[s.name] = s.type.decode(r, depth + 1);
        }
        return out as V;
      }
      const n = r.map();
      if (n === null) return out as V;
      let expected = 0;
      for (let i = 0; i < n; i++) {
        const want = encodedKeys[expected];
        let at: number | undefined;
        // Keys of our own and of Go peers come sorted: compare with the next one before looking it up.
        if (want !== undefined && r.remaining >= want.length && holdsAt(r.buf, r.pos, want)) {
          r.pos += want.length;
          at = expected;
        } else {
          const key = r.bytes();
          at = key === null ? undefined : byKey.get(key.toString("latin1"));
        }
        if (at === undefined) {
          r.skip(depth + 1);
          continue;
        }
        expected = at + 1;
        const s = sorted[at]!;
        out[s.name] = s.type.decode(r, depth + 1);
      }
      return out as V;
    },
    json: (v) => {
      const o = v as Loose;
      let out = "";
      for (const s of jsonSlots) {
        const x = o[s.name];
        if (s.omitempty && s.type.empty(x)) continue;
        out += `${out === "" ? "" : ","}${s.jsonKey}${s.type.json(x)}`;
      }
      return `{${out}}`;
    },
    fromJson: (v, path) => {
      const out = zero() as Loose;
      if (v === null || v === undefined) return out as V;
      if (typeof v !== "object" || Array.isArray(v)) throw new JsonShapeError(path, "object", v);
      const entries = v instanceof Map ? [...(v as Map<string, unknown>)] : Object.entries(v);
      for (const [k, x] of entries) {
        const s = byJson.get(k.toLowerCase());
        if (s !== undefined) out[s.name] = s.type.fromJson(x, path ? `${path}.${k}` : k);
      }
      return out as V;
    },
    empty: () => false,
  };
}

/** The value's MessagePack bytes. */
export function encode<T>(type: Type<T>, v: T): Buffer {
  const w = new MsgpackWriter();
  type.encode(w, v);
  return w.finish();
}

/** The value that fills `bytes` from `offset`; bytes after it are left alone. Throws {@link MsgpackError}. */
export function decode<T>(type: Type<T>, bytes: Uint8Array, offset: number = 0): T {
  return type.decode(new MsgpackReader(bytes, offset), 0);
}

/** Go's json.MarshalIndent with four spaces, as `?pretty` answers. `text` must be valid JSON without white space. */
export function indentJson(text: string, indent: string = "    "): string {
  let out = "";
  let level = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (inString) {
      out += c;
      if (c === "\\") out += text[++i] ?? "";
      else if (c === '"') inString = false;
      continue;
    }
    switch (c) {
      case '"':
        inString = true;
        out += c;
        break;
      case "{":
      case "[": {
        const close = text[i + 1];
        if (close === "}" || close === "]") {
          out += c + close;
          i++;
        } else {
          level++;
          out += `${c}\n${indent.repeat(level)}`;
        }
        break;
      }
      case "}":
      case "]":
        level--;
        out += `\n${indent.repeat(level)}${c}`;
        break;
      case ",":
        out += `,\n${indent.repeat(level)}`;
        break;
      case ":":
        out += ": ";
        break;
      default:
        out += c;
    }
  }
  return out;
}
