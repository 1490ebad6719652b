/**
 * Cuts a stream of MessagePack values (no length prefix, no separator) into whole values as bytes arrive. It remembers
 * where it stopped inside a value, so that a large value that comes in small pieces is looked at once, not once a piece.
 */
import { DEPTH_MAX, MsgpackError } from "./msgpack.ts";

/** A value on a stream is longer than its reader allows. */
export class MsgpackTooLongError extends MsgpackError {
  constructor(maxBytes: number) {
    super(`msgpack: value longer than ${maxBytes} bytes`);
  }
}

const EMPTY = Buffer.alloc(0);

/** Bytes after the descriptor byte: a length or a number; undefined for a byte that starts no value. */
function headWidth(b: number): number | undefined {
  if (b < 0xc0 || b >= 0xe0) return 0;
  switch (b) {
    case 0xc0:
    case 0xc2:
    case 0xc3:
      return 0;
    case 0xc4:
    case 0xc7:
    case 0xd9:
      return 1;
    case 0xc5:
    case 0xc8:
    case 0xda:
    case 0xdc:
    case 0xde:
      return 2;
    case 0xc6:
    case 0xc9:
    case 0xdb:
    case 0xdd:
    case 0xdf:
      return 4;
    case 0xca:
    case 0xcb:
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf:
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3:
    case 0xd4:
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8:
      return 0;
    default:
      return undefined;
  }
}

/** Bytes of a scalar after its descriptor byte (numbers, fixext). */
const SCALAR_BYTES: Readonly<Record<number, number>> = {
  202: 4,
  203: 8,
  204: 1,
  205: 2,
  206: 4,
  207: 8,
  208: 1,
  209: 2,
  210: 4,
  211: 8,
  212: 2,
  213: 3,
  214: 5,
  215: 9,
  216: 17,
};

export class MsgpackSplitter {
  /** Bytes not yet returned; the current value starts at `#start`, bytes before `#scan` have been looked at. */
  #buf: Buffer = EMPTY;
  #start = 0;
  #scan = 0;
  #end = 0;
  /** Whether `#buf` belongs to this splitter, so that more bytes may be written behind `#end`. */
  #owned = false;
  /** Values still to come in each open container, outermost first. */
  #open: number[] = [];
  readonly #maxBytes: number;

  /** @param maxBytes longest value; a longer one is refused as soon as it is known to be. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes held: of incomplete values and of whole ones not yet asked for. */
  get heldBytes(): number {
    return this.#end - this.#start;
  }

  /** Adds bytes. The chunk is kept (not copied) until its values have been returned. */
  push(chunk: Buffer): void {
    const held = this.#end - this.#start;
    if (held === 0) {
      this.#buf = chunk;
      this.#start = 0;
      this.#scan = 0;
      this.#end = chunk.length;
      this.#owned = false;
      return;
    }
    const need = held + chunk.length;
    if (!this.#owned || this.#end + chunk.length > this.#buf.length) {
      const grown = Buffer.allocUnsafe(this.#owned ? Math.max(need, 2 * held) : need + (need >> 1));
      this.#buf.copy(grown, 0, this.#start, this.#end);
      this.#scan -= this.#start;
      this.#start = 0;
      this.#end = held;
      this.#buf = grown;
      this.#owned = true;
    }
    chunk.copy(this.#buf, this.#end);
    this.#end += chunk.length;
  }

  /**
   * The next whole value, as a view that stays valid, or undefined when more bytes are needed.
   * `expected`: a whole value that may come again; its end is then found by comparing, not by walking through it.
   * Throws {@link MsgpackError} for bytes that start no value and for one longer than the limit; the stream is then lost.
   */
  next(expected?: Buffer): Buffer | undefined {
    const buf = this.#buf;
    const end = this.#end;
    if (expected !== undefined && this.#scan === this.#start) {
      const n = Math.min(end - this.#start, expected.length);
      if (buf.compare(expected, 0, n, this.#start, this.#start + n) === 0)
        return n < expected.length ? undefined : this.#takeTo(this.#start + n);
    }
    let at = this.#scan;
    const open = this.#open;
    for (;;) {
      if (at >= end) break;
      const b = buf[at]!;
      const width = headWidth(b);
      if (width === undefined)
        throw new MsgpackError(
          `codec.decoder: swallow: Unrecognized descriptor byte: hex: ${b.toString(16)}, dec: ${b}`,
        );
      if (at + 1 + width > end) break;
      let size = 1 + width;
      let children = 0;
      if (width > 0) {
        const n =
          width === 1 ? buf[at + 1]! : width === 2 ? buf.readUInt16BE(at + 1) : buf.readUInt32BE(at + 1);
        if (b === 0xdc || b === 0xdd) children = n;
        else if (b === 0xde || b === 0xdf) children = 2 * n;
        else size += b >= 0xc7 && b <= 0xc9 ? n + 1 : n;
      } else if (b < 0x80 || b >= 0xe0) {
        // A small integer: the byte alone.
      } else if (b < 0x90) children = 2 * (b & 0x0f);
      else if (b < 0xa0) children = b & 0x0f;
      else if (b < 0xc0) size += b & 0x1f;
      else size += SCALAR_BYTES[b] ?? 0;

      // Each child takes one byte at least: a long value is known from its head.
      if (at + size + children - this.#start > this.#maxBytes) throw new MsgpackTooLongError(this.#maxBytes);
      if (at + size > end) break;
      at += size;
      if (children > 0) {
        if (open.length >= DEPTH_MAX) throw new MsgpackError(`msgpack: nested deeper than ${DEPTH_MAX}`);
        open.push(children);
        continue;
      }
      while (open.length > 0) {
        const left = open[open.length - 1]! - 1;
        if (left > 0) {
          open[open.length - 1] = left;
          break;
        }
        open.pop();
      }
      if (open.length === 0) {
        return this.#takeTo(at);
      }
    }
    this.#scan = at;
    return undefined;
  }

  /** Returns what is held up to `at`. */
  #takeTo(at: number): Buffer {
    const value = this.#buf.subarray(this.#start, at);
    this.#start = at;
    this.#scan = at;
    // What was returned must not be overwritten by later bytes: they go behind `#end` only.
    if (at === this.#end) {
      this.#buf = EMPTY;
      this.#start = this.#scan = this.#end = 0;
      this.#owned = false;
    }
    return value;
  }
}
