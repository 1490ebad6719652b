import { attempt, misused, withClient } from "./attempt.ts";
import { type Command, EXIT } from "./command.ts";
import { CLIENT_FLAGS, RPC_FLAGS, rpcAddress } from "./http-options.ts";

export const command: Command = {
  name: "force-leave",
  usage: "[options] name",
  description:
    "Forces a failed member into the state left: it is removed from the catalog at once and no longer tried to reach. A member that is alive simply comes back.",
  groups: [
    CLIENT_FLAGS,
    RPC_FLAGS,
    {
      title: "Command Options",
      flags: [
        { name: "prune", kind: "bool", usage: "Remove the member from the list of members too." },
        { name: "wan", kind: "bool", usage: "Look for the name among the servers of all datacenters only." },
      ],
    },
  ],
  run: (call) => {
    const [name, ...more] = call.args;
    if (name === undefined || more.length > 0)
      return Promise.resolve(misused(call, "A single node name must be specified to force leave."));
    const rpc = rpcAddress(call);
    if (rpc !== undefined)
      return attempt(call, "Error force leaving", async () => {
        const { withCliRpc } = await import("./rpc-connection.ts");
        await withCliRpc(rpc, (client) => client.forceLeave(name));
        return EXIT.ok;
      });
    return withClient(call, "Error force leaving", async (client) => {
      await client.agent.forceLeave(name, { prune: call.flags.bool("prune"), wan: call.flags.bool("wan") });
      return EXIT.ok;
    });
  },
};
