import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { ACL_HTTP_FLAGS, writeOf } from "./acl-find.ts";
import { CommandError, fileReason, withClient } from "./attempt.ts";
import { pairs } from "./catalog-nodes.ts";
import { type Command, EXIT } from "./command.ts";

export const command: Command = {
  name: "login",
  usage: "[options]",
  description:
    "Exchanges a bearer token of an auth method for a token of this cluster and writes its secret to a file. `{program} logout` removes it.",
  groups: [
    ...ACL_HTTP_FLAGS,
    {
      title: "Command Options",
      flags: [
        { name: "bearer-token-file", kind: "string", usage: "File with the bearer token. Required." },
        {
          name: "meta",
          kind: "pairs",
          metavar: "key=value",
          usage: "Written into the token's description. May be given several times.",
        },
        { name: "method", kind: "string", usage: "The auth method's name. Required." },
        { name: "token-sink-file", kind: "string", usage: "File for the secret ID. Required." },
        { name: "type", kind: "string", usage: "The auth method's type; may be left out." },
      ],
    },
  ],
  run: (call) =>
    withClient(call, "Error logging in", async (client) => {
      const { flags } = call;
      if (call.args.length > 0) throw new CommandError("Should have no non-flag arguments.");
      for (const name of ["method", "token-sink-file", "bearer-token-file"])
        if (flags.string(name) === "") throw new CommandError(`Missing required '-${name}' flag`);
      const from = flags.string("bearer-token-file");
      let bearer: string;
      try {
        bearer = (await readFile(from, "utf8")).trim();
      } catch (error) {
        throw new CommandError(fileReason(from, error));
      }
      if (bearer === "") throw new CommandError(`No bearer token found in ${from}`);
      const meta = pairs(flags.strings("meta"));
      const token = await client.acl.login(
        {
          AuthMethod: flags.string("method"),
          BearerToken: bearer,
          ...(Object.keys(meta).length === 0 ? {} : { Meta: meta }),
        },
        writeOf(call),
      );
      const sink = flags.string("token-sink-file");
      try {
        await mkdir(dirname(sink), { recursive: true });
        // Whoever reads the file sees the old secret or the new one, and others never see any.
        await writeFile(`${sink}.new`, token.SecretID ?? "", { mode: 0o600 });
        await rename(`${sink}.new`, sink);
      } catch (error) {
        throw new CommandError(`Error writing token to file sink: ${fileReason(sink, error)}`);
      }
      return EXIT.ok;
    }),
};
