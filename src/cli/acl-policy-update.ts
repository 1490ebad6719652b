import type { AclPolicy } from "../client/acl.ts";
import { ACL_HTTP_FLAGS, explained, flaggedPolicyId, writeOf } from "./acl-find.ts";
import { POLICY_FLAGS } from "./acl-policy-create.ts";
import { idOrName, requireIdOrName } from "./acl-policy-read.ts";
import { FORMAT_FLAG, format, META_FLAG, policyView, showRecord } from "./acl-view.ts";
import { CommandError, dataArgument, withClient } from "./attempt.ts";
import type { Command } from "./command.ts";
import { queryOf } from "./http-options.ts";

export const command: Command = {
  name: "acl policy update",
  usage: "[options]",
  description:
    "Changes a policy. What is not given stays as it is, unless -no-merge is. With -id, -name gives the policy a new name.",
  groups: [
    ...ACL_HTTP_FLAGS,
    {
      title: "Command Options",
      flags: [
        ...idOrName("policy"),
        ...POLICY_FLAGS,
        FORMAT_FLAG,
        META_FLAG,
        { name: "no-merge", kind: "bool", usage: "Empty what is not given." },
      ],
    },
  ],
  run: (call) =>
    withClient(call, "", async (client) => {
      const { flags } = call;
      requireIdOrName(call);
      format(call);
      const id = await flaggedPolicyId(call, client);
      const rules = (await dataArgument(call, flags.string("rules"), "Error loading rules: ")).toString(
        "utf8",
      );
      const datacenters = flags.strings("valid-datacenter");
      const given: AclPolicy = {
        ID: id,
        Name: flags.string("name"),
        Description: flags.string("description"),
        Rules: rules,
        ...(datacenters.length === 0 ? {} : { Datacenters: datacenters }),
      };
      let policy = given;
      if (!flags.bool("no-merge")) {
        const what = `Error reading policy ${JSON.stringify(id)}`;
        const { value: before } = await explained(what, client.acl.policies.read(id, queryOf(call)));
        if (before === null) throw new CommandError(`Policy not found with ID ${JSON.stringify(id)}`);
        policy = {
          ID: id,
          Name: (flags.given("name") ? given.Name : before.Name) ?? "",
          Description: (flags.given("description") ? given.Description : before.Description) ?? "",
          Rules: (flags.given("rules") ? rules : before.Rules) ?? "",
          Datacenters: given.Datacenters ?? before.Datacenters ?? null,
        };
      }
      const what = `Error updating policy ${JSON.stringify(id)}`;
      const updated = await explained(what, client.acl.policies.update(id, policy, writeOf(call)));
      return showRecord(call, policyView, updated);
    }),
};
