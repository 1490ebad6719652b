import {
  ACL_HTTP_FLAGS,
  flaggedLinks,
  GRANT_FLAGS,
  nodeIdentities,
  ROLE_GRANT_FLAGS,
  serviceIdentities,
  writeOf,
} from "./acl-find.ts";
import { FORMAT_FLAG, format, META_FLAG, showRecord, tokenView } from "./acl-view.ts";
import { CommandError, withClient } from "./attempt.ts";
import type { Command } from "./command.ts";

export const command: Command = {
  name: "acl token create",
  usage: "[options]",
  description:
    'Makes a token with policies, roles and identities.\n\n    $ {program} acl token create -description "Web server 1" -policy-name web -service-identity web',
  groups: [
    ...ACL_HTTP_FLAGS,
    {
      title: "Command Options",
      flags: [
        ...GRANT_FLAGS,
        ...ROLE_GRANT_FLAGS,
        { name: "accessor", kind: "string", usage: "Accessor ID, a UUID; default: a random one." },
        { name: "description", kind: "string", usage: "What the token is for." },
        { name: "expires-ttl", kind: "duration", usage: "How long the token is valid." },
        FORMAT_FLAG,
        { name: "local", kind: "bool", usage: "Valid in this datacenter only." },
        META_FLAG,
        { name: "secret", kind: "string", usage: "Secret ID, a UUID; default: a random one." },
      ],
    },
  ],
  run: (call) =>
    withClient(call, "Failed to create new token", async (client) => {
      const { flags } = call;
      if (![...GRANT_FLAGS, ...ROLE_GRANT_FLAGS].some((f) => flags.given(f.name)))
        throw new CommandError(
          "Cannot create a token without specifying -policy-name, -policy-id, -role-name, -role-id, -service-identity, or -node-identity at least once",
        );
      format(call);
      const services = serviceIdentities(call);
      const nodes = nodeIdentities(call);
      const policies = await flaggedLinks(call, client, "policy");
      const roles = await flaggedLinks(call, client, "role");
      const token = await client.acl.tokens.create(
        {
          ...(flags.string("accessor") === "" ? {} : { AccessorID: flags.string("accessor") }),
          ...(flags.string("secret") === "" ? {} : { SecretID: flags.string("secret") }),
          Description: flags.string("description"),
          Local: flags.bool("local"),
          ...(flags.durationMs("expires-ttl") > 0 ? { ExpirationTTL: flags.string("expires-ttl") } : {}),
          Policies: policies,
          Roles: roles,
          ServiceIdentities: services,
          NodeIdentities: nodes,
        },
        writeOf(call),
      );
      return showRecord(call, tokenView, token);
    }),
};
