import { ClientError } from "../client/errors.ts";
import { stringifyJson } from "../wire/json.ts";
import { CommandError, withClient } from "./attempt.ts";
import { type Command, EXIT, type Invocation } from "./command.ts";
import type { FlagGroup } from "./flags.ts";
import { CLIENT_FLAGS, NAMESPACE_FLAGS, queryOf, SERVER_FLAGS } from "./http-options.ts";
import { indentJson } from "./watch.ts";

export const KIND_FLAG = {
  name: "kind",
  kind: "string",
  usage: "Kind of the entry, as service-defaults.",
} as const satisfies FlagGroup["flags"][number];
export const NAME_FLAG = {
  name: "name",
  kind: "string",
  usage: "Name of the entry.",
} as const satisfies FlagGroup["flags"][number];

/** Kind and name as the flags give them. Throws CommandError. */
export function entryName({ flags }: Invocation): { readonly kind: string; readonly name: string } {
  const [kind, name] = [flags.string("kind"), flags.string("name")];
  if (kind === "") throw new CommandError("Must specify the -kind parameter");
  if (name === "") throw new CommandError("Must specify the -name parameter");
  return { kind, name };
}

export const command: Command = {
  name: "config read",
  usage: "[options] -kind KIND -name NAME",
  description: "Shows a configuration entry as JSON.",
  groups: [
    CLIENT_FLAGS,
    SERVER_FLAGS,
    NAMESPACE_FLAGS,
    { title: "Command Options", flags: [KIND_FLAG, NAME_FLAG] },
  ],
  run: (call) =>
    withClient(call, "Error reading config entry", async (client) => {
      const { kind, name } = entryName(call);
      const { value: entry } = await client.config.get(kind, name, queryOf(call)).catch((e: unknown) => {
        // Which kinds there are, the server knows; the sentence is that of a command that knows them itself.
        const unknown = /\((invalid config entry kind: .*)\)$/s.exec(
          e instanceof ClientError ? e.message : "",
        );
        throw unknown === null
          ? e
          : new CommandError(`Error reading config entry ${kind}/${name}: ${unknown[1]}`);
      });
      if (entry === null)
        throw new CommandError(
          `Error reading config entry ${kind}/${name}: Unexpected response code: 404 (Config entry not found for ${JSON.stringify(kind)} / ${JSON.stringify(name)})`,
        );
      call.print(indentJson(stringifyJson(entry)));
      return EXIT.ok;
    }),
};
