import { attempt, withClient } from "./attempt.ts";
import { type Command, EXIT } from "./command.ts";
import { CLIENT_FLAGS, RPC_FLAGS, rpcAddress } from "./http-options.ts";

type Groups = ReadonlyMap<string, ReadonlyMap<string, string>>;

export const command: Command = {
  name: "info",
  usage: "[options]",
  description:
    "Shows facts about the running agent, in groups: its checks, version, raft, gossip pools and runtime.",
  groups: [CLIENT_FLAGS, RPC_FLAGS],
  run: (call) => {
    const show = (groups: Groups): number => {
      const sorted = <T>(m: ReadonlyMap<string, T>): (readonly [string, T])[] =>
        [...m].sort(([a], [b]) => (a < b ? -1 : 1));
      for (const [name, group] of sorted(groups)) {
        call.print(`${name}:`);
        for (const [key, value] of sorted(group)) call.print(`\t${key} = ${value}`);
      }
      return EXIT.ok;
    };
    const rpc = rpcAddress(call);
    if (rpc !== undefined)
      return attempt(call, "Error querying agent", async () => {
        const { withCliRpc } = await import("./rpc-connection.ts");
        return show(await withCliRpc(rpc, (client) => client.stats()));
      });
    return withClient(call, "Error querying agent", async (client) => {
      const { Stats } = await client.agent.self();
      return show(new Map(Object.entries(Stats ?? {}).map(([k, g]) => [k, new Map(Object.entries(g))])));
    });
  },
};
