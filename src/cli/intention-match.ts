import { CommandError, withClient } from "./attempt.ts";
import { type Command, EXIT } from "./command.ts";
import { queryOf } from "./http-options.ts";
import { INTENTION_HTTP_FLAGS, intentionText } from "./intention-find.ts";

export const command: Command = {
  name: "intention match",
  usage: "[options] SRC|DST",
  description: "Lists the intentions that concern a service, in the order in which they are tried.",
  groups: [
    ...INTENTION_HTTP_FLAGS,
    {
      title: "Command Options",
      flags: [
        { name: "destination", kind: "bool", usage: "Connections to the service. The default." },
        { name: "source", kind: "bool", usage: "Connections from the service." },
      ],
    },
  ],
  flagExit: 2,
  run: (call) =>
    withClient(call, "Error matching the connection", async (client) => {
      const [name] = call.args;
      if (name === undefined || call.args.length > 1)
        throw new CommandError("Error: command requires exactly one argument: src or dst");
      if (call.flags.bool("source") && call.flags.bool("destination"))
        throw new CommandError("Error: only one of -source or -destination may be specified");
      const by = call.flags.bool("source") ? "source" : "destination";
      const { value } = await client.connect.matchIntentions(by, [name], queryOf(call));
      for (const i of value[name] ?? []) call.print(intentionText(i));
      return EXIT.ok;
    }),
};
