import { ClientError } from "../client/errors.ts";
import { CommandError, withClient } from "./attempt.ts";
import { type Command, EXIT } from "./command.ts";
import { CLIENT_FLAGS, SERVER_FLAGS } from "./http-options.ts";

export const command: Command = {
  name: "operator raft transfer-leader",
  usage: "[options]",
  description:
    "Hands the leadership of the raft cluster to another server, for instance before the leader's machine is restarted.",
  groups: [
    CLIENT_FLAGS,
    SERVER_FLAGS,
    {
      title: "Command Options",
      flags: [
        {
          name: "id",
          kind: "string",
          usage: "Node ID of the server that is to lead; without one the leader chooses.",
        },
      ],
    },
  ],
  run: (call) =>
    withClient(call, "Error transfering leadership", async (client) => {
      try {
        await client.operator.transferRaftLeader({ id: call.flags.string("id") });
      } catch (error) {
        if (!(error instanceof ClientError)) throw error;
        throw new CommandError(
          `Error transfering leadership: Failed to transfer leadership ${(error as Error).message}`,
        );
      }
      call.print("Success");
      return EXIT.ok;
    }),
};
