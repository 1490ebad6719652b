/**
 * Decoded replies to reads, kept with their bytes: a reply whose bytes are those of the one before is not decoded again, and
 * whoever derives something from it (a JSON body, DNS records) recognises it. Every call still goes to a server: what is kept
 * saves work, it never stands in for an answer.
 */

/** Bytes of replies kept by one pool; the decoded values take a few times that. */
export const KEPT_REPLY_BYTES_MAX = 8 << 20;
/** Requests remembered to tell repeated reads from single ones; beyond it all are forgotten. */
const REQUESTS_REMEMBERED = 4096;

export interface KeptReply {
  readonly bytes: Buffer;
  readonly value: unknown;
}

export class KeptReplies {
  readonly #bytesMax: number;
  /** By request; least recently used first. */
  readonly #kept = new Map<string, KeptReply>();
  readonly #asked = new Set<string>();
  #bytes = 0;

  constructor(bytesMax: number = KEPT_REPLY_BYTES_MAX) {
    this.#bytesMax = bytesMax;
  }

  /** Bytes kept at the moment. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The last reply to the same request. */
  get(request: string): KeptReply | undefined {
    return this.#kept.get(request);
  }

  /** The value of `bytes`: the kept one when they are the same, else decoded and, for a repeated request, kept. */
  value<R>(request: string, bytes: Buffer, decode: (bytes: Buffer) => R): R {
    const known = this.#kept.get(request);
    if (known?.bytes.equals(bytes)) {
      if (this.#bytes > this.#bytesMax / 2) {
        this.#kept.delete(request);
        this.#kept.set(request, known);
      }
      return known.value as R;
    }
    if (known !== undefined) {
      this.#kept.delete(request);
      this.#bytes -= known.bytes.length;
    }
    const value = decode(bytes);
    if (!this.#asked.has(request)) {
      if (this.#asked.size >= REQUESTS_REMEMBERED) this.#asked.clear();
      this.#asked.add(request);
      return value;
    }
    if (bytes.length > this.#bytesMax / 4) return value;
    // A copy: the bytes may be a view into a much larger buffer of the connection.
    this.#kept.set(request, { bytes: Buffer.from(bytes), value });
    this.#bytes += bytes.length;
    for (const [oldest, old] of this.#kept) {
      if (this.#bytes <= this.#bytesMax) break;
      this.#kept.delete(oldest);
      this.#bytes -= old.bytes.length;
    }
    return value;
  }
}
