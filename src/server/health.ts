/** Health.*: checks, and service instances with their health. */

import { whenReady } from "../ports/now-or-later.ts";
import {
  checksInState,
  connectServiceHealth,
  ingressServiceHealth,
  nodeChecks,
  serviceChecks,
  serviceHealth,
} from "../state/health.ts";
import { satisfiesMeta } from "../state/service-query.ts";
import { tagsOf } from "./catalog.ts";
import type { ServerCore } from "./core.ts";
import type { Handlers } from "./dispatcher.ts";
import { ServerError } from "./errors.ts";
import { filterList } from "./filter/apply.ts";
import { checkSelectable, checkServiceNodeSelectable } from "./filter/selectable.ts";
import { nearestFirst } from "./nearness.ts";
import { orNil } from "./nil.ts";
import { readKey } from "./read-key.ts";

export function healthEndpoints(core: ServerCore) {
  return {
    "Health.ChecksInState": (request, call) =>
      core.read(
        request,
        call,
        (view) => checksInState(view, request.State, request.NodeMetaFilters),
        (all) => ({
          HealthChecks: nearestFirst(
            core,
            request.Source,
            filterList(request.Filter, checkSelectable, orNil(all)),
            (c) => c.Node,
          ),
        }),
        readKey("Health.ChecksInState", request, request.State),
      ),
    "Health.NodeChecks": (request, call) =>
      core.read(
        request,
        call,
        (view) => nodeChecks(view, request.Node),
        (all) => ({ HealthChecks: filterList(request.Filter, checkSelectable, orNil(all)) }),
        readKey("Health.NodeChecks", request, request.Node),
      ),
    "Health.ServiceChecks": (request, call) => {
      if (request.TagFilter) throw new ServerError("tagFiltering");
      return core.read(
        request,
        call,
        (view) => serviceChecks(view, request.ServiceName, request.NodeMetaFilters),
        (all) => ({
          HealthChecks: nearestFirst(
            core,
            request.Source,
            filterList(request.Filter, checkSelectable, orNil(all)),
            (c) => c.Node,
          ),
        }),
        readKey("Health.ServiceChecks", request, request.ServiceName),
      );
    },
    "Health.ServiceNodes": (request, call) => {
      const { ServiceName: name } = request;
      if (name === "") throw new ServerError("mustProvideServiceName");
      const kind = request.Connect ? "connect" : request.Ingress ? "ingress" : "service";
      const tags = tagsOf(request);
      const found = core.read(
        request,
        call,
        (view) => {
          if (request.Connect) return connectServiceHealth(view, name);
          if (request.Ingress) return ingressServiceHealth(view, name);
          return serviceHealth(view, name, tags);
        },
        (found) => {
          const { NodeMetaFilters: meta } = request;
          const kept =
            meta === null || meta.size === 0
              ? found
              : found.filter((s) => satisfiesMeta(s.Node?.Meta ?? null, meta));
          const filtered = filterList(request.Filter, checkServiceNodeSelectable, orNil(kept));
          return { Nodes: nearestFirst(core, request.Source, filtered, (s) => s.Node?.Node ?? "") };
        },
        readKey("Health.ServiceNodes", request, kind, name, ...tags),
      );
      return whenReady(found, (reply) => {
        core.metrics.count(`health.${kind}.query`, 1, { service: name });
        if (tags.length > 0)
          core.metrics.count(`health.${kind}.query-tags`, 1, { service: name, tag: tags.join(".") });
        if (reply.Nodes === null || reply.Nodes.length === 0)
          core.metrics.count(`health.${kind}.not-found`, 1, { service: name });
        return reply;
      });
    },
  } satisfies Partial<Handlers>;
}
