/** Maintenance mode: a critical check that nothing runs takes a node or a service out of use. Texts as observed in Consul 1.8.7. */
import { HealthCheck, type NodeService } from "../model/catalog.ts";

export const NODE_MAINTENANCE_ID = "_node_maintenance";
export const SERVICE_MAINTENANCE_PREFIX = "_service_maintenance:";

export const serviceMaintenanceId = (serviceId: string): string => SERVICE_MAINTENANCE_PREFIX + serviceId;

const defaultReason = (what: "node" | "service"): string =>
  `Maintenance mode is enabled for this ${what}, but no reason was provided. This is a default message.`;

export function maintenanceCheck(
  node: string,
  service: NodeService | undefined,
  reason: string,
): HealthCheck {
  return HealthCheck.make({
    Node: node,
    CheckID: service === undefined ? NODE_MAINTENANCE_ID : serviceMaintenanceId(service.ID),
    Name: service === undefined ? "Node Maintenance Mode" : "Service Maintenance Mode",
    Status: "critical",
    Notes: reason || defaultReason(service === undefined ? "node" : "service"),
    ServiceID: service?.ID ?? "",
    ServiceName: service?.Service ?? "",
    ServiceTags: service?.Tags ?? null,
    Type: "maintenance",
  });
}

/** Health of a set of checks: `maintenance`, else the worst status; passing when there is none, "" for an unknown status. */
export function aggregateStatus(checks: Iterable<Pick<HealthCheck, "CheckID" | "Status">>): string {
  let worst = "passing";
  for (const { CheckID, Status } of checks) {
    if (CheckID === NODE_MAINTENANCE_ID || CheckID.startsWith(SERVICE_MAINTENANCE_PREFIX))
      return "maintenance";
    if (Status === "critical") worst = "critical";
    else if (Status === "warning") worst = worst === "critical" ? worst : "warning";
    else if (Status !== "passing") return "";
  }
  return worst;
}
