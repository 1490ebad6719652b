import { ACL_HTTP_FLAGS, writeOf } from "./acl-find.ts";
import { legacyRules } from "./acl-legacy-rules.ts";
import { FORMAT_FLAG, format, META_FLAG, policyView, showRecord } from "./acl-view.ts";
import { CommandError, dataArgument, lacking, withClient } from "./attempt.ts";
import type { Command } from "./command.ts";
import type { Flag } from "./flags.ts";

/** What a policy consists of. */
export const POLICY_FLAGS: readonly Flag[] = [
  { name: "description", kind: "string", usage: "What the policy is for." },
  {
    name: "rules",
    kind: "string",
    usage: "The rules; @FILE reads them from a file, - from standard input.",
  },
  {
    name: "valid-datacenter",
    kind: "strings",
    usage: "The policy holds in this datacenter only. May be given several times.",
  },
];

export const command: Command = {
  name: "acl policy create",
  usage: "-name NAME [options]",
  description:
    'Makes a policy from rules, or from those of a legacy token.\n\n    $ {program} acl policy create -name web -description "For web servers" -rules @web.hcl',
  groups: [
    ...ACL_HTTP_FLAGS,
    {
      title: "Command Options",
      flags: [
        ...POLICY_FLAGS,
        FORMAT_FLAG,
        META_FLAG,
        {
          name: "from-token",
          kind: "string",
          usage: "Take the rules of this legacy token in their new form; also @FILE and -.",
        },
        { name: "name", kind: "string", usage: "The policy's name. Required." },
        { name: "token-secret", kind: "bool", usage: "-from-token gives a secret ID, not an accessor ID." },
      ],
    },
  ],
  run: async (call) => {
    const { flags } = call;
    const name = flags.string("name");
    if (name === "") return lacking(call, "Missing require '-name' flag");
    return withClient(call, "Failed to create new policy", async (client) => {
      format(call);
      if (flags.string("from-token") !== "" && flags.string("rules") !== "")
        throw new CommandError("Error loading rules: Cannot specify both -rules and -from-token");
      const read = async (flag: string): Promise<string> =>
        (await dataArgument(call, flags.string(flag), "Error loading rules: ")).toString("utf8");
      const rules =
        flags.string("from-token") === ""
          ? await read("rules")
          : await legacyRules(call, client, "Error loading rules: ", {
              id: (await read("from-token")).trim(),
              secret: flags.bool("token-secret"),
            });
      const datacenters = flags.strings("valid-datacenter");
      const policy = await client.acl.policies.create(
        {
          Name: name,
          Description: flags.string("description"),
          Rules: rules,
          ...(datacenters.length === 0 ? {} : { Datacenters: datacenters }),
        },
        writeOf(call),
      );
      return showRecord(call, policyView, policy);
    });
  },
};
