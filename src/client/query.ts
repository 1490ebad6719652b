/** What reads and writes take beside their own arguments, what replies carry beside their value, and how both become HTTP. */
import type { IncomingHttpHeaders } from "node:http";

/** Query parameters; `true` is a flag without a value, undefined and false are left out. */
export type Params = Readonly<
  Record<string, string | number | bigint | boolean | readonly string[] | undefined>
>;

export interface RequestOptions {
  readonly token?: string | undefined;
  readonly datacenter?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Further query parameters, sent as they are. */
  readonly params?: Params | undefined;
}

export type WriteOptions = RequestOptions;

export interface QueryOptions extends RequestOptions {
  /** Any server may answer, also one that lags behind. */
  readonly stale?: boolean | undefined;
  /** The leader confirms itself with a quorum first. */
  readonly consistent?: boolean | undefined;
  /** The agent's cache may answer. */
  readonly cached?: boolean | undefined;
  /** Wait until the answer's index is another than this. */
  readonly index?: bigint | undefined;
  /** Longest wait: milliseconds, or a duration such as "5m". */
  readonly wait?: number | string | undefined;
  /** Node to sort by distance from; "_agent" is the agent asked. */
  readonly near?: string | undefined;
  readonly nodeMeta?: Readonly<Record<string, string>> | undefined;
  /** Filter expression, such as `ServiceMeta.env == prod`. */
  readonly filter?: string | undefined;
}

/** A read's value with what the servers say about it. */
export interface QueryReply<T> {
  readonly value: T;
  /** For the next blocking read: opaque, only to be compared. 0 where the endpoint gives none. */
  readonly index: bigint;
  /** Milliseconds since the answering server heard from the leader. */
  readonly lastContactMs: number;
  readonly knownLeader: boolean;
  /** "leader", "stale", "consistent", or "" where the endpoint does not say. */
  readonly consistency: string;
  readonly cacheHit: boolean;
  /** Seconds; of a cache hit. */
  readonly cacheAgeS: number;
}

/** Parameters of a read. */
export function queryParams(o: QueryOptions): Params {
  return {
    dc: o.datacenter || undefined,
    stale: o.stale,
    consistent: o.consistent,
    cached: o.cached,
    index: o.index === undefined || o.index === 0n ? undefined : o.index,
    wait:
      o.wait === undefined
        ? undefined
        : typeof o.wait === "number"
          ? `${Math.max(1, Math.round(o.wait))}ms`
          : o.wait,
    near: o.near || undefined,
    "node-meta":
      o.nodeMeta === undefined ? undefined : Object.entries(o.nodeMeta).map(([k, v]) => `${k}:${v}`),
    filter: o.filter || undefined,
    ...o.params,
  };
}

/** Parameters of a write. */
export const writeParams = (o: RequestOptions): Params => ({ dc: o.datacenter || undefined, ...o.params });

/** The reply around `value`. */
export function queryReply<T>(headers: IncomingHttpHeaders, value: T): QueryReply<T> {
  const text = (name: string): string => {
    const v = headers[name];
    return typeof v === "string" ? v : "";
  };
  const index = text("x-consul-index");
  return {
    value,
    index: /^\d+$/.test(index) ? BigInt(index) : 0n,
    lastContactMs: Number(text("x-consul-lastcontact")) || 0,
    knownLeader: text("x-consul-knownleader") === "true",
    consistency: text("x-consul-effective-consistency"),
    cacheHit: text("x-cache") === "HIT",
    cacheAgeS: Number(text("age")) || 0,
  };
}

/** Query string in the order Go's client sends it (sorted), without the question mark; "" for none. */
export function encodeParams(params: Params): string {
  let out = "";
  for (const key of Object.keys(params).sort()) {
    const value = params[key];
    if (value === undefined || value === false) continue;
    for (const one of Array.isArray(value) ? value : [value === true ? "" : value])
      out += `${out === "" ? "" : "&"}${queryEscape(key)}=${queryEscape(String(one))}`;
  }
  return out;
}

const hex = (c: string): string => `%${c.charCodeAt(0).toString(16).toUpperCase()}`;
/** As Go's url.QueryEscape. */
const queryEscape = (s: string): string =>
  encodeURIComponent(wellFormed(s))
    .replace(/[!'()*]/g, hex)
    .replaceAll("%20", "+");
/** As Go escapes the path of a URL; slashes stay. */
export const pathEscape = (s: string): string =>
  encodeURIComponent(wellFormed(s))
    .replace(/[!'()*]/g, hex)
    .replace(/%(24|26|2B|2C|2F|3A|3B|3D|40)/g, (c) => decodeURIComponent(c));
const wellFormed = (s: string): string => s.toWellFormed();
