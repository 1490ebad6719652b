/**
 * Sources over each other, later ones winning: scalars replace, lists append, maps overlay, objects merge field by field.
 * `check` and `service` of one source join its `checks` and `services` first. Rules observed in Consul 1.8.7.
 */
import { parseDuration } from "../../wire/duration.ts";
import type { Key, Keys } from "./key.ts";
import { CONFIG_KEYS, type ConfigInput, type MergedConfig } from "./schema.ts";

/** The defaults of all keys, objects present. */
export function defaults(): ConfigInput {
  return defaultsOf(CONFIG_KEYS) as ConfigInput;
}

function defaultsOf(keys: Keys): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [name, key] of Object.entries(keys) as [string, Key<unknown>][]) {
    if (key.type.kind === "object" && !OPTIONAL.has(name)) out[name] = defaultsOf(key.type.keys);
    else if (key.fallback !== undefined)
      out[name] = key.type.kind === "duration" ? parseDuration(String(key.fallback)) : key.fallback;
  }
  return out;
}

/** Objects whose absence means something. */
const OPTIONAL: ReadonlySet<string> = new Set(["check", "service", "advertise_addrs"]);

export function merge(sources: readonly ConfigInput[]): MergedConfig {
  let merged: Record<string, unknown> = {};
  for (const source of sources) merged = overlay(merged, plural(source), CONFIG_KEYS);
  // Every key with a default is present when `defaults()` came first.
  return merged as unknown as MergedConfig;
}

function plural(source: ConfigInput): Record<string, unknown> {
  const { service, services, check, checks, ...rest } = source;
  const out: Record<string, unknown> = { ...rest };
  if (services !== undefined || service !== undefined)
    out["services"] = [...(services ?? []), ...(service === undefined ? [] : [service])];
  if (checks !== undefined || check !== undefined)
    out["checks"] = [...(checks ?? []), ...(check === undefined ? [] : [check])];
  return out;
}

function overlay(
  below: Readonly<Record<string, unknown>>,
  above: Readonly<Record<string, unknown>>,
  keys: Keys,
): Record<string, unknown> {
  const out: Record<string, unknown> = { ...below };
  for (const [name, value] of Object.entries(above)) {
    if (value === undefined) continue;
    const key = keys[name];
    const before = out[name];
    if (key === undefined || before === undefined) {
      out[name] = value;
      continue;
    }
    switch (key.type.kind) {
      case "object":
        out[name] = overlay(
          before as Record<string, unknown>,
          value as Record<string, unknown>,
          key.type.keys,
        );
        break;
      case "strings":
      case "objects":
        out[name] = [...(before as unknown[]), ...(value as unknown[])];
        break;
      case "stringMap":
      case "durationMap":
      case "listMap":
      case "objectMap":
        out[name] = new Map([...(before as Map<string, unknown>), ...(value as Map<string, unknown>)]);
        break;
      case "free":
        out[name] = { ...(before as object), ...(value as object) };
        break;
      default:
        out[name] = value;
    }
  }
  return out;
}
