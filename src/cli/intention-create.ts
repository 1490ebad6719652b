import { readFile } from "node:fs/promises";
import type { TribuneClient } from "../client/client.ts";
import type { Intention } from "../client/connect.ts";
import { ClientError } from "../client/errors.ts";
import { CommandError, fileReason, withClient } from "./attempt.ts";
import { pairs } from "./catalog-nodes.ts";
import { type Command, EXIT, type Invocation } from "./command.ts";
import { checkedServiceName, findIntention, INTENTION_HTTP_FLAGS, intentionText } from "./intention-find.ts";

export const command: Command = {
  name: "intention create",
  usage: "[options] SRC DST | -file FILE...",
  description:
    "Says whether a service may connect to another; * stands for any.\n\n    $ {program} intention create web db\n    $ {program} intention create -deny '*' db\n    $ {program} intention create -file one.json two.json",
  groups: [
    ...INTENTION_HTTP_FLAGS,
    {
      title: "Command Options",
      flags: [
        { name: "allow", kind: "bool", usage: "The connection is allowed. The default." },
        { name: "deny", kind: "bool", usage: "The connection is denied." },
        { name: "file", kind: "bool", usage: "The arguments are files, each with an intention as JSON." },
        {
          name: "meta",
          kind: "pairs",
          metavar: "key=value",
          usage: "Metadata of the intention. May be given several times.",
        },
        { name: "replace", kind: "bool", usage: "Replace an intention between the same services." },
      ],
    },
  ],
  run: (call) =>
    withClient(call, "", async (client) => {
      const { flags } = call;
      if (flags.bool("allow") && flags.bool("deny"))
        throw new CommandError("Only one of -allow or -deny may be specified.");
      for (const intention of await (flags.bool("file") ? ofFiles(call) : ofArguments(call)))
        await write(call, client, intention);
      return EXIT.ok;
    }),
};

function ofArguments({ args, flags }: Invocation): readonly Intention[] {
  const [from, to] = args;
  if (from === undefined || to === undefined || args.length > 2)
    throw new CommandError("Error: Must specify two arguments: source and destination");
  const source = checkedServiceName(from, "source");
  const destination = checkedServiceName(to, "destination");
  const meta = pairs(flags.strings("meta"));
  return [
    {
      SourceNS: source.namespace,
      SourceName: source.name,
      DestinationNS: destination.namespace,
      DestinationName: destination.name,
      SourceType: "consul",
      Action: flags.bool("deny") ? "deny" : "allow",
      ...(Object.keys(meta).length === 0 ? {} : { Meta: meta }),
    },
  ];
}

async function ofFiles({ args }: Invocation): Promise<readonly Intention[]> {
  const { plainObject } = await import("./definition-file.ts");
  const out: Intention[] = [];
  for (const path of args) {
    let text: string;
    try {
      text = await readFile(path, "utf8");
    } catch (error) {
      throw new CommandError(`Error: ${fileReason(path, error)}`);
    }
    // Judged by the server.
    out.push(plainObject({ name: path, text, format: "json" }, "Error") as unknown as Intention);
  }
  return out;
}

async function write(call: Invocation, client: TribuneClient, intention: Intention): Promise<void> {
  const names = `with source ${JSON.stringify(intention.SourceName)} and destination ${JSON.stringify(intention.DestinationName)}`;
  const explained = async <T>(what: string, work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      if (error instanceof ClientError) throw new CommandError(`${what}: ${error.message}`);
      throw error;
    }
  };
  if (call.flags.bool("replace")) {
    const before = await explained(
      `Error looking up intention for replacement ${names}`,
      findIntention(
        call,
        client,
        { namespace: intention.SourceNS ?? "default", name: intention.SourceName },
        { namespace: intention.DestinationNS ?? "default", name: intention.DestinationName },
      ),
    );
    if (before?.ID !== undefined) {
      await explained(
        `Error replacing intention ${names}`,
        client.connect.updateIntention(before.ID, { ...intention, ID: before.ID }),
      );
      return;
    }
  }
  await explained(
    `Error creating intention ${JSON.stringify(intentionText(intention))}`,
    client.connect.createIntention(intention),
  );
  call.print(`Created: ${intentionText(intention)}`);
}
