import { withClient } from "./attempt.ts";
import { pairs } from "./catalog-nodes.ts";
import { type Command, EXIT } from "./command.ts";
import { CLIENT_FLAGS, NAMESPACE_FLAGS, queryOf, SERVER_FLAGS } from "./http-options.ts";

export const command: Command = {
  name: "catalog services",
  usage: "[options]",
  description:
    "Lists the services of a datacenter, or those of one node.\n\n    $ {program} catalog services -node=web1",
  groups: [
    CLIENT_FLAGS,
    SERVER_FLAGS,
    NAMESPACE_FLAGS,
    {
      title: "Command Options",
      flags: [
        { name: "node", kind: "string", usage: "Only services of this node, by name or ID." },
        {
          name: "node-meta",
          kind: "pairs",
          metavar: "key=value",
          usage: "Only services of nodes with this metadata. May be given several times.",
        },
        { name: "tags", kind: "bool", usage: "Show each service's tags." },
      ],
    },
  ],
  run: (call) =>
    withClient(call, "Error listing services", async (client) => {
      const { flags } = call;
      if (call.args.length > 0) {
        call.complain(`Too many arguments (expected 0, got ${call.args.length})`);
        return EXIT.error;
      }
      const options = { ...queryOf(call), nodeMeta: pairs(flags.strings("node-meta")) };
      const tagsByName = new Map<string, Set<string>>();
      const add = (name: string, tags: readonly string[] | null): void => {
        const all = tagsByName.get(name) ?? new Set<string>();
        for (const t of tags ?? []) all.add(t);
        tagsByName.set(name, all);
      };
      if (flags.string("node") !== "") {
        const { value } = await client.catalog.node(flags.string("node"), options);
        for (const s of Object.values(value?.Services ?? {})) add(s.Service, s.Tags);
      } else
        for (const [name, tags] of Object.entries((await client.catalog.services(options)).value))
          add(name, tags);
      if (tagsByName.size === 0) {
        call.complain("No services match the given query - try expanding your search.");
        return EXIT.ok;
      }
      const names = [...tagsByName.keys()].sort();
      const width = Math.max(...names.map((n) => n.length)) + 6;
      const lines = names.map((name) =>
        flags.bool("tags") ? `${name.padEnd(width)}${[...tagsByName.get(name)!].sort().join(",")}` : name,
      );
      // The table as a whole is trimmed, so only the last line's blanks go (observed).
      call.print(lines.join("\n").trimEnd());
      return EXIT.ok;
    }),
};
