/** /v1/connect, /v1/discovery-chain: intentions, certificate authority, compiled routes. What servers answer is passed on. */
import { DCSpecificRequest, MeshGatewayConfig } from "../model/catalog.ts";
import { CompiledDiscoveryChain, DiscoveryChainRequest } from "../model/config-entry.ts";
import {
  CAConfiguration,
  CARoot,
  type IndexedCARoots,
  Intention,
  IntentionQueryRequest,
} from "../model/connect.ts";
import { dur, jsonString, list, map, ptr, str, struct } from "../wire/schema.ts";
import type { Call } from "./call.ts";
import { badRequest, HttpError, plainBadRequest } from "./errors.ts";
import { parseBool } from "./query-options.ts";
import { type Answer, route } from "./routes.ts";
import { shownList, shownMap } from "./views.ts";

const IntentionJson = struct("Intention", { ...Intention.fields, Meta: shownMap(str) });
const IntentionsJson = shownList(ptr(IntentionJson));
const MatchesJson = list(ptr(IntentionJson));
const RootsJson = struct("IndexedCARoots", {
  ActiveRootID: str,
  TrustDomain: str,
  Roots: shownList(ptr(CARoot)),
});

const nameOf = (text: string, what: string): { readonly Namespace: string; readonly Name: string } => {
  const parts = text.split("/");
  if (parts.length > 2)
    throw new Error(`${what} ${JSON.stringify(text)} is invalid: input can contain at most one '/'`);
  return parts.length === 2
    ? { Namespace: parts[0]!, Name: parts[1]! }
    : { Namespace: "default", Name: text };
};

async function intentions(c: Call): Promise<Answer> {
  const o = c.readOptions();
  const out = await c.read("Intention.List", { ...DCSpecificRequest.zero(), ...o });
  return IntentionsJson.json(out.Intentions);
}

async function createIntention(c: Call): Promise<Answer> {
  const body = await c.decode(
    Intention,
    "Failed to decode request body: ",
    {},
    (text) => new HttpError(500, text),
  );
  const id = await c.rpc("Intention.Apply", {
    Datacenter: c.datacenter,
    Op: "create",
    Intention: body,
    Token: c.token,
  });
  return `{"ID":${jsonString(id)}}`;
}

const requestOf = (c: Call): IntentionQueryRequest => ({
  ...IntentionQueryRequest.zero(),
  ...c.readOptions(),
});

async function match(c: Call): Promise<Answer> {
  const request = requestOf(c);
  c.noMetaOnError();
  const by = c.query.get("by");
  if (!c.query.has("by")) throw new Error("required query parameter 'by' not set");
  if (by !== "source" && by !== "destination")
    throw new Error("'by' parameter must be one of 'source' or 'destination'");
  const names = c.query.all("name");
  if (names.length === 0) throw new Error("required query parameter 'name' not set");
  const out = await c.rpc("Intention.Match", {
    ...request,
    MinQueryIndex: 0,
    Match: { Type: by, Entries: names.map((n) => nameOf(n, "name")) },
  });
  // One list for each name, in the order asked; nil lists stay nil.
  const shown = new Map(names.map((name, i) => [name, out.Matches?.[i] ?? null]));
  return map(MatchesJson).json(shown);
}

async function check(c: Call): Promise<Answer> {
  const request = requestOf(c);
  c.noMetaOnError();
  for (const name of ["source", "destination"])
    if (!c.query.has(name)) throw new Error(`required query parameter '${name}' not set`);
  const source = nameOf(c.query.get("source"), "source");
  const destination = nameOf(c.query.get("destination"), "destination");
  const sourceType = c.query.get("source-type") || "consul";
  const out = await c.rpc("Intention.Check", {
    ...request,
    MinQueryIndex: 0,
    Check: {
      SourceNS: source.Namespace,
      SourceName: source.Name,
      DestinationNS: destination.Namespace,
      DestinationName: destination.Name,
      SourceType: sourceType,
    },
  });
  return `{"Allowed":${out.Allowed}}`;
}

async function intention(c: Call): Promise<Answer> {
  const request = requestOf(c);
  c.noMetaOnError();
  try {
    const out = await c.rpc("Intention.Get", { ...request, IntentionID: c.rest });
    const found = out.Intentions?.[0];
    if (found === undefined || found === null) throw new HttpError(404, "Intention not found");
    return IntentionJson.json(found);
  } catch (e) {
    if (e instanceof Error && e.message.includes("Intention not found"))
      throw new HttpError(404, "Intention not found");
    if (e instanceof Error && e.message.includes("UUID")) throw badRequest(e.message);
    throw e;
  }
}

async function updateIntention(c: Call): Promise<Answer> {
  const body = await c.decode(Intention, "Request decode failed: ", {}, badRequest);
  const id = await c.rpc("Intention.Apply", {
    Datacenter: c.datacenter,
    Op: "update",
    Intention: { ...body, ID: c.rest },
    Token: c.token,
  });
  return `{"ID":${jsonString(id)}}`;
}

async function deleteIntention(c: Call): Promise<Answer> {
  await c.rpc("Intention.Apply", {
    Datacenter: c.datacenter,
    Op: "delete",
    Intention: { ...Intention.zero(), ID: c.rest },
    Token: c.token,
  });
  return "true";
}

async function roots(c: Call): Promise<Answer> {
  let pem = false;
  if (c.query.has("pem")) {
    try {
      pem = parseBool(c.query.get("pem"));
    } catch {
      throw badRequest("The 'pem' query parameter must be a boolean value");
    }
  }
  const o = c.readOptions();
  if (pem) {
    const out: IndexedCARoots = await c.rpc("ConnectCA.Roots", { ...DCSpecificRequest.zero(), ...o });
    return {
      status: 200,
      type: "application/pem-certificate-chain",
      body: (out.Roots ?? []).map((r) => r?.RootCert ?? "").join(""),
    };
  }
  return RootsJson.json(await c.read("ConnectCA.Roots", { ...DCSpecificRequest.zero(), ...o }));
}

async function caConfiguration(c: Call): Promise<Answer> {
  const o = c.readOptions();
  c.noMetaOnError();
  return CAConfiguration.json(
    await c.rpc("ConnectCA.ConfigurationGet", { ...DCSpecificRequest.zero(), ...o }),
  );
}

async function setCaConfiguration(c: Call): Promise<Answer> {
  const body = await c.decode(CAConfiguration, "Request decode failed: ", {}, badRequest);
  await c.rpc("ConnectCA.ConfigurationSet", {
    Op: "",
    Datacenter: c.datacenter,
    Index: 0,
    Roots: null,
    Config: body,
    ProviderState: null,
    Token: c.token,
  });
  return undefined;
}

const OverridesBody = struct("discoveryChainReadRequest", {
  OverrideMeshGateway: MeshGatewayConfig,
  OverrideProtocol: str,
  OverrideConnectTimeout: dur,
});
const ChainJson = struct("discoveryChainReadResponse", { Chain: ptr(CompiledDiscoveryChain) });

async function discoveryChain(c: Call): Promise<Answer> {
  const o = c.readOptions();
  if (c.rest === "") throw badRequest("Missing chain name");
  let overrides = OverridesBody.zero();
  if (c.exchange.method === "POST")
    overrides = await c.decode(
      OverridesBody,
      "Request decoding failed: ",
      { ignoreUnknown: true },
      badRequest,
    );
  if (!["", "none", "local", "remote"].includes(overrides.OverrideMeshGateway.Mode))
    throw plainBadRequest("Invalid OverrideMeshGateway.Mode parameter");
  const out = await c.read(
    "DiscoveryChain.Get",
    {
      ...DiscoveryChainRequest.zero(),
      ...o,
      ...overrides,
      Name: c.rest,
      EvaluateInDatacenter: c.query.get("compile-dc"),
      EvaluateInNamespace: "default",
    },
    { level: true },
  );
  return ChainJson.json(out);
}

const read = { acl: "service:read", options: "query" } as const;
const write = { acl: "service:write", options: "dc" } as const;

export const connectRoutes = [
  route(
    "GET",
    "/v1/connect/intentions",
    { summary: "All intentions.", ...read, blocking: true, filter: true },
    intentions,
  ),
  route(
    "POST",
    "/v1/connect/intentions",
    { summary: "Makes an intention.", ...write, body: "Intention" },
    createIntention,
  ),
  route(
    "GET",
    "/v1/connect/intentions/match",
    {
      summary: "Intentions that concern a service.",
      ...read,
      params: { by: "source or destination.", name: "The service (repeatable)." },
    },
    match,
  ),
  route(
    "GET",
    "/v1/connect/intentions/check",
    {
      summary: "Whether one service may connect to another.",
      ...read,
      params: { source: "The one.", destination: "The other.", "source-type": "Only `consul`." },
    },
    check,
  ),
  route("GET", "/v1/connect/intentions/{id}", { summary: "An intention.", ...read }, intention),
  route(
    "PUT",
    "/v1/connect/intentions/{id}",
    { summary: "Replaces an intention.", ...write, body: "Intention" },
    updateIntention,
  ),
  route(
    "DELETE",
    "/v1/connect/intentions/{id}",
    { summary: "Removes an intention.", ...write },
    deleteIntention,
  ),
  route(
    "GET",
    "/v1/connect/ca/roots",
    {
      summary: "Root certificates that are trusted.",
      acl: "none",
      options: "query",
      blocking: true,
      params: { pem: "The certificates alone." },
    },
    roots,
  ),
  route(
    "GET",
    "/v1/connect/ca/configuration",
    { summary: "The certificate authority's configuration.", acl: "operator:read", options: "query" },
    caConfiguration,
  ),
  route(
    "PUT",
    "/v1/connect/ca/configuration",
    {
      summary: "Replaces the certificate authority's configuration.",
      acl: "operator:write",
      options: "dc",
      body: "CAConfiguration",
    },
    setCaConfiguration,
  ),
  route(
    "GET",
    "/v1/discovery-chain/{service}",
    {
      summary: "How requests to a service are routed.",
      ...read,
      blocking: true,
      namespaced: true,
      params: { "compile-dc": "As seen from this datacenter." },
    },
    discoveryChain,
  ),
  route(
    "POST",
    "/v1/discovery-chain/{service}",
    { summary: "As GET, with overrides.", ...read, blocking: true, namespaced: true, body: "overrides" },
    discoveryChain,
  ),
];
