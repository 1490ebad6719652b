import { ACL_HTTP_FLAGS } from "./acl-find.ts";
import { FORMAT_FLAG, format, META_FLAG, showRecords, tokenView } from "./acl-view.ts";
import { withClient } from "./attempt.ts";
import type { Command } from "./command.ts";
import { queryOf } from "./http-options.ts";

export const command: Command = {
  name: "acl token list",
  usage: "[options]",
  description: "Lists all tokens, without their secrets.",
  groups: [...ACL_HTTP_FLAGS, { title: "Command Options", flags: [FORMAT_FLAG, META_FLAG] }],
  run: (call) =>
    withClient(call, "Failed to retrieve the token list", async (client) => {
      format(call);
      const { value } = await client.acl.tokens.list(queryOf(call));
      return showRecords(call, tokenView, value);
    }),
};
