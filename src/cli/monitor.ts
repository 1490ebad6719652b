import { attempt, withClient } from "./attempt.ts";
import { type Command, EXIT, type Invocation } from "./command.ts";
import { CLIENT_FLAGS, RPC_FLAGS, rpcAddress } from "./http-options.ts";

export const command: Command = {
  name: "monitor",
  usage: "[options]",
  description:
    "Shows the log lines of the agent as they are written, until it is interrupted. The level here is independent of the agent's own.",
  groups: [
    CLIENT_FLAGS,
    RPC_FLAGS,
    {
      title: "Command Options",
      flags: [
        { name: "log-json", kind: "bool", usage: "Lines as JSON." },
        {
          name: "log-level",
          kind: "string",
          fallback: "INFO",
          usage: "Lowest level shown: trace, debug, info, warn, err.",
        },
      ],
    },
  ],
  handlesInterrupt: true,
  run: (call) => {
    const level = call.flags.string("log-level");
    const signal = call.io.interrupt;
    const rpc = rpcAddress(call);
    if (rpc !== undefined)
      return attempt(call, "Error starting monitor", async () => {
        const { withCliRpc } = await import("./rpc-connection.ts");
        return withCliRpc(rpc, (client) => follow(call, client.monitor(level, { signal })));
      });
    return withClient(call, "Error starting monitor", (client) =>
      follow(call, client.agent.monitor({ logLevel: level, logJson: call.flags.bool("log-json"), signal })),
    );
  },
};

async function follow(call: Invocation, lines: AsyncIterable<string>): Promise<number> {
  try {
    for await (const line of lines) call.print(line);
  } catch (error) {
    if (!call.io.interrupt.aborted) throw error;
  }
  if (call.io.interrupt.aborted) return EXIT.ok;
  call.complain("");
  call.complain("Remote side ended the monitor! This usually means that the");
  call.complain("remote side has exited or crashed.");
  return EXIT.error;
}
