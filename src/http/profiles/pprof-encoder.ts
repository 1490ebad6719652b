/**
 * pprof's format: gzip around one Protocol Buffers message, `perftools.profiles.Profile`. Field numbers of the public profile.proto:
 *
 *   Profile  1 sample_type, 2 sample, 4 location, 5 function, 6 string_table, 9 time_nanos, 10 duration_nanos, 11 period_type, 12 period
 *   ValueType 1 type, 2 unit    Sample 1 location_id (packed), 2 value (packed)    Location 1 id, 4 line
 *   Line 1 function_id, 2 line  Function 1 id, 2 name, 3 system_name, 4 filename
 *
 * Texts are indexes into the string table, whose first one is empty.
 */
import { gzipSync } from "node:zlib";
import type { Frame, StackProfile, ValueType } from "./stack-profile.ts";

const VARINT = 0;
const BYTES = 2;
const NS_PER_MS = 1_000_000n;

class Message {
  readonly #bytes: number[] = [];

  number(field: number, value: number | bigint): this {
    if (BigInt(value) === 0n) return this;
    return this.#varint((field << 3) | VARINT).#varint(value);
  }
  message(field: number, inner: Message): this {
    return this.#chunk(field, inner.#bytes);
  }
  text(field: number, value: string): this {
    return this.#chunk(field, Buffer.from(value, "utf8"));
  }
  packed(field: number, values: readonly number[]): this {
    const inner = new Message();
    for (const v of values) inner.#varint(v);
    return this.#chunk(field, inner.#bytes);
  }
  finish(): Buffer {
    return Buffer.from(this.#bytes);
  }

  #chunk(field: number, bytes: ArrayLike<number>): this {
    this.#varint((field << 3) | BYTES).#varint(bytes.length);
    for (let i = 0; i < bytes.length; i++) this.#bytes.push(bytes[i]!);
    return this;
  }
  /** Whole and not negative: nothing that is measured here is. */
  #varint(value: number | bigint): this {
    let rest = BigInt(value);
    for (; rest > 0x7fn; rest >>= 7n) this.#bytes.push(Number(rest & 0x7fn) | 0x80);
    this.#bytes.push(Number(rest));
    return this;
  }
}

/** Indexes of things, in the order of their first use. */
class Table {
  readonly #indexes = new Map<string, number>();
  readonly #first: number;
  constructor(first: number) {
    this.#first = first;
  }
  /** `added` is called for a new one. */
  index(key: string, added: (index: number) => void = () => {}): number {
    const known = this.#indexes.get(key);
    if (known !== undefined) return known;
    const index = this.#indexes.size + this.#first;
    this.#indexes.set(key, index);
    added(index);
    return index;
  }
  keys(): Iterable<string> {
    return this.#indexes.keys();
  }
}

export function encodePprof(p: StackProfile): Buffer {
  const out = new Message();
  const strings = new Table(0);
  strings.index("");
  const functions = new Table(1);
  const locations = new Table(1);
  const typed = ({ type, unit }: ValueType): Message =>
    new Message().number(1, strings.index(type)).number(2, strings.index(unit));
  const functionOf = ({ name, file }: Frame): number =>
    functions.index(`${name}\n${file}`, (id) => {
      const called = strings.index(name || "(anonymous)");
      out.message(
        5,
        new Message().number(1, id).number(2, called).number(3, called).number(4, strings.index(file)),
      );
    });
  const locationOf = (frame: Frame): number =>
    locations.index(`${frame.name}\n${frame.file}\n${frame.line}`, (id) => {
      const line = new Message().number(1, functionOf(frame)).number(2, frame.line);
      out.message(4, new Message().number(1, id).message(4, line));
    });
  for (const type of p.types) out.message(1, typed(type));
  for (const { stack, values } of p.samples)
    out.message(2, new Message().packed(1, stack.map(locationOf)).packed(2, values.map(Math.round)));
  if (p.period !== undefined) out.message(11, typed(p.period)).number(12, Math.round(p.period.value));
  out.number(9, BigInt(Math.round(p.takenMs)) * NS_PER_MS);
  out.number(10, BigInt(Math.round(p.durationMs * 1e6)));
  for (const text of strings.keys()) out.text(6, text);
  return gzipSync(out.finish());
}
