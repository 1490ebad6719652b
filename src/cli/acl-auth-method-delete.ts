import { ACL_HTTP_FLAGS, explained, writeOf } from "./acl-find.ts";
import { CommandError, withClient } from "./attempt.ts";
import { type Command, EXIT } from "./command.ts";

export const command: Command = {
  name: "acl auth-method delete",
  usage: "-name NAME",
  description: "Removes an auth method, its binding rules and the tokens that it gave.",
  groups: [
    ...ACL_HTTP_FLAGS,
    {
      title: "Command Options",
      flags: [{ name: "name", kind: "string", usage: "The method's name. Required." }],
    },
  ],
  run: (call) =>
    withClient(call, "", async (client) => {
      const name = call.flags.string("name");
      if (name === "") throw new CommandError("Must specify the -name parameter");
      const what = `Error deleting auth method ${JSON.stringify(name)}`;
      await explained(what, client.acl.authMethods.delete(name, writeOf(call)));
      call.print(`Auth method ${JSON.stringify(name)} deleted successfully`);
      return EXIT.ok;
    }),
};
