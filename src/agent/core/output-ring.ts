/** The last bytes of an output, with a word on how many there were. */
export class OutputRing {
  readonly #bytesMax: number;
  #kept: Buffer = Buffer.alloc(0);
  #total = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Bytes written so far, kept or not. */
  get total(): number {
    return this.#total;
  }

  write(chunk: Uint8Array): void {
    this.#total += chunk.length;
    if (chunk.length >= this.#bytesMax) {
      this.#kept = Buffer.from(chunk.subarray(chunk.length - this.#bytesMax));
      return;
    }
    const keep = Math.min(this.#kept.length, this.#bytesMax - chunk.length);
    this.#kept = Buffer.concat([this.#kept.subarray(this.#kept.length - keep), chunk]);
  }

  /** The kept bytes alone. */
  bytes(): Buffer {
    return this.#kept;
  }

  /** Script form: all of it, or `Captured 4096 of 6000 bytes` and the tail. */
  text(): string {
    const tail = this.#kept.toString("utf8");
    if (this.#total <= this.#bytesMax) return tail;
    return `Captured ${this.#kept.length} of ${this.#total} bytes\n...\n${tail}`;
  }
}

/** TTL form: the head of a text that is longer than allowed. Lengths are in bytes. */
export function headOfOutput(output: string, bytesMax: number): string {
  const bytes = Buffer.from(output);
  if (bytes.length <= bytesMax) return output;
  return `${bytes.subarray(0, bytesMax).toString("utf8")} ... (captured ${bytesMax} of ${bytes.length} bytes)`;
}
