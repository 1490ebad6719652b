import { ClientConfigError, ClientError } from "../client/errors.ts";
import { attempt, CommandError, misused, withClient } from "./attempt.ts";
import { type Command, EXIT } from "./command.ts";
import { CLIENT_FLAGS, RPC_FLAGS, rpcAddress } from "./http-options.ts";

export const command: Command = {
  name: "join",
  usage: "[options] address ...",
  description:
    "Tells the agent to join the cluster that one of the addresses belongs to. One answer is enough: the rest of the cluster is learned by gossip.",
  groups: [
    CLIENT_FLAGS,
    RPC_FLAGS,
    {
      title: "Command Options",
      flags: [{ name: "wan", kind: "bool", usage: "Join servers of another datacenter." }],
    },
  ],
  run: (call) => {
    const { args, flags } = call;
    if (args.length === 0)
      return Promise.resolve(misused(call, "At least one address to join must be specified."));
    const wan = flags.bool("wan");
    const rpc = rpcAddress(call);
    if (rpc !== undefined)
      return attempt(call, "Error joining the cluster", async () => {
        const { withCliRpc } = await import("./rpc-connection.ts");
        const n = await withCliRpc(rpc, (client) => client.join(args, wan));
        call.print(`Successfully joined cluster by contacting ${n} nodes.`);
        return EXIT.ok;
      });
    return withClient(call, "", async (client) => {
      let joined = 0;
      for (const address of args)
        try {
          await client.agent.join(address, { wan });
          joined++;
        } catch (error) {
          if (!(error instanceof ClientError) || error instanceof ClientConfigError) throw error;
          call.complain(`Error joining address '${address}': ${error.message}`);
        }
      if (joined === 0) throw new CommandError("Failed to join any nodes.");
      call.print(`Successfully joined cluster by contacting ${joined} nodes.`);
      return EXIT.ok;
    });
  },
};
