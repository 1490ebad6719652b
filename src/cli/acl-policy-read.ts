import { ACL_HTTP_FLAGS, explained, flaggedPolicyId } from "./acl-find.ts";
import { FORMAT_FLAG, format, META_FLAG, policyView, showRecord } from "./acl-view.ts";
import { CommandError, withClient } from "./attempt.ts";
import type { Command, Invocation } from "./command.ts";
import type { Flag } from "./flags.ts";
import { queryOf } from "./http-options.ts";

export const idOrName = (what: string): readonly Flag[] => [
  {
    name: "id",
    kind: "string",
    usage: `The ${what}'s ID, or the beginning of it if no other begins so.`,
  },
  { name: "name", kind: "string", usage: `The ${what}'s name.` },
];

/** Throws CommandError when neither -id nor -name is given. */
export function requireIdOrName(
  { flags }: Invocation,
  sentence: string = "Must specify either the -id or -name parameters",
): void {
  if (flags.string("id") === "" && flags.string("name") === "") throw new CommandError(sentence);
}

export const command: Command = {
  name: "acl policy read",
  usage: "[options]",
  description: "Shows a policy.\n\n    $ {program} acl policy read -name web",
  groups: [
    ...ACL_HTTP_FLAGS,
    { title: "Command Options", flags: [...idOrName("policy"), FORMAT_FLAG, META_FLAG] },
  ],
  run: (call) =>
    withClient(call, "", async (client) => {
      requireIdOrName(call);
      format(call);
      const id = await flaggedPolicyId(call, client);
      const what = `Error reading policy ${JSON.stringify(id)}`;
      const { value: policy } = await explained(what, client.acl.policies.read(id, queryOf(call)));
      if (policy === null) throw new CommandError(`Policy not found with ID ${JSON.stringify(id)}`);
      return showRecord(call, policyView, policy);
    }),
};
