/** Small files that must be whole or absent: agent state, node id, gossip snapshots' compaction. */
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";

export interface Disk {
  /** The file's bytes, or undefined when there is no such file. */
  read(path: string): Promise<Buffer | undefined>;
  /** Replaces the file: after it resolves the new bytes survive a power cut; before, the old ones do. `makeFolder`: where it is missing. */
  writeAtomic(
    path: string,
    bytes: Uint8Array,
    options?: { readonly mode?: number; readonly makeFolder?: boolean },
  ): Promise<void>;
  /** Adds to a file's end, making it if there is none. With `sync` the bytes survive a power cut once it resolves. */
  append(
    path: string,
    bytes: Uint8Array,
    options?: { readonly sync?: boolean; readonly mode?: number },
  ): Promise<void>;
  /** Deletes a file or a folder with all in it; no error when it is not there. */
  remove(path: string): Promise<void>;
  /** Names in a folder, sorted; none when there is no such folder. */
  list(path: string): Promise<readonly string[]>;
  mkdir(path: string): Promise<void>;
}

const missing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === "ENOENT";

/** Makes a folder's entries (a rename, a new file) survive a power cut. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Makes a folder and those above it. Not by mkdir's own `recursive`: that never returns where a file system accepts no
 * folders and answers ENOENT (/proc).
 */
export async function makeFolder(path: string, mode: number = 0o755): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" && (await stat(path)).isDirectory()) return;
    const above = dirname(path);
    if (code !== "ENOENT" || above === path) throw error;
    const there = await stat(above).then(
      (s) => s.isDirectory(),
      () => false,
    );
    if (there) throw error;
    await makeFolder(above, mode);
    // Others may be making it as well.
    await makeFolder(path, mode);
  }
}

/** Syncs of folders, one under way for each: who comes meanwhile shares the next. */
class FolderSyncs {
  readonly #running = new Map<string, { next: Promise<void> | undefined; readonly now: Promise<void> }>();

  /** Resolves after a sync that began after the call. */
  sync(path: string): Promise<void> {
    const running = this.#running.get(path);
    if (running !== undefined) {
      running.next ??= running.now.catch(() => {}).then(() => this.#start(path));
      return running.next;
    }
    return this.#start(path);
  }

  #start(path: string): Promise<void> {
    const now = syncFolder(path).finally(() => {
      if (this.#running.get(path)?.now === now) this.#running.delete(path);
    });
    this.#running.set(path, { next: undefined, now });
    return now;
  }
}
const folderSyncs = new FolderSyncs();

async function openIn(path: string, mode: number, folderToo: boolean): Promise<FileHandle> {
  try {
    return await open(path, "w", mode);
  } catch (error) {
    if (!folderToo || !missing(error)) throw error;
    await makeFolder(dirname(path));
    return open(path, "w", mode);
  }
}

export const realDisk: Disk = {
  read: async (path) => {
    try {
      return await readFile(path);
    } catch (error) {
      if (missing(error)) return undefined;
      throw error;
    }
  },
  writeAtomic: async (path, bytes, { mode = 0o600, makeFolder: folderToo = false } = {}) => {
    const temporary = `${path}.tmp`;
    const handle = await openIn(temporary, mode, folderToo);
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
    await folderSyncs.sync(dirname(path));
  },
  append: async (path, bytes, { sync = false, mode = 0o644 } = {}) => {
    const handle = await open(path, "a", mode);
    try {
      await handle.writeFile(bytes);
      if (sync) await handle.sync();
    } finally {
      await handle.close();
    }
  },
  remove: (path) => rm(path, { recursive: true, force: true }),
  list: async (path) => {
    try {
      return (await readdir(path)).sort();
    } catch (error) {
      if (missing(error)) return [];
      throw error;
    }
  },
  mkdir: (path) => makeFolder(path),
};

/** Nothing on disk: for `-dev` and tests. Paths are keys. */
export function memoryDisk(): Disk {
  const files = new Map<string, Buffer>();
  return {
    read: async (path) => files.get(path),
    writeAtomic: async (path, bytes) => {
      files.set(path, Buffer.from(bytes));
    },
    append: async (path, bytes) => {
      files.set(path, Buffer.concat([files.get(path) ?? Buffer.alloc(0), bytes]));
    },
    remove: async (path) => {
      for (const key of [...files.keys()]) if (key === path || key.startsWith(`${path}/`)) files.delete(key);
    },
    list: async (path) => {
      const names = new Set<string>();
      for (const key of files.keys())
        if (key.startsWith(`${path}/`)) names.add(key.slice(path.length + 1).split("/")[0]!);
      return [...names].sort();
    },
    mkdir: async () => {},
  };
}
