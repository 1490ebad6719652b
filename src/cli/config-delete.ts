import { withClient } from "./attempt.ts";
import { type Command, EXIT } from "./command.ts";
import { entryName, KIND_FLAG, NAME_FLAG } from "./config-read.ts";
import { CLIENT_FLAGS, NAMESPACE_FLAGS, queryOf, SERVER_FLAGS } from "./http-options.ts";

export const command: Command = {
  name: "config delete",
  usage: "[options] -kind KIND -name NAME",
  description: "Removes a configuration entry.",
  groups: [
    CLIENT_FLAGS,
    SERVER_FLAGS,
    NAMESPACE_FLAGS,
    { title: "Command Options", flags: [KIND_FLAG, NAME_FLAG] },
  ],
  run: (call) => {
    const at = `${call.flags.string("kind")}/${call.flags.string("name")}`;
    return withClient(call, `Error deleting config entry ${at}`, async (client) => {
      const { kind, name } = entryName(call);
      await client.config.delete(kind, name, queryOf(call));
      call.print(`Config entry deleted: ${kind}/${name}`);
      return EXIT.ok;
    });
  },
};
