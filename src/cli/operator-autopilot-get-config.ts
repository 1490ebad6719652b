import { withClient } from "./attempt.ts";
import { type Command, EXIT } from "./command.ts";
import { CLIENT_FLAGS, SERVER_FLAGS } from "./http-options.ts";

export const command: Command = {
  name: "operator autopilot get-config",
  usage: "[options]",
  description: "Shows the configuration of autopilot, which cares for the set of servers.",
  groups: [CLIENT_FLAGS, SERVER_FLAGS],
  flagErrors: "Failed to parse args: ",
  run: (call) =>
    withClient(call, "Error querying Autopilot configuration", async (client) => {
      const c = await client.operator.autopilotConfiguration({ stale: call.flags.bool("stale") });
      const lines: readonly (readonly [string, string | number | boolean])[] = [
        ["CleanupDeadServers", c.CleanupDeadServers],
        ["LastContactThreshold", c.LastContactThreshold],
        ["MaxTrailingLogs", c.MaxTrailingLogs],
        ["MinQuorum", c.MinQuorum],
        ["ServerStabilizationTime", c.ServerStabilizationTime],
        ["RedundancyZoneTag", JSON.stringify(c.RedundancyZoneTag ?? "")],
        ["DisableUpgradeMigration", c.DisableUpgradeMigration ?? false],
        ["UpgradeVersionTag", JSON.stringify(c.UpgradeVersionTag ?? "")],
      ];
      for (const [name, value] of lines) call.print(`${name} = ${value}`);
      return EXIT.ok;
    }),
};
