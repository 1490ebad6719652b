/**
 * MessagePack structs with gossip's own rules, which are wider than those of RPC (wire/schema.ts): optional fields are
 * left out when empty, structs may come as arrays in declaration order, text may come as bin, and an absent byte string
 * (nil) stays apart from an empty one, because re-sent bytes must be the same bytes.
 *
 * Source: observed in serf 0.9.4 (writes) and current memberlist (reads); see the README for what is accepted.
 */
import { MsgpackError, MsgpackReader, MsgpackTruncatedError, MsgpackWriter } from "../wire/msgpack.ts";
import { GossipDecodeError } from "./errors.ts";

/** How one kind of value is written and read. Readers take nil for the zero value. */
export interface Codec<T> {
  zero(): T;
  empty(v: T): boolean;
  encode(w: MsgpackWriter, v: T): void;
  decode(r: MsgpackReader): T;
}

export type CodecValue<C> = C extends Codec<infer T> ? T : never;

function integer(min: number, max: number): Codec<number> {
  return {
    zero: () => 0,
    empty: (v) => v === 0,
    encode: (w, v) => w.int(v),
    decode: (r) => {
      const v = r.integer();
      if (v < min || v > max)
        throw new GossipDecodeError("bad-value", `integer ${v} is not in ${min}..${max}`);
      return Number(v);
    },
  };
}

export const u8: Codec<number> = integer(0, 0xff);
export const u16: Codec<number> = integer(0, 0xffff);
export const u32: Codec<number> = integer(0, 0xffff_ffff);
/** A Go int that counts or numbers: at most 2^53-1 either way. */
export const int: Codec<number> = integer(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
/** A Lamport time. Above 2^53-1 it is refused: no pool counts that far, and witnessing it would end counting. */
export const ltime: Codec<number> = integer(0, Number.MAX_SAFE_INTEGER);

/** A 64-bit duration in nanoseconds. */
export const nanoseconds: Codec<bigint> = {
  zero: () => 0n,
  empty: (v) => v === 0n,
  encode: (w, v) => w.bigint(v),
  decode: (r) => {
    const v = BigInt(r.integer());
    if (v < -0x8000_0000_0000_0000n || v > 0x7fff_ffff_ffff_ffffn)
      throw new GossipDecodeError("bad-value", `${v} ns is no 64-bit duration`);
    return v;
  },
};

export const f64: Codec<number> = {
  zero: () => 0,
  empty: (v) => v === 0,
  encode: (w, v) => w.float64(v),
  decode: (r) => r.float(),
};

export const bool: Codec<boolean> = {
  zero: () => false,
  empty: (v) => !v,
  encode: (w, v) => w.bool(v),
  decode: (r) => r.bool(),
};

const isBin = (b: number): boolean => b >= 0xc4 && b <= 0xc6;

export const text: Codec<string> = {
  zero: () => "",
  empty: (v) => v === "",
  encode: (w, v) => w.str(v),
  decode: (r) => (isBin(r.peek()) ? r.bytes()!.toString("utf8") : r.str()),
};

/** Bytes, or null for absent. A view of the read buffer: whoever keeps it copies it. */
export const blob: Codec<Buffer | null> = {
  zero: () => null,
  empty: (v) => v === null || v.length === 0,
  encode: (w, v) => (v === null ? w.nil() : w.bytes(v)),
  decode: (r) => r.bytes(),
};

/** An array, or null for absent. */
export function list<T>(of: Codec<T>): Codec<readonly T[] | null> {
  return {
    zero: () => null,
    empty: (v) => v === null || v.length === 0,
    encode: (w, v) => {
      if (v === null) return w.nil();
      w.array(v.length);
      for (const x of v) of.encode(w, x);
    },
    decode: (r) => {
      const n = r.array();
      if (n === null) return null;
      const out: T[] = [];
      for (let i = 0; i < n; i++) out.push(of.decode(r));
      return out;
    },
  };
}

/** A map with text keys, in the order given; null for absent. */
export function textMap<T>(of: Codec<T>): Codec<ReadonlyMap<string, T> | null> {
  return {
    zero: () => null,
    empty: (v) => v === null || v.size === 0,
    encode: (w, v) => {
      if (v === null) return w.nil();
      w.map(v.size);
      for (const [k, x] of v) {
        w.str(k);
        of.encode(w, x);
      }
    },
    decode: (r) => {
      const n = r.map();
      if (n === null) return null;
      const out = new Map<string, T>();
      for (let i = 0; i < n; i++) {
        const k = text.decode(r);
        out.set(k, of.decode(r));
      }
      return out;
    },
  };
}

/** `of`, or null for nil. */
export function nullable<T>(of: Codec<T>): Codec<T | null> {
  return {
    zero: () => null,
    empty: (v) => v === null,
    encode: (w, v) => (v === null ? w.nil() : of.encode(w, v)),
    decode: (r) => (r.nil() ? null : of.decode(r)),
  };
}

// biome-ignore lint/suspicious/noExplicitAny: each field has a type of its own
type Fields = Readonly<Record<string, Codec<any>>>;
export type RecordValue<F extends Fields> = { readonly [K in keyof F]: CodecValue<F[K]> };

/**
 * A struct. `fields` in declaration order (that of the array form); written as a map with keys sorted by bytes, the
 * `optional` ones left out when empty. Unknown keys are skipped, missing ones are zero.
 */
export function record<const F extends Fields>(
  fields: F,
  options: { readonly optional?: readonly (keyof F & string)[] } = {},
): Codec<RecordValue<F>> {
  type V = RecordValue<F>;
  type Loose = Record<string, unknown>;
  const optional = new Set<string>(options.optional ?? []);
  const declared = Object.entries(fields).map(([name, codec]) => {
    const w = new MsgpackWriter(name.length + 3);
    w.str(name);
    return {
      name,
      codec: codec as Codec<unknown>,
      key: Buffer.from(w.finish()),
      optional: optional.has(name),
    };
  });
  const sorted = [...declared].sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
  const byName = new Map(sorted.map((s, i) => [s.name, i]));
  const zero = (): V => {
    const out: Loose = {};
    for (const s of declared) out[s.name] = s.codec.zero();
    return out as V;
  };
  return {
    zero,
    empty: () => false,
    encode: (w, v) => {
      const o = v as Loose;
      let n = sorted.length;
      if (optional.size > 0) for (const s of sorted) if (s.optional && s.codec.empty(o[s.name])) n--;
      w.map(n);
      for (const s of sorted) {
        const x = o[s.name];
        if (s.optional && s.codec.empty(x)) continue;
        w.raw(s.key);
        s.codec.encode(w, x);
      }
    },
    decode: (r) => {
      const out = zero() as Loose;
      const b = r.peek();
      if ((b & 0xf0) === 0x90 || b === 0xdc || b === 0xdd) {
        const n = r.array()!;
        for (let i = 0; i < n; i++) {
          const s = declared[i];
          if (s === undefined) r.skip();
          else out[s.name] = s.codec.decode(r);
        }
        return out as V;
      }
      const n = r.map();
      if (n === null) return out as V;
      let expected = 0;
      for (let i = 0; i < n; i++) {
        const want = sorted[expected];
        let at: number | undefined;
        // Keys come sorted from every known peer: compare with the next one before looking it up.
        if (
          want !== undefined &&
          r.remaining >= want.key.length &&
          r.buf.compare(want.key, 0, want.key.length, r.pos, r.pos + want.key.length) === 0
        ) {
          r.pos += want.key.length;
          at = expected;
        } else at = byName.get(text.decode(r));
        if (at === undefined) {
          r.skip();
          continue;
        }
        expected = at + 1;
        const s = sorted[at]!;
        out[s.name] = s.codec.decode(r);
      }
      return out as V;
    },
  };
}

/** Runs a decoder; whatever msgpack complains about becomes a {@link GossipDecodeError}. */
export function decoding<T>(what: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof MsgpackTruncatedError)
      throw new GossipDecodeError("truncated", `${what}: ${error.message}`, { cause: error });
    if (error instanceof MsgpackError)
      throw new GossipDecodeError("msgpack", `${what}: ${error.message}`, { cause: error });
    throw error;
  }
}

/** The value at the start of `bytes`; what follows is left alone. Throws {@link GossipDecodeError}. */
export function decodeValue<T>(what: string, codec: Codec<T>, bytes: Uint8Array, offset: number = 0): T {
  return decoding(what, () => codec.decode(new MsgpackReader(bytes, offset)));
}

/** `lead` bytes and then the value. */
export function encodeValue<T>(lead: readonly number[], codec: Codec<T>, v: T): Buffer {
  const w = new MsgpackWriter(192);
  for (const b of lead) w.byte(b);
  codec.encode(w, v);
  return w.finish();
}
