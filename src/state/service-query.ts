/** What reads of services share: filters, the index they report, and who stands behind a gateway. */
import type { NodeService } from "../model/catalog.ts";
import { EXTINCTION_INDEX_KEY, keyOf, lower, type ServiceRow, serviceIndexKey } from "./tables.ts";
import type { StateView } from "./tracked-read.ts";

/** Node metadata that a node must have, each pair; null or empty asks for nothing. */
export type MetaFilter = ReadonlyMap<string, string> | null;

export function satisfiesMeta(
  meta: ReadonlyMap<string, string> | null,
  filter: MetaFilter | undefined,
): boolean {
  if (filter === null || filter === undefined) return true;
  for (const [key, value] of filter) if (meta?.get(key) !== value) return false;
  return true;
}

export const isFilter = (filter: MetaFilter | undefined): filter is ReadonlyMap<string, string> =>
  filter !== null && filter !== undefined && filter.size > 0;

/**
 * The index that reads of a service by name report: the service's own; without instances that of the last extinction of
 * any service, else one left over from a rename, else of the last change of the tables that could bring it.
 */
export function serviceIndex(view: StateView, name: string, exists: boolean, withChecks: boolean): number {
  if (!exists) {
    const extinction = view.lastChange(EXTINCTION_INDEX_KEY);
    if (extinction > 0) return extinction;
  }
  const own = view.lastChange(serviceIndexKey(name));
  if (own > 0) return own;
  return withChecks
    ? view.lastChangeOf("nodes", "services", "checks")
    : view.lastChangeOf("nodes", "services");
}

/** Whether a service has all of the tags, in any case. */
export function hasTags(service: NodeService, wanted: readonly string[]): boolean {
  const tags = service.Tags ?? [];
  return wanted.every((w) => tags.some((t) => lower(t) === lower(w)));
}

/** Instances of all gateways of a kind that a service stands behind, and the index of that answer. */
export function gatewayInstances(
  view: StateView,
  service: string,
  kind: "terminating-gateway" | "ingress-gateway",
): { readonly index: number; readonly rows: readonly ServiceRow[] } {
  let index = 0;
  const rows: ServiceRow[] = [];
  const seen = new Set<string>();
  for (const mapping of view.list(view.tables.gatewayServicesByService, keyOf(lower(service), ""))) {
    if (mapping.GatewayKind !== kind) continue;
    index = Math.max(index, mapping.ModifyIndex);
    const gateway = mapping.Gateway.Name;
    if (seen.has(gateway)) continue;
    seen.add(gateway);
    const found = instances(view, gateway).filter((row) => row.Service.Kind === kind);
    rows.push(...found);
    index = Math.max(index, serviceIndex(view, gateway, found.length > 0, true));
  }
  return { index, rows };
}

/** Rows of a service's instances, watched by the topic of its health. */
export function instances(view: StateView, name: string): ServiceRow[] {
  view.watchTopic(view.tables.serviceHealth, lower(name));
  return view.tables.servicesByName.tree.list(keyOf(lower(name), ""));
}
