/** /v1/operator/usage and /v1/operator/autopilot/state: of versions after 1.8, made from what servers of 1.8 answer. */
import { DCSpecificRequest, ServiceDumpRequest } from "../model/catalog.ts";
import type { AutopilotServerHealth } from "../model/operator.ts";
import { bool, int, list, map, str, struct, uint } from "../wire/schema.ts";
import type { Call } from "./call.ts";
import { type Answer, route } from "./routes.ts";
import { AutopilotHealthView } from "./views.ts";

const KINDS = ["connect-native", "connect-proxy", "ingress-gateway", "mesh-gateway", "terminating-gateway"];

const Usage = struct("ServiceUsage", {
  Nodes: int,
  Services: int,
  ServiceInstances: int,
  ConnectServiceInstances: map(int),
  BillableServiceInstances: int,
});
const UsageJson = struct("Usage", {
  Usage: map(Usage),
  Index: uint,
  LastContact: int,
  KnownLeader: bool,
  ConsistencyLevel: str,
  NotModified: bool,
  Backend: int,
  ResultsFilteredByACLs: bool,
});

async function usage(c: Call): Promise<Answer> {
  const request = { ...DCSpecificRequest.zero(), ...c.readOptions() };
  const datacenters = c.query.has("global")
    ? ((await c.rpc("Catalog.ListDatacenters", request)) ?? [])
    : [c.datacenter || c.agent.config.datacenter];
  const counted = new Map<string, ReturnType<typeof Usage.zero>>();
  let index = 0;
  let knownLeader = true;
  for (const Datacenter of datacenters) {
    const { Nodes: nodes } = await c.rpc("Catalog.ListNodes", { ...request, Datacenter });
    const dump = await c.rpc("Internal.ServiceDump", {
      ...ServiceDumpRequest.zero(),
      ...c.readOptions(),
      Datacenter,
    });
    const names = new Set<string>();
    const kinds = new Map(KINDS.map((k) => [k, 0]));
    let instances = 0;
    let billable = 0;
    for (const { Service } of dump.Nodes ?? []) {
      if (Service === null) continue;
      instances++;
      names.add(Service.Service);
      const kind = Service.Kind || (Service.Connect.Native ? "connect-native" : "");
      if (kinds.has(kind)) kinds.set(kind, kinds.get(kind)! + 1);
      if (Service.Kind === "" && Service.Service !== "consul") billable++;
    }
    counted.set(Datacenter, {
      Nodes: (nodes ?? []).length,
      Services: names.size,
      ServiceInstances: instances,
      ConnectServiceInstances: kinds,
      BillableServiceInstances: billable,
    });
    index = Math.max(index, dump.Index);
    knownLeader &&= dump.KnownLeader;
  }
  return UsageJson.json({
    ...UsageJson.zero(),
    Usage: counted,
    Index: index,
    KnownLeader: knownLeader,
    ConsistencyLevel: request.AllowStale ? "stale" : "leader",
  });
}

const ServerState = struct("AutopilotServer", {
  ID: str,
  Name: str,
  Address: str,
  NodeStatus: str,
  Version: str,
  LastContact: str,
  LastTerm: uint,
  LastIndex: uint,
  Healthy: bool,
  StableSince: str,
  Status: str,
  NodeType: str,
});
const StateJson = struct("AutopilotState", {
  Healthy: bool,
  FailureTolerance: int,
  Leader: str,
  Voters: list(str),
  Servers: map(ServerState),
});

/** What the health's own view makes of a server: texts for states and times. */
interface Shown {
  readonly Servers: readonly {
    readonly SerfStatus: string;
    readonly LastContact: string;
    readonly StableSince: string;
  }[];
}

async function autopilotState(c: Call): Promise<Answer> {
  const health = await c.rpc("Operator.ServerHealth", {
    ...DCSpecificRequest.zero(),
    Datacenter: c.datacenter,
    Token: c.token,
  });
  const servers = health.Servers ?? [];
  const shown = JSON.parse(AutopilotHealthView.json(health)) as Shown;
  const status = (s: AutopilotServerHealth): string =>
    s.Leader ? "leader" : s.Voter ? "voter" : "non-voter";
  const state = new Map(
    servers.map((s, i) => {
      const { SerfStatus: NodeStatus, LastContact, StableSince } = shown.Servers[i]!;
      const NodeType = s.Voter ? "voter" : "read-replica";
      return [s.ID, { ...s, NodeStatus, LastContact, StableSince, Status: status(s), NodeType }] as const;
    }),
  );
  return StateJson.json({
    Healthy: health.Healthy,
    FailureTolerance: health.FailureTolerance,
    Leader: servers.find((s) => s.Leader)?.ID ?? "",
    Voters: servers.filter((s) => s.Voter).map((s) => s.ID),
    Servers: state,
  });
}

export const operatorUsageRoutes = [
  route(
    "GET",
    "/v1/operator/usage",
    {
      summary: "How many nodes, services and instances there are. As in Consul 1.14 and later.",
      acl: "operator:read",
      options: "query",
      params: { global: "Of all datacenters." },
    },
    usage,
  ),
  route(
    "GET",
    "/v1/operator/autopilot/state",
    {
      summary: "What autopilot thinks of each server. As in Consul 1.9 and later.",
      acl: "operator:read",
      options: "dc",
    },
    autopilotState,
  ),
];
