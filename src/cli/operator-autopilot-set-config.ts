import { formatDuration, parseDuration } from "../wire/duration.ts";
import { withClient } from "./attempt.ts";
import { type Command, EXIT } from "./command.ts";
import { CLIENT_FLAGS, SERVER_FLAGS } from "./http-options.ts";

export const command: Command = {
  name: "operator autopilot set-config",
  usage: "[options]",
  description: "Changes the configuration of autopilot; what is not given stays as it is.",
  groups: [
    CLIENT_FLAGS,
    SERVER_FLAGS,
    {
      title: "Command Options",
      flags: [
        { name: "cleanup-dead-servers", kind: "bool", usage: "Remove failed servers when a new one joins." },
        { name: "disable-upgrade-migration", kind: "bool", usage: "Consul Enterprise." },
        {
          name: "last-contact-threshold",
          kind: "duration",
          metavar: "value",
          reasons: true,
          usage: "A server that is silent for longer is unhealthy.",
        },
        {
          name: "max-trailing-logs",
          kind: "uint",
          metavar: "value",
          reasons: true,
          usage: "A server that is further behind is unhealthy.",
        },
        {
          name: "min-quorum",
          kind: "uint",
          metavar: "value",
          reasons: true,
          usage: "Servers that are never removed.",
        },
        { name: "redundancy-zone-tag", kind: "string", usage: "Consul Enterprise." },
        {
          name: "server-stabilization-time",
          kind: "duration",
          metavar: "value",
          reasons: true,
          usage: "How long a new server must be healthy before it votes.",
        },
        { name: "upgrade-version-tag", kind: "string", usage: "Consul Enterprise." },
      ],
    },
  ],
  flagErrors: "Failed to parse args: ",
  run: (call) =>
    withClient(call, "Error setting Autopilot configuration", async (client) => {
      const { flags } = call;
      const before = await client.operator.autopilotConfiguration();
      const duration = (name: string): string => formatDuration(parseDuration(flags.string(name)));
      const done = await client.operator.setAutopilotConfiguration(
        {
          ...before,
          ...(flags.given("cleanup-dead-servers")
            ? { CleanupDeadServers: flags.bool("cleanup-dead-servers") }
            : {}),
          ...(flags.given("last-contact-threshold")
            ? { LastContactThreshold: duration("last-contact-threshold") }
            : {}),
          ...(flags.given("max-trailing-logs") ? { MaxTrailingLogs: flags.int("max-trailing-logs") } : {}),
          ...(flags.given("min-quorum") ? { MinQuorum: flags.int("min-quorum") } : {}),
          ...(flags.given("server-stabilization-time")
            ? { ServerStabilizationTime: duration("server-stabilization-time") }
            : {}),
          ...(flags.given("redundancy-zone-tag")
            ? { RedundancyZoneTag: flags.string("redundancy-zone-tag") }
            : {}),
          ...(flags.given("disable-upgrade-migration")
            ? { DisableUpgradeMigration: flags.bool("disable-upgrade-migration") }
            : {}),
          ...(flags.given("upgrade-version-tag")
            ? { UpgradeVersionTag: flags.string("upgrade-version-tag") }
            : {}),
        },
        { cas: BigInt(before.ModifyIndex ?? 0) },
      );
      if (!done) {
        call.print("Configuration could not be atomically updated, please try again");
        return EXIT.error;
      }
      call.print("Configuration updated!");
      return EXIT.ok;
    }),
};
