import { CommandError, withClient } from "./attempt.ts";
import { type Command, EXIT } from "./command.ts";
import { KIND_FLAG } from "./config-read.ts";
import { CLIENT_FLAGS, NAMESPACE_FLAGS, queryOf, SERVER_FLAGS } from "./http-options.ts";

export const command: Command = {
  name: "config list",
  usage: "[options] -kind KIND",
  description: "Lists the names of the configuration entries of a kind.",
  groups: [CLIENT_FLAGS, SERVER_FLAGS, NAMESPACE_FLAGS, { title: "Command Options", flags: [KIND_FLAG] }],
  run: (call) => {
    const kind = call.flags.string("kind");
    return withClient(
      call,
      `Error listing config entries for kind ${JSON.stringify(kind)}`,
      async (client) => {
        if (kind === "") throw new CommandError("Must specify the -kind parameter");
        const { value } = await client.config.list(kind, queryOf(call));
        for (const entry of value ?? []) call.print(String(entry.Name));
        return EXIT.ok;
      },
    );
  },
};
