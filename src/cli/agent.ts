/** `agent`: builds the configuration and runs an agent with it. */
import { buildConfig } from "../agent/config/build-config.ts";
import { ConfigError } from "../agent/config/diagnostic.ts";
import { realConfigHost } from "../agent/config/host.ts";
import { AGENT_FLAG_GROUP, agentFlags } from "./agent-flags.ts";
import { type Command, EXIT } from "./command.ts";

export const command: Command = {
  name: "agent",
  usage: "[options]",
  description:
    "Starts an agent and runs it until it is told to end: by SIGINT, SIGTERM or `{program} leave`. SIGHUP lets it read its configuration again.\n\nA server of its own, a client that joins it, and one for development:\n\n    $ {program} agent -server -bootstrap-expect 1 -data-dir /var/lib/consul -bind 192.168.33.11\n    $ {program} agent -data-dir /var/lib/consul -bind 192.168.33.21 -join 192.168.33.11\n    $ {program} agent -dev",
  groups: [AGENT_FLAG_GROUP],
  flagErrors: "==> error parsing flags: ",
  goErrors: true,
  run: async (call) => {
    if (call.args.length > 0) {
      call.complain(`==> Unexpected extra arguments: [${call.args.join(" ")}]`);
      return EXIT.error;
    }
    const readConfig = () => buildConfig(agentFlags(call.flags), realConfigHost());
    const built = readConfig();
    if (built instanceof ConfigError) {
      call.complain(`==> ${built.explain()}`);
      return EXIT.error;
    }
    // What is wrong with a configuration, and `-help`, should not wait for the whole agent to load.
    const { runAgent } = await import("./agent-run.ts");
    return runAgent(call, built.config, readConfig);
  },
};
