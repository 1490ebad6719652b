/** All endpoints, one list a family. The order within a path is the order of its Allow header. */
import { aclRoutes } from "./acl.ts";
import { agentRoutes } from "./agent.ts";
import { agentServiceRoutes } from "./agent-service.ts";
import { catalogRoutes } from "./catalog.ts";
import { configEntryRoutes } from "./config-entry.ts";
import { connectRoutes } from "./connect.ts";
import { coordinateRoutes } from "./coordinate.ts";
import { debugRoutes } from "./debug-profiles.ts";
import { descriptionRoutes } from "./description.ts";
import { eventRoutes } from "./event.ts";
import { healthRoutes } from "./health.ts";
import { kvRoutes } from "./kv.ts";
import { operatorRoutes } from "./operator.ts";
import { operatorUsageRoutes } from "./operator-usage.ts";
import { preparedQueryRoutes } from "./prepared-query.ts";
import type { Route } from "./routes.ts";
import { sessionRoutes } from "./session.ts";
import { snapshotRoutes } from "./snapshot.ts";
import { statusRoutes } from "./status.ts";
import { txnRoutes } from "./txn.ts";
import { uiRoutes } from "./ui.ts";

const families: readonly Route[] = [
  ...aclRoutes,
  ...agentRoutes,
  ...agentServiceRoutes,
  ...catalogRoutes,
  ...configEntryRoutes,
  ...connectRoutes,
  ...coordinateRoutes,
  ...debugRoutes,
  ...eventRoutes,
  ...healthRoutes,
  ...kvRoutes,
  ...operatorRoutes,
  ...operatorUsageRoutes,
  ...preparedQueryRoutes,
  ...sessionRoutes,
  ...snapshotRoutes,
  ...statusRoutes,
  ...txnRoutes,
  ...uiRoutes,
];

export const apiRoutes: readonly Route[] = [...families, ...descriptionRoutes(families)];
