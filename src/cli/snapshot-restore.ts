import { createReadStream } from "node:fs";
import { CommandError, withClient } from "./attempt.ts";
import { type Command, EXIT } from "./command.ts";
import { CLIENT_FLAGS, SERVER_FLAGS } from "./http-options.ts";
import { verifySnapshot } from "./snapshot-archive.ts";
import { fileArgument } from "./snapshot-save.ts";

export const command: Command = {
  name: "snapshot restore",
  usage: "[options] FILE",
  description:
    "Replaces the state of the servers of a datacenter by that of a snapshot file. Everything written since is lost. The file is verified before anything is sent.",
  groups: [CLIENT_FLAGS, SERVER_FLAGS],
  run: (call) =>
    withClient(call, "Error restoring snapshot", async (client) => {
      const file = fileArgument(call);
      try {
        await verifySnapshot(file);
      } catch (error) {
        throw new CommandError(
          error instanceof CommandError
            ? `Error opening snapshot file: ${error.message}`
            : `Error verifying snapshot: ${(error as Error).message}`,
        );
      }
      await client.snapshot.restore(createReadStream(file));
      call.print("Restored snapshot");
      return EXIT.ok;
    }),
};
