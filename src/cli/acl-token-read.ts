import { ACL_HTTP_FLAGS, explained, tokenId } from "./acl-find.ts";
import { FORMAT_FLAG, format, META_FLAG, showRecord, tokenView } from "./acl-view.ts";
import { CommandError, withClient } from "./attempt.ts";
import type { Command } from "./command.ts";
import { queryOf } from "./http-options.ts";

export const command: Command = {
  name: "acl token read",
  usage: "[options]",
  description: "Shows a token, or the one that this command is called with.",
  groups: [
    ...ACL_HTTP_FLAGS,
    {
      title: "Command Options",
      flags: [
        FORMAT_FLAG,
        {
          name: "id",
          kind: "string",
          usage: 'The token\'s accessor ID, or the beginning of it if no other begins so, or "anonymous".',
        },
        META_FLAG,
        { name: "self", kind: "bool", usage: "Show the token of the request itself." },
      ],
    },
  ],
  run: (call) =>
    withClient(call, "Error reading token", async (client) => {
      format(call);
      if (call.flags.bool("self"))
        return showRecord(call, tokenView, (await client.acl.self(queryOf(call))).value);
      if (call.flags.string("id") === "") throw new CommandError("Must specify the -id parameter");
      const id = await explained(
        "Error determining token ID",
        tokenId(call, client, call.flags.string("id")),
      );
      const { value: token } = await explained(
        `Error reading token ${JSON.stringify(id)}`,
        client.acl.tokens.read(id, queryOf(call)),
      );
      if (token === null) throw new CommandError(`Token not found with ID ${JSON.stringify(id)}`);
      return showRecord(call, tokenView, token);
    }),
};
