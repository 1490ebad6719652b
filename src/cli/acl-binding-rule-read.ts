import { ACL_HTTP_FLAGS, explained, ruleId } from "./acl-find.ts";
import { bindingRuleView, FORMAT_FLAG, format, META_FLAG, showRecord } from "./acl-view.ts";
import { CommandError, withClient } from "./attempt.ts";
import type { Command } from "./command.ts";
import { queryOf } from "./http-options.ts";

export const command: Command = {
  name: "acl binding-rule read",
  usage: "-id ID [options]",
  description: "Shows a binding rule.",
  groups: [
    ...ACL_HTTP_FLAGS,
    {
      title: "Command Options",
      flags: [
        FORMAT_FLAG,
        {
          name: "id",
          kind: "string",
          usage: "The rule's ID, or the beginning of it if no other begins so. Required.",
        },
        META_FLAG,
      ],
    },
  ],
  run: (call) =>
    withClient(call, "", async (client) => {
      if (call.flags.string("id") === "") throw new CommandError("Must specify the -id parameter.");
      format(call);
      const id = await explained(
        "Error determining binding rule ID",
        ruleId(call, client, call.flags.string("id")),
      );
      const { value: rule } = await explained(
        `Error reading binding rule ${JSON.stringify(id)}`,
        client.acl.bindingRules.read(id, queryOf(call)),
      );
      if (rule === null) throw new CommandError(`Binding rule not found with ID ${JSON.stringify(id)}`);
      return showRecord(call, bindingRuleView, rule);
    }),
};
