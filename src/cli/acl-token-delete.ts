import { ACL_HTTP_FLAGS, explained, tokenId, writeOf } from "./acl-find.ts";
import { CommandError, withClient } from "./attempt.ts";

import { type Command, EXIT } from "./command.ts";

export const command: Command = {
  name: "acl token delete",
  usage: "[options]",
  description: "Removes a token.",
  groups: [
    ...ACL_HTTP_FLAGS,
    {
      title: "Command Options",
      flags: [
        {
          name: "id",
          kind: "string",
          usage: "The token's accessor ID, or the beginning of it if no other begins so. Required.",
        },
      ],
    },
  ],
  run: (call) =>
    withClient(call, "", async (client) => {
      if (call.flags.string("id") === "") throw new CommandError("Must specify the -id parameter");
      const id = await explained(
        "Error determining token ID",
        tokenId(call, client, call.flags.string("id")),
      );
      const what = `Error deleting token ${JSON.stringify(id)}`;
      await explained(what, client.acl.tokens.delete(id, writeOf(call)));
      call.print(`Token ${JSON.stringify(id)} deleted successfully`);
      return EXIT.ok;
    }),
};
