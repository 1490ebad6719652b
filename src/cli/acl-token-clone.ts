import { ACL_HTTP_FLAGS, explained, tokenId, writeOf } from "./acl-find.ts";
import { FORMAT_FLAG, format, showRecord, tokenView } from "./acl-view.ts";
import { CommandError, withClient } from "./attempt.ts";
import type { Command } from "./command.ts";

export const command: Command = {
  name: "acl token clone",
  usage: "-id ID [options]",
  description: "Makes a token that may do the same as another one.",
  groups: [
    ...ACL_HTTP_FLAGS,
    {
      title: "Command Options",
      flags: [
        { name: "description", kind: "string", usage: "What the new token is for; default: as the other." },
        FORMAT_FLAG,
        {
          name: "id",
          kind: "string",
          usage:
            'The token\'s accessor ID, or the beginning of it if no other begins so, or "anonymous". Required.',
        },
      ],
    },
  ],
  run: (call) =>
    withClient(call, "Error cloning token", async (client) => {
      // The original says "update" here.
      if (call.flags.string("id") === "")
        throw new CommandError("Cannot update a token without specifying the -id parameter");
      format(call);
      const id = await explained(
        "Error determining token ID",
        tokenId(call, client, call.flags.string("id")),
      );
      return showRecord(
        call,
        tokenView,
        await client.acl.cloneToken(id, call.flags.string("description"), writeOf(call)),
      );
    }),
};
