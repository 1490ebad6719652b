import { withClient } from "./attempt.ts";
import { columns } from "./columns.ts";
import { type Command, EXIT } from "./command.ts";
import { CLIENT_FLAGS, SERVER_FLAGS } from "./http-options.ts";

export const command: Command = {
  name: "operator raft list-peers",
  usage: "[options]",
  description: "Lists the servers of the raft cluster, which of them leads and which of them vote.",
  groups: [CLIENT_FLAGS, SERVER_FLAGS],
  flagErrors: "Failed to parse args: ",
  run: (call) =>
    withClient(call, "Error getting peers: Failed to retrieve raft configuration", async (client) => {
      const { Servers } = await client.operator.raftConfiguration({ stale: call.flags.bool("stale") });
      call.print(
        columns([
          ["Node", "ID", "Address", "State", "Voter", "RaftProtocol"],
          ...Servers.map((s) => [
            s.Node,
            s.ID,
            s.Address,
            s.Leader ? "leader" : "follower",
            String(s.Voter),
            s.ProtocolVersion === "" ? "<=1" : s.ProtocolVersion,
          ]),
        ]),
      );
      return EXIT.ok;
    }),
};
