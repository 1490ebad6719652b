/**
 * Check definitions: which kind a definition is, whether it is whole, and the record it becomes. Rules and texts as observed
 * in Consul 1.8.7; later kinds (udp, h2ping, os_service) after their documentation.
 */
import { HealthCheck, type NodeService } from "../../model/catalog.ts";
import type { CheckDefinition } from "../../model/definition.ts";

export const CHECK_STATUSES = ["passing", "warning", "critical"] as const;
export type CheckStatus = (typeof CHECK_STATUSES)[number];
export const isCheckStatus = (s: string): s is CheckStatus =>
  (CHECK_STATUSES as readonly string[]).includes(s);

export type CheckKind =
  | "ttl"
  | "http"
  | "tcp"
  | "udp"
  | "grpc"
  | "h2ping"
  | "docker"
  | "script"
  | "os_service"
  | "alias"
  | "none";

const hasCommand = (d: CheckDefinition): boolean => d.Script !== "" || (d.ScriptArgs?.length ?? 0) > 0;

/** Whether it runs a program of the agent's host (in a container or not): the kinds that the script switches govern. */
export const isScriptCheck = (d: CheckDefinition): boolean => hasCommand(d) || d.DockerContainerID !== "";

const isAlias = (d: CheckDefinition): boolean => d.AliasNode !== "" || d.AliasService !== "";

/** Which runner the definition gets: several kinds of fields may be set, the first of this order wins. */
export function checkKind(d: CheckDefinition): CheckKind {
  if (d.TTL > 0n) return "ttl";
  if (d.HTTP !== "") return "http";
  if (d.TCP !== "") return "tcp";
  if (d.UDP !== "") return "udp";
  if (d.GRPC !== "") return "grpc";
  if (d.H2PING !== "") return "h2ping";
  if (d.DockerContainerID !== "" && hasCommand(d)) return "docker";
  if (hasCommand(d)) return "script";
  if (d.OSService !== "") return "os_service";
  if (isAlias(d)) return "alias";
  return "none";
}

/** The record's Type text; its order is another one than the runner's. */
export function checkTypeText(d: CheckDefinition): string {
  if (d.GRPC !== "") return "grpc";
  if (d.HTTP !== "") return "http";
  if (d.TTL > 0n) return "ttl";
  if (d.TCP !== "") return "tcp";
  if (isAlias(d)) return "alias";
  if (d.DockerContainerID !== "") return "docker";
  if (hasCommand(d)) return "script";
  if (d.UDP !== "") return "udp";
  if (d.H2PING !== "") return "h2ping";
  if (d.OSService !== "") return "os_service";
  return "";
}

/** What is wrong with the definition, in the original's words; undefined when nothing is. */
export function checkDefinitionError(d: CheckDefinition): string | undefined {
  // A container without a command to run in it is no check (observed in Consul 1.8.7).
  const timed =
    hasCommand(d) ||
    d.HTTP !== "" ||
    d.TCP !== "" ||
    d.GRPC !== "" ||
    d.UDP !== "" ||
    d.H2PING !== "" ||
    d.OSService !== "";
  if (d.Interval > 0n && d.TTL > 0n) return "Interval and TTL cannot both be specified";
  if (timed && d.Interval <= 0n) return "Interval must be > 0 for Script, HTTP, or TCP checks";
  if (timed && isAlias(d)) return "Interval cannot be set for Alias checks";
  if (isAlias(d) && d.TTL > 0n) return "TTL must be not be set for Alias checks";
  if (!timed && !isAlias(d) && d.TTL <= 0n) return "TTL must be > 0 for TTL checks";
  if (d.OutputMaxSize < 0) return "MaxOutputMaxSize must be positive";
  return undefined;
}

/** Id of the `position`th (from 1) of `count` checks in a service's definition. */
export const serviceCheckId = (serviceId: string, position: number, count: number): string =>
  count === 1 ? `service:${serviceId}` : `service:${serviceId}:${position}`;

/** The record of a check that has not run yet: critical, unless the definition says otherwise. */
export function checkRecord(
  d: CheckDefinition,
  node: string,
  id: string,
  service: NodeService | undefined,
): HealthCheck {
  return HealthCheck.make({
    Node: node,
    CheckID: id,
    Name: d.Name !== "" ? d.Name : service !== undefined ? `Service '${service.Service}' check` : id,
    Status: d.Status !== "" ? d.Status : "critical",
    Notes: d.Notes,
    ServiceID: service?.ID ?? "",
    ServiceName: service?.Service ?? "",
    ServiceTags: service?.Tags ?? null,
    Type: checkTypeText(d),
  });
}
