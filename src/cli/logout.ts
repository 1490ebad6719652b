import { ACL_HTTP_FLAGS, writeOf } from "./acl-find.ts";
import { CommandError, withClient } from "./attempt.ts";
import { type Command, EXIT } from "./command.ts";

export const command: Command = {
  name: "logout",
  usage: "[options]",
  description: "Removes the token of the request, which `{program} login` got.",
  groups: [...ACL_HTTP_FLAGS],
  run: (call) =>
    withClient(call, "Error destroying token", async (client) => {
      if (call.args.length > 0) throw new CommandError("Should have no non-flag arguments.");
      await client.acl.logout(writeOf(call));
      return EXIT.ok;
    }),
};
