/** /v1/health: checks, and service instances with the checks that decide about them. */
import type { CheckServiceNode } from "../model/catalog.ts";
import { type NowOrLater, whenReady } from "../ports/now-or-later.ts";
import type { Call } from "./call.ts";
import { serviceRequest } from "./catalog.ts";
import { plainBadRequest } from "./errors.ts";
import { KeptJson } from "./kept-json.ts";
import { parseBool } from "./query-options.ts";
import { type Answer, route } from "./routes.ts";
import { translatedHealth, translatedList } from "./translate.ts";
import { CheckServiceNodesJson, HealthChecksJson } from "./views.ts";

const instancesBody = new KeptJson(CheckServiceNodesJson);
const checksBody = new KeptJson(HealthChecksJson);

async function node(c: Call): Promise<Answer> {
  const o = c.readOptions();
  if (c.rest === "") throw plainBadRequest("Missing node name");
  const out = await c.read("Health.NodeChecks", { ...o, Node: c.rest }, { level: true });
  return checksBody.answer(out.HealthChecks);
}

async function checks(c: Call): Promise<Answer> {
  const out = await c.read(
    "Health.ServiceChecks",
    { ...serviceRequest(c), ServiceTags: null, TagFilter: false },
    { level: true },
  );
  return checksBody.answer(out.HealthChecks);
}

async function state(c: Call): Promise<Answer> {
  const o = c.readOptions();
  if (c.rest === "") throw plainBadRequest("Missing check state");
  const out = await c.read(
    "Health.ChecksInState",
    { ...o, NodeMetaFilters: c.nodeMeta, State: c.rest, Source: c.source },
    { level: true },
  );
  return checksBody.answer(out.HealthChecks);
}

function instances(
  c: Call,
  kind: { readonly connect?: boolean; readonly ingress?: boolean },
): NowOrLater<Answer> {
  const request = serviceRequest(c, kind);
  const passing = passingOnly(c);
  return whenReady(c.read("Health.ServiceNodes", request, { level: true, cache: "refreshed" }), (out) =>
    instancesBody.answer(translatedList(c, passing ? passingOf(out.Nodes) : out.Nodes, translatedHealth)),
  );
}

function passingOnly(c: Call): boolean {
  if (!c.query.has("passing")) return false;
  const value = c.query.get("passing");
  try {
    return value === "" || parseBool(value);
  } catch {
    throw plainBadRequest("Invalid value for ?passing");
  }
}

/** Of a list that is kept, the passing ones are kept too. */
const passingLists = new WeakMap<readonly CheckServiceNode[], readonly CheckServiceNode[]>();

function passingOf(nodes: readonly CheckServiceNode[] | null): readonly CheckServiceNode[] {
  if (nodes === null) return [];
  let passing = passingLists.get(nodes);
  if (passing === undefined) {
    passing = onlyPassing(nodes);
    passingLists.set(nodes, passing);
  }
  return passing;
}

/** Without those that have a check which does not pass; the last fills the gap, as the original does it. */
function onlyPassing(nodes: readonly CheckServiceNode[]): readonly CheckServiceNode[] {
  const out = [...nodes];
  let n = out.length;
  for (let i = 0; i < n; i++) {
    if ((out[i]!.Checks ?? []).every((check) => check === null || check.Status === "passing")) continue;
    out[i] = out[n - 1]!;
    n--;
    i--;
  }
  out.length = n;
  return out;
}

const near = "Sort by estimated round trip from this node; `_agent` is the agent asked.";
const nodeMeta = "Only nodes with this metadata (`key:value`, repeatable).";
const tag = "Only instances with this tag (repeatable).";
const passing = "Only instances whose checks all pass.";
const read = {
  acl: "node:read,service:read",
  options: "query",
  blocking: true,
  filter: true,
  namespaced: true,
} as const;
const serviceParams = { tag, near, "node-meta": nodeMeta, passing };

export const healthRoutes = [
  route("GET", "/v1/health/node/{node}", { summary: "Checks of a node.", ...read }, node),
  route(
    "GET",
    "/v1/health/checks/{service}",
    { summary: "Checks of a service's instances.", ...read, params: { near, "node-meta": nodeMeta } },
    checks,
  ),
  route(
    "GET",
    "/v1/health/state/{state}",
    {
      summary: "Checks in a state: any, passing, warning, critical.",
      ...read,
      params: { near, "node-meta": nodeMeta },
    },
    state,
  ),
  route(
    "GET",
    "/v1/health/service/{service}",
    { summary: "Instances of a service with node and checks.", ...read, params: serviceParams },
    (c) => instances(c, {}),
  ),
  route(
    "GET",
    "/v1/health/connect/{service}",
    { summary: "Mesh-capable instances of a service with node and checks.", ...read, params: serviceParams },
    (c) => instances(c, { connect: true }),
  ),
  route(
    "GET",
    "/v1/health/ingress/{service}",
    { summary: "Ingress gateways of a service with node and checks.", ...read, params: serviceParams },
    (c) => instances(c, { ingress: true }),
  ),
];
