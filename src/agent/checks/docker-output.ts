/**
 * What an engine sends of a command's output. Without a terminal both streams come in frames of eight bytes (stream 0 to 2, three zero
 * bytes, length, big endian) before their bytes, as the engine's API documents; with one, or through some proxies, as they are.
 * Nothing a program writes begins with such a head by chance, so the first bytes tell.
 */
import type { OutputRing } from "../core/output-ring.ts";

const HEAD_BYTES = 8;

export class DockerOutput {
  readonly #ring: OutputRing;
  /** Bytes of a head that is not whole yet. */
  #head: Buffer = Buffer.alloc(0);
  #left = 0;
  #framed: boolean | undefined;

  constructor(ring: OutputRing) {
    this.#ring = ring;
  }

  write(chunk: Buffer): void {
    let rest = this.#head.length === 0 ? chunk : Buffer.concat([this.#head, chunk]);
    this.#head = Buffer.alloc(0);
    while (rest.length > 0) {
      if (this.#left > 0 || this.#framed === false) {
        const part = this.#framed === false ? rest : rest.subarray(0, this.#left);
        this.#ring.write(part);
        this.#left -= this.#framed === false ? 0 : part.length;
        rest = rest.subarray(part.length);
        continue;
      }
      const isHead = looksLikeHead(rest);
      if (this.#framed === undefined && !isHead) {
        this.#framed = false;
        continue;
      }
      if (rest.length < HEAD_BYTES) {
        this.#head = rest;
        return;
      }
      // A head that is none in the middle: show what came rather than nothing.
      if (!isHead) {
        this.#framed = false;
        continue;
      }
      this.#framed = true;
      this.#left = rest.readUInt32BE(4);
      rest = rest.subarray(HEAD_BYTES);
    }
  }

  /** The stream has ended: what only began like a head was output. */
  end(): void {
    if (this.#framed === undefined) this.#ring.write(this.#head);
  }
}

/** Whether the bytes may be the beginning of a head. */
function looksLikeHead(bytes: Buffer): boolean {
  return bytes[0]! <= 2 && bytes.subarray(1, 4).every((b) => b === 0);
}
