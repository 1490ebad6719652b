/**
 * Snapshots on disk as the original keeps them: `<folder>/<term>-<index>-<unix ms>/{meta.json,state.bin}`, with the suffix
 * `.tmp` while being written; whole, synced and checked (CRC-64) or not there. The memory one is for `-dev`.
 */
import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { syncFolder } from "../ports/disk.ts";
import type { SnapshotMeta } from "./contract.ts";
import { Crc64 } from "./crc64.ts";
import { RaftStorageError } from "./errors.ts";
import { SNAPSHOT_CHUNK_BYTES, SNAPSHOT_SYNC_BYTES, SNAPSHOTS_KEPT } from "./limits.ts";
import { decodeMeta, encodeMeta } from "./snapshot-meta.ts";

export type SnapshotHead = Omit<SnapshotMeta, "id" | "size">;

/** A snapshot being written. Exactly one of `commit` and `cancel` ends it. */
export interface SnapshotSink {
  write(chunk: Uint8Array): Promise<void>;
  /** Makes it durable and visible under `head`; older ones beyond the number kept go. */
  commit(head: SnapshotHead): Promise<SnapshotMeta>;
  cancel(): Promise<void>;
}

export interface SnapshotStore {
  create(): Promise<SnapshotSink>;
  /** Newest first. */
  list(): Promise<readonly SnapshotMeta[]>;
  /**
   * The state's bytes; the stream throws RaftStorageError when they are not what was written. It opens at the first read: a stream
   * that nobody reads holds nothing, and one that is being read does not mind that the snapshot is reaped meanwhile.
   */
  open(id: string): Promise<{ readonly meta: SnapshotMeta; readonly stream: AsyncIterable<Uint8Array> }>;
  remove(id: string): Promise<void>;
}

const newestFirst = (a: SnapshotMeta, b: SnapshotMeta): number =>
  b.term - a.term || b.index - a.index || (a.id < b.id ? 1 : -1);

export class FileSnapshotStore implements SnapshotStore {
  readonly #folder: string;
  readonly #wall: () => number;
  #made = 0;

  /** `folder` is made when the first snapshot comes. `wall`: Unix ms, for names. */
  constructor(folder: string, wall: () => number) {
    this.#folder = folder;
    this.#wall = wall;
  }

  async create(): Promise<SnapshotSink> {
    await mkdir(this.#folder, { recursive: true, mode: 0o755 });
    const temporary = join(this.#folder, `${this.#wall()}-${process.pid}-${++this.#made}.tmp`);
    await mkdir(temporary, { mode: 0o755 });
    const file = await open(join(temporary, "state.bin"), "wx", 0o600);
    const crc = new Crc64();
    let size = 0;
    let unsynced = 0;
    let pending: Uint8Array[] = [];
    let pendingBytes = 0;
    const flush = async (): Promise<void> => {
      if (pendingBytes === 0) return;
      const chunk = pending.length === 1 ? pending[0]! : Buffer.concat(pending);
      pending = [];
      pendingBytes = 0;
      crc.update(chunk);
      size += chunk.length;
      await file.write(chunk);
      unsynced += chunk.length;
      if (unsynced < SNAPSHOT_SYNC_BYTES) return;
      unsynced = 0;
      await file.datasync();
    };
    let ended = false;
    return {
      write: async (chunk) => {
        pending.push(chunk);
        pendingBytes += chunk.length;
        if (pendingBytes >= SNAPSHOT_CHUNK_BYTES) await flush();
      },
      commit: async (head) => {
        ended = true;
        try {
          await flush();
          await file.sync();
        } finally {
          await file.close();
        }
        const name = await this.#freeName(head);
        const meta: SnapshotMeta = { ...head, id: name, size };
        const metaFile = await open(join(temporary, "meta.json"), "wx", 0o600);
        try {
          await metaFile.writeFile(encodeMeta(meta, crc.digest()));
          await metaFile.sync();
        } finally {
          await metaFile.close();
        }
        await syncFolder(temporary);
        await rename(temporary, join(this.#folder, name));
        await syncFolder(this.#folder);
        await this.#reap();
        return meta;
      },
      cancel: async () => {
        if (!ended) await file.close();
        ended = true;
        await rm(temporary, { recursive: true, force: true });
      },
    };
  }

  async #freeName(head: SnapshotHead): Promise<string> {
    const taken = new Set(await this.#names());
    for (let ms = this.#wall(); ; ms++) {
      const name = `${head.term}-${head.index}-${ms}`;
      if (!taken.has(name)) return name;
    }
  }

  async #names(): Promise<string[]> {
    try {
      return await readdir(this.#folder);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw error;
    }
  }

  async #reap(): Promise<void> {
    for (const old of (await this.list()).slice(SNAPSHOTS_KEPT)) await this.remove(old.id);
  }

  /** Removes what a crash left half written. */
  async clean(): Promise<void> {
    for (const name of await this.#names())
      if (name.endsWith(".tmp")) await rm(join(this.#folder, name), { recursive: true, force: true });
  }

  async list(): Promise<readonly SnapshotMeta[]> {
    const metas: SnapshotMeta[] = [];
    for (const name of await this.#names()) {
      if (!/^\d+-\d+-\d+$/.test(name)) continue;
      metas.push((await this.#meta(name)).meta);
    }
    return metas.sort(newestFirst);
  }

  async #meta(id: string): Promise<ReturnType<typeof decodeMeta>> {
    const path = join(this.#folder, id, "meta.json");
    try {
      const read = decodeMeta(await readFile(path, "utf8"));
      return { ...read, meta: { ...read.meta, id } };
    } catch (cause) {
      throw new RaftStorageError(path, (cause as Error).message, { cause });
    }
  }

  async open(
    id: string,
  ): Promise<{ readonly meta: SnapshotMeta; readonly stream: AsyncIterable<Uint8Array> }> {
    const { meta, crc } = await this.#meta(id);
    const path = join(this.#folder, id, "state.bin");
    return { meta, stream: readChecked(path, meta.size, crc) };
  }

  async remove(id: string): Promise<void> {
    await rm(join(this.#folder, id), { recursive: true, force: true });
  }
}

async function* readChecked(
  path: string,
  size: number,
  wanted: Buffer | undefined,
): AsyncGenerator<Uint8Array> {
  const file = await open(path, "r").catch((cause: unknown) => {
    throw new RaftStorageError(path, (cause as Error).message, { cause });
  });
  const crc = new Crc64();
  let seen = 0;
  try {
    for (;;) {
      const { bytesRead, buffer } = await file.read(
        Buffer.allocUnsafe(SNAPSHOT_CHUNK_BYTES),
        0,
        SNAPSHOT_CHUNK_BYTES,
      );
      if (bytesRead === 0) break;
      const chunk = buffer.subarray(0, bytesRead);
      crc.update(chunk);
      seen += bytesRead;
      // The last bytes are given only when all of them are known to be right.
      if (seen > size)
        throw new RaftStorageError(path, `it has more than the ${size} bytes of its meta.json`);
      if (seen === size && wanted !== undefined && !crc.digest().equals(wanted))
        throw new RaftStorageError(path, "its CRC-64 does not match its meta.json");
      yield chunk;
    }
    if (seen !== size) throw new RaftStorageError(path, `it has ${seen} bytes, its meta.json says ${size}`);
  } finally {
    await file.close();
  }
}

/** Keeps the newest snapshot in memory. */
export class MemorySnapshotStore implements SnapshotStore {
  readonly #wall: () => number;
  #held: { readonly meta: SnapshotMeta; readonly bytes: Uint8Array }[] = [];

  constructor(wall: () => number) {
    this.#wall = wall;
  }

  async create(): Promise<SnapshotSink> {
    const chunks: Uint8Array[] = [];
    return {
      write: async (chunk) => {
        chunks.push(chunk);
      },
      commit: async (head) => {
        const bytes = Buffer.concat(chunks);
        const meta: SnapshotMeta = {
          ...head,
          id: `${head.term}-${head.index}-${this.#wall()}`,
          size: bytes.length,
        };
        this.#held = [{ meta, bytes }, ...this.#held].sort((a, b) => newestFirst(a.meta, b.meta)).slice(0, 1);
        return meta;
      },
      cancel: async () => {},
    };
  }

  async list(): Promise<readonly SnapshotMeta[]> {
    return this.#held.map((h) => h.meta);
  }

  async open(
    id: string,
  ): Promise<{ readonly meta: SnapshotMeta; readonly stream: AsyncIterable<Uint8Array> }> {
    const held = this.#held.find((h) => h.meta.id === id);
    if (held === undefined) throw new RaftStorageError(id, "there is no such snapshot");
    return { meta: held.meta, stream: inChunks(held.bytes) };
  }

  async remove(id: string): Promise<void> {
    this.#held = this.#held.filter((h) => h.meta.id !== id);
  }
}

async function* inChunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += SNAPSHOT_CHUNK_BYTES)
    yield bytes.subarray(at, at + SNAPSHOT_CHUNK_BYTES);
}
