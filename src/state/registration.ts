/**
 * What registrations and deregistrations do to nodes, services and checks, and to all that hangs on them. Rules, texts and
 * the moments when an index moves as observed in Consul 1.8.7.
 */
import type { HealthCheck, Node, NodeService, RegisterRequest, Weights } from "../model/catalog.ts";
import { dropCoordinates } from "./coordinate.ts";
import { same, sameExcept } from "./equal.ts";
import { dropWildcardMappings, mapNewService } from "./gateway-service.ts";
import { metaProblem } from "./service-meta.ts";
import { destroySessionsOfCheck, destroySessionsOfNode } from "./session.ts";
import {
  checkKey,
  EXTINCTION_INDEX_KEY,
  keyOf,
  kindIndexKey,
  lower,
  type ServiceRow,
  serviceIndexKey,
  serviceKey,
} from "./tables.ts";
import { CommandError, type WriteContext, type WriteTxn } from "./write-txn.ts";

/** The check that says whether a node's agent is alive; the leader keeps it. */
export const SERF_HEALTH = "serfHealth";

const MISSING_NODE = "Missing node registration";
const MISSING_SERVICE = "Missing service registration";

/** Whether rows keep the indexes they come with (a snapshot) or take the transaction's. */
export type Indexes = "assign" | "preserve";

const message = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Runs a part of a registration; its refusals get a prefix (and a suffix). */
function part(prefix: string, suffix: string, run: () => void): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new CommandError(`${prefix}${message(error)}${suffix}`);
  }
}

/** Registers a node, then its service, then its checks. */
export function register(
  tx: WriteTxn,
  context: WriteContext,
  request: RegisterRequest,
  indexes: Indexes,
): void {
  const existing = tx.tables.nodes.get(lower(request.Node));
  if (existing === undefined || changesNode(request, existing)) {
    const node: Node = {
      ID: request.ID,
      Node: request.Node,
      Address: request.Address,
      Datacenter: request.Datacenter,
      TaggedAddresses: request.TaggedAddresses,
      Meta: request.NodeMeta,
      CreateIndex: request.CreateIndex,
      ModifyIndex: request.ModifyIndex,
    };
    part("failed inserting node: ", "", () => putNode(tx, context, node, indexes));
  }
  const service = request.Service;
  if (service !== null) {
    const row = tx.tables.services.get(serviceKey(request.Node, service.ID));
    if (row === undefined || !sameService(row.Service, service))
      part("failed inserting service: ", "", () => putService(tx, request.Node, service, indexes));
  }
  if (request.Check !== null) registerCheck(tx, context, request.Node, request.Check, indexes);
  for (const check of request.Checks ?? [])
    if (check !== null) registerCheck(tx, context, request.Node, check, indexes);
}

function registerCheck(
  tx: WriteTxn,
  context: WriteContext,
  node: string,
  check: HealthCheck,
  indexes: Indexes,
): void {
  const matches = indexes === "preserve" ? lower(check.Node) === lower(node) : check.Node === node;
  if (!matches) throw new CommandError(`check node "${check.Node}" does not match node "${node}"`);
  part("failed inserting check: ", ` on node "${check.Node}"`, () => putCheck(tx, context, check, indexes));
}

function changesNode(request: RegisterRequest, node: Node): boolean {
  if (request.SkipNodeUpdate) return false;
  return !(
    request.ID === node.ID &&
    request.Node === node.Node &&
    request.Address === node.Address &&
    request.Datacenter === node.Datacenter &&
    same(request.TaggedAddresses, node.TaggedAddresses) &&
    same(request.NodeMeta, node.Meta)
  );
}

/** Another node of that name that is alive, as a refusal. `takesBlank`: a node without an ID gives its name away. */
function refuseTakenName(tx: WriteTxn, node: Node, takesBlank: boolean): void {
  const other = tx.tables.nodes.get(lower(node.Node));
  if (other === undefined || other.ID === node.ID || (other.ID === "" && takesBlank)) return;
  const health = tx.tables.checks.get(checkKey(other.Node, SERF_HEALTH));
  // A node that nobody's gossip watches is an external one, and may be taken over.
  if (health === undefined || health.Status === "critical") return;
  throw new CommandError(
    `Node name ${node.Node} is reserved by node ${other.ID} with name ${other.Node} (${other.Address})`,
  );
}

/** Stores a node. One that comes with a known ID under a new name is renamed: the old one goes with all it has. */
export function putNode(tx: WriteTxn, context: WriteContext, node: Node, indexes: Indexes): void {
  const { nodes, nodesById } = tx.tables;
  let before: Node | undefined;
  if (node.ID !== "") {
    before = nodesById.tree.get(lower(node.ID));
    if (before !== undefined && before.Node !== node.Node) {
      part(`Error while renaming Node ID: "${node.ID}" (${node.Address}): `, "", () =>
        refuseTakenName(tx, node, false),
      );
      deleteNode(tx, context, before.Node);
    } else if (before === undefined)
      part(`Error while renaming Node ID: "${node.ID}": `, "", () => refuseTakenName(tx, node, true));
  }
  before ??= nodes.get(lower(node.Node));
  let row = node;
  if (before !== undefined) {
    if (sameExcept(node, before, "CreateIndex", "ModifyIndex")) return;
    row = { ...node, CreateIndex: before.CreateIndex, ModifyIndex: tx.index };
  } else if (indexes === "assign" || node.CreateIndex === 0)
    row = { ...node, CreateIndex: tx.index, ModifyIndex: tx.index };
  tx.put(nodes, row);
  tx.bump("nodes", row.ModifyIndex);
  bumpServicesOfNode(tx, node.Node, row.ModifyIndex);
}

/** Says that the health of a service changed. */
function bumpService(tx: WriteTxn, service: NodeService, at: number = tx.index): void {
  tx.bump(serviceIndexKey(service.Service), at);
  tx.bump(kindIndexKey(service.Kind), at);
  touchHealth(tx, service);
}

function touchHealth(tx: WriteTxn, service: NodeService): void {
  tx.touch(tx.tables.serviceHealth, lower(service.Service));
}

/** Node-level changes show in the health of each service on the node. */
function bumpServicesOfNode(tx: WriteTxn, node: string, at: number = tx.index): void {
  for (const row of tx.tables.services.rows.tree.list(keyOf(lower(node), "")))
    bumpService(tx, row.Service, at);
}

const DEFAULT_WEIGHTS = { Passing: 1, Warning: 1 };

/** Weights are 16 bits in DNS, and what passes must have some. */
const sane = ({ Passing, Warning }: Weights): boolean =>
  Passing >= 1 && Passing <= 65_535 && Warning >= 0 && Warning <= 65_535;

/** What is stored of a service: weights that make no sense are the default (observed), the agent's own mark is dropped. */
const stored = (service: NodeService): NodeService => {
  const weights = service.Weights;
  return {
    ...service,
    Weights: weights !== null && sane(weights) ? weights : DEFAULT_WEIGHTS,
    LocallyRegisteredAsSidecar: false,
  };
};

const sameService = (a: NodeService, b: NodeService): boolean =>
  sameExcept(a, b, "CreateIndex", "ModifyIndex", "LocallyRegisteredAsSidecar");

/** Stores a service instance on a node that must exist. */
export function putService(tx: WriteTxn, node: string, request: NodeService, indexes: Indexes): void {
  const { services, nodes } = tx.tables;
  const before = services.get(serviceKey(node, request.ID));
  const problem = metaProblem(request.Meta);
  if (problem !== undefined)
    throw new CommandError(`Invalid Service Meta for node ${node} and serviceID ${request.ID}: ${problem}`);
  mapNewService(tx, request);
  if (nodes.get(lower(node)) === undefined) throw new CommandError(MISSING_NODE);
  let service = stored(request);
  if (before !== undefined && sameService(before.Service, service)) return;
  if (before !== undefined)
    service = {
      ...service,
      CreateIndex: before.Service.CreateIndex,
      ModifyIndex: indexes === "preserve" ? service.ModifyIndex : tx.index,
    };
  else if (indexes === "assign") service = { ...service, CreateIndex: tx.index, ModifyIndex: tx.index };
  tx.put(services, { Node: node, Service: service });
  tx.bump("services", service.ModifyIndex);
  bumpService(tx, service, service.ModifyIndex);
  // Renamed under the same ID: the old name's index stays as it was (observed), but its watchers must see the loss.
  if (before !== undefined && lower(before.Service.Service) !== lower(service.Service))
    touchHealth(tx, before.Service);
}

/** The same but for indexes; the type of the check does not count, the spelling of the node's name does (observed). */
const sameCheck = (a: HealthCheck, b: HealthCheck): boolean =>
  sameExcept(a, b, "Type", "CreateIndex", "ModifyIndex");

/** Stores a check. Its row is written every time, its ModifyIndex moves only when it changed. */
export function putCheck(tx: WriteTxn, context: WriteContext, request: HealthCheck, indexes: Indexes): void {
  const { checks, nodes, services } = tx.tables;
  if (nodes.get(lower(request.Node)) === undefined) throw new CommandError(MISSING_NODE);
  const before = checks.get(checkKey(request.Node, request.CheckID));
  let service: ServiceRow | undefined;
  let ServiceName = request.ServiceName;
  let ServiceTags = request.ServiceTags;
  if (request.ServiceID !== "") {
    service = services.get(serviceKey(request.Node, request.ServiceID));
    if (service === undefined) throw new CommandError(MISSING_SERVICE);
    // A snapshot's copy stays, though the service may have changed since the check was registered.
    if (indexes === "assign" || ServiceName === "") {
      ServiceName = service.Service.Service;
      ServiceTags = service.Service.Tags;
    }
  }
  const status = request.Status === "" ? "critical" : request.Status;
  let check: HealthCheck = { ...request, Status: status, ServiceName, ServiceTags };
  const changed = before === undefined || !sameCheck(before, check);
  if (before !== undefined)
    check = {
      ...check,
      CreateIndex: before.CreateIndex,
      ModifyIndex: changed ? tx.index : before.ModifyIndex,
    };
  else if (indexes === "assign" || check.CreateIndex === 0)
    check = { ...check, CreateIndex: tx.index, ModifyIndex: tx.index };
  if (changed) {
    const at = indexes === "preserve" ? check.ModifyIndex : tx.index;
    touchOwner(tx, check, service, at);
    // A check that moved to another owner leaves a trace at the old one.
    if (before !== undefined && before.ServiceID !== check.ServiceID)
      touchOwner(tx, before, services.get(serviceKey(before.Node, before.ServiceID)), at);
  } else if (before !== undefined && before.Type !== check.Type) touchHealthOfOwner(tx, check, service);
  if (status === "critical") destroySessionsOfCheck(tx, context, check.Node, check.CheckID);
  tx.put(checks, check);
  tx.bump("checks", indexes === "preserve" ? check.ModifyIndex : tx.index);
}

/** Bumps the service of a check, or all services of its node. */
function touchOwner(tx: WriteTxn, check: HealthCheck, service: ServiceRow | undefined, at: number): void {
  if (check.ServiceID === "") bumpServicesOfNode(tx, check.Node, at);
  else if (service !== undefined) bumpService(tx, service.Service, at);
}

/** The row changes, no index moves: only cached answers must know. */
function touchHealthOfOwner(tx: WriteTxn, check: HealthCheck, service: ServiceRow | undefined): void {
  if (service !== undefined) return touchHealth(tx, service.Service);
  for (const row of tx.tables.services.rows.tree.list(keyOf(lower(check.Node), "")))
    touchHealth(tx, row.Service);
}

export function deleteCheck(tx: WriteTxn, context: WriteContext, node: string, checkId: string): void {
  const check = tx.tables.checks.get(checkKey(node, checkId));
  if (check === undefined) return;
  if (check.ServiceID === "") {
    bumpServicesOfNode(tx, node);
    tx.bump("services");
  } else {
    tx.bump(serviceIndexKey(check.ServiceName));
    const row = tx.tables.services.get(serviceKey(node, check.ServiceID));
    if (row !== undefined) {
      tx.bump(kindIndexKey(row.Service.Kind));
      touchHealth(tx, row.Service);
    }
  }
  tx.remove(tx.tables.checks, checkKey(node, checkId));
  tx.bump("checks");
  destroySessionsOfCheck(tx, context, node, checkId);
}

export function deleteService(tx: WriteTxn, context: WriteContext, node: string, serviceId: string): void {
  const row = tx.tables.services.get(serviceKey(node, serviceId));
  if (row === undefined) return;
  const service = row.Service;
  for (const check of tx.tables.checksByService.tree.list(keyOf(lower(node), lower(serviceId), "")))
    deleteCheck(tx, context, node, check.CheckID);
  tx.bump("checks");
  tx.remove(tx.tables.services, serviceKey(node, serviceId));
  tx.bump("services");
  tx.bump(kindIndexKey(service.Kind));
  touchHealth(tx, service);
  let remains = false;
  tx.tables.servicesByName.tree.scan(keyOf(lower(service.Service), ""), () => {
    remains = true;
    return false;
  });
  if (remains) {
    tx.bump(serviceIndexKey(service.Service));
    return;
  }
  tx.dropIndex(serviceIndexKey(service.Service));
  tx.bump(EXTINCTION_INDEX_KEY);
  dropWildcardMappings(tx, service.Service);
}

/** Deletes a node with its services, checks, coordinates and sessions. */
export function deleteNode(tx: WriteTxn, context: WriteContext, node: string): void {
  if (tx.tables.nodes.get(lower(node)) === undefined) return;
  for (const row of tx.tables.services.rows.tree.list(keyOf(lower(node), "")))
    deleteService(tx, context, node, row.Service.ID);
  for (const check of tx.tables.checks.rows.tree.list(keyOf(lower(node), "")))
    deleteCheck(tx, context, node, check.CheckID);
  dropCoordinates(tx, node);
  tx.remove(tx.tables.nodes, lower(node));
  tx.bump("nodes");
  destroySessionsOfNode(tx, context, node);
}
