import { ACL_HTTP_FLAGS } from "./acl-find.ts";
import { FORMAT_FLAG, format, META_FLAG, policyView, showRecords } from "./acl-view.ts";
import { withClient } from "./attempt.ts";
import type { Command } from "./command.ts";
import { queryOf } from "./http-options.ts";

export const command: Command = {
  name: "acl policy list",
  usage: "[options]",
  description: "Lists all policies, without their rules.",
  groups: [...ACL_HTTP_FLAGS, { title: "Command Options", flags: [FORMAT_FLAG, META_FLAG] }],
  run: (call) =>
    withClient(call, "Failed to retrieve the policy list", async (client) => {
      format(call);
      const { value } = await client.acl.policies.list(queryOf(call));
      return showRecords(call, policyView, value);
    }),
};
