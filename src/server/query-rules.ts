/** Rules of prepared queries: what may be stored, and which instances they take. Pure; texts as observed in Consul 1.8.7. */
import type { CheckServiceNode } from "../model/catalog.ts";
import type { PreparedQuery, ServiceQuery } from "../model/prepared-query.ts";
import { satisfiesMeta } from "../state/service-query.ts";
import { parseDuration } from "../wire/duration.ts";
import { errorText } from "./errors.ts";
import { META_KEY_LENGTH_MAX, META_PAIRS_MAX, META_VALUE_LENGTH_MAX } from "./limits.ts";

const REDACTED_TOKEN = "<hidden>";

/** Why a query may not be stored; undefined when it may. */
export function queryFault(query: PreparedQuery): string | undefined {
  if (query.Name === "" && query.Template.Type === "" && query.Session === "")
    return "Must be bound to a session";
  if (query.Token === REDACTED_TOKEN)
    return `Bad Token '${query.Token}', it looks like a query definition with a redacted token was submitted`;
  const { Service } = query;
  if (Service.Service === "") return "Must provide a Service name to query";
  if (Service.Failover.NearestN < 0) return `Bad NearestN '${Service.Failover.NearestN}', must be >= 0`;
  const meta = metaFault(Service.NodeMeta);
  if (meta !== undefined) return `Invalid NodeMeta: ${meta}`;
  if (query.DNS.TTL === "") return undefined;
  let ttl: bigint;
  try {
    ttl = parseDuration(query.DNS.TTL);
  } catch (error) {
    return `Bad DNS TTL '${query.DNS.TTL}': ${errorText(error)}`;
  }
  return ttl < 0n ? `DNS TTL '${ttl}', must be >=0` : undefined;
}

function metaFault(meta: ReadonlyMap<string, string> | null): string | undefined {
  if (meta === null) return undefined;
  if (meta.size > META_PAIRS_MAX)
    return `Node metadata cannot contain more than ${META_PAIRS_MAX} key/value pairs`;
  for (const [key, value] of meta) {
    let fault: string | undefined;
    if (key === "") fault = "Key cannot be blank";
    else if (!/^[a-zA-Z0-9_-]+$/.test(key)) fault = "Key contains invalid characters";
    else if (key.length > META_KEY_LENGTH_MAX)
      fault = `Key is too long (limit: ${META_KEY_LENGTH_MAX} characters)`;
    else if (value.length > META_VALUE_LENGTH_MAX)
      fault = `Value is too long (limit: ${META_VALUE_LENGTH_MAX} characters)`;
    if (fault !== undefined) return `Couldn't load metadata pair ('${key}', '${value}'): ${fault}`;
  }
  return undefined;
}

/** Tags that must all be there, and tags (written with "!") none of which may be; in any case. */
function tagsFit(wanted: readonly string[] | null, tags: readonly string[] | null): boolean {
  const have = new Set((tags ?? []).map((t) => t.toLowerCase()));
  return (wanted ?? []).every((w) => {
    const t = w.toLowerCase();
    return t.startsWith("!") ? !have.has(t.slice(1)) : have.has(t);
  });
}

/** The instances that a query takes: healthy ones with the metadata and tags it asks for. */
export function selectNodes(
  query: ServiceQuery,
  found: readonly CheckServiceNode[],
): readonly CheckServiceNode[] {
  const ignored = new Set(query.IgnoreCheckIDs ?? []);
  return found.filter(({ Node, Service, Checks }) => {
    for (const check of Checks ?? []) {
      if (check === null || ignored.has(check.CheckID)) continue;
      if (check.Status === "critical" || (query.OnlyPassing && check.Status !== "passing")) return false;
    }
    return (
      satisfiesMeta(Node?.Meta ?? null, query.NodeMeta) &&
      satisfiesMeta(Service?.Meta ?? null, query.ServiceMeta) &&
      tagsFit(query.Tags, Service?.Tags ?? null)
    );
  });
}
