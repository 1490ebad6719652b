import { withClient } from "./attempt.ts";
import { type Command, EXIT } from "./command.ts";
import { INTENTION_HTTP_FLAGS, namedIntentionId } from "./intention-find.ts";

export const command: Command = {
  name: "intention delete",
  usage: "[options] SRC DST | ID",
  description: "Removes an intention, by its two services or by its ID.",
  groups: [...INTENTION_HTTP_FLAGS],
  run: (call) =>
    // "reading", as the original says.
    withClient(call, "Error reading the intention", async (client) => {
      await client.connect.deleteIntention(await namedIntentionId(call, client));
      call.print("Intention deleted.");
      return EXIT.ok;
    }),
};
