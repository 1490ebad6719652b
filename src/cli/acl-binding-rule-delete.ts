import { ACL_HTTP_FLAGS, explained, ruleId, writeOf } from "./acl-find.ts";
import { CommandError, withClient } from "./attempt.ts";

import { type Command, EXIT } from "./command.ts";

export const command: Command = {
  name: "acl binding-rule delete",
  usage: "[options]",
  description: "Removes a binding rule.",
  groups: [
    ...ACL_HTTP_FLAGS,
    {
      title: "Command Options",
      flags: [
        {
          name: "id",
          kind: "string",
          usage: "The rule's ID, or the beginning of it if no other begins so. Required.",
        },
      ],
    },
  ],
  run: (call) =>
    withClient(call, "", async (client) => {
      if (call.flags.string("id") === "") throw new CommandError("Must specify the -id parameter");
      const id = await explained(
        "Error determining binding rule ID",
        ruleId(call, client, call.flags.string("id")),
      );
      const what = `Error deleting binding rule ${JSON.stringify(id)}`;
      await explained(what, client.acl.bindingRules.delete(id, writeOf(call)));
      call.print(`Binding rule ${JSON.stringify(id)} deleted successfully`);
      return EXIT.ok;
    }),
};
