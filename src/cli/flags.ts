/**
 * Command lines in the manner of Go's flag package: `-f`, `--f`, `-f=v`, `-f v`, booleans without a value, the first word
 * without a dash ends the flags. Error sentences and the listing after them are Go's (observed in Consul 1.8.7).
 */
import { DurationError, formatDuration, parseDuration } from "../wire/duration.ts";

export type FlagKind = "bool" | "string" | "int" | "uint" | "duration" | "strings" | "pairs";

export interface Flag {
  readonly name: string;
  readonly kind: FlagKind;
  /** What stands for the value in help: `-http-addr=<address>`. Default: the kind. */
  readonly metavar?: string;
  /** As written on a command line; absent: zero value. */
  readonly fallback?: string;
  /** One or more sentences; wrapped by the help. */
  readonly usage: string;
  /** Accepted, not shown. */
  readonly hidden?: true;
  /** Mistakes are told with the reason that the parser of the value gives, as for the original's own kinds of flags. */
  readonly reasons?: true;
}

export interface FlagGroup {
  readonly title: "HTTP API Options" | "Command Options";
  readonly flags: readonly Flag[];
}

/** Values by flag name. A flag that was not given is absent unless it has a fallback. */
export class FlagValues {
  readonly #values: ReadonlyMap<string, readonly string[]>;
  readonly #flags: ReadonlyMap<string, Flag>;
  /** Repeatable flags of several names, in command-line order. */
  readonly order: readonly (readonly [name: string, value: string])[];

  constructor(
    values: ReadonlyMap<string, readonly string[]>,
    flags: ReadonlyMap<string, Flag>,
    order: readonly (readonly [string, string])[],
  ) {
    this.#values = values;
    this.#flags = flags;
    this.order = order;
  }

  #last(name: string): string | undefined {
    return this.#values.get(name)?.at(-1) ?? this.#flags.get(name)?.fallback;
  }

  given(name: string): boolean {
    return this.#values.has(name);
  }
  bool(name: string): boolean {
    return parseBool(this.#last(name) ?? "false") ?? false;
  }
  string(name: string): string {
    return this.#last(name) ?? "";
  }
  int(name: string): number {
    return Number(this.#last(name) ?? "0");
  }
  uint(name: string): bigint {
    return BigInt(this.#last(name) ?? "0");
  }
  /** Milliseconds. */
  durationMs(name: string): number {
    return Number(parseDuration(this.#last(name) ?? "0s")) / 1e6;
  }
  strings(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }
}

export type ParsedFlags =
  | { readonly kind: "parsed"; readonly values: FlagValues; readonly args: readonly string[] }
  | { readonly kind: "help" }
  | { readonly kind: "error"; readonly text: string };

/** strconv.ParseBool. */
export function parseBool(text: string): boolean | undefined {
  if (/^(1|t|T|TRUE|true|True)$/.test(text)) return true;
  if (/^(0|f|F|FALSE|false|False)$/.test(text)) return false;
  return undefined;
}

/** `goErrors`: values of the wrong form are told in the words of Go's strconv, as `agent` does. */
export function parseFlags(
  words: readonly string[],
  groups: readonly FlagGroup[],
  goErrors: boolean = false,
): ParsedFlags {
  const flags = new Map(groups.flatMap((g) => g.flags).map((f) => [f.name, f]));
  const values = new Map<string, string[]>();
  const order: [string, string][] = [];
  const error = (text: string): ParsedFlags => ({ kind: "error", text });
  let i = 0;
  for (; i < words.length; i++) {
    const word = words[i]!;
    if (word.length < 2 || word[0] !== "-") break;
    if (word === "--") {
      i++;
      break;
    }
    const body = word.replace(/^--?/, "");
    if (body === "" || body[0] === "-" || body[0] === "=") return error(`bad flag syntax: ${word}`);
    const equals = body.indexOf("=");
    const name = equals === -1 ? body : body.slice(0, equals);
    const flag = flags.get(name);
    if (flag === undefined) {
      if (name === "h" || name === "help") return { kind: "help" };
      return error(`flag provided but not defined: -${name}`);
    }
    let value: string;
    if (equals !== -1) value = body.slice(equals + 1);
    else if (flag.kind === "bool") value = "true";
    else {
      const next = words[i + 1];
      if (next === undefined) return error(`flag needs an argument: -${name}`);
      value = next;
      i++;
    }
    const bad = valueError(flag, value, goErrors);
    if (bad !== undefined) return error(bad);
    values.set(name, [...(values.get(name) ?? []), value]);
    order.push([name, value]);
  }
  return { kind: "parsed", values: new FlagValues(values, flags, order), args: words.slice(i) };
}

function valueError(flag: Flag, value: string, goErrors: boolean): string | undefined {
  const parse = (by: string, why: "invalid syntax" | "value out of range"): string =>
    goErrors
      ? `strconv.${by}: parsing ${JSON.stringify(value)}: ${why}`
      : why === "invalid syntax"
        ? "parse error"
        : why;
  const invalid = (why: string): string =>
    `invalid value ${JSON.stringify(value)} for flag -${flag.name}: ${why}`;
  switch (flag.kind) {
    case "bool":
      return parseBool(value) === undefined
        ? `invalid boolean value ${JSON.stringify(value)} for -${flag.name}: ${parse("ParseBool", "invalid syntax")}`
        : undefined;
    case "int":
      if (!/^[-+]?\d+$/.test(value)) return invalid(parse("Atoi", "invalid syntax"));
      return Number.isSafeInteger(Number(value)) ? undefined : invalid(parse("Atoi", "value out of range"));
    case "uint": {
      const parsing = flag.reasons ? `strconv.ParseUint: parsing ${JSON.stringify(value)}: ` : "";
      if (!/^\d+$/.test(value)) return invalid(flag.reasons ? `${parsing}invalid syntax` : "parse error");
      return BigInt(value) <= 0xffff_ffff_ffff_ffffn ? undefined : invalid(`${parsing}value out of range`);
    }
    case "duration":
      try {
        parseDuration(value);
        return undefined;
      } catch (e) {
        if (e instanceof DurationError) return invalid(flag.reasons ? e.message : "parse error");
        throw e;
      }
    case "pairs":
      return value.includes("=") ? undefined : invalid(`Missing "=" value in argument: ${value}`);
    default:
      return undefined;
  }
}

/** Go's listing of all flags, printed after a parse error. */
export function goListing(groups: readonly FlagGroup[]): string {
  const flags = groups
    .flatMap((g) => g.flags)
    .filter((f) => !f.hidden)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const lines = ["Usage:"];
  for (const f of flags) {
    const type = f.kind === "bool" ? "" : ` ${metavar(f)}`;
    const zero = f.fallback === undefined || ["", "0", "false", "0s"].includes(f.fallback);
    const shown =
      f.kind === "string"
        ? JSON.stringify(f.fallback)
        : f.kind === "duration" && f.fallback !== undefined
          ? formatDuration(parseDuration(f.fallback))
          : f.fallback;
    lines.push(`  -${f.name}${type}`, `    \t${f.usage}${zero ? "" : ` (default ${shown})`}`);
  }
  return lines.join("\n");
}

export const metavar = (f: Flag): string =>
  f.metavar ?? (f.kind === "strings" || f.kind === "pairs" ? "value" : f.kind);
