/**
 * The agent's flags as data, taken from the keys that they set, and what a command line gives as two configuration sources:
 * list flags stand below the files, the others above. Names observed in Consul 1.8.7 and 0.6.4.
 */
import { DurationError, parseDuration } from "../../wire/duration.ts";
import type { ValueProblem } from "./decode.ts";
import type { Key, Keys } from "./key.ts";
import { CONFIG_KEYS, type ConfigInput } from "./schema.ts";

export type AgentFlagKind = "bool" | "int" | "string" | "duration" | "strings" | "map";

export interface AgentFlag {
  readonly name: string;
  readonly kind: AgentFlagKind;
  /** Where the value goes: ["ports", "http"]. */
  readonly path: readonly string[];
  readonly doc: string;
  /** Default as Go text, "" for the zero value. */
  readonly fallback: string;
}

const KINDS: Readonly<Record<string, AgentFlagKind | undefined>> = {
  bool: "bool",
  int: "int",
  string: "string",
  duration: "duration",
  strings: "strings",
  stringMap: "map",
};

/** Flags that set keys, by name. */
export const AGENT_FLAGS: readonly AgentFlag[] = [
  ...collect(CONFIG_KEYS, []),
  { name: "dc", kind: "string" as const, path: ["datacenter"], doc: "0.6 name of -datacenter", fallback: "" },
  {
    name: "read-replica",
    kind: "bool" as const,
    path: ["non_voting_server"],
    doc: "Consul Enterprise",
    fallback: "",
  },
].sort((a, b) => (a.name < b.name ? -1 : 1));

function collect(keys: Keys, path: readonly string[]): AgentFlag[] {
  return (Object.entries(keys) as [string, Key<unknown>][]).flatMap(([name, key]) => {
    if (key.type.kind === "object") return collect(key.type.keys, [...path, name]);
    if (key.flag === undefined) return [];
    const kind = KINDS[key.type.kind];
    return kind === undefined
      ? []
      : [{ name: key.flag, kind, path: [...path, name], doc: key.doc, fallback: fallbackText(key) }];
  });
}

function fallbackText(key: Key<unknown>): string {
  const { fallback } = key;
  return fallback === undefined || Array.isArray(fallback) || fallback === 0 || fallback === false
    ? ""
    : String(fallback);
}

/** A command line of `agent`, parsed. */
export interface AgentFlags {
  /** `-config-file` and `-config-dir` together, in their order. */
  readonly configPaths: readonly string[];
  readonly configFormat: string;
  /** `-hcl` fragments. */
  readonly hcl: readonly string[];
  readonly dev: boolean;
  /** Values of the flags given, by flag name: boolean, number, text, texts; `k:v` texts for maps. */
  readonly values: ReadonlyMap<string, boolean | number | string | readonly string[]>;
}

export const NO_FLAGS: AgentFlags = {
  configPaths: [],
  configFormat: "",
  hcl: [],
  dev: false,
  values: new Map(),
};

export interface FlagSources {
  readonly lists: ConfigInput;
  readonly values: ConfigInput;
  readonly problems: readonly ValueProblem[];
}

export function flagSources(flags: AgentFlags): FlagSources {
  const lists: Record<string, unknown> = {};
  const values: Record<string, unknown> = {};
  const problems: ValueProblem[] = [];
  for (const flag of AGENT_FLAGS) {
    const given = flags.values.get(flag.name);
    if (given === undefined) continue;
    switch (flag.kind) {
      case "strings":
        put(lists, flag.path, given);
        break;
      case "map": {
        const before =
          (at(values, flag.path) as Map<string, string> | undefined) ?? new Map<string, string>();
        for (const pair of given as readonly string[]) {
          const colon = pair.indexOf(":");
          before.set(colon === -1 ? pair : pair.slice(0, colon), colon === -1 ? "" : pair.slice(colon + 1));
        }
        put(values, flag.path, before);
        break;
      }
      case "duration":
        try {
          put(values, flag.path, parseDuration(String(given)));
        } catch (error) {
          if (!(error instanceof DurationError)) throw error;
          problems.push({
            text: `${flag.path.join(".")}: invalid duration: "${String(given)}": ${error.message}`,
            diagnostic: {
              file: `flag -${flag.name}`,
              line: 0,
              column: 0,
              lineText: "",
              expected: 'expected a duration, as "10s" or "1h30m"',
              hint: "",
              doc: "",
            },
          });
        }
        break;
      default:
        put(values, flag.path, given);
    }
  }
  return { lists, values, problems };
}

function at(root: Record<string, unknown>, path: readonly string[]): unknown {
  let value: unknown = root;
  for (const step of path) value = (value as Record<string, unknown> | undefined)?.[step];
  return value;
}

function put(root: Record<string, unknown>, path: readonly string[], value: unknown): void {
  let object = root;
  for (const step of path.slice(0, -1)) {
    object[step] ??= {};
    object = object[step] as Record<string, unknown>;
  }
  object[path.at(-1)!] = value;
}
