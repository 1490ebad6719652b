/** /v1/agent: the agent itself, its pool, its maintenance. */
import type { Member } from "../gossip/contract.ts";
import { GossipCoordinate } from "../model/coordinate.ts";
import { any, bool, type GoValue, goValue, map, ptr, str, struct } from "../wire/schema.ts";
import { enableParameter } from "./agent-service.ts";
import { MemberJson, shownMember } from "./agent-views.ts";
import type { Call } from "./call.ts";
import { HttpError, plainBadRequest, REFUSALS } from "./errors.ts";
import { hostFacts } from "./host-facts.ts";
import { metrics } from "./metrics.ts";
import { monitor } from "./monitor.ts";
import { type Answer, route } from "./routes.ts";
import { shownMap } from "./views.ts";

const SelfJson = struct("AgentSelf", {
  Config: struct("AgentConfig", {
    Datacenter: str,
    NodeName: str,
    NodeID: str,
    Revision: str,
    Server: bool,
    Version: str,
  }),
  DebugConfig: map(any),
  Coord: ptr(GossipCoordinate),
  Member: MemberJson,
  Stats: shownMap(map(str)),
  Meta: shownMap(str),
});

function self(c: Call): Answer {
  const { agent } = c;
  const { config } = agent;
  const stats = agent.stats();
  const build = stats.get("build");
  const coordinate = config.disableCoordinates ? undefined : agent.coordinate();
  return SelfJson.json({
    Config: {
      Datacenter: config.datacenter,
      NodeName: config.nodeName,
      NodeID: agent.nodeId,
      Revision: build?.get("revision") ?? "",
      Server: config.server,
      Version: build?.get("version") ?? "",
    },
    DebugConfig: new Map<string, GoValue>([...config.debug].map(([k, v]) => [k, goValue(v)])),
    Coord: coordinate ?? null,
    Member: shownMember(agent.lan.localMember()),
    Stats: stats,
    Meta: config.nodeMeta,
  });
}

function members(c: Call): Answer {
  const { agent, query } = c;
  const wan = query.get("wan") !== "";
  const segment = query.get("segment");
  if (wan) {
    if (segment !== "" && segment !== "_all") throw plainBadRequest("Cannot provide a segment with wan=true");
    return agent.wan === undefined ? "null" : shown(agent.wanMembers());
  }
  if (segment !== "" && segment !== "_all")
    throw new HttpError(500, "Network segments are not supported in this version of Consul");
  return shown(agent.lanMembers());
}
const shown = (all: readonly Member[]): string =>
  `[${all.map((m) => MemberJson.json(shownMember(m))).join(",")}]`;

async function join(c: Call): Promise<Answer> {
  await c.agent.join([c.rest], { wan: c.query.get("wan") !== "" });
  return undefined;
}

async function leave(c: Call): Promise<Answer> {
  await c.agent.leave();
  // The reply must be out before the doors close.
  c.exchange.onOver(() => void c.agent.shutdown(0));
  c.header("Connection", "close");
  return undefined;
}

async function forceLeave(c: Call): Promise<Answer> {
  await c.agent.forceLeave(c.rest, { prune: c.query.has("prune") });
  return undefined;
}

async function reload(c: Call): Promise<Answer> {
  await c.agent.reload();
  return undefined;
}

async function maintenance(c: Call): Promise<Answer> {
  const enable = enableParameter(c);
  if (enable) await c.agent.local.enableNodeMaintenance(c.query.get("reason"), c.token);
  else await c.agent.local.disableNodeMaintenance();
  return undefined;
}

/** Tokens are only kept where access control is on. */
function token(): Answer {
  throw new HttpError(401, REFUSALS.aclDisabled);
}

const verb = { acl: "agent:write", alsoGet: true } as const;

export const agentRoutes = [
  route(
    "GET",
    "/v1/agent/self",
    { summary: "Configuration, coordinate, member and figures of this agent.", acl: "agent:read" },
    self,
  ),
  route("GET", "/v1/agent/host", { summary: "Facts about the machine.", acl: "operator:read" }, (c) =>
    hostFacts(c.agent.clock.wall()),
  ),
  route(
    "GET",
    "/v1/agent/members",
    {
      summary: "Members of the pool as this agent sees them.",
      acl: "node:read",
      params: { wan: "The WAN pool.", segment: "Only `_all` is known." },
    },
    members,
  ),
  route(
    "PUT",
    "/v1/agent/join/{address}",
    { summary: "Joins a pool through an address.", ...verb, params: { wan: "The WAN pool." } },
    join,
  ),
  route(
    "PUT",
    "/v1/agent/leave",
    { summary: "Leaves the pool and ends the agent.", acl: "agent:write" },
    leave,
  ),
  route(
    "PUT",
    "/v1/agent/force-leave/{node}",
    {
      summary: "Makes a failed member a left one.",
      acl: "operator:write",
      alsoGet: true,
      params: { prune: "Forget the member at once." },
    },
    forceLeave,
  ),
  route("PUT", "/v1/agent/reload", { summary: "Reads the configuration again.", acl: "agent:write" }, reload),
  route(
    "PUT",
    "/v1/agent/maintenance",
    {
      summary: "Takes this node out of answers, or back.",
      acl: "node:write",
      params: { enable: "true or false.", reason: "Shown with the check." },
    },
    maintenance,
  ),
  route(
    "GET",
    "/v1/agent/metrics",
    {
      summary: "Figures of the last ten seconds, as JSON or for Prometheus.",
      acl: "agent:read",
      params: { format: "`prometheus`." },
    },
    metrics,
  ),
  route(
    "GET",
    "/v1/agent/monitor",
    {
      summary: "The log, as it is written.",
      acl: "agent:read",
      streams: true,
      params: { loglevel: "trace, debug, info, warn or err.", logjson: "Lines of JSON." },
    },
    monitor,
  ),
  route(
    "PUT",
    "/v1/agent/token/{slot}",
    { summary: "Sets a token of this agent.", acl: "agent:write", body: "{Token}" },
    token,
  ),
];
