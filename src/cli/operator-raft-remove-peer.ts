import { CommandError, withClient } from "./attempt.ts";
import { type Command, EXIT } from "./command.ts";
import { CLIENT_FLAGS, SERVER_FLAGS } from "./http-options.ts";

export const command: Command = {
  name: "operator raft remove-peer",
  usage: "[options]",
  description:
    "Removes a server from the raft cluster. Only for servers that are gone for good: `{program} force-leave` and autopilot do the same on their own in most cases.",
  groups: [
    CLIENT_FLAGS,
    SERVER_FLAGS,
    {
      title: "Command Options",
      flags: [
        { name: "address", kind: "string", usage: "Server to remove, by its address as ip:port." },
        { name: "id", kind: "string", usage: "Server to remove, by its node ID." },
      ],
    },
  ],
  flagErrors: "Failed to parse args: ",
  run: (call) =>
    withClient(call, "Error removing peer", async (client) => {
      const [address, id] = [call.flags.string("address"), call.flags.string("id")];
      if (address === "" && id === "")
        throw new CommandError("Error removing peer: an address or id is required for the peer to remove");
      if (address !== "" && id !== "")
        throw new CommandError("Error removing peer: cannot give both an address and id");
      await client.operator.removeRaftPeer(id === "" ? { address } : { id });
      call.print(
        id === ""
          ? `Removed peer with address ${JSON.stringify(address)}`
          : `Removed peer with id ${JSON.stringify(id)}`,
      );
      return EXIT.ok;
    }),
};
