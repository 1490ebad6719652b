import { RULE_FLAGS } from "./acl-binding-rule-create.ts";
import { ACL_HTTP_FLAGS, explained, ruleId, writeOf } from "./acl-find.ts";
import { bindingRuleView, FORMAT_FLAG, format, META_FLAG, showRecord } from "./acl-view.ts";
import { CommandError, lacking, withClient } from "./attempt.ts";
import type { Command } from "./command.ts";
import { queryOf } from "./http-options.ts";

export const command: Command = {
  name: "acl binding-rule update",
  usage: "-id ID [options]",
  description:
    "Changes a binding rule. What is not given stays as it is, unless -no-merge is. The auth method cannot be changed.",
  groups: [
    ...ACL_HTTP_FLAGS,
    {
      title: "Command Options",
      flags: [
        ...RULE_FLAGS,
        FORMAT_FLAG,
        {
          name: "id",
          kind: "string",
          usage: "The rule's ID, or the beginning of it if no other begins so. Required.",
        },
        META_FLAG,
        { name: "no-merge", kind: "bool", usage: "Empty what is not given." },
      ],
    },
  ],
  run: (call) =>
    withClient(call, "", async (client) => {
      const { flags } = call;
      if (flags.string("id") === "")
        throw new CommandError("Cannot update a binding rule without specifying the -id parameter");
      format(call);
      const id = await explained(
        "Error determining binding rule ID",
        ruleId(call, client, flags.string("id")),
      );
      const { value: before } = await explained(
        "Error when retrieving current binding rule",
        client.acl.bindingRules.read(id, queryOf(call)),
      );
      if (before === null) throw new CommandError(`Binding rule not found with ID ${JSON.stringify(id)}`);
      const merge = !flags.bool("no-merge");
      if (!merge && flags.string("bind-name") === "")
        return lacking(call, "Missing required '-bind-name' flag");
      const value = (flag: string, was: string | undefined): string =>
        merge && !flags.given(flag) ? (was ?? "") : flags.string(flag);
      const rule = await explained(
        `Error updating binding rule ${JSON.stringify(id)}`,
        client.acl.bindingRules.update(
          id,
          {
            ID: id,
            AuthMethod: before.AuthMethod ?? "",
            Description: value("description", before.Description),
            BindType: value("bind-type", before.BindType),
            BindName: value("bind-name", before.BindName),
            Selector: value("selector", before.Selector),
          },
          writeOf(call),
        ),
      );
      return showRecord(call, bindingRuleView, rule);
    }),
};
