/** PreparedQuery.*: stored lookups with failover to other datacenters. */
import type { CheckServiceNode } from "../model/catalog.ts";
import type {
  PreparedQuery,
  PreparedQueryExecuteRequest,
  PreparedQueryExecuteResponse,
  PreparedQueryRequest,
} from "../model/prepared-query.ts";
import type { QuerySource } from "../model/query.ts";
import { shuffled, uuid } from "../ports/random.ts";
import { listNodes } from "../state/catalog.ts";
import { connectServiceHealth, serviceHealth } from "../state/health.ts";
import { preparedQueryGet, preparedQueryList, preparedQueryResolve } from "../state/prepared-query.ts";
import type { ServerCore } from "./core.ts";
import type { Call, Handlers } from "./dispatcher.ts";
import { errorText, InvalidRequestError, ServerError } from "./errors.ts";
import { nearestFirst } from "./nearness.ts";
import { orNil } from "./nil.ts";
import { queryFault, selectNodes } from "./query-rules.ts";
import { checkTemplate, renderQuery } from "./query-template.ts";

const UUID_CHARS = 36;
/** How far from the front the asking node may be to be moved there. */
const LOCAL_SEARCH_DEPTH = 10;

export function preparedQueryEndpoints(core: ServerCore) {
  const lookup = (id: string): PreparedQuery | undefined => {
    if (id.length !== UUID_CHARS)
      throw new InvalidRequestError("failed prepared query lookup: index error: UUID must be 36 characters");
    return core.store.peek((view) => preparedQueryGet(view, id)).value;
  };

  function normalize(request: PreparedQueryRequest): PreparedQueryRequest {
    const { Op, Query: given } = request;
    if (given === null) throw new InvalidRequestError("Must provide a prepared query");
    let query = given;
    if (Op === "create") {
      if (given.ID !== "")
        throw new InvalidRequestError("ID must be empty when creating a new prepared query");
      let ID: string;
      do ID = uuid(core.random);
      while (lookup(ID) !== undefined);
      query = { ...given, ID };
    } else {
      let existing: PreparedQuery | undefined;
      try {
        existing = lookup(given.ID);
      } catch (error) {
        throw new InvalidRequestError(`Prepared Query lookup failed: ${errorText(error)}`);
      }
      if (existing === undefined)
        throw new InvalidRequestError(`Cannot modify non-existent prepared query: '${given.ID}'`);
    }
    if (Op === "create" || Op === "update") {
      const fault = queryFault(query);
      if (fault !== undefined) throw new InvalidRequestError(`Invalid prepared query: ${fault}`);
      checkTemplate(query);
    } else if (Op !== "delete") throw new InvalidRequestError(`Unknown prepared query operation: ${Op}`);
    return { ...request, Query: query };
  }

  /** The query for an ID or a name, a template filled in. */
  function resolve(idOrName: string, agent: QuerySource): PreparedQuery {
    const found = core.store.peek((view) => preparedQueryResolve(view, idOrName)).value;
    if (found === undefined) throw new ServerError("queryNotFound");
    return found.Template.Type === "" ? found : renderQuery(found, idOrName, agent);
  }

  /** Instances in this datacenter that a query wants, in random order. */
  function execute(query: PreparedQuery, connect: boolean): PreparedQueryExecuteResponse {
    const { Service } = query.Service;
    const found = core.store.peek((view) =>
      connect || query.Service.Connect ? connectServiceHealth(view, Service) : serviceHealth(view, Service),
    ).value;
    return {
      Service,
      Nodes: found.length === 0 ? null : shuffled(core.random, selectNodes(query.Service, found)),
      DNS: query.DNS,
      Datacenter: core.options.datacenter,
      Failovers: 0,
      ...core.queryMeta(),
    };
  }

  function sourceOf(request: PreparedQueryExecuteRequest, query: PreparedQuery): QuerySource {
    const Datacenter =
      request.Source.Datacenter === "" ? request.Agent.Datacenter : request.Source.Datacenter;
    let Node = request.Source.Node === "" ? query.Service.Near : request.Source.Node;
    if (Node === "_agent") Node = request.Agent.Node;
    else if (Node === "_ip") {
      const { Ip } = request.Source;
      if (Ip === "")
        core.log.warn(
          "Prepared Query using near=_ip requires the source IP to be set but none was provided. No distance sorting will be done.",
        );
      Node =
        Ip === ""
          ? ""
          : (core.store.peek((view) => listNodes(view)).value.find((n) => n.Address === Ip)?.Node ?? "");
    }
    return { ...request.Source, Datacenter, Node };
  }

  /** Nearest first; the asking node itself at the very front when it is near it. */
  function byDistance(
    source: QuerySource,
    nodes: readonly CheckServiceNode[] | null,
  ): readonly CheckServiceNode[] | null {
    if (nodes === null) return null;
    const sorted = [...(nearestFirst(core, source, nodes, (n) => n.Node?.Node ?? "") ?? [])];
    if (source.Node === "" || source.Datacenter !== core.options.datacenter) return sorted;
    const at = sorted.slice(0, LOCAL_SEARCH_DEPTH).findIndex((n) => n.Node?.Node === source.Node);
    if (at > 0) [sorted[0], sorted[at]] = [sorted[at]!, sorted[0]!];
    return sorted;
  }

  /** The datacenters to try when this one has nobody, in order. */
  function failoverTargets(query: PreparedQuery): readonly string[] {
    const { NearestN, Datacenters } = query.Service.Failover;
    const others = core.datacenters().filter((dc) => dc !== core.options.datacenter);
    const targets = new Set(others.slice(0, Math.max(0, NearestN)));
    for (const dc of Datacenters ?? []) {
      if (others.includes(dc)) targets.add(dc);
      else core.log.debug("Skipping unknown datacenter in prepared query", { datacenter: dc });
    }
    return [...targets];
  }

  async function failover(
    request: PreparedQueryExecuteRequest,
    query: PreparedQuery,
    local: PreparedQueryExecuteResponse,
    call: Call,
  ): Promise<PreparedQueryExecuteResponse> {
    let reply = local;
    let tried = 0;
    for (const Datacenter of failoverTargets(query)) {
      tried++;
      try {
        reply = await core.callDatacenter(
          Datacenter,
          "PreparedQuery.ExecuteRemote",
          { ...request, Datacenter, Query: query, Limit: request.Limit, Connect: request.Connect },
          call,
        );
      } catch (error) {
        core.log.warn("Failed querying for service in datacenter", {
          service: query.Service.Service,
          datacenter: Datacenter,
          error: errorText(error),
        });
        continue;
      }
      if ((reply.Nodes ?? []).length > 0) break;
    }
    return { ...reply, Failovers: tried };
  }

  async function settle(request: {
    readonly RequireConsistent: boolean;
    readonly AllowStale: boolean;
  }): Promise<void> {
    if (request.RequireConsistent) await core.consistentRead();
    else if (!request.AllowStale) await core.leaderRead();
  }

  const limited = (
    nodes: readonly CheckServiceNode[] | null,
    limit: number,
  ): readonly CheckServiceNode[] | null =>
    nodes !== null && limit > 0 && nodes.length > limit ? nodes.slice(0, limit) : nodes;

  return {
    "PreparedQuery.Apply": async (request) => {
      const logged = normalize(request);
      const started = core.clock.now();
      await core.commit("preparedQuery", logged);
      core.metrics.sample("prepared-query.apply", core.clock.now() - started);
      return logged.Query!.ID;
    },
    "PreparedQuery.Get": (request, call) => {
      if (request.QueryID.length !== UUID_CHARS) lookup(request.QueryID);
      return core.read(
        request,
        call,
        (view) => preparedQueryGet(view, request.QueryID),
        (found) => {
          if (found === undefined) throw new ServerError("queryNotFound");
          return { Queries: [found] };
        },
      );
    },
    "PreparedQuery.List": (request, call) =>
      core.read(request, call, preparedQueryList, (all) => ({ Queries: orNil(all) })),
    "PreparedQuery.Explain": async (request) => {
      const started = core.clock.now();
      await settle(request);
      const Query = resolve(request.QueryIDOrName, request.Agent);
      core.metrics.sample("prepared-query.explain", core.clock.now() - started);
      return { Query, ...core.queryMeta() };
    },
    "PreparedQuery.Execute": async (request, call) => {
      const started = core.clock.now();
      await settle(request);
      const query = resolve(request.QueryIDOrName, request.Agent);
      const reply = execute(query, request.Connect);
      const Nodes = limited(byDistance(sourceOf(request, query), reply.Nodes), request.Limit);
      core.metrics.sample("prepared-query.execute", core.clock.now() - started);
      if (Nodes !== null && Nodes.length > 0) return { ...reply, Nodes };
      return failover(request, query, { ...reply, Nodes }, call);
    },
    "PreparedQuery.ExecuteRemote": async (request) => {
      const started = core.clock.now();
      await settle(request);
      const reply = execute(request.Query, request.Connect);
      core.metrics.sample("prepared-query.execute_remote", core.clock.now() - started);
      return { ...reply, Nodes: limited(reply.Nodes, request.Limit) };
    },
  } satisfies Partial<Handlers>;
}
