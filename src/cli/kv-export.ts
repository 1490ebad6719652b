import { stringifyJson } from "../wire/json.ts";
import { CommandError, withClient } from "./attempt.ts";
import { type Command, EXIT } from "./command.ts";
import { CLIENT_FLAGS, NAMESPACE_FLAGS, queryOf, SERVER_FLAGS } from "./http-options.ts";

export const command: Command = {
  name: "kv export",
  usage: "[options] [PREFIX]",
  description:
    "Writes all keys that start with PREFIX as JSON: a list of key, flags and value (base64). `kv import` reads it.",
  groups: [CLIENT_FLAGS, SERVER_FLAGS, NAMESPACE_FLAGS],
  run: (call) =>
    withClient(call, "Error querying Consul agent", async (client) => {
      if (call.args.length > 1)
        throw new CommandError(`Too many arguments (expected 1, got ${call.args.length})`);
      const prefix = (call.args[0] ?? "").replace(/^\//, "");
      const { value: entries } = await client.kv.list(prefix, queryOf(call));
      if (entries.length === 0) {
        call.print("[]");
        return EXIT.ok;
      }
      // Go's encoder keeps JSON fit for HTML.
      const keyText = (key: string): string =>
        stringifyJson(key).replace(
          /[<>&\u2028\u2029]/g,
          (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
        );
      const items = entries.map(
        (e) =>
          `\t{\n\t\t"key": ${keyText(e.Key)},\n\t\t"flags": ${e.Flags},\n\t\t"value": "${Buffer.from(e.Value ?? new Uint8Array()).toString("base64")}"\n\t}`,
      );
      call.print(`[\n${items.join(",\n")}\n]`);
      return EXIT.ok;
    }),
};
