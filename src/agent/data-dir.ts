/**
 * The agent's folder: one agent at a time, and the node's id in it. The lock is SQLite's, which the system lifts when the
 * process ends, however it ends.
 */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Disk, makeFolder } from "../ports/disk.ts";
import { type Random, uuid } from "../ports/random.ts";

export class DataDirError extends Error {
  override readonly name = "DataDirError";
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Takes the folder for this process, making it when it is not there. Returns how to give it back. */
export async function lockDataDir(dataDir: string): Promise<() => void> {
  try {
    await makeFolder(dataDir);
  } catch (error) {
    throw new DataDirError(`cannot make the data directory ${dataDir}: ${(error as Error).message}`);
  }
  const path = join(dataDir, "agent.lock");
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path, { timeout: 0 });
    db.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
  } catch (error) {
    db?.close();
    if (/locked|busy/i.test((error as Error).message))
      throw new DataDirError(
        `data directory ${dataDir} is in use by another agent: stop that one, or give this one a -data-dir of its own`,
      );
    throw new DataDirError(`cannot lock the data directory by ${path}: ${(error as Error).message}`);
  }
  const held = db;
  return () => held.close();
}

/** The node's id: as configured, else as kept, else a new one; kept in any case. */
export async function nodeIdentity(
  options: { readonly dataDir: string | undefined; readonly configured: string },
  ports: { readonly disk: Disk; readonly random: Random },
): Promise<string> {
  const { dataDir, configured } = options;
  if (configured !== "" && !UUID.test(configured))
    throw new DataDirError(`specified NodeID is invalid: ${JSON.stringify(configured)} is not a valid UUID`);
  if (dataDir === undefined) return configured.toLowerCase() || uuid(ports.random);
  const path = join(dataDir, "node-id");
  const kept = (await ports.disk.read(path))?.toString("utf8").trim() ?? "";
  if (configured === "" && kept !== "") {
    if (UUID.test(kept)) return kept.toLowerCase();
    throw new DataDirError(
      `${path} holds ${JSON.stringify(kept.slice(0, 64))}, which is not a valid UUID: delete the file to draw a new id`,
    );
  }
  const id = configured.toLowerCase() || uuid(ports.random);
  if (id !== kept) await ports.disk.writeAtomic(path, Buffer.from(id));
  return id;
}
