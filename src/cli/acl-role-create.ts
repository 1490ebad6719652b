import {
  ACL_HTTP_FLAGS,
  flaggedLinks,
  GRANT_FLAGS,
  nodeIdentities,
  serviceIdentities,
  writeOf,
} from "./acl-find.ts";
import { FORMAT_FLAG, format, META_FLAG, roleView, showRecord } from "./acl-view.ts";
import { CommandError, lacking, withClient } from "./attempt.ts";
import type { Command } from "./command.ts";

export const command: Command = {
  name: "acl role create",
  usage: "-name NAME [options]",
  description:
    "Makes a role, a set of policies and identities for tokens.\n\n    $ {program} acl role create -name web -policy-name web -service-identity web:dc1",
  groups: [
    ...ACL_HTTP_FLAGS,
    {
      title: "Command Options",
      flags: [
        ...GRANT_FLAGS,
        { name: "description", kind: "string", usage: "What the role is for." },
        FORMAT_FLAG,
        META_FLAG,
        { name: "name", kind: "string", usage: "The role's name. Required." },
      ],
    },
  ],
  run: async (call) => {
    const { flags } = call;
    if (flags.string("name") === "") return lacking(call, "Missing require '-name' flag");
    return withClient(call, "Failed to create new role", async (client) => {
      if (!GRANT_FLAGS.some((f) => flags.given(f.name)))
        throw new CommandError(
          "Cannot create a role without specifying -policy-name, -policy-id, -service-identity, or -node-identity at least once",
        );
      format(call);
      const services = serviceIdentities(call);
      const nodes = nodeIdentities(call);
      const role = await client.acl.roles.create(
        {
          Name: flags.string("name"),
          Description: flags.string("description"),
          Policies: await flaggedLinks(call, client, "policy"),
          ServiceIdentities: services,
          NodeIdentities: nodes,
        },
        writeOf(call),
      );
      return showRecord(call, roleView, role);
    });
  },
};
