import { ACL_HTTP_FLAGS, writeOf } from "./acl-find.ts";
import { bindingRuleView, FORMAT_FLAG, format, META_FLAG, showRecord } from "./acl-view.ts";
import { lacking, withClient } from "./attempt.ts";
import type { Command } from "./command.ts";
import type { Flag } from "./flags.ts";

export const RULE_FLAGS: readonly Flag[] = [
  {
    name: "bind-name",
    kind: "string",
    usage: `What is bound; \${var} stands for an attribute of who logs in. Required.`,
  },
  {
    name: "bind-type",
    kind: "string",
    fallback: "service",
    usage: "What that is: a service or node identity, or a role (service, node, role).",
  },
  { name: "description", kind: "string", usage: "What the rule is for." },
  {
    name: "selector",
    kind: "string",
    usage: "Filter expression over the attributes of who logs in; empty: everybody.",
  },
];

export const command: Command = {
  name: "acl binding-rule create",
  usage: "-method NAME -bind-name NAME [options]",
  description: `Makes a rule that says what those get who log in through an auth method.\n\n    $ {program} acl binding-rule create -method=minikube -bind-name='k8s-\${serviceaccount.name}' -selector='serviceaccount.namespace==default'`,
  groups: [
    ...ACL_HTTP_FLAGS,
    {
      title: "Command Options",
      flags: [
        ...RULE_FLAGS,
        FORMAT_FLAG,
        META_FLAG,
        { name: "method", kind: "string", usage: "The auth method's name. Required." },
      ],
    },
  ],
  run: async (call) => {
    const { flags } = call;
    for (const name of ["method", "bind-name"])
      if (flags.string(name) === "") return lacking(call, `Missing required '-${name}' flag`);
    return withClient(call, "Failed to create new binding rule", async (client) => {
      format(call);
      const rule = await client.acl.bindingRules.create(
        {
          Description: flags.string("description"),
          AuthMethod: flags.string("method"),
          BindType: flags.string("bind-type"),
          BindName: flags.string("bind-name"),
          Selector: flags.string("selector"),
        },
        writeOf(call),
      );
      return showRecord(call, bindingRuleView, rule);
    });
  },
};
