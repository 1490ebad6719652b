import { createWriteStream } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { CommandError, withClient } from "./attempt.ts";
import { type Command, EXIT, type Invocation } from "./command.ts";
import { CLIENT_FLAGS, queryOf, SERVER_FLAGS } from "./http-options.ts";
import { verifySnapshot } from "./snapshot-archive.ts";

/** The one file argument. Throws CommandError. */
export function fileArgument({ args }: Invocation): string {
  const [file] = args;
  if (file === undefined) throw new CommandError("Missing FILE argument");
  if (args.length > 1) throw new CommandError(`Too many arguments (expected 1, got ${args.length})`);
  return file;
}

export const command: Command = {
  name: "snapshot save",
  usage: "[options] FILE",
  description:
    "Saves the state of the servers (catalog, KV, sessions, prepared queries, ACLs, configuration entries) of a datacenter to a file, and verifies it. With -stale a server answers even if there is no leader.\n\n    $ {program} snapshot save backup.snap",
  groups: [CLIENT_FLAGS, SERVER_FLAGS],
  run: (call) =>
    withClient(call, "Error saving snapshot", async (client) => {
      const file = fileArgument(call);
      const unverified = `${file}.unverified`;
      try {
        const { value: stream } = await client.snapshot.save(queryOf(call));
        await pipeline(stream, createWriteStream(unverified, { mode: 0o600 }));
        const handle = await open(unverified, "r");
        await handle.sync();
        await handle.close();
        let index: number | bigint;
        try {
          ({ Index: index } = await verifySnapshot(unverified));
        } catch (error) {
          throw new CommandError(`Error verifying snapshot file: ${(error as Error).message}`);
        }
        await rename(unverified, file);
        call.print(`Saved and verified snapshot to index ${index}`);
        return EXIT.ok;
      } catch (error) {
        await rm(unverified, { force: true });
        if ((error as NodeJS.ErrnoException).syscall !== undefined && (error as Error).name === "Error")
          throw new CommandError(`Error writing snapshot file: ${(error as Error).message}`);
        throw error;
      }
    }),
};
