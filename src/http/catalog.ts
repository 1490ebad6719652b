/** /v1/catalog: nodes and services as the servers know them. */
import {
  DCSpecificRequest,
  DeregisterRequest,
  GatewayService,
  HealthCheck,
  NodeService,
  RegisterRequest,
  ServiceSpecificRequest,
} from "../model/catalog.ts";
import { type NowOrLater, whenReady } from "../ports/now-or-later.ts";
import { bool, list, map, ptr, str, struct } from "../wire/schema.ts";
import { CATALOG_BODY } from "./body-rules.ts";
import type { Call } from "./call.ts";
import { HttpError, plainBadRequest } from "./errors.ts";
import { KeptJson } from "./kept-json.ts";
import { parseCacheControl, parseConsistency } from "./query-options.ts";
import { type Answer, route } from "./routes.ts";
import { translatedInstance, translatedList, translatedNode, translatedService } from "./translate.ts";
import {
  NodeServiceListView,
  NodeServicesView,
  NodesJson,
  ServiceNodesJson,
  ServiceTagsJson,
  StringsJson,
} from "./views.ts";

const GatewayServicesJson = list(ptr(GatewayService));

/** What /v1/catalog/register takes. */
const RegisterBody = struct("RegisterRequest", {
  Datacenter: str,
  ID: str,
  Node: str,
  Address: str,
  TaggedAddresses: map(str),
  NodeMeta: map(str),
  Service: ptr(NodeService),
  Check: ptr(HealthCheck),
  Checks: list(ptr(HealthCheck)),
  SkipNodeUpdate: bool,
});

const DeregisterBody = struct("DeregisterRequest", {
  Datacenter: str,
  Node: str,
  Address: str,
  ServiceID: str,
  CheckID: str,
});

async function register(c: Call): Promise<Answer> {
  const body = await c.decode(RegisterBody, "Request decode failed: ", CATALOG_BODY);
  await c.rpc(
    "Catalog.Register",
    RegisterRequest.make({
      ...body,
      Datacenter: body.Datacenter || c.agent.config.datacenter,
      Token: c.token,
    }),
  );
  return "true";
}

async function deregister(c: Call): Promise<Answer> {
  const { Address: _ignored, ...body } = await c.decode(
    DeregisterBody,
    "Request decode failed: ",
    CATALOG_BODY,
  );
  await c.rpc(
    "Catalog.Deregister",
    DeregisterRequest.make({
      ...body,
      Datacenter: body.Datacenter || c.agent.config.datacenter,
      Token: c.token,
    }),
  );
  return "true";
}

async function datacenters(c: Call): Promise<Answer> {
  const o = {
    ...NO_OPTIONS,
    AllowStale: false,
    RequireConsistent: false,
    UseCache: false,
    MaxStaleDuration: 0n,
  };
  parseConsistency(c, o);
  const cacheControl = c.exchange.header("cache-control");
  if (cacheControl !== undefined) parseCacheControl(cacheControl, o);
  const out =
    o.UseCache && c.agent.config.httpUseCache
      ? await c.cached("plain", "Catalog.ListDatacenters", o)
      : await c.rpc("Catalog.ListDatacenters", o);
  return StringsJson.json(out);
}
const NO_OPTIONS = {
  Token: "",
  MinQueryIndex: 0,
  MaxQueryTime: 0n,
  MaxAge: 0n,
  MustRevalidate: false,
  StaleIfError: 0n,
  Filter: "",
};

const nodesBody = new KeptJson(NodesJson);
const servicesBody = new KeptJson(ServiceTagsJson);
const instancesBody = new KeptJson(ServiceNodesJson);

function nodes(c: Call): NowOrLater<Answer> {
  const o = c.readOptions();
  const found = c.read(
    "Catalog.ListNodes",
    { ...o, NodeMetaFilters: c.nodeMeta, Source: c.source },
    { level: true },
  );
  return whenReady(found, (out) => nodesBody.answer(translatedList(c, out.Nodes, translatedNode)));
}

async function services(c: Call): Promise<Answer> {
  const o = c.readOptions();
  const out = await c.read(
    "Catalog.ListServices",
    { ...DCSpecificRequest.zero(), ...o, NodeMetaFilters: c.nodeMeta },
    { level: true, cache: "refreshed" },
  );
  return servicesBody.answer(out.Services);
}

/** A request for instances of the service that the path names; shared with /v1/health. */
export function serviceRequest(
  c: Call,
  kind: { readonly connect?: boolean; readonly ingress?: boolean } = {},
): ServiceSpecificRequest {
  const o = c.readOptions();
  const tags = c.query.all("tag");
  if (c.rest === "") throw plainBadRequest("Missing service name");
  return {
    ...o,
    NodeMetaFilters: c.nodeMeta,
    ServiceName: c.rest,
    ServiceTag: "",
    ServiceTags: tags.length === 0 ? null : tags,
    ServiceAddress: "",
    TagFilter: tags.length > 0,
    Source: c.source,
    Connect: kind.connect ?? false,
    Ingress: kind.ingress ?? false,
  };
}

async function service(c: Call): Promise<Answer> {
  const out = await c.read("Catalog.ServiceNodes", serviceRequest(c), { level: true, cache: "refreshed" });
  return instancesBody.answer(translatedList(c, out.ServiceNodes, translatedInstance));
}

async function connect(c: Call): Promise<Answer> {
  const out = await c.read("Catalog.ServiceNodes", serviceRequest(c, { connect: true }), {
    level: true,
    cache: "refreshed",
  });
  return instancesBody.answer(translatedList(c, out.ServiceNodes, translatedInstance));
}

function nodeName(c: Call): string {
  if (c.rest === "") throw plainBadRequest("Missing node name");
  return c.rest;
}

async function node(c: Call): Promise<Answer> {
  const o = c.readOptions();
  const out = await c.read("Catalog.NodeServices", { ...o, Node: nodeName(c) }, { level: true });
  const found = out.NodeServices;
  if (found === null) return "null";
  if (!c.agent.config.translateWanAddrs || found.Node === null) return NodeServicesView.json(found);
  const { Datacenter } = found.Node;
  const Services = new Map(
    [...(found.Services ?? [])].map(([id, s]) => [id, translatedService(c, Datacenter, s)]),
  );
  return NodeServicesView.json({ Node: translatedNode(c, found.Node), Services });
}

async function nodeServices(c: Call): Promise<Answer> {
  const o = c.readOptions();
  const out = await c.read("Catalog.NodeServiceList", { ...o, Node: nodeName(c) }, { level: true });
  const shown =
    out.NodeServices.Node !== null && out.NodeServices.Services === null
      ? { ...out.NodeServices, Services: [] }
      : out.NodeServices;
  const { Node, Services } = shown;
  const datacenter = Node?.Datacenter ?? c.agent.config.datacenter;
  return NodeServiceListView.json({
    Node: translatedNode(c, Node),
    Services: translatedList(c, Services, (_, s) => translatedService(c, datacenter, s)),
  });
}

async function gatewayServices(c: Call): Promise<Answer> {
  const o = c.readOptions();
  if (c.rest === "") throw new HttpError(400, "Missing gateway name");
  const out = await c.read(
    "Catalog.GatewayServices",
    { ...ServiceSpecificRequest.zero(), ...o, ServiceName: c.rest },
    { level: true },
  );
  return GatewayServicesJson.json(out.Services);
}

const near = "Sort by estimated round trip from this node; `_agent` is the agent asked.";
const nodeMeta = "Only nodes with this metadata (`key:value`, repeatable).";
const tag = "Only instances with this tag (repeatable).";

/** Counts requests and their outcomes: Consul 1.8.7 does so for this family alone. */
function counted(
  figure: string,
  handler: (c: Call) => Answer | Promise<Answer>,
): (c: Call) => Answer | Promise<Answer> {
  return (c) => {
    const { metrics, config } = c.agent;
    const labels = { node: config.nodeName };
    metrics.count(`client.api.${figure}`, 1, labels);
    const failed = (error: unknown): never => {
      metrics.count(`client.rpc.error.${figure}`, 1, labels);
      throw error;
    };
    const succeeded = (answer: Answer): Answer => {
      metrics.count(`client.api.success.${figure}`, 1, labels);
      return answer;
    };
    let answer: Answer | Promise<Answer>;
    try {
      answer = handler(c);
    } catch (error) {
      return failed(error);
    }
    return answer instanceof Promise ? answer.then(succeeded, failed) : succeeded(answer);
  };
}

export const catalogRoutes = [
  route(
    "PUT",
    "/v1/catalog/register",
    {
      summary: "Registers a node, a service, checks.",
      acl: "node:write,service:write",
      body: "RegisterRequest",
      namespaced: true,
    },
    counted("catalog_register", register),
  ),
  route(
    "PUT",
    "/v1/catalog/deregister",
    {
      summary: "Removes a node, a service or a check.",
      acl: "node:write,service:write",
      body: "DeregisterRequest",
      namespaced: true,
    },
    counted("catalog_deregister", deregister),
  ),
  route(
    "GET",
    "/v1/catalog/datacenters",
    { summary: "Known datacenters, nearest first.", acl: "none" },
    counted("catalog_datacenters", datacenters),
  ),
  route(
    "GET",
    "/v1/catalog/nodes",
    {
      summary: "All nodes.",
      acl: "node:read",
      options: "query",
      blocking: true,
      filter: true,
      params: { near, "node-meta": nodeMeta },
    },
    counted("catalog_nodes", nodes),
  ),
  route(
    "GET",
    "/v1/catalog/services",
    {
      summary: "All service names with their tags.",
      acl: "service:read",
      options: "query",
      blocking: true,
      params: { "node-meta": nodeMeta },
      namespaced: true,
    },
    counted("catalog_services", services),
  ),
  route(
    "GET",
    "/v1/catalog/service/{service}",
    {
      summary: "Instances of a service.",
      acl: "node:read,service:read",
      options: "query",
      blocking: true,
      filter: true,
      params: { tag, near, "node-meta": nodeMeta },
      namespaced: true,
    },
    counted("catalog_service_nodes", service),
  ),
  route(
    "GET",
    "/v1/catalog/connect/{service}",
    {
      summary: "Mesh-capable instances of a service.",
      acl: "node:read,service:read",
      options: "query",
      blocking: true,
      filter: true,
      params: { tag, near, "node-meta": nodeMeta },
      namespaced: true,
    },
    counted("catalog_connect_service_nodes", connect),
  ),
  route(
    "GET",
    "/v1/catalog/node/{node}",
    {
      summary: "A node and its services by ID.",
      acl: "node:read,service:read",
      options: "query",
      blocking: true,
      filter: true,
      namespaced: true,
    },
    counted("catalog_node_services", node),
  ),
  route(
    "GET",
    "/v1/catalog/node-services/{node}",
    {
      summary: "A node and the list of its services.",
      acl: "node:read,service:read",
      options: "query",
      blocking: true,
      filter: true,
      namespaced: true,
    },
    counted("catalog_node_service_list", nodeServices),
  ),
  route(
    "GET",
    "/v1/catalog/gateway-services/{gateway}",
    {
      summary: "Services behind a gateway.",
      acl: "service:read",
      options: "query",
      blocking: true,
      namespaced: true,
    },
    counted("catalog_gateway_services", gatewayServices),
  ),
];
