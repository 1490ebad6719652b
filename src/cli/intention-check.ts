import { CommandError, withClient } from "./attempt.ts";
import { type Command, EXIT } from "./command.ts";
import { queryOf } from "./http-options.ts";
import { INTENTION_HTTP_FLAGS } from "./intention-find.ts";

/** `intention check` keeps 1 for "denied". */
const FAILED = 2;

export const command: Command = {
  name: "intention check",
  usage: "[options] SRC DST",
  description:
    "Tells whether a service may connect to another: prints Allowed (exit code 0) or Denied (1). Errors give 2.",
  groups: [...INTENTION_HTTP_FLAGS],
  flagExit: 2,
  run: async (call) => {
    let denied = false;
    const code = await withClient(call, "Error checking the connection", async (client) => {
      const [source, destination] = call.args;
      if (source === undefined || destination === undefined || call.args.length > 2)
        throw new CommandError("Error: command requires exactly two arguments: src and dst");
      const allowed = await client.connect.checkIntention(source, destination, queryOf(call));
      call.print(allowed ? "Allowed" : "Denied");
      denied = !allowed;
      return EXIT.ok;
    });
    return code !== EXIT.ok ? FAILED : denied ? EXIT.error : EXIT.ok;
  },
};
