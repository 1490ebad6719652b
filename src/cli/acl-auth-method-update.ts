import type { AclAuthMethod } from "../client/acl.ts";
import {
  configOf,
  kubernetesConfig,
  kubernetesFlagGiven,
  METHOD_FLAGS,
  methodOf,
  requireKubernetesFlags,
} from "./acl-auth-method-config.ts";
import { ACL_HTTP_FLAGS, explained, writeOf } from "./acl-find.ts";
import { authMethodView, FORMAT_FLAG, format, META_FLAG, showRecord } from "./acl-view.ts";
import { CommandError, withClient } from "./attempt.ts";
import type { Command } from "./command.ts";
import { queryOf } from "./http-options.ts";

export const command: Command = {
  name: "acl auth-method update",
  usage: "-name NAME [options]",
  description:
    "Changes an auth method. What is not given stays as it is, unless -no-merge is; -config replaces the whole configuration.",
  groups: [
    ...ACL_HTTP_FLAGS,
    {
      title: "Command Options",
      flags: [
        ...METHOD_FLAGS,
        FORMAT_FLAG,
        META_FLAG,
        { name: "name", kind: "string", usage: "The method's name. Required." },
        { name: "no-merge", kind: "bool", usage: "Empty what is not given." },
      ],
    },
  ],
  run: (call) =>
    withClient(call, "", async (client) => {
      const { flags } = call;
      const name = flags.string("name");
      if (name === "")
        throw new CommandError("Cannot update an auth method without specifying the -name parameter");
      format(call);
      const { value: before } = await explained(
        "Error when retrieving current auth method",
        client.acl.authMethods.read(name, queryOf(call)),
      );
      if (before === null) throw new CommandError(`Auth method not found with name ${JSON.stringify(name)}`);
      if (flags.string("config") !== "" && kubernetesFlagGiven(call))
        throw new CommandError("Cannot use command line arguments with '-config' flag");
      const merge = !flags.bool("no-merge");
      const kubernetes = before.Type === "kubernetes";
      let config = await configOf(call, "Error parsing JSON for auth method config");
      if (config === undefined && kubernetes) {
        if (!merge) requireKubernetesFlags(call);
        config = await kubernetesConfig(call, merge ? (before.Config ?? {}) : {});
      }
      const kept: AclAuthMethod = merge
        ? before
        : { Name: name, ...(before.Type === undefined ? {} : { Type: before.Type }) };
      const method = await explained(
        `Error updating auth method ${JSON.stringify(name)}`,
        client.acl.authMethods.update(
          name,
          { ...kept, ...methodOf(call), ...(config === undefined ? {} : { Config: config }) },
          writeOf(call),
        ),
      );
      return showRecord(call, authMethodView, method);
    }),
};
