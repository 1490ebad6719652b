import { attempt, CommandError } from "./attempt.ts";
import { type Command, EXIT } from "./command.ts";
import { verifySnapshot } from "./snapshot-archive.ts";
import { fileArgument } from "./snapshot-save.ts";

export const command: Command = {
  name: "snapshot inspect",
  usage: "[options] FILE",
  description: "Verifies a snapshot file and shows its ID, size, index, term and version.",
  groups: [],
  run: (call) =>
    attempt(call, "", async () => {
      const file = fileArgument(call);
      try {
        const meta = await verifySnapshot(file);
        for (const name of ["ID", "Size", "Index", "Term", "Version"] as const)
          call.print(`${name.padEnd(13)}${meta[name]}`);
        call.print("");
      } catch (error) {
        throw new CommandError(
          error instanceof CommandError
            ? `Error opening snapshot file: ${error.message}`
            : `Error verifying snapshot: ${(error as Error).message}`,
        );
      }
      return EXIT.ok;
    }),
};
