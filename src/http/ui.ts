/** /v1/internal/ui and federation states: what the web page shows, gathered so that one request fills a view. */
import {
  type CheckServiceNode,
  DatacenterIndexedCheckServiceNodes,
  DCSpecificRequest,
  HealthCheck,
  type IndexedNodeDump,
  NodeInfo,
  NodeService,
  NodeSpecificRequest,
  type ServiceInfo,
  ServiceSpecificRequest,
} from "../model/catalog.ts";
import { FederationState, FederationStateResponse } from "../model/config-entry.ts";
import type { MethodName, MethodReply, MethodRequest } from "../model/methods.ts";
import type { QueryMeta, QueryOptions } from "../model/query.ts";
import { byteOrder, field, int, list, ptr, str, struct } from "../wire/schema.ts";
import type { Call } from "./call.ts";
import { badRequest, plainBadRequest } from "./errors.ts";
import { type Answer, type Reply, route } from "./routes.ts";
import { shownList } from "./views.ts";

const NodeInfoJson = struct("NodeInfo", {
  ...NodeInfo.fields,
  Services: shownList(ptr(NodeService)),
  Checks: shownList(ptr(HealthCheck)),
});
const NodesJson = shownList(ptr(NodeInfoJson));
const NOT_FOUND: Reply = { status: 404 };

/** A read that takes a stale answer when there is no leader: a page that shows something is better than none. */
async function readOrStale<M extends MethodName>(
  c: Call,
  method: M,
  request: MethodRequest<M> & QueryOptions,
): Promise<MethodReply<M> & QueryMeta> {
  try {
    return await c.read(method, request);
  } catch (e) {
    if (request.AllowStale || !(e instanceof Error && e.message.includes("No cluster leader"))) throw e;
    return c.read(method, { ...request, AllowStale: true, RequireConsistent: false });
  }
}

async function nodes(c: Call): Promise<Answer> {
  const o = c.readOptions();
  const out: IndexedNodeDump = await readOrStale(c, "Internal.NodeDump", {
    ...DCSpecificRequest.zero(),
    ...o,
  });
  return NodesJson.json(out.Dump);
}

async function node(c: Call): Promise<Answer> {
  const o = c.readOptions();
  if (c.rest === "") throw plainBadRequest("Missing node name");
  const request = { ...NodeSpecificRequest.zero(), ...o, Node: c.rest };
  const out = await c.agent.rpc(
    "Internal.NodeInfo",
    request,
    o.MinQueryIndex > 0 ? { signal: c.signal } : undefined,
  );
  const found = out.Dump?.[0];
  if (found === undefined || found === null) return NOT_FOUND;
  c.meta(out);
  return NodeInfoJson.json(found);
}

const omitempty = { omitempty: true } as const;

const SummaryJson = struct("ServiceSummary", {
  Kind: field(str, omitempty),
  Name: str,
  Tags: list(str),
  Nodes: list(str),
  InstanceCount: int,
  ProxyFor: field(list(str), omitempty),
  ChecksPassing: int,
  ChecksWarning: int,
  ChecksCritical: int,
  ExternalSources: list(str),
  GatewayConfig: struct("GatewayConfig", { Addresses: field(list(str), omitempty) }),
});
const SummariesJson = list(SummaryJson);

interface Summary {
  readonly name: string;
  kind: string;
  instances: number;
  readonly tags: Set<string>;
  readonly nodes: Set<string>;
  readonly proxyFor: Set<string>;
  readonly sources: Set<string>;
  readonly addresses: Set<string>;
  /** Node and check already counted. */
  readonly counted: Set<string>;
  passing: number;
  warning: number;
  critical: number;
}

/** Instances of services, added up by service. */
export class ServiceSummaries {
  readonly #byName = new Map<string, Summary>();

  of(name: string): Summary {
    let s = this.#byName.get(name);
    if (s === undefined) {
      s = {
        name,
        kind: "",
        instances: 0,
        tags: new Set(),
        nodes: new Set(),
        proxyFor: new Set(),
        sources: new Set(),
        addresses: new Set(),
        counted: new Set(),
        passing: 0,
        warning: 0,
        critical: 0,
      };
      this.#byName.set(name, s);
    }
    return s;
  }

  add(entry: Pick<CheckServiceNode, "Node" | "Service" | "Checks">): void {
    const { Node, Service } = entry;
    if (Node === null || Service === null) return;
    const s = this.of(Service.Service);
    s.kind = Service.Kind;
    s.instances++;
    s.nodes.add(Node.Node);
    if (Service.Kind === "connect-proxy") s.proxyFor.add(Service.Proxy.DestinationServiceName);
    for (const tag of Service.Tags ?? []) s.tags.add(tag);
    const source = Service.Meta?.get("external-source") ?? Node.Meta?.get("external-source") ?? "";
    if (source !== "") s.sources.add(source);
    for (const check of entry.Checks ?? []) {
      if (check === null) continue;
      // A node's check is one, however many instances the node has.
      const id = `${check.Node}\0${check.CheckID}`;
      if (s.counted.has(id)) continue;
      s.counted.add(id);
      if (check.Status === "passing") s.passing++;
      else if (check.Status === "warning") s.warning++;
      else if (check.Status === "critical") s.critical++;
    }
  }

  json(): string {
    const all = [...this.#byName.values()].sort((a, b) => byteOrder(a.name, b.name));
    const sorted = (set: ReadonlySet<string>): readonly string[] | null =>
      set.size === 0 ? null : [...set].sort(byteOrder);
    return SummariesJson.json(
      all.map((s) => ({
        Kind: s.kind,
        Name: s.name,
        Tags: sorted(s.tags),
        Nodes: sorted(s.nodes),
        InstanceCount: s.instances,
        ProxyFor: sorted(s.proxyFor),
        ChecksPassing: s.passing,
        ChecksWarning: s.warning,
        ChecksCritical: s.critical,
        ExternalSources: sorted(s.sources),
        GatewayConfig: { Addresses: sorted(s.addresses) },
      })),
    );
  }
}

async function services(c: Call): Promise<Answer> {
  const o = c.readOptions();
  const request = { ...DCSpecificRequest.zero(), ...o, ServiceKind: "", UseServiceKind: false };
  const out = await readOrStale(c, "Internal.ServiceDump", request);
  const summaries = new ServiceSummaries();
  for (const entry of out.Nodes ?? []) summaries.add(entry);
  return summaries.json();
}

async function gatewayServices(c: Call): Promise<Answer> {
  const o = c.readOptions();
  if (c.rest === "") throw plainBadRequest("Missing gateway name");
  const out = await readOrStale(c, "Internal.GatewayServiceDump", {
    ...ServiceSpecificRequest.zero(),
    ...o,
    ServiceName: c.rest,
  });
  const summaries = new ServiceSummaries();
  for (const info of out.Dump ?? []) if (info !== null) addBehindGateway(c, summaries, info);
  return summaries.json();
}

function addBehindGateway(c: Call, summaries: ServiceSummaries, info: ServiceInfo): void {
  const link = info.GatewayService;
  if (info.Service !== null) summaries.add(info);
  if (link === null) return;
  const s = summaries.of(link.Service.Name);
  if (link.GatewayKind !== "ingress-gateway") return;
  const { datacenter, domain } = c.agent.config;
  const hosts =
    link.Hosts === null || link.Hosts.length === 0
      ? [`${link.Service.Name}.ingress.${datacenter}.${domain}`]
      : link.Hosts;
  for (const host of hosts) s.addresses.add(`${host}:${link.Port}`);
}

const StatesJson = shownList(ptr(FederationState));

async function federationStates(c: Call): Promise<Answer> {
  const o = c.readOptions();
  const out = await c.read("FederationState.List", { ...DCSpecificRequest.zero(), ...o });
  return StatesJson.json(out.States);
}

async function federationState(c: Call): Promise<Answer> {
  const o = c.readOptions();
  if (c.rest === "") throw badRequest("Missing datacenter name");
  const out = await c.agent.rpc(
    "FederationState.Get",
    { ...o, Datacenter: c.rest, TargetDatacenter: o.Datacenter },
    o.MinQueryIndex > 0 ? { signal: c.signal } : undefined,
  );
  if (out.State === null) return NOT_FOUND;
  c.meta(out);
  return FederationStateResponse.json(out);
}

async function meshGateways(c: Call): Promise<Answer> {
  const o = c.readOptions();
  const out = await c.read("FederationState.ListMeshGateways", { ...DCSpecificRequest.zero(), ...o });
  return out.DatacenterNodes === null
    ? "{}"
    : DatacenterIndexedCheckServiceNodes.fields.DatacenterNodes.json(out.DatacenterNodes);
}

const read = { acl: "node:read,service:read", options: "query", blocking: true, namespaced: true } as const;
const federation = { acl: "operator:read", options: "query", blocking: true } as const;

export const uiRoutes = [
  route(
    "GET",
    "/v1/internal/ui/nodes",
    { summary: "Nodes with services and checks.", ...read, filter: true },
    nodes,
  ),
  route("GET", "/v1/internal/ui/node/{node}", { summary: "A node with services and checks.", ...read }, node),
  route(
    "GET",
    "/v1/internal/ui/services",
    { summary: "Services with counts.", ...read, filter: true },
    services,
  ),
  route(
    "GET",
    "/v1/internal/ui/gateway-services-nodes/{gateway}",
    { summary: "Services behind a gateway with counts.", ...read },
    gatewayServices,
  ),
  route(
    "GET",
    "/v1/internal/federation-states",
    { summary: "Mesh gateways of all datacenters, as stored.", ...federation },
    federationStates,
  ),
  route(
    "GET",
    "/v1/internal/federation-states/mesh-gateways",
    { summary: "Mesh gateways by datacenter.", ...federation },
    meshGateways,
  ),
  route(
    "GET",
    "/v1/internal/federation-state/{datacenter}",
    { summary: "Mesh gateways of a datacenter, as stored.", ...federation },
    federationState,
  ),
];
