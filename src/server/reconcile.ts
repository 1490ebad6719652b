/**
 * From gossip to catalog: what the leader writes when a member is alive, failed, left or reaped. Pure planning; leader-reconcile.ts
 * carries it out. Texts as Consul 1.8.7 writes them.
 */
import type { Member } from "../gossip/contract.ts";
import {
  type DeregisterRequest,
  HealthCheck,
  type Node,
  NodeService,
  RegisterRequest,
} from "../model/catalog.ts";
import { type RaftServer, SUFFRAGE } from "../raft/contract.ts";
import { clientDatacenter, parseServer, type ServerInfo } from "./server-metadata.ts";

export const SERF_CHECK_ID = "serfHealth";
export const SERF_CHECK_NAME = "Serf Health Status";
export const SERF_ALIVE_OUTPUT = "Agent alive and reachable";
export const SERF_FAILED_OUTPUT = "Agent not live or unreachable";
export const CONSUL_SERVICE_ID = "consul";

/** What the catalog has about a member's node. */
export interface CatalogView {
  readonly node: Node | null;
  readonly consulService: NodeService | undefined;
  readonly serfHealth: HealthCheck | undefined;
}

export type DeregisterReason = "left" | "reaped";

export type ReconcilePlan =
  | { readonly kind: "nothing"; readonly why: string }
  | { readonly kind: "register"; readonly request: RegisterRequest; readonly log: string }
  | { readonly kind: "deregister"; readonly request: DeregisterRequest; readonly log: string };

/** Whether a member is this datacenter's agent. */
export function belongsHere(member: Member, datacenter: string): boolean {
  if (clientDatacenter(member) === datacenter) return true;
  const server = parseServer(member);
  return server !== undefined && server.segment === "" && server.datacenter === datacenter;
}

/** Metadata of the `consul` service of one server. */
export function consulServiceMeta(member: Member, server: ServerInfo): ReadonlyMap<string, string> {
  return new Map([
    // 1.8.7 looks at a tag that nobody sets; what every server shows is "false".
    ["non_voter", "false"],
    ["raft_version", String(server.raftVersion)],
    ["serf_protocol_current", String(member.protocolCur)],
    ["serf_protocol_max", String(member.protocolMax)],
    ["serf_protocol_min", String(member.protocolMin)],
    ["version", server.build],
  ]);
}

const sameMap = (a: ReadonlyMap<string, string> | null, b: ReadonlyMap<string, string>): boolean =>
  a !== null && a.size === b.size && [...b].every(([k, v]) => a.get(k) === v);

const serfCheck = (node: string, status: "passing" | "critical"): HealthCheck =>
  HealthCheck.make({
    Node: node,
    CheckID: SERF_CHECK_ID,
    Name: SERF_CHECK_NAME,
    Status: status,
    Output: status === "passing" ? SERF_ALIVE_OUTPUT : SERF_FAILED_OUTPUT,
  });

export function planAlive(member: Member, view: CatalogView, datacenter: string): ReconcilePlan {
  const server = parseServer(member);
  const service =
    server === undefined
      ? null
      : NodeService.make({
          ID: CONSUL_SERVICE_ID,
          Service: CONSUL_SERVICE_ID,
          Port: server.port,
          Weights: { Passing: 1, Warning: 1 },
          Meta: consulServiceMeta(member, server),
        });
  if (view.node !== null && view.node.Address === member.addr) {
    const serviceRight = service === null || sameMap(view.consulService?.Meta ?? null, service.Meta!);
    if (serviceRight && view.serfHealth?.Status === "passing")
      return { kind: "nothing", why: "already registered" };
  }
  const id = member.tags.get("id") ?? "";
  // A node that is right, or not there yet, belongs to its agent: its tagged addresses and metadata may be written between our
  // look at the catalog and our entry in the log.
  const moved = view.node !== null && (view.node.Address !== member.addr || view.node.ID !== id);
  return {
    kind: "register",
    log: `member '${member.name}' joined, marking health alive`,
    request: RegisterRequest.make({
      Datacenter: datacenter,
      Node: member.name,
      ID: id,
      Address: member.addr,
      TaggedAddresses: moved ? view.node!.TaggedAddresses : null,
      NodeMeta: moved ? view.node!.Meta : null,
      SkipNodeUpdate: !moved,
      Service: service,
      Check: serfCheck(member.name, "passing"),
    }),
  };
}

export function planFailed(member: Member, view: CatalogView, datacenter: string): ReconcilePlan {
  if (view.node === null) return { kind: "nothing", why: "not in the catalog" };
  if (view.node.Address === member.addr && view.serfHealth?.Status === "critical")
    return { kind: "nothing", why: "already critical" };
  return {
    kind: "register",
    log: `member '${member.name}' failed, marking health critical`,
    request: RegisterRequest.make({
      Datacenter: datacenter,
      Node: member.name,
      ID: member.tags.get("id") ?? "",
      Address: member.addr,
      Check: serfCheck(member.name, "critical"),
      SkipNodeUpdate: true,
    }),
  };
}

export function planGone(
  name: string,
  view: CatalogView,
  datacenter: string,
  reason: DeregisterReason,
): ReconcilePlan {
  if (view.node === null) return { kind: "nothing", why: "not in the catalog" };
  return {
    kind: "deregister",
    log: `member '${name}' ${reason}, deregistering`,
    request: { Datacenter: datacenter, Node: name, ServiceID: "", CheckID: "", Token: "" },
  };
}

/** Plan for a member by its status. */
export function planMember(
  member: Member,
  view: CatalogView,
  options: { readonly datacenter: string; readonly reaped: boolean },
): ReconcilePlan {
  if (options.reaped) return planGone(member.name, view, options.datacenter, "reaped");
  switch (member.status) {
    case "alive":
      return planAlive(member, view, options.datacenter);
    case "failed":
      return planFailed(member, view, options.datacenter);
    case "left":
      return planGone(member.name, view, options.datacenter, "left");
    case "leaving":
    case "none":
      return { kind: "nothing", why: member.status };
    default:
      return member.status satisfies never;
  }
}

/** Names of catalog nodes with a serf check that the pool does not know in any status. */
export function unknownToSerf(
  serfChecks: readonly HealthCheck[],
  members: readonly Member[],
): readonly string[] {
  const known = new Set(members.map((m) => m.name.toLowerCase()));
  return serfChecks
    .filter((c) => c.CheckID === SERF_CHECK_ID && !known.has(c.Node.toLowerCase()))
    .map((c) => c.Node);
}

/** One step to bring an alive server into raft. */
export type RaftJoinStep =
  | { readonly kind: "remove"; readonly id: string; readonly why: "address" | "ID" }
  | { readonly kind: "add-nonvoter" | "add-voter"; readonly id: string; readonly address: string };

export type RaftJoinPlan =
  | { readonly kind: "nothing"; readonly why: string }
  | { readonly kind: "refuse"; readonly log: string }
  | { readonly kind: "steps"; readonly steps: readonly RaftJoinStep[] };

/** Whether and how an alive server of this datacenter becomes a raft peer. */
export function planRaftJoin(
  server: ServerInfo,
  context: {
    readonly self: string;
    readonly servers: readonly ServerInfo[];
    readonly configuration: readonly RaftServer[];
    /** Lowest raft protocol among alive servers. */
    readonly minRaftVersion: number;
  },
): RaftJoinPlan {
  if (server.bootstrap) {
    const other = context.servers.find((s) => s.bootstrap && s.name !== server.name);
    if (other !== undefined)
      return {
        kind: "refuse",
        log: `Two nodes are in bootstrap mode. Only one node should be in bootstrap mode, not adding Raft peer: node_to_add=${server.name} other=${other.name}`,
      };
  }
  // Fixing our own entry means removing ourselves for a moment: only with enough others to keep a quorum.
  if (server.name === context.self && context.configuration.length < 3)
    return { kind: "nothing", why: "the cluster is too small to check the leader's own entry" };
  const steps: RaftJoinStep[] = [];
  for (const peer of context.configuration) {
    const sameAddress = peer.address === server.address;
    const sameId = peer.id === server.id;
    if (sameAddress && (context.minRaftVersion < 2 || server.raftVersion < 3))
      return { kind: "nothing", why: "known" };
    if (sameAddress && sameId) return { kind: "nothing", why: "known" };
    if (sameAddress || sameId)
      steps.push({ kind: "remove", id: peer.id, why: sameAddress ? "address" : "ID" });
  }
  const id = context.minRaftVersion >= 2 && server.raftVersion >= 3 ? server.id : server.address;
  steps.push({
    kind: context.minRaftVersion >= 3 ? "add-nonvoter" : "add-voter",
    id,
    address: server.address,
  });
  return { kind: "steps", steps };
}

/**
 * The raft entry of a server that left, if it has one. By address only for entries of the old protocol, whose ID is the address: a
 * server that took over the address must not go with its predecessor.
 */
export const raftEntryOf = (
  server: { readonly id: string; readonly address: string },
  configuration: readonly RaftServer[],
): RaftServer | undefined =>
  configuration.find(
    (p) => (server.id !== "" && p.id === server.id) || (p.id === p.address && p.address === server.address),
  );

export const isVoter = (peer: RaftServer): boolean => peer.suffrage === SUFFRAGE.voter;
