/** Health's reads: checks, and service instances with their node and checks. */
import type { CheckServiceNode, HealthCheck } from "../model/catalog.ts";
import {
  gatewayInstances,
  hasTags,
  instances,
  isFilter,
  type MetaFilter,
  satisfiesMeta,
  serviceIndex,
} from "./service-query.ts";
import { checkKey, keyOf, lower, type ServiceRow } from "./tables.ts";
import type { Answer, StateView } from "./tracked-read.ts";

/** Checks of a node and of its services, by check ID. Index: of the last change of any check. */
export function nodeChecks(view: StateView, node: string): Answer<readonly HealthCheck[]> {
  return {
    index: view.lastChange("checks"),
    value: view.list(view.tables.checks.rows, keyOf(lower(node), "")),
  };
}

export function nodeCheck(view: StateView, node: string, checkId: string): Answer<HealthCheck | undefined> {
  return {
    index: view.lastChange("checks"),
    value: view.row(view.tables.checks.rows, checkKey(node, checkId)),
  };
}

/** Checks that belong to instances of a service. */
export function serviceChecks(
  view: StateView,
  service: string,
  meta?: MetaFilter,
): Answer<readonly HealthCheck[]> {
  const checks = view.list(view.tables.checksByServiceName, keyOf(lower(service), ""));
  return { index: view.lastChange("checks"), value: ofNodesWith(view, checks, meta) };
}

/** Checks of a status, or all of them for "any". */
export function checksInState(
  view: StateView,
  state: string,
  meta?: MetaFilter,
): Answer<readonly HealthCheck[]> {
  const { checks, checksByStatus } = view.tables;
  const found = state === "any" ? view.list(checks.rows, "") : view.list(checksByStatus, keyOf(state, ""));
  return { index: view.lastChange("checks"), value: ofNodesWith(view, found, meta) };
}

function ofNodesWith(
  view: StateView,
  checks: readonly HealthCheck[],
  meta: MetaFilter | undefined,
): readonly HealthCheck[] {
  if (!isFilter(meta)) return checks;
  return checks.filter((check) => {
    const node = view.row(view.tables.nodes.rows, lower(check.Node));
    return node !== undefined && satisfiesMeta(node.Meta, meta);
  });
}

/**
 * Instances of a service with their nodes and checks; with tags those that have all of them, in any case. One watch on the
 * topic of the service's health stands for all the rows: every change of any of them is an event of it.
 */
export function serviceHealth(
  view: StateView,
  name: string,
  tags: readonly string[] = [],
): Answer<readonly CheckServiceNode[]> {
  const rows = instances(view, name);
  const index = serviceIndex(view, name, rows.length > 0, true);
  const wanted = tags.length === 0 ? rows : rows.filter((row) => hasTags(row.Service, tags));
  return { index, value: withHealth(view, wanted) };
}

/** Instances that Connect clients of a service are sent to, with their health. */
export function connectServiceHealth(view: StateView, name: string): Answer<readonly CheckServiceNode[]> {
  const rows = view.list(view.tables.servicesByConnect, keyOf(lower(name), ""));
  const gateways = gatewayInstances(view, name, "terminating-gateway");
  const all = [...rows, ...gateways.rows];
  for (const service of new Set(rows.map((row) => lower(row.Service.Service))))
    view.watchTopic(view.tables.serviceHealth, service);
  let index = gateways.index;
  for (const service of new Set(all.map((row) => row.Service.Service)))
    index = Math.max(index, serviceIndex(view, service, true, true));
  if (all.length === 0) index = Math.max(index, serviceIndex(view, name, false, true));
  return { index, value: withHealth(view, all) };
}

/** Instances of the ingress gateways in front of a service, with their health. */
export function ingressServiceHealth(view: StateView, name: string): Answer<readonly CheckServiceNode[]> {
  const gateways = gatewayInstances(view, name, "ingress-gateway");
  return { index: gateways.index, value: withHealth(view, gateways.rows) };
}

/** Joins nodes and checks; the caller has recorded what makes the answer stale. */
export function withHealth(view: StateView, rows: readonly ServiceRow[]): CheckServiceNode[] {
  const { nodes, checksByService } = view.tables;
  const out: CheckServiceNode[] = [];
  for (const row of rows) {
    const node = lower(row.Node);
    const Checks: HealthCheck[] = [];
    const collect = (check: HealthCheck): void => {
      Checks.push(check);
    };
    checksByService.tree.scan(keyOf(node, "", ""), collect);
    checksByService.tree.scan(keyOf(node, lower(row.Service.ID), ""), collect);
    // No checks are nil, not an empty list (observed in Consul 1.8.7).
    out.push({
      Node: nodes.get(node) ?? null,
      Service: row.Service,
      Checks: Checks.length === 0 ? null : Checks,
    });
  }
  return out;
}
