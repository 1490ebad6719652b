/**
 * Bytes of values that are asked for again and again. A value is known by its identity: whoever hands out the same object says
 * that nothing in it has changed (the state store does so for answers whose tracked read still holds).
 */

export class KeptEncodings {
  readonly #bytesMax: number;
  /** Least recently kept first. */
  readonly #kept = new Map<object, Uint8Array>();
  /** Encoded once: most values are never asked for again, and those are not kept. */
  readonly #seen = new WeakSet<object>();
  #bytes = 0;

  /** `bytesMax`: of all kept encodings together; a single one may take a quarter of it. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Bytes kept at the moment. */
  get bytes(): number {
    return this.#bytes;
  }

  /** `encode(value)`, or what it gave before for this very object. The bytes must not be changed. */
  get<T extends object>(value: T, encode: (value: T) => Uint8Array): Uint8Array {
    const known = this.#kept.get(value);
    if (known !== undefined) {
      // Order need not be exact while there is room.
      if (this.#bytes > this.#bytesMax / 2) {
        this.#kept.delete(value);
        this.#kept.set(value, known);
      }
      return known;
    }
    const bytes = encode(value);
    if (!this.#seen.has(value)) this.#seen.add(value);
    else if (bytes.byteLength <= this.#bytesMax / 4) {
      this.#kept.set(value, bytes);
      this.#bytes += bytes.byteLength;
      for (const [oldest, old] of this.#kept) {
        if (this.#bytes <= this.#bytesMax) break;
        this.#kept.delete(oldest);
        this.#bytes -= old.byteLength;
      }
    }
    return bytes;
  }
}
