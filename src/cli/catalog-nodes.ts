import type { Node } from "../client/types.ts";
import { withClient } from "./attempt.ts";
import { columns } from "./columns.ts";
import { type Command, EXIT } from "./command.ts";
import { CLIENT_FLAGS, queryOf, SERVER_FLAGS } from "./http-options.ts";

export const command: Command = {
  name: "catalog nodes",
  usage: "[options]",
  description:
    "Lists the nodes of a datacenter, or those with a service.\n\n    $ {program} catalog nodes -service=redis",
  groups: [
    CLIENT_FLAGS,
    SERVER_FLAGS,
    {
      title: "Command Options",
      flags: [
        { name: "detailed", kind: "bool", usage: "Show all addresses and the metadata." },
        { name: "filter", kind: "string", usage: "Only nodes for which this filter expression holds." },
        {
          name: "near",
          kind: "string",
          usage: 'Sort by distance from this node; "_agent" is the agent that is asked.',
        },
        {
          name: "node-meta",
          kind: "pairs",
          metavar: "key=value",
          usage: "Only nodes with this metadata. May be given several times.",
        },
        { name: "service", kind: "string", usage: "Only nodes with this service." },
      ],
    },
  ],
  run: (call) =>
    withClient(call, "Error listing nodes", async (client) => {
      const { flags } = call;
      if (call.args.length > 0) {
        call.complain(`Too many arguments (expected 0, got ${call.args.length})`);
        return EXIT.error;
      }
      const options = {
        ...queryOf(call),
        near: flags.string("near"),
        filter: flags.string("filter"),
        nodeMeta: pairs(flags.strings("node-meta")),
      };
      const service = flags.string("service");
      const nodes =
        service === ""
          ? (await client.catalog.nodes(options)).value
          : unique(
              (await client.catalog.service(service, options)).value.map((s) => ({
                ID: s.ID,
                Node: s.Node,
                Address: s.Address,
                Datacenter: s.Datacenter,
                TaggedAddresses: s.TaggedAddresses,
                Meta: s.NodeMeta,
                CreateIndex: 0,
                ModifyIndex: 0,
              })),
            );
      if (nodes.length === 0) {
        call.complain("No nodes match the given query - try expanding your search.");
        return EXIT.ok;
      }
      const sorted = options.near === "" ? [...nodes].sort((a, b) => (a.Node < b.Node ? -1 : 1)) : nodes;
      call.print(table(sorted, flags.bool("detailed")));
      return EXIT.ok;
    }),
};

/** `k=v` texts as a map; the last of equal keys wins. */
export function pairs(texts: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    texts.map((t) => {
      const at = t.indexOf("=");
      return at === -1 ? [t, ""] : [t.slice(0, at), t.slice(at + 1)];
    }),
  );
}

const unique = (nodes: readonly Node[]): readonly Node[] => [
  ...new Map(nodes.map((n) => [n.Node, n])).values(),
];

function table(nodes: readonly Node[], detailed: boolean): string {
  const map = (m: Readonly<Record<string, string>> | null): string =>
    Object.entries(m ?? {})
      .map(([k, v]) => `${k}=${v}`)
      .sort()
      .join(", ");
  if (detailed)
    return columns([
      ["Node", "ID", "Address", "DC", "TaggedAddresses", "Meta"],
      ...nodes.map((n) => [
        n.Node,
        n.ID ?? "",
        n.Address,
        n.Datacenter ?? "",
        map(n.TaggedAddresses),
        map(n.Meta),
      ]),
    ]);
  return columns([
    ["Node", "ID", "Address", "DC"],
    ...nodes.map((n) => [n.Node, (n.ID ?? "").slice(0, 8), n.Address, n.Datacenter ?? ""]),
  ]);
}
