import { ACL_HTTP_FLAGS, explained } from "./acl-find.ts";
import { authMethodView, FORMAT_FLAG, format, META_FLAG, showRecord } from "./acl-view.ts";
import { CommandError, withClient } from "./attempt.ts";
import type { Command } from "./command.ts";
import { queryOf } from "./http-options.ts";

export const command: Command = {
  name: "acl auth-method read",
  usage: "-name NAME [options]",
  description: "Shows an auth method.",
  groups: [
    ...ACL_HTTP_FLAGS,
    {
      title: "Command Options",
      flags: [
        FORMAT_FLAG,
        META_FLAG,
        { name: "name", kind: "string", usage: "The method's name. Required." },
      ],
    },
  ],
  run: (call) =>
    withClient(call, "", async (client) => {
      const name = call.flags.string("name");
      if (name === "") throw new CommandError("Must specify the -name parameter");
      format(call);
      const { value: method } = await explained(
        `Error reading auth method ${JSON.stringify(name)}`,
        client.acl.authMethods.read(name, queryOf(call)),
      );
      if (method === null) throw new CommandError(`Auth method not found with name ${JSON.stringify(name)}`);
      return showRecord(call, authMethodView, method);
    }),
};
