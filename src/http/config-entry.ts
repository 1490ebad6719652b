/** /v1/config: configuration that is stored centrally. */

import { DCSpecificRequest } from "../model/catalog.ts";
import {
  AnyConfigEntry,
  type ConfigEntry,
  configEntryType,
  UnknownConfigEntryKindError,
} from "../model/config-entry-box.ts";
import { list } from "../wire/schema.ts";
import type { Call } from "./call.ts";
import { BodyError } from "./decode/decode-body.ts";
import { decodeConfigEntry } from "./decode/decode-config-entry.ts";
import { JsonSyntaxError, parseGoJson } from "./decode/json-parser.ts";
import { badRequest, HttpError, plainBadRequest } from "./errors.ts";
import { parseUint } from "./query-options.ts";
import { type Answer, route } from "./routes.ts";

const EntriesJson = list(AnyConfigEntry);

async function apply(c: Call): Promise<Answer> {
  const text = (await c.body()).toString("utf8");
  let entry: ConfigEntry;
  try {
    entry = decodeConfigEntry(parseGoJson(text));
  } catch (e) {
    if (e instanceof BodyError || e instanceof JsonSyntaxError || e instanceof UnknownConfigEntryKindError)
      throw badRequest(`Request decoding failed: ${e.message}`);
    throw e;
  }
  const cas = c.query.has("cas") && c.query.get("cas") !== "";
  if (cas) entry = { ...entry, ModifyIndex: Number(parseUint(c.query.get("cas"))) };
  const done = await c.rpc("ConfigEntry.Apply", {
    Op: cas ? "upsert-cas" : "upsert",
    Datacenter: c.datacenter,
    Token: c.token,
    Entry: entry,
  });
  return done ? "true" : "false";
}

/** Kind and name of the path: a name may hold slashes. */
function kindAndName(c: Call): readonly [kind: string, name: string | undefined] {
  const slash = c.rest.indexOf("/");
  return slash < 0 ? [c.rest, undefined] : [c.rest.slice(0, slash), c.rest.slice(slash + 1)];
}

async function get(c: Call): Promise<Answer> {
  const o = c.readOptions();
  c.noMetaOnError();
  const [kind, name] = kindAndName(c);
  if (kind === "") {
    const out = await c.read("ConfigEntry.ListAll", { ...DCSpecificRequest.zero(), ...o });
    return EntriesJson.json(out.Entries ?? []);
  }
  if (name === undefined) {
    const out = await c.read("ConfigEntry.List", { ...o, Kind: kind, Name: "" });
    return EntriesJson.json(out.Entries ?? []);
  }
  const out = await c.read("ConfigEntry.Get", { ...o, Kind: kind, Name: name });
  if (out.Entry === null)
    throw new HttpError(404, `Config entry not found for ${JSON.stringify(kind)} / ${JSON.stringify(name)}`);
  return AnyConfigEntry.json(out.Entry);
}

async function remove(c: Call): Promise<Answer> {
  const [kind, name] = kindAndName(c);
  if (name === undefined) throw new HttpError(404, "Must provide both a kind and name to delete");
  let entry: ConfigEntry;
  try {
    entry = { ...configEntryType(kind).zero(), Kind: kind, Name: name };
  } catch (e) {
    throw e instanceof UnknownConfigEntryKindError ? plainBadRequest(e.message) : e;
  }
  await c.rpc("ConfigEntry.Delete", { Op: "delete", Datacenter: c.datacenter, Token: c.token, Entry: entry });
  return "{}";
}

const read = { acl: "service:read", options: "query", blocking: true, namespaced: true } as const;
const write = { acl: "service:write,operator:write", options: "dc", namespaced: true } as const;

export const configEntryRoutes = [
  route(
    "GET",
    "/v1/config/{kind/name}",
    { summary: "A config entry, those of a kind, or all.", ...read },
    get,
  ),
  route("DELETE", "/v1/config/{kind/name}", { summary: "Removes a config entry.", ...write }, remove),
  route(
    "PUT",
    "/v1/config",
    {
      summary: "Writes a config entry.",
      ...write,
      body: "ConfigEntry",
      params: { cas: "Only if ModifyIndex is this; 0: only if absent." },
    },
    apply,
  ),
];
