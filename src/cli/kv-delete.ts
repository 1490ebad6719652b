import { CommandError, withClient } from "./attempt.ts";
import { type Command, EXIT } from "./command.ts";
import { CLIENT_FLAGS, NAMESPACE_FLAGS, queryOf, SERVER_FLAGS } from "./http-options.ts";

export const command: Command = {
  name: "kv delete",
  usage: "[options] KEY_OR_PREFIX",
  description:
    "Removes a key, or with -recurse every key that starts with the argument. A key that is not there is no error.",
  groups: [
    CLIENT_FLAGS,
    SERVER_FLAGS,
    NAMESPACE_FLAGS,
    {
      title: "Command Options",
      flags: [
        {
          name: "cas",
          kind: "bool",
          usage: "Remove only if the key's ModifyIndex is that of -modify-index.",
        },
        { name: "modify-index", kind: "uint", usage: "Index for -cas." },
        { name: "recurse", kind: "bool", usage: "Remove every key that starts with the argument." },
      ],
    },
  ],
  run: (call) => {
    const { args, flags, print } = call;
    return withClient(call, "Error! Did not delete key", async (client) => {
      if (args.length > 1) throw new CommandError(`Too many arguments (expected 1, got ${args.length})`);
      const key = (args[0] ?? "").replace(/^\//, "");
      if (key === "" && !flags.bool("recurse")) throw new CommandError("Error! Missing KEY argument");
      const index = flags.uint("modify-index");
      if (index > 0n && !flags.bool("cas"))
        throw new CommandError("Cannot specify -modify-index without -cas!");
      if (flags.bool("cas") && index === 0n) throw new CommandError("Must specify -modify-index with -cas!");
      if (flags.bool("cas") && flags.bool("recurse"))
        throw new CommandError("Cannot specify both -cas and -recurse!");
      if (flags.bool("recurse")) {
        await client.kv.deleteTree(key, queryOf(call));
        print(`Success! Deleted keys with prefix: ${key}`);
        return EXIT.ok;
      }
      const done = await client.kv.delete(key, {
        ...queryOf(call),
        ...(flags.bool("cas") ? { cas: index } : {}),
      });
      if (!done) throw new CommandError(`Error! Did not delete key ${key}: CAS failed`);
      print(`Success! Deleted key: ${key}`);
      return EXIT.ok;
    });
  },
};
