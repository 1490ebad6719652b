import type { ServiceUsage } from "../client/types.ts";
import { withClient } from "./attempt.ts";
import { columns } from "./columns.ts";
import { type Command, EXIT } from "./command.ts";
import { CLIENT_FLAGS, queryOf, SERVER_FLAGS } from "./http-options.ts";

export const command: Command = {
  name: "operator usage instances",
  usage: "[options]",
  description: "Counts nodes, services and their instances.",
  groups: [
    CLIENT_FLAGS,
    SERVER_FLAGS,
    {
      title: "Command Options",
      flags: [
        { name: "all-datacenters", kind: "bool", usage: "In all datacenters." },
        { name: "billable", kind: "bool", usage: "Services only, without proxies and gateways." },
        { name: "connect", kind: "bool", usage: "The mesh's proxies and gateways only." },
      ],
    },
  ],
  run: (call) =>
    withClient(call, "Error fetching usage information", async (client) => {
      const { flags } = call;
      const { value } = await client.operator.usage({
        ...queryOf(call),
        global: flags.bool("all-datacenters"),
      });
      const usage = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
      const everything = flags.bool("billable") === flags.bool("connect");
      const total = usage.reduce((n, [, u]) => n + u.BillableServiceInstances, 0);
      if (everything || flags.bool("billable")) call.print(`Billable Service Instances Total: ${total}`);
      if (everything) table(call.print, "Nodes", ["Nodes"], usage, (u) => [[String(u.Nodes)]]);
      if (everything || flags.bool("billable"))
        table(call.print, "Billable Services", ["Services", "Service instances"], usage, (u) => [
          [String(u.Services), String(u.BillableServiceInstances)],
        ]);
      if (everything || flags.bool("connect"))
        table(call.print, "Connect Services", ["Type", "Service instances"], usage, (u) =>
          Object.entries(u.ConnectServiceInstances).map(([kind, n]) => [kind, String(n)]),
        );
      return EXIT.ok;
    }),
};

/** One table for all datacenters, theirs the first column when there are several. */
function table(
  print: (line: string) => void,
  title: string,
  head: readonly string[],
  usage: readonly (readonly [string, ServiceUsage])[],
  rows: (u: ServiceUsage) => readonly (readonly string[])[],
): void {
  const several = usage.length > 1;
  print(`\n${title}`);
  print(
    columns([
      several ? ["Datacenter", ...head] : head,
      ...usage.flatMap(([dc, u]) => rows(u).map((r) => (several ? [dc, ...r] : r))),
    ]),
  );
}
