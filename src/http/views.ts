/**
 * JSON forms that differ from the model's own: where the API shows `[]` or `{}` for what is nil inside, hides a field, or
 * has a shape of its own. Built from the model's fields, so that a new field appears by itself.
 */
import {
  CheckServiceNode,
  HealthCheck,
  Node,
  NodeService,
  NodeServiceList,
  NodeServices,
  ServiceNode,
} from "../model/catalog.ts";
import { Session } from "../model/kv.ts";
import { AutopilotServerHealth } from "../model/operator.ts";
import { bool, int, jsonString, list, map, ptr, str, struct, type Type, time } from "../wire/schema.ts";

/** A list whose nil is shown as `[]`. */
export const shownList = <T>(of: Type<T>): Type<readonly T[] | null> => {
  const plain = list(of);
  return { ...plain, json: (v) => (v === null ? "[]" : plain.json(v)) };
};

/** A map whose nil is shown as `{}`. */
export const shownMap = <T>(of: Type<T>): Type<ReadonlyMap<string, T> | null> => {
  const plain = map(of);
  return { ...plain, json: (v) => (v === null ? "{}" : plain.json(v)) };
};

export const NodeServiceView = struct("NodeService", { ...NodeService.fields, Tags: shownList(str) });
export const HealthCheckView = struct("HealthCheck", { ...HealthCheck.fields, ServiceTags: shownList(str) });
export const ServiceNodeView = struct("ServiceNode", {
  ...ServiceNode.fields,
  ServiceTags: shownList(str),
  ServiceMeta: shownMap(str),
});
export const CheckServiceNodeView = struct("CheckServiceNode", {
  ...CheckServiceNode.fields,
  Service: ptr(NodeServiceView),
  Checks: shownList(ptr(HealthCheckView)),
});
export const NodeServicesView = struct("NodeServices", {
  ...NodeServices.fields,
  Services: shownMap(ptr(NodeServiceView)),
});
export const NodeServiceListView = struct("NodeServiceList", {
  ...NodeServiceList.fields,
  Services: list(ptr(NodeServiceView)),
});

export const NodesJson = shownList(ptr(Node));
export const ServiceTagsJson = shownMap(shownList(str));
export const ServiceNodesJson = shownList(ptr(ServiceNodeView));
export const HealthChecksJson = shownList(ptr(HealthCheckView));
export const CheckServiceNodesJson = shownList(CheckServiceNodeView);
export const SessionsJson = shownList(ptr(Session));
export const StringsJson = shownList(str);

/** serf's states as words, by number. */
const SERF_STATUS_WORDS = ["none", "alive", "leaving", "left", "failed"] as const;
const serfStatus: Type<number> = { ...int, json: (v) => jsonString(SERF_STATUS_WORDS[v] ?? "none") };

/** Shown in whole seconds. */
const wholeSeconds: Type<bigint> = {
  ...time,
  json: (v) => time.json(((v + 500_000_000n) / 1_000_000_000n) * 1_000_000_000n),
};

export const AutopilotHealthView = struct("AutopilotHealth", {
  Healthy: bool,
  FailureTolerance: int,
  Servers: shownList(
    struct("AutopilotServerHealth", {
      ...AutopilotServerHealth.fields,
      SerfStatus: serfStatus,
      StableSince: wholeSeconds,
    }),
  ),
});
