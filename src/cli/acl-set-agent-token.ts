import { CommandError, withClient } from "./attempt.ts";
import { type Command, EXIT } from "./command.ts";
import { CLIENT_FLAGS, SERVER_FLAGS } from "./http-options.ts";

/** What may be set, and what the endpoint calls it. */
const TYPES: ReadonlySet<string> = new Set(["default", "agent", "master", "replication"]);

export const command: Command = {
  name: "acl set-agent-token",
  usage: "[options] TYPE TOKEN",
  description:
    "Gives the agent a token for its own work.\n\n    default      for requests without a token\n    agent        for the agent's own registration\n    master       for reaching this agent while no server answers\n    replication  for copying ACL data from the primary datacenter",
  groups: [CLIENT_FLAGS, SERVER_FLAGS],
  run: (call) => {
    const [type, token] = call.args;
    return withClient(call, `Failed to set ACL token ${JSON.stringify(type)}`, async (client) => {
      if (type === undefined) throw new CommandError("Error! Missing TYPE and TOKEN arguments");
      if (token === undefined) throw new CommandError("Error! Missing TOKEN argument");
      if (call.args.length > 2)
        throw new CommandError(`Error! Too many arguments: expected 2 got ${call.args.length}`);
      if (!TYPES.has(type)) throw new CommandError("Unknown token type");
      await client.agent.setToken(type === "master" ? "agent_master" : type, token);
      call.print(`ACL token ${JSON.stringify(type)} set successfully`);
      return EXIT.ok;
    });
  },
};
