/** /v1/kv: the hottest paths of the API, so its handlers do as little as they can. */
import { DirEntry, type KVSRequest } from "../model/kv.ts";
import { type NowOrLater, whenReady } from "../ports/now-or-later.ts";
import { list, ptr } from "../wire/schema.ts";
import type { Call } from "./call.ts";
import { HttpError, plainBadRequest } from "./errors.ts";
import { KeptJson } from "./kept-json.ts";
import { parseUint, type ReadOptions } from "./query-options.ts";
import { type Answer, type Reply, route } from "./routes.ts";
import { StringsJson } from "./views.ts";

const entriesBody = new KeptJson(list(ptr(DirEntry)));
const keysBody = new KeptJson(StringsJson);
const NOT_FOUND: Reply = { status: 404 };
const MISSING_KEY = "Missing key name";

function options(c: Call): ReadOptions {
  const o = c.readOptions();
  c.noMetaOnError();
  return o;
}

function get(c: Call): NowOrLater<Answer> {
  const o = options(c);
  const { query } = c;
  if (query.size > 0) {
    if (query.has("keys")) return keys(c, o);
    if (query.has("recurse")) {
      return whenReady(c.read("KVS.List", { ...o, Key: c.rest }), (out) =>
        out.Entries === null || out.Entries.length === 0 ? NOT_FOUND : entriesBody.answer(out.Entries),
      );
    }
  }
  if (c.rest === "") throw plainBadRequest(MISSING_KEY);
  return whenReady(c.read("KVS.Get", { ...o, Key: c.rest }), (out): Answer => {
    const entry = out.Entries?.[0];
    if (entry === undefined || entry === null) return NOT_FOUND;
    if (query.size > 0 && query.has("raw")) {
      c.header("X-Content-Type-Options", "nosniff");
      c.header("Content-Security-Policy", "sandbox");
      return { status: 200, type: "text/plain", body: entry.Value ?? "" };
    }
    return `[${DirEntry.json(entry)}]`;
  });
}

async function keys(c: Call, o: ReadOptions): Promise<Answer> {
  const separator = c.query.has("separator") ? c.query.get("separator") : c.query.get("seperator");
  const out = await c.read("KVS.ListKeys", { ...o, Prefix: c.rest, Seperator: separator });
  // An empty store has no keys; a prefix without any does not exist.
  if ((out.Keys === null || out.Keys.length === 0) && c.rest !== "") return NOT_FOUND;
  return keysBody.answer(out.Keys);
}

/** Parameters that exclude each other. */
function refuseConflict(c: Call, names: readonly string[]): void {
  let found = 0;
  for (const name of names) if (c.query.has(name)) found++;
  if (found > 1) throw plainBadRequest(`Conflicting flags: ${c.query.encode()}`);
}

async function put(c: Call): Promise<Answer> {
  const o = options(c);
  if (c.rest === "") throw plainBadRequest(MISSING_KEY);
  const { query } = c;
  refuseConflict(c, ["cas", "acquire", "release"]);
  const flags = query.has("flags") ? parseUint(query.get("flags")) : 0n;
  let op = "set";
  let index = 0;
  let session = "";
  if (query.has("cas")) {
    op = "cas";
    index = boundIndex(parseUint(query.get("cas")));
  } else if (query.has("acquire")) {
    op = "lock";
    session = query.get("acquire");
  } else if (query.has("release")) {
    op = "unlock";
    session = query.get("release");
  }
  const max = c.agent.config.limits.kvMaxValueSize;
  const value = await c.body(max, (size) => tooLarge(size, max));
  return apply(c, o, op, {
    LockIndex: 0,
    Key: c.rest,
    Flags: flags,
    Value: value.length === 0 ? null : value,
    Session: session,
    CreateIndex: 0,
    ModifyIndex: index,
  });
}

const tooLarge = (size: number, max: number): HttpError =>
  new HttpError(
    413,
    `Request body(${size} bytes) too large, max size: ${max} bytes. See https://www.consul.io/docs/agent/options.html#kv_max_value_size.`,
  );

async function remove(c: Call): Promise<Answer> {
  const o = options(c);
  const { query } = c;
  refuseConflict(c, ["recurse", "cas"]);
  if (c.rest === "" && !query.has("recurse")) throw plainBadRequest(MISSING_KEY);
  let op = "delete";
  let index = 0;
  if (query.has("recurse")) op = "delete-tree";
  else if (query.has("cas")) {
    op = "delete-cas";
    index = boundIndex(parseUint(query.get("cas")));
  }
  c.exchange.skipBody();
  return apply(c, o, op, { ...DirEntry.zero(), Key: c.rest, ModifyIndex: index });
}

async function apply(c: Call, o: ReadOptions, op: string, entry: DirEntry): Promise<Answer> {
  const request: KVSRequest = { Datacenter: o.Datacenter, Op: op, DirEnt: entry, Token: o.Token };
  const done = await c.rpc("KVS.Apply", request);
  // Only conditions can fail; what servers answer to the others means nothing.
  return done || op === "set" || op === "delete" || op === "delete-tree" ? "true" : "false";
}

/** An index that only is compared: beyond what a server can reach it matches nothing either way. */
const boundIndex = (v: bigint): number =>
  Number(v > BigInt(Number.MAX_SAFE_INTEGER) ? BigInt(Number.MAX_SAFE_INTEGER) : v);

export const kvRoutes = [
  route(
    "GET",
    "/v1/kv/{key}",
    {
      summary: "An entry, the entries or the keys below a prefix.",
      acl: "key:read",
      options: "query",
      blocking: true,
      namespaced: true,
      params: {
        recurse: "All entries with this prefix.",
        keys: "Only the keys.",
        separator: "Cut keys after this.",
        raw: "Only the value's bytes.",
      },
    },
    get,
  ),
  route(
    "PUT",
    "/v1/kv/{key}",
    {
      summary: "Writes an entry; false when its condition did not hold.",
      acl: "key:write",
      options: "query",
      namespaced: true,
      body: "the value's bytes",
      params: {
        flags: "64-bit number kept with the value.",
        cas: "Only if ModifyIndex is this; 0: only if absent.",
        acquire: "Lock with this session.",
        release: "Unlock with this session.",
      },
    },
    put,
  ),
  route(
    "DELETE",
    "/v1/kv/{key}",
    {
      summary: "Removes an entry or all below a prefix.",
      acl: "key:write",
      options: "query",
      namespaced: true,
      params: { recurse: "All entries with this prefix.", cas: "Only if ModifyIndex is this." },
    },
    remove,
  ),
];
