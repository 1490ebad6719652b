import { ACL_HTTP_FLAGS, explained, roleId } from "./acl-find.ts";
import { idOrName, requireIdOrName } from "./acl-policy-read.ts";
import { FORMAT_FLAG, format, META_FLAG, roleView, showRecord } from "./acl-view.ts";
import { CommandError, withClient } from "./attempt.ts";
import type { Command } from "./command.ts";
import { queryOf } from "./http-options.ts";

export const command: Command = {
  name: "acl role read",
  usage: "[options]",
  description: "Shows a role.",
  groups: [
    ...ACL_HTTP_FLAGS,
    { title: "Command Options", flags: [...idOrName("role"), FORMAT_FLAG, META_FLAG] },
  ],
  run: (call) =>
    withClient(call, "", async (client) => {
      requireIdOrName(call);
      format(call);
      const [partial, name] = [call.flags.string("id"), call.flags.string("name")];
      const by = partial === "" ? "name" : "ID";
      const key =
        by === "name" ? name : await explained("Error determining role ID", roleId(call, client, partial));
      const { value: role } = await explained(
        `Error reading role ${JSON.stringify(key)}`,
        by === "name"
          ? client.acl.roles.readByName(key, queryOf(call))
          : client.acl.roles.read(key, queryOf(call)),
      );
      if (role === null) throw new CommandError(`Role not found with ${by} ${JSON.stringify(key)}`);
      return showRecord(call, roleView, role);
    }),
};
