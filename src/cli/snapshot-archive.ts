/** Snapshot archives: a gzip tar of meta.json, state.bin and SHA256SUMS. Read and verified without keeping the state in memory. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createGunzip } from "node:zlib";
import { CommandError, fileReason } from "./attempt.ts";

export interface SnapshotMeta {
  readonly ID: string;
  readonly Index: number | bigint;
  readonly Term: number | bigint;
  readonly Version: number;
  readonly Size: number | bigint;
}

const TAR_BLOCK = 512;
/** Bytes before a gzip file's data: what is shorter cannot be told from a file that is cut off. */
const GZIP_HEADER = 10;
const CUT_OFF = "failed to read snapshot file: failed reading snapshot: unexpected EOF";
/** Bytes of meta.json and SHA256SUMS. */
const SMALL_FILE_MAX = 1 << 20;

/** Checks every sum. Throws an Error whose text says what is wrong with the file. */
export async function verifySnapshot(path: string): Promise<SnapshotMeta> {
  try {
    const { size } = await stat(path);
    if (size < GZIP_HEADER)
      throw new Error(`failed to decompress snapshot: ${size === 0 ? "EOF" : "unexpected EOF"}`);
    return await verify(path);
  } catch (error) {
    throw friendly(path, error);
  }
}

async function verify(path: string): Promise<SnapshotMeta> {
  const sums = new Map<string, string>();
  const small = new Map<string, Buffer>();
  for await (const entry of tarEntries(path)) {
    const hash = createHash("sha256");
    const keep = entry.name === "meta.json" || entry.name === "SHA256SUMS";
    if (keep && entry.size > SMALL_FILE_MAX) throw new Error(`${entry.name} has ${entry.size} bytes`);
    const chunks: Buffer[] = [];
    for await (const chunk of entry.content) {
      hash.update(chunk);
      if (keep) chunks.push(Buffer.from(chunk));
    }
    if (keep) small.set(entry.name, Buffer.concat(chunks));
    if (entry.name === "meta.json" || entry.name === "state.bin") sums.set(entry.name, hash.digest("hex"));
    else if (entry.name !== "SHA256SUMS")
      throw new Error(`unexpected file ${JSON.stringify(entry.name)} in snapshot`);
  }
  const list = small.get("SHA256SUMS")?.toString("utf8");
  const meta = small.get("meta.json");
  if (list === undefined || meta === undefined || !sums.has("state.bin"))
    throw new Error("the archive holds no whole snapshot (meta.json, state.bin, SHA256SUMS)");
  for (const line of list.split("\n")) {
    const m = /^([0-9a-f]{64}) {2}(\S+)$/.exec(line);
    if (m === null) continue;
    if (sums.get(m[2]!) !== m[1]) throw new Error(`hash check failed for ${JSON.stringify(m[2])}`);
    sums.delete(m[2]!);
  }
  if (sums.size > 0) throw new Error(`list missing hash for ${JSON.stringify([...sums.keys()][0])}`);
  const { parseJson } = await import("../wire/json.ts");
  return parseJson(meta.toString("utf8")) as SnapshotMeta;
}

interface TarEntry {
  readonly name: string;
  readonly size: number;
  readonly content: AsyncIterable<Uint8Array>;
}

async function* tarEntries(path: string): AsyncGenerator<TarEntry, void, undefined> {
  const file = createReadStream(path);
  const stream = file.pipe(createGunzip());
  file.on("error", (error) => stream.destroy(error));
  const source = new ByteSource(stream);
  try {
    for (;;) {
      const header = await source.exactly(TAR_BLOCK);
      if (header === undefined || header.every((b) => b === 0)) return;
      const name = header.subarray(0, 100).toString("latin1").replace(/\0.*$/s, "");
      const size = Number.parseInt(
        header
          .subarray(124, 136)
          .toString("latin1")
          .replace(/[\0 ]+$/, "")
          .trim() || "0",
        8,
      );
      if (!Number.isSafeInteger(size) || size < 0) throw new Error("the archive's headers are damaged");
      yield { name, size, content: source.upTo(size) };
      await source.skip((TAR_BLOCK - (size % TAR_BLOCK)) % TAR_BLOCK);
    }
  } finally {
    file.destroy();
    stream.destroy();
  }
}

function friendly(path: string, error: unknown): Error {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOENT" || code === "EACCES" || code === "EISDIR")
    return new CommandError(fileReason(path, error));
  if (code === "Z_BUF_ERROR") return new Error(CUT_OFF);
  if (code?.startsWith("Z_")) return new Error("failed to decompress snapshot: gzip: invalid header");
  return error as Error;
}

/** Bytes of a stream in wanted portions. */
class ByteSource {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(stream: AsyncIterable<Buffer>) {
    this.#chunks = stream[Symbol.asyncIterator]();
  }

  async #more(): Promise<boolean> {
    const { value, done } = await this.#chunks.next();
    if (done) return false;
    this.#rest = this.#rest.byteLength === 0 ? value : Buffer.concat([this.#rest, value]);
    return true;
  }

  /** undefined at the end of the stream. */
  async exactly(n: number): Promise<Buffer | undefined> {
    while (this.#rest.byteLength < n)
      if (!(await this.#more())) {
        if (this.#rest.byteLength === 0) return undefined;
        throw new Error(CUT_OFF);
      }
    const out = this.#rest.subarray(0, n);
    this.#rest = this.#rest.subarray(n);
    return out;
  }

  async *upTo(n: number): AsyncGenerator<Uint8Array, void, undefined> {
    let left = n;
    while (left > 0) {
      if (this.#rest.byteLength === 0 && !(await this.#more())) throw new Error(CUT_OFF);
      const chunk = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(chunk.byteLength);
      left -= chunk.byteLength;
      yield chunk;
    }
  }

  async skip(n: number): Promise<void> {
    if (n > 0) await this.exactly(n);
  }
}
