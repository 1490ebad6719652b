import { ACL_HTTP_FLAGS, explained, flaggedPolicyId, writeOf } from "./acl-find.ts";
import { idOrName, requireIdOrName } from "./acl-policy-read.ts";
import { withClient } from "./attempt.ts";
import { type Command, EXIT } from "./command.ts";

export const command: Command = {
  name: "acl policy delete",
  usage: "[options]",
  description: "Removes a policy.",
  groups: [...ACL_HTTP_FLAGS, { title: "Command Options", flags: [...idOrName("policy")] }],
  run: (call) =>
    withClient(call, "", async (client) => {
      requireIdOrName(call);
      const id = await flaggedPolicyId(call, client);
      const what = `Error deleting policy ${JSON.stringify(id)}`;
      await explained(what, client.acl.policies.delete(id, writeOf(call)));
      call.print(`Policy ${JSON.stringify(id)} deleted successfully`);
      return EXIT.ok;
    }),
};
