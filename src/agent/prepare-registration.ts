/** From what a user wrote to what can be registered: validation, switches, ids, records. Nothing is changed here. */
import type { HealthCheck, NodeService } from "../model/catalog.ts";
import { CheckDefinition, type ServiceDefinition } from "../model/definition.ts";
import type { CheckTls } from "./check-tls.ts";
import { cannotRun } from "./checks/running-check.ts";
import { AgentError, type RegistrationSource } from "./contract.ts";
import {
  checkDefinitionError,
  checkRecord,
  isCheckStatus,
  isScriptCheck,
  serviceCheckId,
} from "./core/check-definition.ts";
import { serviceDefinitionError, serviceRecord } from "./service-definition.ts";
import { type PortRange, sidecarOf } from "./sidecar.ts";

/** What the configuration says of checks; a reload may change it. */
export interface LocalStateSettings {
  readonly checkUpdateIntervalMs: number;
  readonly checkOutputBytesMax: number;
  readonly discardCheckOutput: boolean;
  readonly enableLocalScriptChecks: boolean;
  readonly enableRemoteScriptChecks: boolean;
  /** For checks over TLS; undefined trusts what the system trusts. */
  readonly checkTls: CheckTls | undefined;
  /** Where sidecars without a port get one; 0 and 0: nowhere. */
  readonly sidecarPorts: PortRange;
}

export interface PrepareContext {
  readonly node: string;
  readonly settings: LocalStateSettings;
}

/** One check ready to be registered. */
export interface PreparedCheck {
  readonly record: HealthCheck;
  readonly definition: CheckDefinition;
  readonly token: string;
}

export interface PreparedService {
  readonly service: NodeService;
  readonly token: string;
  readonly checks: readonly PreparedCheck[];
}

const SCRIPTS_OFF_LOCAL =
  "Scripts are disabled on this agent; to enable, configure 'enable_script_checks' or 'enable_local_script_checks' to true";
const SCRIPTS_OFF_REMOTE =
  "Scripts are disabled on this agent from remote calls; to enable, configure 'enable_script_checks' to true";

/** Throws AgentError. */
export function prepareService(
  definition: ServiceDefinition,
  source: RegistrationSource,
  requestToken: string,
  context: PrepareContext,
): PreparedService {
  const problem = serviceDefinitionError(definition);
  if (problem !== undefined) throw new AgentError(problem.httpStatus, problem.text);
  const service = serviceRecord(definition);
  const token = definition.Token || requestToken;
  const defined = definition.Checks ?? [];
  const prefix = source === "local" ? "Check is not valid: " : "Invalid check: ";
  const checks = defined.map((given, i): PreparedCheck => {
    assertRunnable(given, source, context.settings, prefix);
    const d = CheckDefinition.make({ ...given, ServiceID: service.ID });
    const id = d.ID || serviceCheckId(service.ID, i + 1, defined.length);
    return { record: checkRecord(d, context.node, id, service), definition: d, token: d.Token || token };
  });
  return { service, token, checks };
}

/** The proxy that a service's definition asks for, ready to be registered beside it; undefined for none. Throws AgentError. */
export function prepareSidecar(
  definition: ServiceDefinition,
  source: RegistrationSource,
  requestToken: string,
  context: PrepareContext & { readonly services: ReadonlyMap<string, NodeService> },
): PreparedService | undefined {
  const sidecar = sidecarOf(definition, context.settings.sidecarPorts, context.services);
  if (sidecar === undefined) return undefined;
  const problem = serviceDefinitionError(sidecar);
  if (problem !== undefined)
    throw new AgentError(
      500,
      `Bad request: Invalid SidecarService: ${problem.text.replace(/^Invalid Service Meta: /, "")}`,
    );
  for (const check of sidecar.Checks ?? []) {
    const invalid = checkDefinitionError(check);
    if (invalid !== undefined)
      throw new AgentError(500, `Bad request: Invalid check in sidecar_service: ${invalid}`);
  }
  const prepared = prepareService(sidecar, source, requestToken, context);
  return { ...prepared, service: { ...prepared.service, LocallyRegisteredAsSidecar: true } };
}

/** The check's id. Throws AgentError. */
export function prepareCheck(
  definition: CheckDefinition,
  source: RegistrationSource,
  context: PrepareContext,
): string {
  const id = definition.ID || definition.Name;
  if (id === "")
    throw source === "remote"
      ? new AgentError(400, "Missing check name")
      : new AgentError(500, "CheckID missing");
  if (definition.Status !== "" && !isCheckStatus(definition.Status))
    throw new AgentError(400, "Bad check status");
  assertRunnable(definition, source, context.settings, source === "local" ? "" : "Invalid check: ");
  return id;
}

/** Throws AgentError when the check is not whole, not allowed, or cannot run on this host. */
export function assertRunnable(
  definition: CheckDefinition,
  source: RegistrationSource,
  settings: LocalStateSettings,
  prefix: string,
): void {
  const invalid = checkDefinitionError(definition);
  if (invalid !== undefined) throw new AgentError(400, prefix + invalid);
  if (isScriptCheck(definition)) {
    const { enableLocalScriptChecks, enableRemoteScriptChecks } = settings;
    if (source === "remote" && !enableRemoteScriptChecks) throw new AgentError(500, SCRIPTS_OFF_REMOTE);
    if (source === "local" && !enableLocalScriptChecks && !enableRemoteScriptChecks)
      throw new AgentError(500, SCRIPTS_OFF_LOCAL);
  }
  const impossible = cannotRun(definition);
  if (impossible !== undefined) throw new AgentError(500, impossible);
}
