import {
  configOf,
  kubernetesConfig,
  kubernetesFlagGiven,
  METHOD_FLAGS,
  methodOf,
  requireKubernetesFlags,
} from "./acl-auth-method-config.ts";
import { ACL_HTTP_FLAGS, writeOf } from "./acl-find.ts";
import { authMethodView, FORMAT_FLAG, format, META_FLAG, showRecord } from "./acl-view.ts";
import { CommandError, lacking, withClient } from "./attempt.ts";
import type { Command } from "./command.ts";

export const command: Command = {
  name: "acl auth-method create",
  usage: "-name NAME -type TYPE [options]",
  description:
    "Makes an auth method: a party whose tokens are exchanged for ours.\n\n    $ {program} acl auth-method create -name jwt -type jwt -config @jwt.json",
  groups: [
    ...ACL_HTTP_FLAGS,
    {
      title: "Command Options",
      flags: [
        ...METHOD_FLAGS,
        FORMAT_FLAG,
        META_FLAG,
        { name: "name", kind: "string", usage: "The method's name. Required." },
        { name: "type", kind: "string", usage: "The method's type: jwt, kubernetes. Required." },
      ],
    },
  ],
  run: async (call) => {
    const { flags } = call;
    for (const name of ["type", "name"])
      if (flags.string(name) === "") return lacking(call, `Missing required '-${name}' flag`);
    return withClient(call, "Failed to create new auth method", async (client) => {
      format(call);
      const given = flags.string("config") !== "";
      if (given && kubernetesFlagGiven(call))
        throw new CommandError("Cannot use command line arguments with '-config' flags");
      let config = await configOf(call, "Error parsing JSON configuration file");
      if (!given && flags.string("type") === "kubernetes") {
        requireKubernetesFlags(call);
        config = await kubernetesConfig(call);
      }
      const method = await client.acl.authMethods.create(
        {
          Name: flags.string("name"),
          Type: flags.string("type"),
          ...methodOf(call),
          ...(config === undefined ? {} : { Config: config }),
        },
        writeOf(call),
      );
      return showRecord(call, authMethodView, method);
    });
  },
};
