/**
 * Anti-entropy: the agent is right about its own services and checks, and the catalog is made to agree. Pure: `compare` marks
 * what differs from the catalog's answer, `plan` lists the calls that would remove the differences, `acknowledge` notes
 * that one was made. The driver is syncer.ts.
 *
 * Two things are never touched: the service `consul` and the check `serfHealth`, which belong to the leader.
 * Order and batching as observed in Consul 1.8.7: node, services (each with those of its checks that use the same token), checks.
 */
import {
  type DeregisterRequest,
  type HealthCheck,
  type Node,
  type NodeService,
  RegisterRequest,
} from "../../model/catalog.ts";
import { CHECKS_PER_REGISTER_MAX } from "../limits.ts";
import type { CheckEntry, LocalRecords } from "./local-records.ts";
import { sameValue } from "./same-value.ts";

export const CONSUL_SERVICE_ID = "consul";
export const SERF_HEALTH_ID = "serfHealth";

/** Who this node is in the catalog. */
export interface NodeIdentity {
  readonly datacenter: string;
  readonly node: string;
  readonly id: string;
  readonly address: string;
  readonly taggedAddresses: ReadonlyMap<string, string>;
  readonly meta: ReadonlyMap<string, string>;
}

/** What the catalog says of this node; `node` is null when it does not know it. */
export interface RemoteNode {
  readonly node: Node | null;
  readonly services: readonly NodeService[];
  readonly checks: readonly HealthCheck[];
}

interface CheckRef {
  readonly id: string;
  readonly revision: number;
}

export type SyncOperation =
  | { readonly kind: "register-node" }
  | {
      readonly kind: "deregister-service";
      readonly id: string;
      readonly revision: number;
      readonly token: string;
      /** Deleted checks of it: they go with it. */
      readonly checks: readonly CheckRef[];
    }
  | {
      readonly kind: "register-service";
      readonly id: string;
      readonly revision: number;
      readonly token: string;
      readonly service: NodeService;
      readonly checks: readonly (CheckRef & { readonly check: HealthCheck })[];
    }
  | {
      readonly kind: "deregister-check";
      readonly id: string;
      readonly revision: number;
      readonly token: string;
    }
  | {
      readonly kind: "register-checks";
      readonly token: string;
      /** null when they belong to none, or to several that the catalog has already. */
      readonly service: NodeService | null;
      readonly checks: readonly (CheckRef & { readonly check: HealthCheck })[];
    };

const SERVICE_FIELDS = [
  "ID",
  "Service",
  "Tags",
  "Address",
  "Port",
  "TaggedAddresses",
  "Weights",
  "Meta",
  "EnableTagOverride",
  "Kind",
  "Proxy",
  "Connect",
] as const satisfies readonly (keyof NodeService)[];

const CHECK_FIELDS = [
  "Node",
  "CheckID",
  "Name",
  "Status",
  "Notes",
  "ServiceID",
  "ServiceName",
  "ServiceTags",
  "Definition",
] as const satisfies readonly (keyof HealthCheck)[];

export const sameService = (a: NodeService, b: NodeService): boolean =>
  SERVICE_FIELDS.every((f) => sameValue(a[f], b[f]));

/** Equal but for their outputs. */
const sameButOutput = (a: HealthCheck, b: HealthCheck): boolean =>
  CHECK_FIELDS.every((f) => sameValue(a[f], b[f]));

/** Marks in `records` what differs from the catalog's answer. */
export function compare(records: LocalRecords, identity: NodeIdentity, remote: RemoteNode): void {
  const { node } = remote;
  records.setNodeInSync(
    node !== null &&
      node.ID === identity.id &&
      sameValue(node.TaggedAddresses, identity.taggedAddresses) &&
      sameValue(node.Meta, identity.meta),
  );
  const remoteServices = new Map(remote.services.map((s) => [s.ID, s]));
  const remoteChecks = new Map(remote.checks.map((c) => [c.CheckID, c]));
  for (const [id, e] of [...records.serviceEntries()]) {
    const theirs = remoteServices.get(id);
    if (e.deleted) {
      if (theirs === undefined) records.forgetService(id);
      else records.markService(id, false);
      continue;
    }
    if (theirs === undefined) {
      records.markService(id, false);
      continue;
    }
    if (e.service.EnableTagOverride && !sameValue(e.service.Tags, theirs.Tags))
      records.overrideTags(id, theirs.Tags);
    records.markService(id, sameService(records.service(id)!.service, theirs));
  }
  for (const id of remoteServices.keys()) if (id !== CONSUL_SERVICE_ID) records.addGhostService(id);

  for (const [id, e] of [...records.checkEntries()]) {
    const theirs = remoteChecks.get(id);
    if (e.deleted) {
      if (theirs === undefined || id === SERF_HEALTH_ID) records.forgetCheck(id);
      else records.markCheck(id, false);
      continue;
    }
    if (theirs === undefined) records.markCheck(id, false);
    else {
      const alike = sameButOutput(e.check, theirs);
      const output = e.deferredUntil !== undefined || e.check.Output === theirs.Output;
      records.markCheck(id, alike && output, undefined, alike);
    }
  }
  for (const [id, c] of remoteChecks) {
    if (id === SERF_HEALTH_ID) continue;
    records.addGhostCheck(id, c.ServiceID);
  }
}

/** The calls that bring the catalog to what `records` say, in their order. */
export function plan(records: LocalRecords): readonly SyncOperation[] {
  const operations: SyncOperation[] = [];
  if (!records.nodeInSync) operations.push({ kind: "register-node" });
  const done = new Set<string>();
  const entries = [...records.checkEntries()];
  const byService = Map.groupBy(
    entries.filter(([, e]) => !e.inSync),
    ([, e]) => e.check.ServiceID,
  );
  const ref = (id: string, e: CheckEntry): CheckRef & { check: HealthCheck } => ({
    id,
    revision: e.revision,
    check: e.check,
  });

  for (const [id, s] of records.serviceEntries()) {
    if (s.inSync) continue;
    if (s.deleted) {
      const gone = (byService.get(id) ?? []).filter(([, e]) => e.deleted);
      for (const [checkId] of gone) done.add(checkId);
      operations.push({
        kind: "deregister-service",
        id,
        revision: s.revision,
        token: s.token,
        checks: gone.map(([checkId, e]) => ({ id: checkId, revision: e.revision })),
      });
      continue;
    }
    const along = (byService.get(id) ?? [])
      .filter(([, e]) => !e.deleted && e.token === s.token)
      .slice(0, CHECKS_PER_REGISTER_MAX);
    for (const [checkId] of along) done.add(checkId);
    operations.push({
      kind: "register-service",
      id,
      revision: s.revision,
      token: s.token,
      service: s.service,
      checks: along.map(([checkId, e]) => ref(checkId, e)),
    });
  }

  const batches = new Map<
    string,
    { token: string; service: NodeService | null; checks: (CheckRef & { check: HealthCheck })[] }
  >();
  for (const [id, e] of entries) {
    if (e.inSync || done.has(id)) continue;
    if (e.deleted) {
      operations.push({ kind: "deregister-check", id, revision: e.revision, token: e.token });
      continue;
    }
    // Changed outputs of several services go together: the catalog has their services, since it has the checks.
    const mixed = e.outputOnly;
    const key = JSON.stringify([e.token, mixed ? "" : e.check.ServiceID, mixed]);
    let batch = batches.get(key);
    if (batch === undefined || batch.checks.length >= CHECKS_PER_REGISTER_MAX) {
      const service = mixed ? null : (records.service(e.check.ServiceID)?.service ?? null);
      batch = { token: e.token, service, checks: [] };
      batches.set(key, batch);
      operations.push({ kind: "register-checks", ...batch });
    }
    batch.checks.push(ref(id, e));
  }
  return operations;
}

/** The request of an operation that registers. */
export function registerRequest(
  operation: Extract<SyncOperation, { kind: "register-node" | "register-service" | "register-checks" }>,
  identity: NodeIdentity,
  token: string,
): RegisterRequest {
  const base = {
    Datacenter: identity.datacenter,
    ID: identity.id,
    Node: identity.node,
    Address: identity.address,
    TaggedAddresses: identity.taggedAddresses,
    NodeMeta: identity.meta,
    Token: token,
  };
  if (operation.kind === "register-node") return RegisterRequest.make(base);
  const checks = operation.checks.map((c) => c.check);
  return RegisterRequest.make({
    ...base,
    // The node's own data went first in the same plan, or are in sync.
    SkipNodeUpdate: true,
    Service: operation.service,
    Check: checks.length === 1 ? checks[0]! : null,
    Checks: checks.length > 1 ? checks : null,
  });
}

/** The request of an operation that deregisters. */
export function deregisterRequest(
  operation: Extract<SyncOperation, { kind: "deregister-service" | "deregister-check" }>,
  identity: NodeIdentity,
  token: string,
): DeregisterRequest {
  return {
    Datacenter: identity.datacenter,
    Node: identity.node,
    ServiceID: operation.kind === "deregister-service" ? operation.id : "",
    CheckID: operation.kind === "deregister-check" ? operation.id : "",
    Token: token,
  };
}

/** Notes that the catalog now has (or refuses for good) what `operation` said. */
export function acknowledge(records: LocalRecords, operation: SyncOperation): void {
  switch (operation.kind) {
    case "register-node":
      records.setNodeInSync(true);
      break;
    case "deregister-service": {
      const e = records.serviceEntries().get(operation.id);
      if (e?.revision === operation.revision) records.forgetService(operation.id);
      for (const c of operation.checks)
        if (records.checkEntries().get(c.id)?.revision === c.revision) records.forgetCheck(c.id);
      break;
    }
    case "register-service":
      records.markService(operation.id, true, operation.revision);
      for (const c of operation.checks) records.markCheck(c.id, true, c.revision);
      break;
    case "deregister-check":
      if (records.checkEntries().get(operation.id)?.revision === operation.revision)
        records.forgetCheck(operation.id);
      break;
    case "register-checks":
      for (const c of operation.checks) records.markCheck(c.id, true, c.revision);
      break;
    default:
      unreachable(operation);
  }
}

/** A refused deregistration is asked again only after the next comparison. */
export function setAside(records: LocalRecords, operation: SyncOperation): void {
  if (operation.kind === "deregister-service") {
    records.markService(operation.id, true, operation.revision);
    for (const c of operation.checks) records.markCheck(c.id, true, c.revision);
  } else if (operation.kind === "deregister-check") records.markCheck(operation.id, true, operation.revision);
  else acknowledge(records, operation);
}

function unreachable(value: never): never {
  throw new Error(`anti-entropy: unknown operation ${JSON.stringify(value)}`);
}
