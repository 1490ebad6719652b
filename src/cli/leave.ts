import { attempt, withClient } from "./attempt.ts";
import { type Command, EXIT } from "./command.ts";
import { CLIENT_FLAGS, RPC_FLAGS, rpcAddress } from "./http-options.ts";

export const command: Command = {
  name: "leave",
  usage: "[options]",
  description: "Lets the agent leave the cluster gracefully and end.",
  groups: [CLIENT_FLAGS, RPC_FLAGS],
  run: (call) => {
    if (call.args.length > 0) {
      call.complain(`Error found unexpected args: [${call.args.join(" ")}]`);
      call.print(call.help());
      return Promise.resolve(EXIT.error);
    }
    const done = (): number => {
      call.print("Graceful leave complete");
      return EXIT.ok;
    };
    const rpc = rpcAddress(call);
    if (rpc !== undefined)
      return attempt(call, "Error leaving", async () => {
        const { withCliRpc } = await import("./rpc-connection.ts");
        await withCliRpc(rpc, (client) => client.leave());
        return done();
      });
    return withClient(call, "Error leaving", async (client) => {
      await client.agent.leave();
      return done();
    });
  },
};
