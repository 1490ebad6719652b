import { ACL_HTTP_FLAGS } from "./acl-find.ts";
import { bindingRuleView, FORMAT_FLAG, format, META_FLAG, showRecords } from "./acl-view.ts";
import { withClient } from "./attempt.ts";
import type { Command } from "./command.ts";
import { queryOf } from "./http-options.ts";

export const command: Command = {
  name: "acl binding-rule list",
  usage: "[options]",
  description: "Lists binding rules.",
  groups: [
    ...ACL_HTTP_FLAGS,
    {
      title: "Command Options",
      flags: [
        FORMAT_FLAG,
        META_FLAG,
        { name: "method", kind: "string", usage: "Only the rules of this auth method." },
      ],
    },
  ],
  run: (call) =>
    withClient(call, "Failed to retrieve the binding rule list", async (client) => {
      format(call);
      const { value } = await client.acl.bindingRules.list({
        ...queryOf(call),
        params: {
          ...queryOf(call).params,
          ...(call.flags.string("method") === "" ? {} : { authmethod: call.flags.string("method") }),
        },
      });
      return showRecords(call, bindingRuleView, value);
    }),
};
