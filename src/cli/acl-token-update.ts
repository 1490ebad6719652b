import {
  ACL_HTTP_FLAGS,
  explained,
  flaggedLinks,
  GRANT_FLAGS,
  mergedLinks,
  mergedNodes,
  mergedServices,
  nodeIdentities,
  ROLE_GRANT_FLAGS,
  serviceIdentities,
  tokenId,
  writeOf,
} from "./acl-find.ts";
import { FORMAT_FLAG, format, META_FLAG, showRecord, tokenView } from "./acl-view.ts";
import { CommandError, withClient } from "./attempt.ts";
import type { Command } from "./command.ts";
import { queryOf } from "./http-options.ts";

export const command: Command = {
  name: "acl token update",
  usage: "-id ID [options]",
  description:
    "Changes a token. Policies, roles and identities replace those it has; with -merge-... they are added to them.",
  groups: [
    ...ACL_HTTP_FLAGS,
    {
      title: "Command Options",
      flags: [
        ...GRANT_FLAGS,
        ...ROLE_GRANT_FLAGS,
        { name: "description", kind: "string", usage: "What the token is for." },
        FORMAT_FLAG,
        {
          name: "id",
          kind: "string",
          usage:
            'The token\'s accessor ID, or the beginning of it if no other begins so, or "anonymous". Required.',
        },
        { name: "merge-node-identities", kind: "bool", usage: "Add node identities." },
        { name: "merge-policies", kind: "bool", usage: "Add policies." },
        { name: "merge-roles", kind: "bool", usage: "Add roles." },
        { name: "merge-service-identities", kind: "bool", usage: "Add service identities." },
        META_FLAG,
        {
          name: "upgrade-legacy",
          kind: "bool",
          usage: "Give a legacy token policies in place of its rules; it keeps its secret.",
        },
      ],
    },
  ],
  run: (call) =>
    withClient(call, "", async (client) => {
      const { flags } = call;
      if (flags.string("id") === "")
        throw new CommandError("Cannot update a token without specifying the -id parameter");
      format(call);
      const id = await explained("Error determining token ID", tokenId(call, client, flags.string("id")));
      const { value: before } = await explained(
        "Error when retrieving current token",
        client.acl.tokens.read(id, queryOf(call)),
      );
      if (before === null) throw new CommandError(`Token not found with ID ${JSON.stringify(id)}`);
      if (flags.bool("upgrade-legacy") && !before.Rules)
        throw new CommandError("Can't use -upgrade-legacy on a non-legacy token");
      const services = serviceIdentities(call);
      const nodes = nodeIdentities(call);
      const policies = await flaggedLinks(call, client, "policy");
      const roles = await flaggedLinks(call, client, "role");
      const { Rules, ...rest } = before;
      const token = await explained(
        `Failed to update token ${id}`,
        client.acl.tokens.update(
          id,
          {
            ...rest,
            ...(Rules === undefined || flags.bool("upgrade-legacy") ? {} : { Rules }),
            Description: flags.string("description") || (before.Description ?? ""),
            Policies: mergedLinks(flags.bool("merge-policies") ? (before.Policies ?? []) : [], policies),
            Roles: mergedLinks(flags.bool("merge-roles") ? (before.Roles ?? []) : [], roles),
            ServiceIdentities: mergedServices(
              flags.bool("merge-service-identities") ? (before.ServiceIdentities ?? []) : [],
              services,
            ),
            NodeIdentities: mergedNodes(
              flags.bool("merge-node-identities") ? (before.NodeIdentities ?? []) : [],
              nodes,
            ),
          },
          writeOf(call),
        ),
      );
      return showRecord(call, tokenView, token);
    }),
};
