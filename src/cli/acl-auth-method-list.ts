import { ACL_HTTP_FLAGS } from "./acl-find.ts";
import { authMethodView, FORMAT_FLAG, format, META_FLAG, showRecords } from "./acl-view.ts";
import { withClient } from "./attempt.ts";
import type { Command } from "./command.ts";
import { queryOf } from "./http-options.ts";

export const command: Command = {
  name: "acl auth-method list",
  usage: "[options]",
  description: "Lists all auth methods, without their configuration.",
  groups: [...ACL_HTTP_FLAGS, { title: "Command Options", flags: [FORMAT_FLAG, META_FLAG] }],
  run: (call) =>
    withClient(call, "Failed to retrieve the auth method list", async (client) => {
      format(call);
      const { value } = await client.acl.authMethods.list(queryOf(call));
      return showRecords(call, authMethodView, value);
    }),
};
