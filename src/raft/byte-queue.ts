/** Received bytes that wait to be taken: one growing buffer, so that a message in many parts is joined once, not again and again. */
export class ByteQueue {
  #buf: Buffer = Buffer.allocUnsafe(4096);
  #start = 0;
  #end = 0;

  get length(): number {
    return this.#end - this.#start;
  }

  push(chunk: Uint8Array): void {
    if (this.#start === this.#end) this.#start = this.#end = 0;
    if (this.#end + chunk.length > this.#buf.length) {
      const held = this.length;
      // Never moved within the old memory: views of it may still be in use.
      const target = Buffer.allocUnsafeSlow(Math.max((held + chunk.length) * 2, 4096));
      this.#buf.copy(target, 0, this.#start, this.#end);
      this.#buf = target;
      this.#start = 0;
      this.#end = held;
    }
    this.#buf.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /** All that waits, as a view that the next push may overwrite. */
  peek(): Buffer {
    return this.#buf.subarray(this.#start, this.#end);
  }

  /** The first `n` bytes, as a copy. */
  take(n: number): Buffer {
    const out = Buffer.from(this.#buf.subarray(this.#start, this.#start + n));
    this.skip(n);
    return out;
  }

  skip(n: number): void {
    this.#start += n;
    if (this.#start === this.#end && this.#buf.length > 1 << 20) {
      this.#buf = Buffer.allocUnsafe(4096);
      this.#start = this.#end = 0;
    }
  }
}
