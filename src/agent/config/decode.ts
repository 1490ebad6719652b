/**
 * One source's document against the key declarations: typed values, and the place of each for later complaints. Strictness,
 * leniencies and texts as observed in Consul 1.8.7; what it leaves unsaid (place, nearest key, documentation) is added.
 */
import { DurationError, parseDuration } from "../../wire/duration.ts";
import { ConfigError, type Diagnostic, diagnosticAt, multiError } from "./diagnostic.ts";
import { type DocMember, type DocObject, type DocValue, plain, type Source, type Span } from "./document.ts";
import { parseHcl } from "./hcl/parser.ts";
import { parseJson } from "./json.ts";
import type { Key, Keys } from "./key.ts";
import { nearest } from "./nearest.ts";
import { CONFIG_KEYS, type ConfigInput, REMOVED_KEYS } from "./schema.ts";

export interface Place {
  readonly source: Source;
  readonly span: Span;
}

/** A value of the right type that makes no sense ("abc" as a duration); reported after the address checks, as the original does. */
export interface ValueProblem {
  readonly text: string;
  readonly diagnostic: Diagnostic;
}

export interface DecodedSource {
  readonly input: ConfigInput;
  /** Dotted path of a key ("ports.http") to where its value stands. */
  readonly places: ReadonlyMap<string, Place>;
  /** Where each element of `services`, `checks` and their kin stands. */
  readonly objectPlaces: WeakMap<object, Place>;
  readonly warnings: readonly string[];
  readonly problems: readonly ValueProblem[];
}

/** Throws ConfigError. An `.hcl` text that starts with '{' is JSON. An empty text says nothing. */
export function decodeSource(source: Source): DecodedSource {
  if (source.text.trim() === "")
    return { input: {}, places: new Map(), objectPlaces: new WeakMap(), warnings: [], problems: [] };
  const json = source.format === "json" || /^\s*\{/.test(source.text);
  const decoder = new Decoder({ ...source, format: json ? "json" : "hcl" });
  return decoder.root();
}

/** What Go calls the value's type. */
function goType(value: DocValue): string {
  switch (value.kind) {
    case "object":
      return "map";
    case "list":
      return "slice";
    case "number":
      return value.integer ? "int" : "float64";
    default:
      return value.kind;
  }
}

const article = (value: DocValue): string =>
  ({
    object: "an object",
    list: "a list",
    string: "a string",
    number: "a number",
    bool: "a boolean",
    null: "null",
  })[value.kind];

class Decoder {
  readonly #source: Source;
  readonly #places = new Map<string, Place>();
  readonly #objectPlaces = new WeakMap<object, Place>();
  readonly #warnings: string[] = [];
  readonly #problems: ValueProblem[] = [];
  readonly #typeErrors: { readonly text: string; readonly diagnostic: Diagnostic }[] = [];
  readonly #unknown: { readonly text: string; readonly diagnostic: Diagnostic }[] = [];

  constructor(source: Source) {
    this.#source = source;
  }

  root(): DecodedSource {
    let root: DocObject;
    if (this.#source.format === "json") {
      const document = parseJson(this.#source);
      root = document.root;
      for (const d of document.duplicates) {
        const at = diagnosticAt(this.#source, d.span, "");
        this.#warnings.push(
          `${this.#source.name}:${at.line}:${at.column}: the key "${d.key}" was given before in the same object; only this last one counts`,
        );
      }
    } else root = parseHcl(this.#source);
    const input = this.#object(root, CONFIG_KEYS, false, "") as ConfigInput;
    if (this.#typeErrors.length > 0) {
      const texts = this.#typeErrors.map((e) => `* ${e.text}`).sort();
      throw new ConfigError(
        `failed to parse ${this.#source.name}: ${texts.length} error(s) decoding:\n\n${texts.join("\n")}`,
        [...this.#typeErrors, ...this.#unknown].map((e) => e.diagnostic),
      );
    }
    if (this.#unknown.length > 0)
      throw new ConfigError(
        `failed to parse ${this.#source.name}: ${multiError(this.#unknown.map((e) => e.text))}`,
        this.#unknown.map((e) => e.diagnostic),
      );
    return {
      input,
      places: this.#places,
      objectPlaces: this.#objectPlaces,
      warnings: this.#warnings,
      problems: this.#problems,
    };
  }

  #object(object: DocObject, keys: Keys, loose: boolean, path: string): Readonly<Record<string, unknown>> {
    const out: Record<string, unknown> = {};
    for (const member of object.members) {
      const name = lookup(keys, member.key, loose);
      const written = path === "" ? member.key.toLowerCase() : `${path}.${member.key.toLowerCase()}`;
      if (name === undefined) {
        this.#unknownKey(member, keys, path);
        continue;
      }
      const key = keys[name]!;
      if (member.value.kind === "null") continue;
      const at = path === "" ? name : `${path}.${name}`;
      this.#places.set(at, { source: this.#source, span: member.value.span });
      if (key.enterprise) {
        this.#warnings.push(`"${at}" is a Consul Enterprise configuration and will have no effect`);
        continue;
      }
      if (key.deprecated !== undefined) this.#warnings.push(`config key "${written}" ${key.deprecated}`);
      const value = this.#value(member.value, key, at, loose);
      if (value !== undefined && !key.ignored && !key.fixed) out[name] = value;
    }
    this.#objectPlaces.set(out, { source: this.#source, span: object.span });
    return out;
  }

  #unknownKey(member: DocMember, keys: Keys, path: string): void {
    const at = path === "" ? member.key : `${path}.${member.key}`;
    const removed = path === "" ? REMOVED_KEYS[member.key.toLowerCase()] : undefined;
    const names = Object.keys(keys).filter((k) => keys[k]!.deprecated === undefined && !keys[k]!.fixed);
    const elsewhere = removed === undefined ? placeOfKey(member.key, path) : undefined;
    const near = removed === undefined && elsewhere === undefined ? nearest(member.key, names) : undefined;
    const hint =
      removed ??
      (near !== undefined
        ? `did you mean "${near}"?`
        : elsewhere !== undefined
          ? `"${member.key}" belongs ${elsewhere}`
          : names.length <= 12
            ? `known keys here: ${names.join(", ")}`
            : "");
    const doc = near === undefined || keys[near]!.doc === "" ? "" : `${near}: ${keys[near]!.doc}`;
    this.#unknown.push({
      text: `invalid config key ${at}`,
      diagnostic: diagnosticAt(
        this.#source,
        member.keySpan,
        `"${member.key}" is not a known key${path === "" ? "" : ` of ${path}`}`,
        { hint, doc },
      ),
    });
  }

  #typeError(text: string, value: DocValue, expected: string, key: Key<unknown>, at: string): undefined {
    const fix =
      value.kind === "string" && (PLAIN_VALUE[key.type.kind]?.test(value.value) ?? false)
        ? `write it without quotes: ${at.split(".").at(-1)} ${this.#source.format === "json" ? ":" : "="} ${value.value}`
        : value.kind === "number" && key.type.kind === "duration"
          ? `write a number and a unit in quotes, as "${value.value}s"`
          : value.kind === "string" && key.type.kind === "strings"
            ? `write a list: [${JSON.stringify(value.value)}]`
            : (value.kind === "number" || value.kind === "bool") && key.type.kind === "string"
              ? `write it in quotes: "${value.value}"`
              : "";
    this.#typeErrors.push({
      text,
      diagnostic: diagnosticAt(this.#source, value.span, `expected ${expected}, found ${article(value)}`, {
        hint: fix,
        doc: key.doc === "" ? "" : `${at}: ${key.doc}`,
      }),
    });
    return undefined;
  }

  #unconvertible(value: DocValue, type: string, expected: string, key: Key<unknown>, at: string): undefined {
    return this.#typeError(
      `'${at}' expected type '${type}', got unconvertible type '${goType(value)}'`,
      value,
      expected,
      key,
      at,
    );
  }

  #value(written: DocValue, key: Key<unknown>, at: string, loose: boolean): unknown {
    const { type } = key;
    switch (type.kind) {
      case "string":
        return this.#string(written, key, at);
      case "bool": {
        return written.kind === "bool"
          ? written.value
          : this.#unconvertible(written, "bool", "true or false", key, at);
      }
      case "int": {
        return written.kind === "number"
          ? Math.trunc(written.value)
          : this.#unconvertible(written, "int", "a whole number", key, at);
      }
      case "float": {
        return written.kind === "number"
          ? written.value
          : this.#unconvertible(written, "float64", "a number", key, at);
      }
      case "duration":
        return this.#duration(written, key, at, loose);
      case "strings":
        return this.#strings(written, key, at);
      case "any":
        return plain(written);
      case "free": {
        const value = unwrap(written);
        return value.kind === "object" ? plain(value) : this.#notMap(value, key, at);
      }
      case "stringMap":
        return this.#map(written, key, at, (v, p) => this.#string(v, key, p, `${at}[${p}]`));
      case "durationMap":
        return this.#map(written, key, at, (v, p) => this.#duration(v, key, at, loose, p));
      case "listMap":
        return this.#map(written, key, at, (v, p) => this.#strings(v, key, `${at}[${p}]`));
      case "object": {
        const value = unwrap(written);
        return value.kind === "object"
          ? this.#object(value, type.keys, type.loose, at)
          : this.#notMap(value, key, at);
      }
      case "objects": {
        // One object where a list is wanted: HCL's block form makes it a list; JSON must write the list.
        if (written.kind !== "list")
          return this.#typeError(
            `'${at}': source data must be an array or slice, got ${goType(written)}`,
            written,
            "a list",
            key,
            at,
          );
        return written.items.flatMap((item, i) => {
          const value = unwrap(item);
          if (value.kind === "object") return [this.#object(value, type.keys, type.loose, `${at}[${i}]`)];
          this.#notMap(value, key, `${at}[${i}]`);
          return [];
        });
      }
      case "objectMap":
        return this.#map(written, key, at, (v, p) => {
          const value = unwrap(v);
          return value.kind === "object"
            ? this.#object(value, type.keys, type.loose, `${at}[${p}]`)
            : this.#notMap(value, key, `${at}[${p}]`);
        });
    }
  }

  #notMap(value: DocValue, key: Key<unknown>, at: string): undefined {
    return this.#typeError(
      `'${at}' expected a map, got '${goType(value)}'`,
      value,
      "an object: { ... }",
      key,
      at,
    );
  }

  #string(written: DocValue, key: Key<unknown>, at: string, textPath = at): string | undefined {
    if (written.kind === "string") return written.value;
    return this.#unconvertible(written, "string", "a string in double quotes", key, textPath);
  }

  #strings(written: DocValue, key: Key<unknown>, at: string): readonly string[] | undefined {
    if (written.kind !== "list")
      return this.#typeError(
        `'${at}': source data must be an array or slice, got ${goType(written)}`,
        written,
        "a list of strings",
        key,
        at,
      );
    return written.items.flatMap((item, i) => this.#string(item, key, `${at}[${i}]`) ?? []);
  }

  #map<T>(
    written: DocValue,
    key: Key<unknown>,
    at: string,
    item: (value: DocValue, name: string) => T | undefined,
  ): ReadonlyMap<string, T> | undefined {
    const value = unwrap(written);
    if (value.kind !== "object") {
      if (value.kind === "list" && value.items.length === 0) return new Map();
      return this.#notMap(value, key, at);
    }
    const out = new Map<string, T>();
    for (const member of value.members) {
      if (member.value.kind === "null") continue;
      const v = item(member.value, member.key);
      if (v !== undefined) out.set(member.key, v);
    }
    return out;
  }

  #duration(
    value: DocValue,
    key: Key<unknown>,
    at: string,
    loose: boolean,
    mapKey?: string,
  ): bigint | undefined {
    // 0.6 took nanoseconds as a number in check definitions.
    if (loose && value.kind === "number") return value.exact ?? BigInt(Math.trunc(value.value));
    const textPath = mapKey === undefined ? at : `${at}[${mapKey}]`;
    if (value.kind !== "string")
      return this.#unconvertible(value, "string", 'a duration in quotes, as "10s" or "1h30m"', key, textPath);
    if (value.value === "") return 0n;
    try {
      return parseDuration(value.value);
    } catch (error) {
      if (!(error instanceof DurationError)) throw error;
      // As Consul 1.8.7 with the words of its Go, whichever way this program's parser words it.
      const shown = mapKey === undefined ? at : `${at}["${mapKey}"]`;
      this.#problems.push({
        text: `${shown}: invalid duration: "${value.value}": ${error.message}`,
        diagnostic: diagnosticAt(
          this.#source,
          value.span,
          'expected a duration, as "10s", "1h30m" or "300ms"',
          {
            hint: /^\d+$/.test(value.value)
              ? `did you forget the unit? "${value.value}s" is seconds`
              : "units: ns us ms s m h",
            doc: key.doc === "" ? "" : `${at}: ${key.doc}`,
          },
        ),
      });
      return undefined;
    }
  }
}

/** What a quoted value must look like to be meant without quotes. */
const PLAIN_VALUE: Readonly<Record<string, RegExp>> = {
  int: /^-?\d+$/,
  float: /^-?\d+(\.\d+)?$/,
  bool: /^(true|false)$/,
};

/** One HCL block, or a one-element list of an object, stands for the object. */
function unwrap(value: DocValue): DocValue {
  if (value.kind === "list" && value.items.length === 1) return value.items[0]!;
  return value;
}

const foldKey = (key: string, loose: boolean): string =>
  loose ? key.toLowerCase().replaceAll("_", "") : key.toLowerCase();

const indexes = new WeakMap<
  Keys,
  { readonly strict: Map<string, string>; readonly loose: Map<string, string> }
>();

/** The declared name for a key as written, or undefined. */
function lookup(keys: Keys, written: string, loose: boolean): string | undefined {
  let index = indexes.get(keys);
  if (index === undefined) {
    index = { strict: new Map(), loose: new Map() };
    for (const [name, key] of Object.entries(keys))
      for (const spelling of [name, ...(key.aliases ?? [])]) {
        index.strict.set(foldKey(spelling, false), name);
        index.loose.set(foldKey(spelling, true), name);
      }
    indexes.set(keys, index);
  }
  return loose ? index.loose.get(foldKey(written, true)) : index.strict.get(foldKey(written, false));
}

/** Where a key that is unknown here would be known: "in dns_config { }" or "at the top level". */
function placeOfKey(written: string, here: string): string | undefined {
  const name = written.toLowerCase();
  if (here !== "" && Object.hasOwn(CONFIG_KEYS, name)) return "at the top level";
  for (const [parent, key] of Object.entries(CONFIG_KEYS) as [string, Key<unknown>][]) {
    const { type } = key;
    if (key.deprecated !== undefined || (type.kind !== "object" && type.kind !== "objects")) continue;
    if (parent !== here && Object.hasOwn(type.keys, name)) return `inside ${parent}`;
  }
  return undefined;
}
