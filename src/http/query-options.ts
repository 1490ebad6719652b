/**
 * The parameters that every read shares, in the order in which the original looks at them: datacenter, token, filter,
 * consistency, Cache-Control, wait, index. The first that is wrong is answered.
 */

import type { QueryOptions } from "../model/query.ts";
import { parseDuration } from "../wire/duration.ts";
import type { Call } from "./call.ts";
import { HttpError, plainBadRequest, REFUSALS } from "./errors.ts";

/** Go's uint64. */
const UINT64_MAX = 0xffff_ffff_ffff_ffffn;

/** What `Call.readOptions` gives: fields for an RPC request, the datacenter among them. */
export type ReadOptions = QueryOptions & { readonly Datacenter: string };

const ZERO: QueryOptions = {
  Token: "",
  MinQueryIndex: 0,
  MaxQueryTime: 0n,
  AllowStale: false,
  RequireConsistent: false,
  UseCache: false,
  MaxStaleDuration: 0n,
  MaxAge: 0n,
  MustRevalidate: false,
  StaleIfError: 0n,
  Filter: "",
};

export function parseReadOptions(c: Call): ReadOptions {
  const { query } = c;
  const cacheControl = c.exchange.header("cache-control");
  const config = c.agent.config;
  const discoveryStale =
    config.discoveryMaxStaleMs > 0 && (c.path.startsWith("/v1/catalog") || c.path.startsWith("/v1/health"));
  if (query.size === 0 && cacheControl === undefined && !discoveryStale)
    return { Datacenter: config.datacenter, ...ZERO, Token: c.token };

  const o: { -readonly [K in keyof ReadOptions]: ReadOptions[K] } = {
    Datacenter: c.datacenter,
    ...ZERO,
    Token: c.token,
    Filter: query.get("filter"),
  };
  parseConsistency(c, o, discoveryStale ? config.discoveryMaxStaleMs : 0);
  if (cacheControl !== undefined) parseCacheControl(cacheControl, o);
  const wait = query.get("wait");
  if (wait !== "") o.MaxQueryTime = parseWait(wait);
  const index = query.get("index");
  if (index !== "") o.MinQueryIndex = Number(boundIndex(parseIndex(index)));
  return o;
}

type Consistency = {
  -readonly [K in "AllowStale" | "RequireConsistent" | "UseCache" | "MaxStaleDuration"]: QueryOptions[K];
};

export function parseConsistency(c: Call, o: Consistency, discoveryMaxStaleMs: number = 0): void {
  const { query } = c;
  let chosen = true;
  if (query.has("stale")) o.AllowStale = true;
  if (query.has("consistent")) o.RequireConsistent = true;
  if (!o.AllowStale && !o.RequireConsistent && !query.has("leader")) chosen = false;
  if (query.has("cached")) {
    o.UseCache = true;
    chosen = true;
  }
  const maxStale = query.get("max_stale");
  if (maxStale !== "") {
    let ns: bigint;
    try {
      ns = parseDuration(maxStale);
    } catch {
      throw plainBadRequest(`Invalid max_stale value ${JSON.stringify(maxStale)}`);
    }
    o.MaxStaleDuration = ns;
    if (ns > 0n) {
      o.AllowStale = true;
      chosen = true;
    }
  }
  if (!chosen && discoveryMaxStaleMs > 0) {
    o.MaxStaleDuration = BigInt(Math.round(discoveryMaxStaleMs)) * 1_000_000n;
    o.AllowStale = true;
  }
  if (o.AllowStale && o.RequireConsistent) throw plainBadRequest(REFUSALS.staleAndConsistent);
  if (o.UseCache && o.RequireConsistent) throw plainBadRequest(REFUSALS.cachedAndConsistent);
}

export function parseCacheControl(
  header: string,
  o: { MaxAge: bigint; MustRevalidate: boolean; StaleIfError: bigint },
): void {
  const seconds = (text: string): bigint => {
    if (!/^\d{1,10}$/.test(text)) throw plainBadRequest(REFUSALS.cacheControl);
    return BigInt(text) * 1_000_000_000n;
  };
  for (const raw of header.split(",")) {
    const directive = raw.trim().toLowerCase();
    if (directive === "must-revalidate") o.MustRevalidate = true;
    else if (directive.startsWith("max-age=")) {
      o.MaxAge = seconds(directive.slice(8));
      // Zero says "nothing old": in the request zero means "no limit".
      if (o.MaxAge === 0n) o.MustRevalidate = true;
    } else if (directive.startsWith("stale-if-error=")) o.StaleIfError = seconds(directive.slice(15));
  }
}

/** Nanoseconds of a `wait` parameter. */
export function parseWait(text: string): bigint {
  try {
    return parseDuration(text);
  } catch {
    throw new HttpError(400, REFUSALS.waitTime);
  }
}

/** A whole `index` parameter. */
export function parseIndex(text: string): bigint {
  if (!/^\d+$/.test(text)) throw new HttpError(400, REFUSALS.index);
  const v = BigInt(text);
  if (v > UINT64_MAX) throw new HttpError(400, REFUSALS.index);
  return v;
}

const boundIndex = (v: bigint): bigint =>
  v > BigInt(Number.MAX_SAFE_INTEGER) ? BigInt(Number.MAX_SAFE_INTEGER) : v;

/** strconv.ParseUint for a number that clients see fail. Throws the error as its text, status 500. */
export function parseUint(text: string): bigint {
  if (!/^\d+$/.test(text))
    throw new Error(`strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`);
  const v = BigInt(text);
  if (v > UINT64_MAX)
    throw new Error(`strconv.ParseUint: parsing ${JSON.stringify(text)}: value out of range`);
  return v;
}

/** strconv.Atoi. */
export function parseAtoi(text: string): number {
  if (!/^[+-]?\d+$/.test(text))
    throw new Error(`strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
  const v = BigInt(text.replace(/^\+/, ""));
  if (v > 0x7fff_ffff_ffff_ffffn || v < -0x8000_0000_0000_0000n)
    throw new Error(`strconv.Atoi: parsing ${JSON.stringify(text)}: value out of range`);
  return Number(v);
}

/** strconv.ParseBool. */
export function parseBool(text: string): boolean {
  if (/^(1|t|T|TRUE|true|True)$/.test(text)) return true;
  if (/^(0|f|F|FALSE|false|False)$/.test(text)) return false;
  throw new Error(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
}
