/**
 * Config entries as users write them: CamelCase or snake_case in any case, kinds converted where they fit ("5" for 5),
 * unknown keys gathered with their place. Texts as observed in Consul 1.8.7.
 */
import { type ConfigEntry, configEntryType } from "../../model/config-entry-box.ts";
import { parseDuration } from "../../wire/duration.ts";
import type { Field, Fields, Type } from "../../wire/schema.ts";
import { BodyError, toGoValue } from "./decode-body.ts";
import { JsonObject, type JsonValue } from "./json-parser.ts";

/** The entry of a parsed body. Throws {@link BodyError}. */
export function decodeConfigEntry(body: JsonValue): ConfigEntry {
  if (!(body instanceof JsonObject))
    throw new BodyError("Payload does not contain a kind/Kind key at the top level");
  const named = body.members.findLast(([k]) => k === "Kind") ?? body.members.findLast(([k]) => k === "kind");
  if (named === undefined) throw new BodyError("Payload does not contain a kind/Kind key at the top level");
  const kind = named[1];
  if (typeof kind !== "string") throw new BodyError("Kind value in payload is not a string");
  const type = configEntryType(kind);
  const found: Found = { unknown: [], wrong: [] };
  const entry = weak(type as Type<unknown>, body, "", found);
  if (found.wrong.length > 0)
    throw new BodyError(
      `${found.wrong.length} error(s) decoding:\n\n${found.wrong.map((w) => `* ${w}`).join("\n")}`,
    );
  if (found.unknown.length > 0) {
    const n = found.unknown.length;
    const lines = found.unknown.map((k) => `\t* invalid config key ${JSON.stringify(k)}\n`).join("");
    throw new BodyError(`${n} error${n === 1 ? "" : "s"} occurred:\n${lines}\n`);
  }
  return { ...(entry as ConfigEntry), Kind: kind };
}

interface Found {
  readonly unknown: string[];
  readonly wrong: string[];
}

const goKind = (v: JsonValue): string => {
  if (v instanceof JsonObject) return "map[string]interface {}";
  if (Array.isArray(v)) return "[]interface {}";
  if (typeof v === "string") return "string";
  return typeof v === "boolean" ? "bool" : "float64";
};

const compact = (name: string): string => name.replaceAll("_", "").toLowerCase();

function fieldsByName(
  fields: Fields,
): ReadonlyMap<string, { readonly name: string; readonly type: Type<unknown> }> {
  const out = new Map<string, { readonly name: string; readonly type: Type<unknown> }>();
  for (const [name, f] of Object.entries(fields)) {
    const type = ("options" in f ? (f as Field<unknown>).type : f) as Type<unknown>;
    out.set(compact(name), { name, type });
  }
  return out;
}

function weak(type: Type<unknown>, v: JsonValue, at: string, found: Found): unknown {
  const { shape } = type;
  if (v === null || shape === undefined) return type.zero();
  const refuse = (wanted: string): unknown => {
    found.wrong.push(`'${at}' expected type '${wanted}', got unconvertible type '${goKind(v)}'`);
    return type.zero();
  };
  switch (shape.kind) {
    case "string":
      if (typeof v === "string") return v;
      if (typeof v === "boolean") return v ? "1" : "0";
      if (typeof v === "number" || typeof v === "bigint") return String(v);
      return refuse("string");
    case "bool": {
      if (typeof v === "boolean") return v;
      if (typeof v === "number" || typeof v === "bigint") return Number(v) !== 0;
      if (typeof v !== "string") return refuse("bool");
      if (/^(1|t|T|TRUE|true|True)$/.test(v)) return true;
      if (/^(0|f|F|FALSE|false|False|)$/.test(v)) return false;
      found.wrong.push(
        `cannot parse '${at}' as bool: strconv.ParseBool: parsing ${JSON.stringify(v)}: invalid syntax`,
      );
      return false;
    }
    case "integer": {
      let n: bigint;
      if (typeof v === "boolean") n = v ? 1n : 0n;
      else if (typeof v === "bigint") n = v;
      else if (typeof v === "number") n = BigInt(Math.trunc(v));
      else if (typeof v === "string" && /^[+-]?\d+$/.test(v)) n = BigInt(v.replace(/^\+/, ""));
      else if (typeof v === "string") {
        found.wrong.push(
          `cannot parse '${at}' as int: strconv.ParseInt: parsing ${JSON.stringify(v)}: invalid syntax`,
        );
        return type.zero();
      } else return refuse("int");
      if (n < shape.min || n > shape.max) {
        found.wrong.push(`cannot parse '${at}', ${n} is out of range`);
        return type.zero();
      }
      return shape.big ? n : Number(n);
    }
    case "float": {
      if (typeof v === "number" || typeof v === "bigint") return Number(v);
      if (typeof v === "string" && v.trim() !== "" && Number.isFinite(Number(v))) return Number(v);
      return refuse("float32");
    }
    case "duration": {
      if (typeof v === "number" || typeof v === "bigint")
        return BigInt(typeof v === "number" ? Math.trunc(v) : v);
      if (typeof v !== "string") return refuse("time.Duration");
      try {
        return parseDuration(v);
      } catch (e) {
        found.wrong.push(`error decoding '${at}': ${(e as Error).message}`);
        return 0n;
      }
    }
    case "bytes":
    case "time":
      return refuse(type.name);
    case "any":
      return toGoValue(v);
    case "pointer":
      return weak(shape.of, v, at, found);
    case "list": {
      // A single value counts as a list of one.
      const items = Array.isArray(v) ? (v as readonly JsonValue[]) : [v];
      return items.map((x, i) => weak(shape.of, x, `${at}[${i}]`, found));
    }
    case "map": {
      if (!(v instanceof JsonObject)) {
        found.wrong.push(`'${at}' expected a map, got '${goKind(v)}'`);
        return type.zero();
      }
      return new Map(v.members.map(([k, x]) => [k, weak(shape.of, x, `${at}[${k}]`, found)]));
    }
    case "struct": {
      if (!(v instanceof JsonObject)) return refuse("map");
      const names = fieldsByName(shape.fields);
      const out = type.zero() as Record<string, unknown>;
      for (const [key, x] of v.members) {
        const place = at === "" ? key : `${at}.${key}`;
        const f = names.get(compact(key));
        if (f === undefined) found.unknown.push(place);
        else out[f.name] = weak(f.type, x, at === "" ? f.name : `${at}.${f.name}`, found);
      }
      return out;
    }
    default:
      throw new Error(`config entry: no such shape: ${JSON.stringify(shape satisfies never)}`);
  }
}
