/**
 * What to watch: the parameters of a watch checked, and its data read by blocking queries. The same for the `watch` command and
 * for the watches of an agent's configuration. Texts observed in Consul 1.8.7.
 */
import type { TribuneClient } from "../client/client.ts";
import type { QueryOptions, QueryReply } from "../client/query.ts";
import type { WatchOptions } from "../client/watch.ts";
import { watch } from "../client/watch.ts";
import { parseJson, stringifyJson } from "../wire/json.ts";

/** Parameters as they are written in a configuration or given as flags. */
export interface WatchParams {
  readonly type?: string | undefined;
  readonly key?: string | undefined;
  readonly prefix?: string | undefined;
  readonly service?: string | undefined;
  readonly service_id?: string | undefined;
  readonly tag?: readonly string[] | undefined;
  readonly passingonly?: boolean | undefined;
  readonly state?: string | undefined;
  readonly name?: string | undefined;
  readonly datacenter?: string | undefined;
  readonly token?: string | undefined;
  readonly stale?: boolean | undefined;
}

export class WatchError extends Error {
  override readonly name = "WatchError";
}

type ParamName = "key" | "prefix" | "service" | "service_id" | "tag" | "passingonly" | "state" | "name";

/** What each type takes. */
const PARAMETERS: Readonly<Record<string, readonly ParamName[]>> = {
  key: ["key"],
  keyprefix: ["prefix"],
  services: [],
  nodes: [],
  service: ["service", "tag", "passingonly"],
  checks: ["service", "state"],
  event: ["name"],
  agent_service: ["service_id"],
  connect_roots: [],
  connect_leaf: ["service"],
};
const AGENT_ONLY: ReadonlySet<string> = new Set(["connect_roots", "connect_leaf", "agent_service"]);

/** One look at the watched data: JSON text as the API writes it, and the index to wait from. */
export interface WatchReading {
  readonly json: string;
  readonly index: bigint;
}

export interface WatchPlan {
  readonly type: string;
  /**
   * Endless until `signal`; yields the first reading and each one that differs. A run after one that failed yields only what differs
   * from what was yielded before: a lost server is no change.
   */
  run(client: TribuneClient, options: WatchOptions): AsyncGenerator<WatchReading, void, undefined>;
}

/** Throws WatchError. `agent`: for an agent's configuration, which may also watch what only the agent knows. */
export function watchPlan(params: WatchParams, options: { readonly agent?: boolean } = {}): WatchPlan {
  const type = params.type ?? "";
  if (type === "") throw new WatchError("Watch type must be specified");
  if (AGENT_ONLY.has(type) && !options.agent)
    throw new WatchError(`Type ${type} is not supported in the CLI tool`);
  const known = PARAMETERS[type];
  if (known === undefined) throw new WatchError(`Unsupported watch type: ${type}`);
  const need = (name: "key" | "prefix" | "service" | "service_id"): string => {
    const value = params[name] ?? "";
    if (value === "") throw new WatchError(`Must specify a single ${name} to watch`);
    return value;
  };
  if (type === "key") need("key");
  if (type === "keyprefix") need("prefix");
  if (type === "service" || type === "connect_leaf") need("service");
  if (type === "agent_service") need("service_id");
  if (type === "checks" && params.service && params.state)
    throw new WatchError("Cannot specify service and state");
  const all: readonly ParamName[] = [
    "key",
    "prefix",
    "service",
    "service_id",
    "tag",
    "passingonly",
    "state",
    "name",
  ];
  const extra = all.filter((name) => {
    const value = params[name];
    const set = Array.isArray(value) ? value.length > 0 : value !== undefined && value !== "";
    return set && !known.includes(name);
  });
  if (extra.length > 0) throw new WatchError(`Invalid parameters: [${extra.join(" ")}]`);
  const seen: Seen = { json: undefined, events: new Set(), hash: "" };
  const run = type === "agent_service" ? agentServiceReadings : readings;
  return { type, run: (client, options) => run(client, params, type, options, seen) };
}

/** What was yielded last. */
interface Seen {
  json: string | undefined;
  events: ReadonlySet<string>;
  hash: string;
}

/** A service of the agent itself: it waits by a hash of its content, not by an index. */
async function* agentServiceReadings(
  client: TribuneClient,
  params: WatchParams,
  _type: string,
  options: WatchOptions,
  seen: Seen,
): AsyncGenerator<WatchReading, void, undefined> {
  const { UnexpectedResponseError } = await import("../client/errors.ts");
  while (options.signal?.aborted !== true) {
    const reply = await client.raw("GET", `/v1/agent/service/${encodeURIComponent(params.service_id!)}`, {
      params: seen.hash === "" ? {} : { hash: seen.hash },
      token: params.token,
      signal: options.signal,
    });
    const text = reply.body.toString("utf8").trim();
    if (reply.statusCode !== 200) throw new UnexpectedResponseError(reply.statusCode, text);
    const hash = String(reply.headers["x-consul-contenthash"] ?? "");
    if (hash === seen.hash) continue;
    seen.hash = hash;
    yield { json: compactJson(text), index: 0n };
  }
}

async function* readings(
  client: TribuneClient,
  params: WatchParams,
  type: string,
  options: WatchOptions,
  seen: Seen,
): AsyncGenerator<WatchReading, void, undefined> {
  const event = type === "event";
  for await (const reply of watch((o) => read(client, params, type, o), { ...options, ordered: !event })) {
    let json = reply.value;
    if (event) {
      // Only what is new: the endpoint lists all that it remembers.
      const list = JSON.parse(json === "" ? "[]" : json) as readonly { readonly ID: string }[];
      const { events } = seen;
      const fresh = list.filter((e) => !events.has(e.ID));
      seen.events = new Set(list.map((e) => e.ID));
      // The first look is told whatever it shows (observed).
      if (fresh.length === 0 && seen.json !== undefined) continue;
      json = JSON.stringify(fresh);
    } else if (json === seen.json) continue;
    seen.json = json;
    yield { json, index: reply.index };
  }
}

/** The endpoint's JSON text. */
async function read(
  client: TribuneClient,
  p: WatchParams,
  type: string,
  options: QueryOptions,
): Promise<QueryReply<string>> {
  const { path, query, single = false } = endpoint(p, type);
  const { queryParams, queryReply } = await import("../client/query.ts");
  const { UnexpectedResponseError } = await import("../client/errors.ts");
  const reply = await client.raw("GET", path, {
    params: { ...queryParams({ ...options, datacenter: p.datacenter, stale: p.stale }), ...query },
    token: p.token,
    signal: options.signal,
  });
  const text = reply.body.toString("utf8").trim();
  // Nothing there is null, for a prefix as well (observed).
  if (reply.statusCode === 404 && type.startsWith("key")) return queryReply(reply.headers, "null");
  if (reply.statusCode !== 200) throw new UnexpectedResponseError(reply.statusCode, text);
  return queryReply(reply.headers, type.startsWith("key") ? pairsOf(text, single) : compactJson(text));
}

/** Without white space between its parts: a -dev agent answers in many lines, and handlers read one. Texts and numbers stay as they are. */
export const compactJson = (text: string): string =>
  text.replace(/"(?:[^"\\]|\\.)*"|\s+/g, (part) => (part[0] === '"' ? part : ""));

/** KV pairs with the fields of Go's client, which handlers know: a pair that is not locked has an empty Session. */
function pairsOf(text: string, single: boolean): string {
  const entries = (parseJson(text) ?? []) as readonly Readonly<Record<string, unknown>>[];
  const pairs = entries.map((e) => ({
    Key: e["Key"],
    CreateIndex: e["CreateIndex"],
    ModifyIndex: e["ModifyIndex"],
    LockIndex: e["LockIndex"],
    Flags: e["Flags"],
    Value: e["Value"],
    Session: e["Session"] ?? "",
  }));
  return stringifyJson(single ? (pairs[0] ?? null) : pairs);
}

function endpoint(
  p: WatchParams,
  type: string,
): {
  readonly path: string;
  readonly query: Readonly<Record<string, string | boolean | readonly string[]>>;
  readonly single?: true;
} {
  const escaped = (s: string): string => s.split("/").map(encodeURIComponent).join("/");
  switch (type) {
    case "key":
      return { path: `/v1/kv/${escaped(p.key!)}`, query: {}, single: true };
    case "keyprefix":
      return { path: `/v1/kv/${escaped(p.prefix!)}`, query: { recurse: true } };
    case "services":
      return { path: "/v1/catalog/services", query: {} };
    case "nodes":
      return { path: "/v1/catalog/nodes", query: {} };
    case "service":
      return {
        path: `/v1/health/service/${encodeURIComponent(p.service!)}`,
        query: { ...(p.tag === undefined ? {} : { tag: p.tag }), ...(p.passingonly ? { passing: "1" } : {}) },
      };
    case "checks":
      return p.service
        ? { path: `/v1/health/checks/${encodeURIComponent(p.service)}`, query: {} }
        : { path: `/v1/health/state/${encodeURIComponent(p.state || "any")}`, query: {} };
    case "connect_roots":
      return { path: "/v1/agent/connect/ca/roots", query: {} };
    case "connect_leaf":
      return { path: `/v1/agent/connect/ca/leaf/${encodeURIComponent(p.service!)}`, query: {} };
    default:
      return { path: "/v1/event/list", query: p.name ? { name: p.name } : {} };
  }
}
