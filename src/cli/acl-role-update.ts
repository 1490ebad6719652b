import type { AclRole } from "../client/acl.ts";
import {
  ACL_HTTP_FLAGS,
  explained,
  flaggedLinks,
  GRANT_FLAGS,
  mergedLinks,
  mergedNodes,
  mergedServices,
  nodeIdentities,
  roleId,
  serviceIdentities,
  writeOf,
} from "./acl-find.ts";
import { FORMAT_FLAG, format, META_FLAG, roleView, showRecord } from "./acl-view.ts";
import { CommandError, withClient } from "./attempt.ts";
import type { Command } from "./command.ts";
import { queryOf } from "./http-options.ts";

export const command: Command = {
  name: "acl role update",
  usage: "-id ID [options]",
  description:
    "Changes a role. Policies and identities are added to those it has, and the rest stays, unless -no-merge is given.",
  groups: [
    ...ACL_HTTP_FLAGS,
    {
      title: "Command Options",
      flags: [
        ...GRANT_FLAGS,
        { name: "description", kind: "string", usage: "What the role is for." },
        FORMAT_FLAG,
        {
          name: "id",
          kind: "string",
          usage: "The role's ID, or the beginning of it if no other begins so. Required.",
        },
        META_FLAG,
        { name: "name", kind: "string", usage: "A new name." },
        { name: "no-merge", kind: "bool", usage: "Empty what is not given." },
      ],
    },
  ],
  run: (call) =>
    withClient(call, "", async (client) => {
      const { flags } = call;
      if (flags.string("id") === "")
        throw new CommandError("Cannot update a role without specifying the -id parameter");
      format(call);
      const id = await explained("Error determining role ID", roleId(call, client, flags.string("id")));
      const services = serviceIdentities(call);
      const nodes = nodeIdentities(call);
      const { value: before } = await explained(
        "Error when retrieving current role",
        client.acl.roles.read(id, queryOf(call)),
      );
      if (before === null) throw new CommandError(`Role not found with ID ${JSON.stringify(id)}`);
      const policies = await flaggedLinks(call, client, "policy");
      const role: AclRole = flags.bool("no-merge")
        ? {
            ID: id,
            Name: flags.string("name"),
            Description: flags.string("description"),
            Policies: policies,
            ServiceIdentities: services,
            NodeIdentities: nodes,
          }
        : {
            ID: id,
            Name: flags.string("name") || (before.Name ?? ""),
            Description: flags.string("description") || (before.Description ?? ""),
            Policies: mergedLinks(before.Policies ?? [], policies),
            ServiceIdentities: mergedServices(before.ServiceIdentities ?? [], services),
            NodeIdentities: mergedNodes(before.NodeIdentities ?? [], nodes),
          };
      const what = `Error updating role ${JSON.stringify(id)}`;
      return showRecord(
        call,
        roleView,
        await explained(what, client.acl.roles.update(id, role, writeOf(call))),
      );
    }),
};
