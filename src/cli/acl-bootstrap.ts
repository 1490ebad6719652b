import { ACL_HTTP_FLAGS, writeOf } from "./acl-find.ts";
import { FORMAT_FLAG, format, showRecord, tokenView } from "./acl-view.ts";
import { withClient } from "./attempt.ts";
import type { Command } from "./command.ts";

export const command: Command = {
  name: "acl bootstrap",
  usage: "[options]",
  description:
    "Makes the first token of a cluster, which may do everything. Possible once; an operator may reset it on the leader.",
  groups: [...ACL_HTTP_FLAGS, { title: "Command Options", flags: [FORMAT_FLAG] }],
  run: (call) =>
    withClient(call, "Failed ACL bootstrapping", async (client) => {
      format(call);
      return showRecord(call, tokenView, await client.acl.bootstrap(writeOf(call)));
    }),
};
