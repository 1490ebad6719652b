/** The catalog's reads: nodes, services, and which is where. What writes it is in registration.ts. */
import type {
  GatewayService,
  Node,
  NodeService,
  NodeServiceList,
  NodeServices,
  ServiceName,
  ServiceNode,
} from "../model/catalog.ts";
import { serviceProtocol } from "./config-entry.ts";
import {
  gatewayInstances,
  hasTags,
  isFilter,
  type MetaFilter,
  satisfiesMeta,
  serviceIndex,
} from "./service-query.ts";
import { keyOf, lower, type ServiceRow } from "./tables.ts";
import type { Answer, StateView } from "./tracked-read.ts";

/** All nodes in name order. Index: of the last change of any node. */
export function listNodes(view: StateView, meta?: MetaFilter): Answer<readonly Node[]> {
  const index = view.lastChange("nodes");
  const nodes = view.list(view.tables.nodes.rows, "");
  return { index, value: isFilter(meta) ? nodes.filter((n) => satisfiesMeta(n.Meta, meta)) : nodes };
}

export function getNode(view: StateView, name: string): Answer<Node | undefined> {
  return { index: view.lastChange("nodes"), value: view.row(view.tables.nodes.rows, lower(name)) };
}

export function getNodeById(view: StateView, id: string): Answer<Node | undefined> {
  return { index: view.lastChange("nodes"), value: view.row(view.tables.nodesById, lower(id)) };
}

/** A shorter text is no ID prefix. */
const ID_PREFIX_CHARS_MIN = 2;

/** The node of that name, or the only one whose ID starts so (an odd last character does not count, observed). */
export function findNode(view: StateView, nameOrIdPrefix: string): Node | undefined {
  const byName = view.row(view.tables.nodes.rows, lower(nameOrIdPrefix));
  if (byName !== undefined || nameOrIdPrefix.length < ID_PREFIX_CHARS_MIN) return byName;
  const even = nameOrIdPrefix.slice(0, nameOrIdPrefix.length - (nameOrIdPrefix.length % 2));
  let found: Node | undefined;
  let count = 0;
  view.scan(view.tables.nodesById, lower(even), (node) => {
    found = node;
    return ++count < 2;
  });
  return count === 1 ? found : undefined;
}

/** Service names to the tags that any instance has, without repeats. Index: of the last change of any service. */
export function listServices(
  view: StateView,
  meta?: MetaFilter,
): Answer<ReadonlyMap<string, readonly string[]>> {
  const filtered = isFilter(meta);
  const index = filtered ? view.lastChangeOf("services", "nodes") : view.lastChange("services");
  const tags = new Map<string, Set<string>>();
  if (filtered) view.watchRange(view.tables.nodes.rows, "");
  view.scan(view.tables.services.rows, "", ({ Node, Service }) => {
    if (filtered && !satisfiesMeta(view.tables.nodes.get(lower(Node))?.Meta ?? null, meta)) return;
    let set = tags.get(Service.Service);
    if (set === undefined) {
      set = new Set();
      tags.set(Service.Service, set);
    }
    for (const tag of Service.Tags ?? []) set.add(tag);
  });
  const value = new Map<string, readonly string[]>();
  for (const [name, set] of tags) value.set(name, [...set]);
  return { index, value };
}

/** Names of all services. */
export function serviceList(view: StateView): Answer<readonly ServiceName[]> {
  const names = new Set<string>();
  view.scan(view.tables.services.rows, "", ({ Service }) => {
    names.add(Service.Service);
  });
  return { index: view.lastChange("services"), value: [...names].map((Name) => ({ Name })) };
}

/** A service instance with its node's fields beside it. */
export function joinServiceNode(node: Node | undefined, { Node: name, Service: s }: ServiceRow): ServiceNode {
  return {
    ID: node?.ID ?? "",
    Node: node?.Node ?? name,
    Address: node?.Address ?? "",
    Datacenter: node?.Datacenter ?? "",
    TaggedAddresses: node?.TaggedAddresses ?? null,
    NodeMeta: node?.Meta ?? null,
    ServiceKind: s.Kind,
    ServiceID: s.ID,
    ServiceName: s.Service,
    // Empty where the service has none; the joined row never has nil here (observed in Consul 1.8.7).
    ServiceTags: s.Tags ?? [],
    ServiceAddress: s.Address,
    ServiceTaggedAddresses: s.TaggedAddresses,
    ServiceWeights: s.Weights ?? { Passing: 1, Warning: 1 },
    ServiceMeta: s.Meta ?? new Map(),
    ServicePort: s.Port,
    ServiceEnableTagOverride: s.EnableTagOverride,
    ServiceProxy: s.Proxy,
    ServiceConnect: s.Connect,
    CreateIndex: s.CreateIndex,
    ModifyIndex: s.ModifyIndex,
  };
}

const join = (view: StateView, row: ServiceRow): ServiceNode =>
  joinServiceNode(view.row(view.tables.nodes.rows, lower(row.Node)), row);

/** Instances of a service, by node and ID; with tags those that have all of them, in any case. */
export function serviceNodes(
  view: StateView,
  name: string,
  tags: readonly string[] = [],
): Answer<readonly ServiceNode[]> {
  const rows = view.list(view.tables.servicesByName, keyOf(lower(name), ""));
  const index = serviceIndex(view, name, rows.length > 0, false);
  const wanted = tags.length === 0 ? rows : rows.filter((row) => hasTags(row.Service, tags));
  return { index, value: wanted.map((row) => join(view, row)) };
}

/** Instances that Connect clients of a service are sent to: proxies, native instances, terminating gateways. */
export function connectServiceNodes(view: StateView, name: string): Answer<readonly ServiceNode[]> {
  const rows = view.list(view.tables.servicesByConnect, keyOf(lower(name), ""));
  const gateways = gatewayInstances(view, name, "terminating-gateway");
  const all = [...rows, ...gateways.rows];
  // The index of the service itself counts, not that of its proxies (observed).
  const index = Math.max(gateways.index, serviceIndex(view, name, all.length > 0, false));
  return { index, value: all.map((row) => join(view, row)) };
}

/** Instances with that service address, or with it among the tagged ones. Reports no index of its own (observed). */
export function serviceNodesByAddress(view: StateView, address: string): Answer<readonly ServiceNode[]> {
  const value: ServiceNode[] = [];
  view.scan(view.tables.services.rows, "", (row) => {
    const { Address, TaggedAddresses } = row.Service;
    const tagged = [...(TaggedAddresses?.values() ?? [])].some((a) => a.Address === address);
    if (Address === address || tagged) value.push(join(view, row));
  });
  return { index: 0, value };
}

function servicesOfNode(view: StateView, node: Node): NodeService[] {
  return view.list(view.tables.services.rows, keyOf(lower(node.Node), "")).map((row) => row.Service);
}

/** A node with its services by ID; null for an unknown node. */
export function nodeServices(view: StateView, nameOrIdPrefix: string): Answer<NodeServices | null> {
  const node = findNode(view, nameOrIdPrefix);
  if (node === undefined) return { index: 0, value: null };
  const Services = new Map(servicesOfNode(view, node).map((s) => [s.ID, s]));
  return { index: view.lastChangeOf("nodes", "services"), value: { Node: node, Services } };
}

/** A node with its services in order; null for an unknown node. */
export function nodeServiceList(view: StateView, nameOrIdPrefix: string): Answer<NodeServiceList | null> {
  const node = findNode(view, nameOrIdPrefix);
  if (node === undefined) return { index: 0, value: null };
  return {
    index: view.lastChangeOf("nodes", "services"),
    value: { Node: node, Services: servicesOfNode(view, node) },
  };
}

/** Services behind a gateway; of those that an ingress wildcard brought only the ones that speak the listener's protocol. */
export function gatewayServices(view: StateView, gateway: string): Answer<readonly GatewayService[]> {
  let index = view.lastChange("gateway-services");
  const value = view.list(view.tables.gatewayServices.rows, keyOf(lower(gateway), "")).filter((mapping) => {
    if (mapping.Service.Name === "*") return false;
    if (mapping.GatewayKind !== "ingress-gateway" || !mapping.FromWildcard) return true;
    const protocol = serviceProtocol(view, mapping.Service.Name);
    index = Math.max(index, protocol.index);
    return protocol.value === mapping.Protocol;
  });
  return { index, value };
}
