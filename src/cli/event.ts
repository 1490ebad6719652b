import { GoRegExp, GoRegExpError } from "../wire/go-regexp.ts";
import { misused, withClient } from "./attempt.ts";
import { type Command, EXIT, type Invocation } from "./command.ts";
import { CLIENT_FLAGS, SERVER_FLAGS } from "./http-options.ts";

export const command: Command = {
  name: "event",
  usage: "[options] [payload]",
  description:
    "Fires a user event in a datacenter. Agents hand it to their watches of type event; filters choose which of them do.",
  groups: [
    CLIENT_FLAGS,
    SERVER_FLAGS,
    {
      title: "Command Options",
      flags: [
        { name: "name", kind: "string", usage: "Name of the event." },
        { name: "node", kind: "string", usage: "Only nodes whose name matches this regular expression." },
        {
          name: "service",
          kind: "string",
          usage: "Only nodes with a service whose name matches this regular expression.",
        },
        {
          name: "tag",
          kind: "string",
          usage:
            "Only nodes where that service has a tag that matches this regular expression; needs -service.",
        },
      ],
    },
  ],
  run: (call) => {
    const { flags, args } = call;
    if (flags.string("name") === "") return Promise.resolve(misused(call, "Event name must be specified"));
    const bad = filterError(call);
    if (bad !== undefined) {
      call.complain(bad);
      return Promise.resolve(EXIT.error);
    }
    if (args.length > 1) return Promise.resolve(misused(call, "Too many command line arguments."));
    return withClient(call, "Error firing event", async (client) => {
      await client.agent.self();
      const event = await client.event.fire(flags.string("name"), args[0], {
        nodeFilter: flags.string("node"),
        serviceFilter: flags.string("service"),
        tagFilter: flags.string("tag"),
      });
      call.print(`Event ID: ${event.ID}`);
      return EXIT.ok;
    });
  },
};

/** What is wrong with -node, -service and -tag; shared with exec. */
export function filterError({ flags }: Pick<Invocation, "flags">): string | undefined {
  if (flags.string("tag") !== "" && flags.string("service") === "")
    return "Cannot provide tag filter without service filter.";
  for (const name of ["node", "service", "tag"] as const) {
    const text = flags.string(name);
    if (text === "") continue;
    try {
      new GoRegExp(text);
    } catch (error) {
      if (!(error instanceof GoRegExpError)) throw error;
      return `Failed to compile ${name} filter regexp: ${error.message}`;
    }
  }
  return undefined;
}
