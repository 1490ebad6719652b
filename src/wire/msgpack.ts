/**
 * MessagePack as HashiCorp's programs write it: the old raw format, in which text and bytes share one kind.
 *
 * Writer: fixstr / str16 / str32 for text and bytes (never str8, never bin), smallest unsigned form for integers that
 * are not negative, floats always as float64 or float32. Reader: every standard form, because newer peers write them.
 * Source: observed bytes of Consul 1.8.7 and serf 0.9.4; the MessagePack specification for the forms themselves.
 */

/** The bytes are not the MessagePack value that the reader was asked for. */
export class MsgpackError extends Error {
  override readonly name = "MsgpackError";
}

/** The bytes end inside a value: on a stream, more may come. */
export class MsgpackTruncatedError extends MsgpackError {
  constructor(wanted: number, offset: number, length: number) {
    super(`msgpack: value needs ${wanted} byte(s) at offset ${offset}, ${length - offset} left`);
  }
}

/** Nesting beyond this is refused: real messages stay below 12 levels, a hostile one must not exhaust the stack. */
export const DEPTH_MAX = 64;

const INITIAL_BYTES = 512;
const NEGATIVE_INT32_MIN = -0x8000_0000;

/** Appends MessagePack values to a growing buffer. */
export class MsgpackWriter {
  #buf: Buffer;
  #pos = 0;

  constructor(initialBytes: number = INITIAL_BYTES) {
    this.#buf = Buffer.allocUnsafe(initialBytes);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#pos;
  }

  /** The written bytes; the writer must not be used afterwards (the memory is shared). */
  finish(): Buffer {
    return this.#buf.subarray(0, this.#pos);
  }

  /** The written bytes as a copy of their own; the writer starts again from empty. */
  take(): Buffer {
    const out = Buffer.from(this.#buf.subarray(0, this.#pos));
    this.#pos = 0;
    return out;
  }

  #room(n: number): void {
    const need = this.#pos + n;
    if (need <= this.#buf.length) return;
    const grown = Buffer.allocUnsafe(Math.max(need, this.#buf.length * 2));
    this.#buf.copy(grown, 0, 0, this.#pos);
    this.#buf = grown;
  }

  /** One raw byte: message types, connection kinds. */
  byte(b: number): void {
    this.#room(1);
    this.#buf[this.#pos++] = b;
  }

  /** Bytes that are already encoded. */
  raw(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#buf.set(bytes, this.#pos);
    this.#pos += bytes.length;
  }

  nil(): void {
    this.byte(0xc0);
  }

  bool(v: boolean): void {
    this.byte(v ? 0xc3 : 0xc2);
  }

  #head(tag: number, n: number, width: 2 | 4): void {
    this.#room(5);
    this.#buf[this.#pos] = tag;
    if (width === 2) this.#buf.writeUInt16BE(n, this.#pos + 1);
    else this.#buf.writeUInt32BE(n, this.#pos + 1);
    this.#pos += 1 + width;
  }

  /** An integer of either sign. `v` must be a safe integer; larger ones go through {@link bigint}. */
  int(v: number): void {
    if (v >= 0) {
      if (v < 0x80) return this.byte(v);
      this.#room(9);
      const b = this.#buf;
      if (v < 0x100) {
        b[this.#pos] = 0xcc;
        b[this.#pos + 1] = v;
        this.#pos += 2;
      } else if (v < 0x1_0000) {
        b[this.#pos] = 0xcd;
        b.writeUInt16BE(v, this.#pos + 1);
        this.#pos += 3;
      } else if (v < 0x1_0000_0000) {
        b[this.#pos] = 0xce;
        b.writeUInt32BE(v, this.#pos + 1);
        this.#pos += 5;
      } else {
        if (!Number.isSafeInteger(v)) throw new MsgpackError(`msgpack: ${v} is not a safe integer`);
        b[this.#pos] = 0xcf;
        b.writeUInt32BE(Math.floor(v / 0x1_0000_0000), this.#pos + 1);
        b.writeUInt32BE(v >>> 0, this.#pos + 5);
        this.#pos += 9;
      }
      return;
    }
    if (!Number.isSafeInteger(v)) throw new MsgpackError(`msgpack: ${v} is not a safe integer`);
    if (v >= -32) return this.byte(v & 0xff);
    this.#room(9);
    const b = this.#buf;
    if (v >= -128) {
      b[this.#pos] = 0xd0;
      b.writeInt8(v, this.#pos + 1);
      this.#pos += 2;
    } else if (v >= -32768) {
      b[this.#pos] = 0xd1;
      b.writeInt16BE(v, this.#pos + 1);
      this.#pos += 3;
    } else if (v >= NEGATIVE_INT32_MIN) {
      b[this.#pos] = 0xd2;
      b.writeInt32BE(v, this.#pos + 1);
      this.#pos += 5;
    } else {
      b[this.#pos] = 0xd3;
      b.writeBigInt64BE(BigInt(v), this.#pos + 1);
      this.#pos += 9;
    }
  }

  /** A 64-bit integer, -2^63 to 2^64-1, in its smallest form. */
  bigint(v: bigint): void {
    if (v <= 9007199254740991n && v >= -9007199254740991n) return this.int(Number(v));
    this.#room(9);
    if (v >= 0n) {
      this.#buf[this.#pos] = 0xcf;
      this.#buf.writeBigUInt64BE(v, this.#pos + 1);
    } else {
      this.#buf[this.#pos] = 0xd3;
      this.#buf.writeBigInt64BE(v, this.#pos + 1);
    }
    this.#pos += 9;
  }

  float64(v: number): void {
    this.#room(9);
    this.#buf[this.#pos] = 0xcb;
    this.#buf.writeDoubleBE(v, this.#pos + 1);
    this.#pos += 9;
  }

  float32(v: number): void {
    this.#room(5);
    this.#buf[this.#pos] = 0xca;
    this.#buf.writeFloatBE(v, this.#pos + 1);
    this.#pos += 5;
  }

  #rawHead(n: number): void {
    if (n < 32) this.byte(0xa0 | n);
    else if (n < 0x1_0000) this.#head(0xda, n, 2);
    else this.#head(0xdb, n, 4);
  }

  str(v: string): void {
    // Short ASCII text, the common case, without measuring twice.
    if (v.length < 32) {
      this.#room(1 + v.length * 3);
      const at = this.#pos;
      const n = this.#buf.write(v, at + 1, "utf8");
      if (n < 32) {
        this.#buf[at] = 0xa0 | n;
        this.#pos = at + 1 + n;
        return;
      }
    }
    const n = Buffer.byteLength(v, "utf8");
    this.#rawHead(n);
    this.#room(n);
    this.#buf.write(v, this.#pos, "utf8");
    this.#pos += n;
  }

  bytes(v: Uint8Array): void {
    this.#rawHead(v.length);
    this.raw(v);
  }

  array(n: number): void {
    if (n < 16) this.byte(0x90 | n);
    else if (n < 0x1_0000) this.#head(0xdc, n, 2);
    else this.#head(0xdd, n, 4);
  }

  map(n: number): void {
    if (n < 16) this.byte(0x80 | n);
    else if (n < 0x1_0000) this.#head(0xde, n, 2);
    else this.#head(0xdf, n, 4);
  }
}

const hex2 = (b: number): string => b.toString(16);

/** Text of go-msgpack 0.5.5 for a descriptor byte that does not fit; 1.8 agents show it to users. */
export const badDescriptor = (b: number, where: string): MsgpackError =>
  new MsgpackError(`codec.decoder: ${where}: Unrecognized descriptor byte: hex: ${hex2(b)}, dec: ${b}`);

/** Reads MessagePack values from one buffer, from `offset` on. Nothing is copied but what is returned. */
export class MsgpackReader {
  readonly buf: Buffer;
  /** Offset of the next unread byte. */
  pos: number;
  /**
   * List items and map pairs that may still be announced. A reader of hostile bytes lowers it: one byte can stand for a
   * whole empty struct.
   */
  elementsLeft: number = Number.POSITIVE_INFINITY;

  constructor(bytes: Uint8Array, offset: number = 0) {
    this.buf = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.pos = offset;
  }

  get remaining(): number {
    return this.buf.length - this.pos;
  }

  #need(n: number): void {
    if (n > this.buf.length - this.pos) throw new MsgpackTruncatedError(n, this.pos, this.buf.length);
  }

  /** The next byte, without reading it. */
  peek(): number {
    this.#need(1);
    return this.buf[this.pos]!;
  }

  /** Next byte as it is: message types. */
  byte(): number {
    this.#need(1);
    return this.buf[this.pos++]!;
  }

  /** The next `n` bytes as they are (a view, not a copy). */
  raw(n: number): Buffer {
    this.#need(n);
    const out = this.buf.subarray(this.pos, this.pos + n);
    this.pos += n;
    return out;
  }

  /** Reads a nil if one comes next; tells whether it did. */
  nil(): boolean {
    if (this.peek() !== 0xc0) return false;
    this.pos++;
    return true;
  }

  bool(): boolean {
    const b = this.byte();
    if (b === 0xc3 || b === 1) return true;
    if (b === 0xc2 || b === 0 || b === 0xc0) return false;
    throw badDescriptor(b, "decodeBool");
  }

  #u8(): number {
    this.#need(1);
    return this.buf[this.pos++]!;
  }
  #u16(): number {
    this.#need(2);
    const v = this.buf.readUInt16BE(this.pos);
    this.pos += 2;
    return v;
  }
  #u32(): number {
    this.#need(4);
    const v = this.buf.readUInt32BE(this.pos);
    this.pos += 4;
    return v;
  }

  /** Any integer; a bigint only where a number would lose digits. nil is 0. */
  integer(): number | bigint {
    const b = this.byte();
    if (b < 0x80) return b;
    if (b >= 0xe0) return b - 0x100;
    switch (b) {
      case 0xc0:
        return 0;
      case 0xcc:
        return this.#u8();
      case 0xcd:
        return this.#u16();
      case 0xce:
        return this.#u32();
      case 0xcf: {
        const hi = this.#u32();
        const lo = this.#u32();
        if (hi < 0x20_0000) return hi * 0x1_0000_0000 + lo;
        return (BigInt(hi) << 32n) | BigInt(lo);
      }
      case 0xd0: {
        const v = this.#u8();
        return v < 0x80 ? v : v - 0x100;
      }
      case 0xd1: {
        const v = this.#u16();
        return v < 0x8000 ? v : v - 0x1_0000;
      }
      case 0xd2:
        return this.#u32() | 0;
      case 0xd3: {
        this.#need(8);
        const v = this.buf.readBigInt64BE(this.pos);
        this.pos += 8;
        return v >= -9007199254740991n && v <= 9007199254740991n ? Number(v) : v;
      }
      default:
        throw new MsgpackError(
          `codec.decoder: Unhandled single-byte unsigned integer value: Unrecognized descriptor byte: ${hex2(b)}`,
        );
    }
  }

  /** float64, float32 or any integer; nil is 0. */
  float(): number {
    const b = this.peek();
    if (b === 0xcb) {
      this.pos++;
      this.#need(8);
      const v = this.buf.readDoubleBE(this.pos);
      this.pos += 8;
      return v;
    }
    if (b === 0xca) {
      this.pos++;
      this.#need(4);
      const v = this.buf.readFloatBE(this.pos);
      this.pos += 4;
      return v;
    }
    return Number(this.integer());
  }

  #rawLength(b: number, where: string, binAllowed: boolean): number {
    if ((b & 0xe0) === 0xa0) return b & 0x1f;
    switch (b) {
      case 0xd9:
        return this.#u8();
      case 0xda:
        return this.#u16();
      case 0xdb:
        return this.#u32();
      case 0xc4:
        if (binAllowed) return this.#u8();
        break;
      case 0xc5:
        if (binAllowed) return this.#u16();
        break;
      case 0xc6:
        if (binAllowed) return this.#u32();
        break;
    }
    throw badDescriptor(b, where);
  }

  /** Text. bin forms are refused, as 1.8 does. nil is "". */
  str(): string {
    const b = this.byte();
    if (b === 0xc0) return "";
    const n = this.#rawLength(b, "readContainerLen", false);
    this.#need(n);
    const v = this.buf.toString("utf8", this.pos, this.pos + n);
    this.pos += n;
    return v;
  }

  /** Bytes (a view) from a raw, a bin or an array of small integers; null for nil. */
  bytes(): Buffer | null {
    const b = this.byte();
    if (b === 0xc0) return null;
    if ((b & 0xf0) === 0x90 || b === 0xdc || b === 0xdd) {
      this.pos--;
      const n = this.array()!;
      this.#need(n);
      const out = Buffer.alloc(n);
      for (let i = 0; i < n; i++) {
        const v = Number(this.integer());
        if (v < 0 || v > 255) throw new MsgpackError(`codec.decoder: Overflow uint value: ${v}`);
        out[i] = v;
      }
      return out;
    }
    const n = this.#rawLength(b, "readContainerLen", true);
    return this.raw(n);
  }

  /** Length of an array header; null for nil. Never more than the bytes that are left. */
  array(): number | null {
    const b = this.byte();
    if (b === 0xc0) return null;
    const n =
      (b & 0xf0) === 0x90 ? b & 0x0f : b === 0xdc ? this.#u16() : b === 0xdd ? this.#u32() : undefined;
    if (n === undefined) throw badDescriptor(b, "readContainerLen");
    this.#need(n);
    this.#elements(n);
    return n;
  }

  /** Number of pairs of a map header; null for nil. */
  map(): number | null {
    const b = this.byte();
    if (b === 0xc0) return null;
    const n =
      (b & 0xf0) === 0x80 ? b & 0x0f : b === 0xde ? this.#u16() : b === 0xdf ? this.#u32() : undefined;
    if (n === undefined) throw badDescriptor(b, "readContainerLen");
    this.#need(2 * n);
    this.#elements(n);
    return n;
  }

  #elements(n: number): void {
    this.elementsLeft -= n;
    if (this.elementsLeft < 0) throw new MsgpackError("msgpack: too many elements");
  }

  /** Moves past one value of any kind. */
  skip(depth: number = 0): void {
    if (depth > DEPTH_MAX) throw new MsgpackError(`msgpack: nested deeper than ${DEPTH_MAX}`);
    const b = this.byte();
    if (b < 0x80 || b >= 0xe0) return;
    if ((b & 0xe0) === 0xa0) {
      this.raw(b & 0x1f);
      return;
    }
    if ((b & 0xf0) === 0x80) return this.#skipMany(2 * (b & 0x0f), depth);
    if ((b & 0xf0) === 0x90) return this.#skipMany(b & 0x0f, depth);
    switch (b) {
      case 0xc0:
      case 0xc2:
      case 0xc3:
        return;
      case 0xc4:
      case 0xd9:
        this.raw(this.#u8());
        return;
      case 0xc5:
      case 0xda:
        this.raw(this.#u16());
        return;
      case 0xc6:
      case 0xdb:
        this.raw(this.#u32());
        return;
      case 0xc7:
        this.raw(this.#u8() + 1);
        return;
      case 0xc8:
        this.raw(this.#u16() + 1);
        return;
      case 0xc9:
        this.raw(this.#u32() + 1);
        return;
      case 0xca:
      case 0xce:
      case 0xd2:
        this.raw(4);
        return;
      case 0xcb:
      case 0xcf:
      case 0xd3:
        this.raw(8);
        return;
      case 0xcc:
      case 0xd0:
        this.raw(1);
        return;
      case 0xcd:
      case 0xd1:
        this.raw(2);
        return;
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        this.raw(1 + (1 << (b - 0xd4)));
        return;
      case 0xdc:
        return this.#skipMany(this.#u16(), depth);
      case 0xdd:
        return this.#skipMany(this.#u32(), depth);
      case 0xde:
        return this.#skipMany(2 * this.#u16(), depth);
      case 0xdf:
        return this.#skipMany(2 * this.#u32(), depth);
      default:
        throw badDescriptor(b, "swallow");
    }
  }

  #skipMany(n: number, depth: number): void {
    this.#need(n);
    for (let i = 0; i < n; i++) this.skip(depth + 1);
  }
}

/**
 * Where the value that starts at `offset` ends, or undefined when `bytes` holds only a part of it: splits a stream of
 * values into messages before they are decoded. Throws {@link MsgpackError} for bytes that start no value.
 */
export function valueEnd(bytes: Uint8Array, offset: number): number | undefined {
  const reader = new MsgpackReader(bytes, offset);
  try {
    reader.skip();
    return reader.pos;
  } catch (error) {
    if (error instanceof MsgpackTruncatedError) return undefined;
    throw error;
  }
}
