import { withClient } from "./attempt.ts";
import { type Command, EXIT } from "./command.ts";
import { CLIENT_FLAGS, queryOf, SERVER_FLAGS } from "./http-options.ts";

export const command: Command = {
  name: "catalog datacenters",
  usage: "[options]",
  description: "Lists the datacenters that the servers know, the nearest first.",
  groups: [CLIENT_FLAGS, SERVER_FLAGS],
  run: (call) =>
    withClient(call, "Error listing datacenters", async (client) => {
      if (call.args.length > 0) {
        call.complain(`Too many arguments (expected 0, got ${call.args.length})`);
        return EXIT.error;
      }
      for (const name of await client.catalog.datacenters(queryOf(call))) call.print(name);
      return EXIT.ok;
    }),
};
