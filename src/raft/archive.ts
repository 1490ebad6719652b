/**
 * The archive that `snapshot save` writes and `snapshot restore` reads: gzip of a tar with meta.json, state.bin and SHA256SUMS
 * in this order. Observed in Consul 1.8.7. Both ways in a stream: a state of gigabytes never lies in memory.
 */
import { createHash, type Hash } from "node:crypto";
import { Readable } from "node:stream";
import { createGunzip, createGzip } from "node:zlib";
import type { SnapshotMeta } from "./contract.ts";
import { SNAPSHOT_BYTES_MAX, SNAPSHOT_META_BYTES_MAX } from "./limits.ts";
import { decodeMeta, encodeMeta } from "./snapshot-meta.ts";

const BLOCK = 512;
const META = "meta.json";
const STATE = "state.bin";
const SUMS = "SHA256SUMS";
/** SHA256SUMS has two lines; more than this is no such file. */
const SUMS_BYTES_MAX = 64 << 10;

/** Why a stream is no snapshot archive. */
export class ArchiveError extends Error {
  override readonly name = "ArchiveError";
}

/** The archive of a snapshot. `mtimeS`: Unix seconds for the members. */
export function writeArchive(
  meta: SnapshotMeta,
  state: AsyncIterable<Uint8Array>,
  mtimeS: number,
): AsyncIterable<Uint8Array> {
  const tar = Readable.from(tarOf(meta, state, mtimeS), { objectMode: false });
  const gzip = createGzip();
  tar.on("error", (error) => gzip.destroy(error));
  return tar.pipe(gzip);
}

async function* tarOf(
  meta: SnapshotMeta,
  state: AsyncIterable<Uint8Array>,
  mtimeS: number,
): AsyncGenerator<Uint8Array> {
  const metaBytes = Buffer.from(encodeMeta(meta));
  yield tarHeader(META, metaBytes.length, mtimeS);
  yield padded(metaBytes);
  const sum = createHash("sha256");
  let size = 0;
  yield tarHeader(STATE, meta.size, mtimeS);
  for await (const chunk of state) {
    sum.update(chunk);
    size += chunk.length;
    yield chunk;
  }
  if (size !== meta.size)
    throw new ArchiveError(`the state has ${size} bytes, its meta.json says ${meta.size}`);
  yield padding(size);
  const sums = Buffer.from(
    `${createHash("sha256").update(metaBytes).digest("hex")}  ${META}\n${sum.digest("hex")}  ${STATE}\n`,
  );
  yield tarHeader(SUMS, sums.length, mtimeS);
  yield padded(sums);
  yield Buffer.alloc(2 * BLOCK);
}

const padding = (size: number): Buffer => Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, padding(bytes.length)]);

/** A ustar header (POSIX.1-1988); sizes from 8 GiB on in base-256. */
function tarHeader(name: string, size: number, mtimeS: number): Buffer {
  const h = Buffer.alloc(BLOCK);
  h.write(name, 0);
  h.write("0000600\0", 100);
  h.write("0000000\0", 108);
  h.write("0000000\0", 116);
  if (size < 8 ** 11) h.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
  else {
    h[124] = 0x80;
    h.writeBigUInt64BE(BigInt(size), 128);
  }
  h.write(`${Math.floor(mtimeS).toString(8).padStart(11, "0")}\0`, 136);
  h.write("0", 156);
  h.write("ustar\x0000", 257);
  h.write(`${tarSum(h).toString(8).padStart(6, "0")}\0 `, 148);
  return h;
}

function tarSum(h: Buffer): number {
  let sum = 0;
  for (let i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? 0x20 : h[i]!;
  return sum;
}

/**
 * Opens an archive. `state` must be read to its end: only there the checksums are known to match, and it throws
 * {@link ArchiveError} when they do not, so nothing may be done with the bytes before.
 */
export async function openArchive(
  source: AsyncIterable<Uint8Array>,
): Promise<{ readonly meta: SnapshotMeta; readonly state: AsyncIterable<Uint8Array> }> {
  const reader = new TarReader(gunzip(source));
  const first = await reader.next();
  if (first?.name !== META) throw new ArchiveError(`want ${META} first, found ${first?.name ?? "nothing"}`);
  const metaBytes = await reader.content(first.size, SNAPSHOT_META_BYTES_MAX);
  let meta: SnapshotMeta;
  try {
    meta = decodeMeta(metaBytes.toString("utf8")).meta;
  } catch (cause) {
    throw new ArchiveError((cause as Error).message, { cause });
  }
  const second = await reader.next();
  if (second?.name !== STATE)
    throw new ArchiveError(`want ${STATE} behind ${META}, found ${second?.name ?? "nothing"}`);
  if (second.size !== meta.size)
    throw new ArchiveError(`${STATE} has ${second.size} bytes, ${META} says ${meta.size}`);
  if (second.size > SNAPSHOT_BYTES_MAX)
    throw new ArchiveError(`${STATE} has ${second.size} bytes, the limit is ${SNAPSHOT_BYTES_MAX}`);
  return { meta, state: checkedState(reader, second.size, metaBytes) };
}

async function* checkedState(reader: TarReader, size: number, metaBytes: Buffer): AsyncGenerator<Uint8Array> {
  const sum: Hash = createHash("sha256");
  // The last chunk is held back until all is known to be right.
  let held: Uint8Array | undefined;
  for await (const chunk of reader.stream(size)) {
    sum.update(chunk);
    if (held !== undefined) yield held;
    held = chunk;
  }
  const third = await reader.next();
  if (third?.name !== SUMS)
    throw new ArchiveError(`want ${SUMS} behind ${STATE}, found ${third?.name ?? "nothing"}`);
  const listed = parseSums((await reader.content(third.size, SUMS_BYTES_MAX)).toString("utf8"));
  check(listed, META, createHash("sha256").update(metaBytes).digest("hex"));
  check(listed, STATE, sum.digest("hex"));
  const more = await reader.next();
  if (more !== undefined) throw new ArchiveError(`unexpected file "${more.name}" in snapshot`);
  await reader.end();
  if (held !== undefined) yield held;
}

function parseSums(text: string): ReadonlyMap<string, string> {
  const out = new Map<string, string>();
  for (const line of text.split("\n")) {
    if (line.trim() === "") continue;
    const m = /^([0-9a-f]{64}) [ *](.+)$/.exec(line);
    if (m === null)
      throw new ArchiveError(`${SUMS} has a line that is no checksum: ${JSON.stringify(line.slice(0, 100))}`);
    if (m[2] !== META && m[2] !== STATE) throw new ArchiveError(`list missing hash for "${m[2]}"`);
    out.set(m[2], m[1]!);
  }
  return out;
}

function check(listed: ReadonlyMap<string, string>, name: string, found: string): void {
  const wanted = listed.get(name);
  if (wanted === undefined) throw new ArchiveError(`file missing for "${name}" in ${SUMS}`);
  if (wanted !== found) throw new ArchiveError(`hash check failed for "${name}"`);
}

/** Bytes of a gzip header without optional parts (RFC 1952). */
const GZIP_HEADER_BYTES = 10;

/** In the words of the original's decoder, for what comes without ever being an archive. */
function gunzipFault(error: Error, received: number): string {
  if (received === 0) return "EOF";
  if (received < GZIP_HEADER_BYTES) return "unexpected EOF";
  const { code } = error as NodeJS.ErrnoException;
  if (code === "Z_BUF_ERROR") return "unexpected EOF";
  if (code === "Z_DATA_ERROR" && error.message.includes("header")) return "gzip: invalid header";
  return error.message;
}

async function* gunzip(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const inflate = createGunzip({ rejectGarbageAfterEnd: true });
  let received = 0;
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      received += chunk.length;
      yield chunk;
    }
  };
  const input = Readable.from(counted(), { objectMode: false });
  input.on("error", (error) => inflate.destroy(error));
  input.pipe(inflate);
  try {
    yield* inflate as AsyncIterable<Uint8Array>;
  } catch (cause) {
    throw new ArchiveError(`failed to decompress snapshot: ${gunzipFault(cause as Error, received)}`, {
      cause,
    });
  } finally {
    input.destroy();
    inflate.destroy();
  }
}

/** Members of a tar, one after the other. */
class TarReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #held: Buffer = Buffer.alloc(0);
  /** Zero bytes that fill up the last member's block. */
  #pad = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  async #more(): Promise<boolean> {
    const { done, value } = await this.#source.next();
    if (done) return false;
    this.#held = this.#held.length === 0 ? Buffer.from(value) : Buffer.concat([this.#held, value]);
    return true;
  }

  async #take(n: number): Promise<Buffer> {
    while (this.#held.length < n)
      if (!(await this.#more()))
        throw new ArchiveError(`the archive ends within a file, ${n - this.#held.length} bytes are missing`);
    const out = this.#held.subarray(0, n);
    this.#held = this.#held.subarray(n);
    return out;
  }

  /** The next member's name and size; undefined at the end mark. */
  async next(): Promise<{ readonly name: string; readonly size: number } | undefined> {
    await this.#take(this.#pad);
    this.#pad = 0;
    const h = await this.#take(BLOCK);
    if (h.every((b) => b === 0)) return undefined;
    if (Number.parseInt(h.toString("latin1", 148, 156), 8) !== tarSum(h))
      throw new ArchiveError("a tar header does not match its checksum");
    const type = h[156];
    if (type !== 0x30 && type !== 0) throw new ArchiveError(`unexpected tar member of type ${type}`);
    const text = (from: number, to: number): string => h.toString("utf8", from, to).replace(/\0.*$/s, "");
    const size =
      h[124]! >= 0x80 ? Number(h.readBigUInt64BE(128)) : Number.parseInt(text(124, 136).trim() || "0", 8);
    if (!Number.isSafeInteger(size) || size < 0) throw new ArchiveError("a tar header has no size");
    this.#pad = (BLOCK - (size % BLOCK)) % BLOCK;
    return { name: text(0, 100), size };
  }

  async content(size: number, max: number): Promise<Buffer> {
    if (size > max) throw new ArchiveError(`a file of ${size} bytes in the archive, the limit is ${max}`);
    return Buffer.from(await this.#take(size));
  }

  async *stream(size: number): AsyncGenerator<Uint8Array> {
    for (let left = size; left > 0; ) {
      if (this.#held.length === 0 && !(await this.#more()))
        throw new ArchiveError(`the archive ends within a file, ${left} bytes are missing`);
      const chunk = await this.#take(Math.min(left, this.#held.length));
      left -= chunk.length;
      if (chunk.length > 0) yield chunk;
    }
  }

  /** Nothing but zeros may follow the end mark. */
  async end(): Promise<void> {
    for (;;) {
      if (this.#held.some((b) => b !== 0))
        throw new ArchiveError("there is something behind the end of the archive");
      this.#held = Buffer.alloc(0);
      if (!(await this.#more())) return;
    }
  }
}
