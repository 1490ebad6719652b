import { attempt, withClient } from "./attempt.ts";
import { type Command, EXIT } from "./command.ts";
import { CLIENT_FLAGS, RPC_FLAGS, rpcAddress } from "./http-options.ts";

export const command: Command = {
  name: "reload",
  usage: "[options]",
  description:
    "Lets the agent read its configuration files again. When anything in them is wrong, nothing changes and the error is shown here.",
  groups: [CLIENT_FLAGS, RPC_FLAGS],
  run: (call) => {
    const done = (): number => {
      call.print("Configuration reload triggered");
      return EXIT.ok;
    };
    const rpc = rpcAddress(call);
    if (rpc !== undefined)
      return attempt(call, "Error reloading", async () => {
        const { withCliRpc } = await import("./rpc-connection.ts");
        await withCliRpc(rpc, (client) => client.reload());
        return done();
      });
    return withClient(call, "Error reloading", async (client) => {
      await client.agent.reload();
      return done();
    });
  },
};
