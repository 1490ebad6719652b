/** All endpoints, one list a family. The order within a path is the order of its Allow header. */
import { agentRoutes } from "./agent.ts";
import { agentServiceRoutes } from "./agent-service.ts";
import { catalogRoutes } from "./catalog.ts";
import { eventRoutes } from "./event.ts";
import { healthRoutes } from "./health.ts";
import { kvRoutes } from "./kv.ts";
import type { Route } from "./routes.ts";
import { sessionRoutes } from "./session.ts";
import { statusRoutes } from "./status.ts";

export const apiRoutes: readonly Route[] = [
  ...agentRoutes,
  ...agentServiceRoutes,
  ...catalogRoutes,
  ...eventRoutes,
  ...healthRoutes,
  ...kvRoutes,
  ...sessionRoutes,
  ...statusRoutes,
];
