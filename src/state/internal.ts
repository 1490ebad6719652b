/** Reads over everything: what the web page and proxies' watchers ask for. */
import type {
  CheckServiceNode,
  HealthCheck,
  Node,
  NodeInfo,
  NodeService,
  ServiceInfo,
} from "../model/catalog.ts";
import { gatewayServices } from "./catalog.ts";
import { serviceHealth, withHealth } from "./health.ts";
import { keyOf, kindIndexKey, lower, type ServiceRow } from "./tables.ts";
import type { Answer, StateView } from "./tracked-read.ts";

const anyCatalog = (view: StateView): number => view.lastChangeOf("nodes", "services", "checks");

const orNull = <T>(list: readonly T[]): readonly T[] | null => (list.length === 0 ? null : list);

function info(node: Node, services: readonly NodeService[], checks: readonly HealthCheck[]): NodeInfo {
  return {
    ID: node.ID,
    Node: node.Node,
    Address: node.Address,
    TaggedAddresses: node.TaggedAddresses,
    Meta: node.Meta,
    Services: orNull(services),
    Checks: orNull(checks),
  };
}

/** A node with its services and checks: one element, or none. */
export function nodeInfo(view: StateView, name: string): Answer<readonly NodeInfo[]> {
  const index = anyCatalog(view);
  const { nodes, services, checks } = view.tables;
  const node = view.row(nodes.rows, lower(name));
  if (node === undefined) return { index, value: [] };
  const prefix = keyOf(lower(name), "");
  return {
    index,
    value: [
      info(
        node,
        view.list(services.rows, prefix).map((row) => row.Service),
        view.list(checks.rows, prefix),
      ),
    ],
  };
}

/** All nodes with their services and checks. */
export function nodeDump(view: StateView): Answer<readonly NodeInfo[]> {
  const { nodes, services, checks } = view.tables;
  view.watchRange(services.rows, "");
  view.watchRange(checks.rows, "");
  const value = view.list(nodes.rows, "").map((node) => {
    const prefix = keyOf(lower(node.Node), "");
    return info(
      node,
      services.rows.tree.list(prefix).map((row) => row.Service),
      checks.rows.tree.list(prefix),
    );
  });
  return { index: anyCatalog(view), value };
}

/** All service instances with node and checks, or those of one kind ("" is the plain kind). */
export function serviceDump(view: StateView, kind?: string): Answer<readonly CheckServiceNode[]> {
  const { nodes, services, checks, servicesByKind } = view.tables;
  view.watchRange(nodes.rows, "");
  view.watchRange(checks.rows, "");
  let rows: readonly ServiceRow[];
  let index: number;
  if (kind === undefined) {
    rows = view.list(services.rows, "");
    index = anyCatalog(view);
  } else {
    rows = view.list(servicesByKind, keyOf(kind, ""));
    index = view.lastChange(kindIndexKey(kind));
  }
  return { index, value: withHealth(view, rows) };
}

/** Instances of the services behind a gateway; a service without instances has one element with its mapping alone. */
export function gatewayServiceDump(view: StateView, gateway: string): Answer<readonly ServiceInfo[]> {
  const mappings = gatewayServices(view, gateway);
  let index = mappings.index;
  const value: ServiceInfo[] = [];
  for (const mapping of mappings.value) {
    const health = serviceHealth(view, mapping.Service.Name);
    index = Math.max(index, health.index);
    for (const instance of health.value) value.push({ ...instance, GatewayService: mapping });
    if (health.value.length === 0)
      value.push({ Node: null, Service: null, Checks: null, GatewayService: mapping });
  }
  return { index, value };
}
