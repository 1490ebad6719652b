/** Catalog.*: registrations, and what is registered. */
import type { NodeServices, ServiceNode } from "../model/catalog.ts";
import {
  connectServiceNodes,
  gatewayServices,
  listNodes,
  listServices,
  nodeServiceList,
  nodeServices,
  serviceList,
  serviceNodes,
  serviceNodesByAddress,
} from "../state/catalog.ts";
import { satisfiesMeta } from "../state/service-query.ts";
import { CommandError } from "../state/write-txn.ts";
import type { ServerCore } from "./core.ts";
import type { Handlers } from "./dispatcher.ts";
import { errorText, ServerError } from "./errors.ts";
import { compileFilter, filterList } from "./filter/apply.ts";
import { nodeSelectable, serviceNodeSelectable, serviceSelectable } from "./filter/selectable.ts";
import { nearestFirst } from "./nearness.ts";
import { orNil } from "./nil.ts";
import { readKey } from "./read-key.ts";
import { normalizeRegister } from "./registration.ts";

/** Tags asked for; agents before 1.3 send one in `ServiceTag`. */
export function tagsOf(request: {
  readonly TagFilter: boolean;
  readonly ServiceTag: string;
  readonly ServiceTags: readonly string[] | null;
}): readonly string[] {
  if (!request.TagFilter) return [];
  return request.ServiceTag !== "" ? [request.ServiceTag] : (request.ServiceTags ?? []);
}

function filterNodeServices(filter: string, found: NodeServices | null): NodeServices | null {
  if (filter === "" || found === null || found.Services === null) return found;
  const test = compileFilter(filter, serviceSelectable);
  return { ...found, Services: new Map([...found.Services].filter(([, s]) => test(s))) };
}

export function catalogEndpoints(core: ServerCore) {
  const mustName = (name: string): void => {
    if (name === "") throw new ServerError("mustProvideNode");
  };

  return {
    "Catalog.Register": async (request) => {
      const logged = normalizeRegister(request);
      const started = core.clock.now();
      await core.commit("register", logged);
      core.metrics.sample("catalog.register", core.clock.now() - started);
      return {};
    },
    "Catalog.Deregister": async (request) => {
      mustName(request.Node);
      const started = core.clock.now();
      try {
        await core.commit("deregister", request);
      } catch (error) {
        // What the state refuses is no error to the caller (observed); that it could not be logged is.
        if (!(error instanceof CommandError)) throw error;
        core.log.debug("deregistration refused", { node: request.Node, error: errorText(error) });
      }
      core.metrics.sample("catalog.deregister", core.clock.now() - started);
      return {};
    },
    "Catalog.ListDatacenters": () => core.datacenters(),
    "Catalog.ListNodes": (request, call) =>
      core.read(
        request,
        call,
        (view) => listNodes(view, request.NodeMetaFilters),
        (all) => ({
          Nodes: nearestFirst(
            core,
            request.Source,
            filterList(request.Filter, nodeSelectable, orNil(all)),
            (n) => n.Node,
          ),
        }),
        readKey("Catalog.ListNodes", request),
      ),
    "Catalog.ListServices": (request, call) =>
      core.read(
        request,
        call,
        (view) => listServices(view, request.NodeMetaFilters),
        (Services) => ({ Services }),
        readKey("Catalog.ListServices", { NodeMetaFilters: request.NodeMetaFilters }),
      ),
    "Catalog.ServiceList": (request, call) =>
      core.read(request, call, serviceList, (all) => ({ Services: orNil(all) })),
    "Catalog.ServiceNodes": async (request, call) => {
      const { ServiceName: name, ServiceAddress: address } = request;
      if (name === "" && address === "") throw new ServerError("mustProvideServiceName");
      const kind = request.Connect ? "connect" : "service";
      const tags = tagsOf(request);
      const reply = await core.read(
        request,
        call,
        (view) => {
          if (request.Connect) return connectServiceNodes(view, name);
          if (address !== "") return serviceNodesByAddress(view, address);
          return serviceNodes(view, name, tags);
        },
        (found) => {
          const kept = found.filter((s: ServiceNode) => satisfiesMeta(s.NodeMeta, request.NodeMetaFilters));
          const filtered = filterList(request.Filter, serviceNodeSelectable, orNil(kept));
          return { ServiceNodes: nearestFirst(core, request.Source, filtered, (s) => s.Node) };
        },
        readKey("Catalog.ServiceNodes", request, kind, address, name, ...tags),
      );
      core.metrics.count(`catalog.${kind}.query`, 1, { service: name });
      if (tags.length > 0)
        core.metrics.count(`catalog.${kind}.query-tags`, 1, { service: name, tag: tags.join(".") });
      if ((reply.ServiceNodes ?? []).length === 0)
        core.metrics.count(`catalog.${kind}.not-found`, 1, { service: name });
      return reply;
    },
    "Catalog.NodeServices": (request, call) => {
      mustName(request.Node);
      return core.read(
        request,
        call,
        (view) => nodeServices(view, request.Node),
        (found) => ({ NodeServices: filterNodeServices(request.Filter, found) }),
        readKey("Catalog.NodeServices", request, request.Node),
      );
    },
    "Catalog.NodeServiceList": (request, call) => {
      mustName(request.Node);
      return core.read(
        request,
        call,
        (view) => nodeServiceList(view, request.Node),
        (found) => ({
          NodeServices:
            found === null
              ? { Node: null, Services: null }
              : {
                  Node: found.Node,
                  Services: filterList(request.Filter, serviceSelectable, orNil(found.Services ?? [])),
                },
        }),
      );
    },
    "Catalog.GatewayServices": (request, call) =>
      core.read(
        request,
        call,
        (view) => gatewayServices(view, request.ServiceName),
        (all) => ({ Services: orNil(all) }),
      ),
  } satisfies Partial<Handlers>;
}
