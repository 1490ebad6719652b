import { withClient } from "./attempt.ts";
import { columns } from "./columns.ts";
import { type Command, EXIT } from "./command.ts";
import { queryOf } from "./http-options.ts";
import { destinationOf, INTENTION_HTTP_FLAGS, sourceOf } from "./intention-find.ts";

export const command: Command = {
  name: "intention list",
  usage: "[options]",
  description: "Lists all intentions, those that are tried first on top.",
  groups: [...INTENTION_HTTP_FLAGS],
  run: (call) =>
    withClient(call, "Failed to retrieve the intentions list", async (client) => {
      const { value } = await client.connect.intentions(queryOf(call));
      if (value.length === 0) {
        call.complain("There are no intentions.");
        return EXIT.ok;
      }
      call.print(
        columns([
          ["ID", "Source", "Action", "Destination", "Precedence"],
          ...value.map((i) => [
            i.ID ?? "",
            sourceOf(i),
            i.Action,
            destinationOf(i),
            String(i.Precedence ?? 0),
          ]),
        ]),
      );
      return EXIT.ok;
    }),
};
