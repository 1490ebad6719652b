/** The file with the agent's process id: decimal, no line feed. */
import { rm, writeFile } from "node:fs/promises";

export async function writePidFile(path: string): Promise<void> {
  try {
    await writeFile(path, String(process.pid), { mode: 0o666 });
  } catch (error) {
    throw new Error(`Could not open pid file: ${(error as Error).message}`);
  }
}

export const removePidFile = (path: string): Promise<void> => rm(path, { force: true });
