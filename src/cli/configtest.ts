import { type Command, EXIT } from "./command.ts";
import { check } from "./validate.ts";

export const command: Command = {
  name: "configtest",
  usage: "-config-file FILE | -config-dir DIRECTORY",
  description:
    "Checks configuration files; says nothing when they are right. The form that Consul 0.6 had of `{program} validate`.",
  groups: [
    {
      title: "Command Options",
      flags: [
        { name: "config-dir", kind: "strings", usage: "Directory to check. May be given several times." },
        { name: "config-file", kind: "strings", usage: "File to check. May be given several times." },
      ],
    },
  ],
  run: async (call) => {
    const paths = call.flags.order.map(([, value]) => value);
    if (paths.length === 0) {
      call.complain("Must specify config using -config-file or -config-dir");
      return EXIT.error;
    }
    // 0.6 looked at the files alone: what the agent gets by flags is not asked for.
    return check(
      call,
      paths,
      "",
      new Map([
        ["data-dir", "."],
        ["bind", "127.0.0.1"],
      ]),
    );
  },
};
