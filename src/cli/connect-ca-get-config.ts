import { stringifyJson } from "../wire/json.ts";
import { withClient } from "./attempt.ts";
import { type Command, EXIT } from "./command.ts";
import { CLIENT_FLAGS, queryOf, SERVER_FLAGS } from "./http-options.ts";
import { indentJson } from "./watch.ts";

export const command: Command = {
  name: "connect ca get-config",
  usage: "[options]",
  description: "Shows the configuration of the mesh's certificate authority as JSON.",
  groups: [CLIENT_FLAGS, SERVER_FLAGS],
  flagErrors: "Failed to parse args: ",
  run: (call) =>
    withClient(call, "Error querying CA configuration", async (client) => {
      const { value: c } = await client.connect.caConfiguration(queryOf(call));
      const shown = {
        Provider: c.Provider,
        Config: c.Config,
        State: c.State ?? null,
        ...(c.ForceWithoutCrossSigning ? { ForceWithoutCrossSigning: true } : {}),
        CreateIndex: c.CreateIndex,
        ModifyIndex: c.ModifyIndex,
      };
      call.print(indentJson(stringifyJson(shown), "\t"));
      return EXIT.ok;
    }),
};
