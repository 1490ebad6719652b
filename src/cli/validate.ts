import type { AgentFlags } from "../agent/config/flags.ts";
import { type Command, EXIT, type Invocation } from "./command.ts";

export const command: Command = {
  name: "validate",
  usage: "[options] FILE_OR_DIRECTORY...",
  description:
    "Checks configuration files as the agent would read them, services and checks included, and shows what is wrong: file, line, column, and what was expected there.",
  groups: [
    {
      title: "Command Options",
      flags: [
        {
          name: "config-dir",
          kind: "strings",
          usage: "Directory to check; the same as naming it as an argument.",
        },
        {
          name: "config-file",
          kind: "strings",
          usage: "File to check; the same as naming it as an argument.",
        },
        { name: "config-format", kind: "string", usage: "Read all files as this format: json or hcl." },
        { name: "quiet", kind: "bool", usage: "Say nothing when everything is right." },
      ],
    },
  ],
  flagErrors: "",
  run: async (call) => {
    const { flags, args } = call;
    const format = flags.string("config-format");
    if (!["", "json", "hcl"].includes(format)) {
      call.complain("-config-format must be either 'hcl' or 'json");
      return EXIT.error;
    }
    const paths = [
      ...flags.order.filter(([n]) => n === "config-file" || n === "config-dir").map(([, v]) => v),
      ...args,
    ];
    if (paths.length === 0) {
      call.complain("Must specify at least one config file or directory");
      return EXIT.error;
    }
    const code = await check(call, paths, format);
    if (code === EXIT.ok && !flags.bool("quiet")) call.print("Configuration is valid!");
    return code;
  },
};

/** Prints warnings and errors; the exit code. `given` are values that flags of the agent would set. */
export async function check(
  call: Invocation,
  paths: readonly string[],
  configFormat: string,
  given: ReadonlyMap<string, string> = new Map(),
): Promise<number> {
  const [{ buildConfig }, { realConfigHost }] = await Promise.all([
    import("../agent/config/build-config.ts"),
    import("../agent/config/host.ts"),
  ]);
  const flags: AgentFlags = { configPaths: paths, configFormat, hcl: [], dev: false, values: given };
  const result = buildConfig(flags, realConfigHost());
  if (result instanceof Error) {
    call.complain(`Config validation failed: ${result.explain()}`);
    return EXIT.error;
  }
  for (const warning of result.config.warnings) call.complain(warning);
  return EXIT.ok;
}
