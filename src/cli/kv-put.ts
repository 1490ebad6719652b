import { CommandError, dataArgument, withClient } from "./attempt.ts";
import { type Command, EXIT } from "./command.ts";
import { CLIENT_FLAGS, NAMESPACE_FLAGS, queryOf, SERVER_FLAGS } from "./http-options.ts";

export const command: Command = {
  name: "kv put",
  usage: "[options] KEY [DATA]",
  description:
    "Writes data under a key. DATA is taken as it is; @file is the content of a file and - standard input; without it the value is empty.\n\nA checked write happens only if the key has not changed since, a locking one only if nobody else holds the key:\n\n    $ {program} kv put -cas -modify-index=844 config/timeout 5s\n    $ {program} kv put -acquire -session=SESSION leader me",
  groups: [
    CLIENT_FLAGS,
    SERVER_FLAGS,
    NAMESPACE_FLAGS,
    {
      title: "Command Options",
      flags: [
        { name: "acquire", kind: "bool", usage: "Lock the key with the session of -session." },
        { name: "base64", kind: "bool", usage: "DATA is base64; its bytes are written." },
        {
          name: "cas",
          kind: "bool",
          usage:
            "Write only if the key's ModifyIndex is that of -modify-index; 0: only if there is no such key.",
        },
        {
          name: "flags",
          kind: "uint",
          usage: "64 bits that are kept with the value for the reader's own use.",
        },
        { name: "modify-index", kind: "uint", usage: "Index for -cas." },
        { name: "release", kind: "bool", usage: "Unlock the key with the session of -session." },
        { name: "session", kind: "string", usage: "Session for -acquire and -release." },
      ],
    },
  ],
  run: (call) => {
    const { args, flags, print } = call;
    return withClient(call, "Error! Failed writing data", async (client) => {
      const [key, data] = args;
      if (key === undefined || key === "") throw new CommandError("Error! Missing KEY argument");
      if (args.length > 2)
        throw new CommandError(`Error! Too many arguments (expected 1 or 2, got ${args.length})`);
      const cas = flags.bool("cas");
      const [acquire, release] = [flags.bool("acquire"), flags.bool("release")];
      const session = flags.string("session");
      if (cas && !flags.given("modify-index"))
        throw new CommandError("Must specify -modify-index with -cas!");
      if ((acquire || release) && session === "")
        throw new CommandError("Error! Missing -session (required with -acquire and -release)");
      let value = data === undefined ? Buffer.alloc(0) : await dataArgument(call, data);
      if (flags.bool("base64")) value = decodeBase64(value);
      const done = await client.kv.put(key, value, {
        ...queryOf(call),
        flags: flags.uint("flags"),
        ...(cas ? { cas: flags.uint("modify-index") } : {}),
        ...(acquire && !cas ? { acquire: session } : {}),
        ...(release && !cas && !acquire ? { release: session } : {}),
      });
      if (cas) {
        if (!done) throw new CommandError(`Error! Did not write to ${key}: CAS failed`);
      } else if (acquire) {
        if (!done) throw new CommandError("Error! Did not acquire lock");
        print(`Success! Lock acquired on: ${key}`);
        return EXIT.ok;
      } else if (release) {
        if (!done) throw new CommandError("Error! Did not release lock");
        print(`Success! Lock released on: ${key}`);
        return EXIT.ok;
      } else if (!done) throw new CommandError(`Error! Did not write to ${key}: the agent refused`);
      print(`Success! Data written to: ${key}`);
      return EXIT.ok;
    });
  },
};

/** Strict, as Go's: the original writes undecodable text as it is, which nobody wants. */
function decodeBase64(text: Buffer): Buffer {
  const plain = text.toString("latin1").replace(/[\r\n]/g, "");
  const bad = plain.search(/[^A-Za-z0-9+/=]/);
  if (bad !== -1 || plain.length % 4 !== 0 || !/^[^=]*={0,2}$/.test(plain))
    throw new CommandError(
      `Error! Cannot base 64 decode data: illegal base64 data at input byte ${bad === -1 ? plain.length - (plain.length % 4) : bad}`,
    );
  return Buffer.from(plain, "base64");
}
