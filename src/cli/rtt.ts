import type { TribuneClient } from "../client/client.ts";
import { roundTripMs } from "../client/coordinate.ts";
import type { NetworkCoordinate } from "../client/types.ts";
import { CommandError, misused, withClient } from "./attempt.ts";
import { type Command, EXIT } from "./command.ts";
import { CLIENT_FLAGS } from "./http-options.ts";

export const command: Command = {
  name: "rtt",
  usage: "[options] node1 [node2]",
  description:
    "Estimates the round trip time between two nodes from their network coordinates. Without node2 the agent that is asked is the second. With -wan the names are those of servers, as s1.dc1.",
  groups: [
    CLIENT_FLAGS,
    {
      title: "Command Options",
      flags: [{ name: "wan", kind: "bool", usage: "Between servers of all datacenters." }],
    },
  ],
  run: (call) => {
    const { args, flags } = call;
    if (args.length < 1 || args.length > 2)
      return Promise.resolve(misused(call, "One or two node names must be specified"));
    return withClient(call, "Error getting coordinates", async (client) => {
      const wan = flags.bool("wan");
      const [a, b] = [args[0]!, args[1] ?? (await ownName(client, wan))];
      if (wan && ![a, b].every((n) => /^.+\.[^.]+$/.test(n)))
        throw new CommandError("Node names must be specified as <node name>.<datacenter> with -wan");
      const known = wan ? await wanCoordinates(client) : await lanCoordinates(client);
      const of = (name: string): NetworkCoordinate => {
        const found = known.get(name);
        if (found === undefined)
          throw new CommandError(`Could not find a coordinate for node ${JSON.stringify(name)}`);
        return found;
      };
      const ms = roundTripMs(of(a), of(b)).toFixed(3);
      call.print(`Estimated ${a} <-> ${b} rtt: ${ms} ms (using ${wan ? "WAN" : "LAN"} coordinates)`);
      return EXIT.ok;
    });
  },
};

async function ownName(client: TribuneClient, wan: boolean): Promise<string> {
  const { Config } = await client.agent.self();
  return wan ? `${String(Config.NodeName)}.${String(Config.Datacenter)}` : String(Config.NodeName);
}

async function lanCoordinates(client: TribuneClient): Promise<ReadonlyMap<string, NetworkCoordinate>> {
  const { value } = await client.coordinate.nodes();
  return new Map(value.map((c) => [c.Node, c.Coord]));
}

async function wanCoordinates(client: TribuneClient): Promise<ReadonlyMap<string, NetworkCoordinate>> {
  const datacenters = await client.coordinate.datacenters();
  return new Map(
    datacenters.flatMap((d) =>
      (d.Coordinates ?? []).map((c): [string, NetworkCoordinate] => [`${c.Node}.${d.Datacenter}`, c.Coord]),
    ),
  );
}
