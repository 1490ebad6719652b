import { findJsonSyntaxError } from "../agent/config/json-syntax.ts";
import { ClientError } from "../client/errors.ts";
import { parseJson, toBigint } from "../wire/json.ts";
import { CommandError, dataArgument, withClient } from "./attempt.ts";
import { type Command, EXIT } from "./command.ts";
import { CLIENT_FLAGS, NAMESPACE_FLAGS, queryOf, SERVER_FLAGS } from "./http-options.ts";

export const command: Command = {
  name: "kv import",
  usage: "[options] [DATA]",
  description:
    "Writes the keys that `kv export` has written. DATA is the JSON itself, @file a file with it, - standard input (also without DATA).",
  groups: [
    CLIENT_FLAGS,
    SERVER_FLAGS,
    NAMESPACE_FLAGS,
    {
      title: "Command Options",
      flags: [{ name: "prefix", kind: "string", usage: "Text put in front of every key." }],
    },
  ],
  run: (call) =>
    withClient(call, "Error! Failed writing data", async (client) => {
      if (call.args.length > 1)
        throw new CommandError(`Too many arguments (expected 1, got ${call.args.length})`);
      const text = (await dataArgument(call, call.args[0] ?? "-")).toString("utf8");
      if (text === "") throw new CommandError("Error! Missing DATA argument");
      const prefix = call.flags.string("prefix");
      for (const { key, flags, value } of decodeEntries(text)) {
        const name = prefix + key;
        try {
          await client.kv.put(name, value, { ...queryOf(call), flags });
        } catch (error) {
          if (!(error instanceof ClientError)) throw error;
          throw new CommandError(`Error! Failed writing data for key ${name}: ${error.message}`);
        }
        call.print(`Imported: ${name}`);
      }
      return EXIT.ok;
    }),
};

interface Entry {
  readonly key: string;
  readonly flags: bigint;
  readonly value: Buffer;
}

function decodeEntries(text: string): readonly Entry[] {
  let data: unknown;
  try {
    data = parseJson(text);
  } catch (error) {
    // Go's words for the mistake, and where it is.
    const syntax = findJsonSyntaxError(text);
    if (syntax === undefined) throw new CommandError(`Cannot unmarshal data: ${(error as Error).message}`);
    const before = text.slice(0, syntax.offset).split("\n");
    throw new CommandError(
      `Cannot unmarshal data: ${syntax.sentence}\n    line ${before.length}, column ${before.at(-1)!.length + 1}: ${syntax.expected}`,
    );
  }
  if (!Array.isArray(data))
    throw new CommandError("Cannot unmarshal data: want a list of keys, as kv export writes it");
  return data.map((item: unknown, i) => {
    const { key, flags, value } = (item ?? {}) as Readonly<Record<string, unknown>>;
    if (typeof key !== "string" || (value !== undefined && typeof value !== "string"))
      throw new CommandError(`Cannot unmarshal data: entry ${i + 1} needs a "key" and a "value" in base64`);
    return {
      key,
      flags: flags === undefined ? 0n : toBigint(flags as number),
      value: Buffer.from(value ?? "", "base64"),
    };
  });
}
