/** The flags of `agent`, made from the configuration's keys, and their values as buildConfig takes them. */
import { AGENT_FLAGS, type AgentFlag, type AgentFlags } from "../agent/config/flags.ts";
import type { Flag, FlagGroup, FlagValues } from "./flags.ts";

const sentence = (text: string): string => {
  const t = text.charAt(0).toUpperCase() + text.slice(1);
  return t.endsWith(".") ? t : `${t}.`;
};

const shownDefault = (f: AgentFlag): string =>
  f.fallback === "" || f.fallback === "0s"
    ? ""
    : ` Default: ${f.fallback}${f.fallback.endsWith(".") ? "" : "."}`;

/** Flags that set no key. */
const OWN: readonly Flag[] = [
  {
    name: "config-dir",
    kind: "strings",
    usage: "Directory whose .json and .hcl files are read, by name. May be given several times.",
  },
  {
    name: "config-file",
    kind: "strings",
    usage: "Configuration file, JSON or HCL. May be given several times.",
  },
  { name: "config-format", kind: "string", usage: "Read all files as this format: json or hcl." },
  {
    name: "dev",
    kind: "bool",
    usage: "A server of its own for development: everything in memory, nothing on disk.",
  },
  {
    name: "hcl",
    kind: "strings",
    usage: "Piece of configuration in HCL, read last. May be given several times.",
  },
  { name: "atlas", kind: "string", usage: "", hidden: true },
  { name: "atlas-endpoint", kind: "string", usage: "", hidden: true },
  { name: "atlas-join", kind: "bool", usage: "", hidden: true },
  { name: "atlas-token", kind: "string", usage: "", hidden: true },
];

export const AGENT_FLAG_GROUP: FlagGroup = {
  title: "Command Options",
  flags: [
    ...OWN,
    ...AGENT_FLAGS.map((f): Flag => {
      const repeated = f.kind === "strings" || f.kind === "map";
      return {
        name: f.name,
        kind: repeated ? "strings" : f.kind === "bool" ? "bool" : f.kind === "int" ? "int" : "string",
        ...(f.kind === "duration"
          ? { metavar: "duration" }
          : f.kind === "map"
            ? { metavar: "key:value" }
            : {}),
        usage: `${sentence(f.doc)}${repeated ? " May be given several times." : ""}${shownDefault(f)}`,
      };
    }),
  ],
};

export function agentFlags(flags: FlagValues): AgentFlags {
  const values = new Map<string, boolean | number | string | readonly string[]>();
  for (const f of AGENT_FLAGS) {
    if (!flags.given(f.name)) continue;
    if (f.kind === "bool") values.set(f.name, flags.bool(f.name));
    else if (f.kind === "int") values.set(f.name, flags.int(f.name));
    else if (f.kind === "strings" || f.kind === "map") values.set(f.name, flags.strings(f.name));
    else values.set(f.name, flags.string(f.name));
  }
  return {
    configPaths: flags.order.filter(([n]) => n === "config-file" || n === "config-dir").map(([, v]) => v),
    configFormat: flags.string("config-format"),
    hcl: flags.strings("hcl"),
    dev: flags.bool("dev"),
    values,
  };
}
