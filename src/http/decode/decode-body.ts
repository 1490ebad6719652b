/**
 * A JSON body to a declared type, strictly: names in any case, aliases where a struct has them, unknown names refused,
 * every kind checked, with Go's error texts. Durations are text or nanoseconds in whatever struct they stand.
 */
import { parseDuration } from "../../wire/duration.ts";
import { type Field, type GoValue, parseTime, type Type } from "../../wire/schema.ts";
import { JsonObject, type JsonValue, parseGoJson } from "./json-parser.ts";

/** A body of the wrong shape, with the text that Go's decoder would give. */
export class BodyError extends Error {
  override readonly name = "BodyError";
}

export interface DecodeOptions {
  /** Struct name to further names of its fields: lower-case alias to field. The field's own name wins over an alias. */
  readonly aliases?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Names of structs whose unknown fields are passed over; `true`: of all. */
  readonly ignoreUnknown?: ReadonlySet<string> | true;
  /** Lower-case names that are accepted and dropped. */
  readonly dropped?: ReadonlySet<string>;
  /** Tells about an unknown `Namespace` that it is of the enterprise edition. */
  readonly namespaceHint?: boolean;
  /** What errors call the body's type, where it is not "structs." and its name. */
  readonly goType?: string;
  /** Struct names as errors show them. */
  readonly goNames?: Readonly<Record<string, string>>;
  /** Struct.Field names of duration fields whose whole numbers below 1000 are seconds. */
  readonly smallSeconds?: ReadonlySet<string>;
}

/** The value of a body. Throws JsonSyntaxError or {@link BodyError}; the caller puts its endpoint's prefix before either. */
export function decodeBody<T>(type: Type<T>, text: string, options: DecodeOptions = {}): T {
  return decodeValue(type, parseGoJson(text), options);
}

/** As {@link decodeBody}, of a value that has been parsed already. */
export function decodeValue<T>(type: Type<T>, value: JsonValue, options: DecodeOptions = {}): T {
  return read(type as Type<unknown>, value, options, TOP) as T;
}

/** Lower-case names of an object's members, to tell "absent" from "empty". */
export const memberNames = (v: JsonValue): ReadonlySet<string> =>
  new Set(v instanceof JsonObject ? v.members.map(([k]) => k.toLowerCase()) : []);

const kindOf = (v: JsonValue): string =>
  v === null
    ? "null"
    : v instanceof JsonObject
      ? "object"
      : Array.isArray(v)
        ? "array"
        : typeof v === "boolean"
          ? "bool"
          : typeof v === "string"
            ? "string"
            : "number";

const GO_TYPES: Readonly<Record<string, string>> = {
  string: "string",
  bytes: "[]uint8",
  bool: "bool",
  float: "float64",
  duration: "time.Duration",
  time: "time.Time",
};

const ENTERPRISE_HINT = " - Namespaces are a Consul Enterprise feature";

/** Where a value stands: the struct that holds it, and the fields down to it. */
interface Place {
  readonly owner: string;
  /** "" at the top. */
  readonly path: string;
}
const TOP: Place = { owner: "", path: "" };

function mismatch(v: JsonValue, at: Place, goType: string): BodyError {
  const kind = typeof v === "number" || typeof v === "bigint" ? numberKind(v, goType) : kindOf(v);
  const where = at.path === "" ? "value" : `struct field ${at.owner}.${at.path}`;
  return new BodyError(`json: cannot unmarshal ${kind} into Go ${where} of type ${goType}`);
}

const numberKind = (v: number | bigint, goType: string): string =>
  /^u?int/.test(goType) ? `number ${v}` : "number";

function read(type: Type<unknown>, v: JsonValue, o: DecodeOptions, at: Place): unknown {
  const shape = type.shape;
  if (shape === undefined) return type.fromJson(plain(v), at.path);
  if (v === null) return type.zero();
  switch (shape.kind) {
    case "string":
      if (typeof v !== "string") throw mismatch(v, at, "string");
      return v;
    case "bool":
      if (typeof v !== "boolean") throw mismatch(v, at, "bool");
      return v;
    case "bytes":
      if (typeof v !== "string") throw mismatch(v, at, "[]uint8");
      return decodeBase64(v);
    case "float":
      if ((typeof v !== "number" && typeof v !== "bigint") || !Number.isFinite(Number(v)))
        throw mismatch(v, at, "float64");
      return Number(v);
    case "integer": {
      const goType = shape.min < 0n ? (shape.big ? "int64" : "int") : "uint64";
      if (typeof v !== "number" && typeof v !== "bigint") throw mismatch(v, at, goType);
      if (typeof v === "number" && !Number.isInteger(v)) throw mismatch(v, at, goType);
      const n = BigInt(v);
      if (n < shape.min || n > (type.name === "uint" && !shape.big ? 0xffff_ffff_ffff_ffffn : shape.max))
        throw mismatch(v, at, goType);
      if (shape.big) return n;
      // Indexes of a body are only compared (cas): one that no server can have reached stays one.
      return n > shape.max ? Number(shape.max) : Number(n);
    }
    case "duration":
      if (typeof v === "string") {
        try {
          return parseDuration(v);
        } catch (e) {
          throw new BodyError((e as Error).message);
        }
      }
      if (typeof v === "bigint" || (typeof v === "number" && Number.isFinite(v))) {
        const n = BigInt(typeof v === "number" ? Math.trunc(v) : v);
        const small = o.smallSeconds?.has(`${at.owner}.${at.path}`) === true && n < 1000n;
        return small ? n * 1_000_000_000n : BigInt.asIntN(64, n);
      }
      // Observed: other kinds are passed over.
      return 0n;
    case "time": {
      if (typeof v !== "string") throw new BodyError(`Time.UnmarshalJSON: input is not a JSON string`);
      const t = parseTime(v);
      if (t === undefined)
        throw new BodyError(
          `parsing time ${JSON.stringify(JSON.stringify(v))} as "\\"2006-01-02T15:04:05Z07:00\\"": cannot parse ${JSON.stringify(v)}`,
        );
      return t;
    }
    case "any":
      return toGoValue(v);
    case "pointer":
      return read(shape.of, v, o, at);
    case "list": {
      if (!Array.isArray(v)) throw mismatch(v, at, topName(at, o) ?? goTypeName(type));
      return (v as readonly JsonValue[]).map((x) => read(shape.of, x, o, at));
    }
    case "map": {
      if (!(v instanceof JsonObject)) throw mismatch(v, at, goTypeName(type));
      const out = new Map<string, unknown>();
      for (const [k, x] of v.members) out.set(k, read(shape.of, x, o, at));
      return out;
    }
    case "struct": {
      if (!(v instanceof JsonObject)) throw mismatch(v, at, topName(at, o) ?? `structs.${type.name}`);
      const names = namesOf(type, shape.fields);
      const aliases = o.aliases?.[type.name];
      const out = type.zero() as Record<string, unknown>;
      const direct = new Set<string>();
      for (const [key, x] of v.members) {
        const lower = key.toLowerCase();
        const own = names.get(lower);
        const field =
          own ?? (aliases === undefined ? undefined : names.get(aliases[lower]?.toLowerCase() ?? ""));
        if (field === undefined) {
          if (o.dropped?.has(lower)) continue;
          if (o.ignoreUnknown === true || o.ignoreUnknown?.has(type.name)) continue;
          throw new BodyError(
            `json: unknown field ${JSON.stringify(key)}${o.namespaceHint && lower === "namespace" ? ENTERPRISE_HINT : ""}`,
          );
        }
        if (own !== undefined) direct.add(field.name);
        else if (direct.has(field.name)) continue;
        const path = at.path === "" ? field.name : `${at.path}.${field.name}`;
        out[field.name] = read(field.type, x, o, { owner: o.goNames?.[type.name] ?? type.name, path });
      }
      return out;
    }
    default:
      throw new Error(`decode: no such shape: ${JSON.stringify(shape satisfies never)}`);
  }
}

const topName = (at: Place, o: DecodeOptions): string | undefined => (at.path === "" ? o.goType : undefined);

function goTypeName(t: Type<unknown>): string {
  const s = t.shape;
  if (s === undefined) return t.name;
  if (s.kind === "integer") return s.min < 0n ? "int" : "uint64";
  if (s.kind === "struct") return `structs.${t.name}`;
  if (s.kind === "any") return "interface {}";
  if (s.kind === "list") return `[]${goTypeName(s.of)}`;
  if (s.kind === "map") return `map[string]${goTypeName(s.of)}`;
  if (s.kind === "pointer") return `*${goTypeName(s.of)}`;
  return GO_TYPES[s.kind] ?? s.kind;
}

interface NamedField {
  readonly name: string;
  readonly type: Type<unknown>;
}

const nameCache = new WeakMap<object, ReadonlyMap<string, NamedField>>();

/** Lower-case JSON name to field; fields that JSON does not have are left out. */
function namesOf(
  type: Type<unknown>,
  fields: Readonly<Record<string, Type<unknown> | Field<unknown>>>,
): ReadonlyMap<string, NamedField> {
  let names = nameCache.get(type);
  if (names === undefined) {
    const made = new Map<string, NamedField>();
    for (const [name, f] of Object.entries(fields)) {
      const json = "options" in f ? (f.options.json ?? name) : name;
      if (json !== "-") made.set(json.toLowerCase(), { name, type: "options" in f ? f.type : f });
    }
    names = made;
    nameCache.set(type, names);
  }
  return names;
}

/** Go's base64.StdEncoding: padded, new lines passed over, everything else refused at its byte. */
export function decodeBase64(text: string): Buffer | null {
  const clean = text.replace(/[\r\n]/g, "");
  const ok = /^[A-Za-z0-9+/]*={0,2}$/.test(clean) && clean.length % 4 === 0;
  if (!ok) {
    const bad = clean.search(/[^A-Za-z0-9+/]/);
    throw new BodyError(
      `illegal base64 data at input byte ${bad < 0 ? clean.length - (clean.length % 4) : bad}`,
    );
  }
  return clean === "" ? null : Buffer.from(clean, "base64");
}

/** Parsed JSON as an untyped Go value: numbers are floats. */
export function toGoValue(v: JsonValue): GoValue {
  if (v instanceof JsonObject) return new Map(v.members.map(([k, x]) => [k, toGoValue(x)]));
  if (Array.isArray(v)) return (v as readonly JsonValue[]).map(toGoValue);
  return typeof v === "bigint" ? Number(v) : (v as GoValue);
}

function plain(v: JsonValue): unknown {
  if (v instanceof JsonObject) return new Map(v.members.map(([k, x]) => [k, plain(x)]));
  if (Array.isArray(v)) return (v as readonly JsonValue[]).map(plain);
  return v;
}
