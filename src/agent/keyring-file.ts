/**
 * Gossip keys on disk, `serf/<pool>.keyring`: a JSON list of base64 texts, the primary first. A file that is there counts more
 * than the configured key, because a key operation may have changed it since.
 */
import { join } from "node:path";
import type { Disk } from "../ports/disk.ts";
import type { Logger } from "../ports/log.ts";

const KEY_BYTES = [16, 24, 32];

export interface Keyring {
  /** Empty: packets are plain. */
  readonly keys: readonly Uint8Array[];
  /** Stores a changed ring; undefined where none is kept. */
  readonly save: ((keys: readonly Uint8Array[]) => void) | undefined;
}

export function decodeKey(text: string): Uint8Array {
  const key = Buffer.from(text, "base64");
  if (!KEY_BYTES.includes(key.length))
    throw new Error(`Invalid encryption key: key size must be 16, 24 or 32 bytes, found ${key.length}`);
  return key;
}

export async function loadKeyring(
  options: {
    readonly dataDir: string | undefined;
    readonly pool: "local" | "remote";
    readonly encrypt: string;
    readonly disableFile: boolean;
  },
  ports: { readonly disk: Disk; readonly log: Logger },
): Promise<Keyring> {
  const { dataDir, pool, encrypt, disableFile } = options;
  const { disk, log } = ports;
  const configured = encrypt === "" ? [] : [decodeKey(encrypt)];
  if (dataDir === undefined || disableFile) return { keys: configured, save: undefined };
  const folder = join(dataDir, "serf");
  const path = join(folder, `${pool}.keyring`);
  const write = async (keys: readonly Uint8Array[]): Promise<void> => {
    await disk.mkdir(folder);
    await disk.writeAtomic(
      path,
      Buffer.from(JSON.stringify(keys.map((k) => Buffer.from(k).toString("base64")))),
    );
  };
  let writing: Promise<void> = Promise.resolve();
  const save = (keys: readonly Uint8Array[]): void => {
    writing = writing
      .then(() => write(keys))
      .catch((error: unknown) =>
        log.error(`failed to store the keyring: ${(error as Error).message}`, { file: path }),
      );
  };
  const stored = await disk.read(path);
  if (stored === undefined) {
    if (configured.length === 0) return { keys: [], save: undefined };
    await write(configured);
    return { keys: configured, save };
  }
  let keys: readonly Uint8Array[];
  try {
    const texts: unknown = JSON.parse(stored.toString("utf8"));
    if (!Array.isArray(texts) || texts.length === 0 || !texts.every((t) => typeof t === "string"))
      throw new Error("want a JSON list of base64 keys, the primary first");
    keys = texts.map((t) => decodeKey(t as string));
  } catch (error) {
    throw new Error(`cannot read the keyring ${path}: ${(error as Error).message}`);
  }
  const known = new Set(keys.map((k) => Buffer.from(k).toString("base64")));
  if (encrypt !== "" && !known.has(Buffer.from(decodeKey(encrypt)).toString("base64")))
    log.warn(`${pool === "local" ? "LAN" : "WAN"} keyring exists but -encrypt given, using keyring`);
  return { keys, save };
}
