import { ACL_HTTP_FLAGS, explained, flaggedRoleId, writeOf } from "./acl-find.ts";
import { idOrName, requireIdOrName } from "./acl-policy-read.ts";
import { withClient } from "./attempt.ts";
import { type Command, EXIT } from "./command.ts";

export const command: Command = {
  name: "acl role delete",
  usage: "[options]",
  description: "Removes a role.",
  groups: [...ACL_HTTP_FLAGS, { title: "Command Options", flags: [...idOrName("role")] }],
  run: (call) =>
    withClient(call, "", async (client) => {
      requireIdOrName(call, "Must specify the -id or -name parameters");
      const id = await flaggedRoleId(call, client);
      const what = `Error deleting role ${JSON.stringify(id)}`;
      await explained(what, client.acl.roles.delete(id, writeOf(call)));
      call.print(`Role ${JSON.stringify(id)} deleted successfully`);
      return EXIT.ok;
    }),
};
