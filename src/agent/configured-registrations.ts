/**
 * Services and checks of the configuration files. A reload leaves alone what is unchanged (its checks run on, with their
 * status), and refuses as a whole when any definition is wrong.
 */
import { CheckDefinition, ServiceDefinition } from "../model/definition.ts";
import { AgentError } from "./contract.ts";
import { sameValue } from "./core/same-value.ts";
import type { AgentLocalState } from "./local-state.ts";
import { sidecarId } from "./sidecar.ts";

export interface Definitions {
  readonly services: readonly ServiceDefinition[];
  readonly checks: readonly CheckDefinition[];
}

const serviceId = (d: ServiceDefinition): string => d.ID || d.Name;
const checkId = (d: CheckDefinition): string => d.ID || d.Name;
const OPTIONS = { source: "local", token: "", replaceExistingChecks: true } as const;

export class ConfiguredRegistrations {
  readonly #local: AgentLocalState;
  #services = new Map<string, ServiceDefinition>();
  #checks = new Map<string, CheckDefinition>();

  constructor(local: AgentLocalState) {
    this.#local = local;
  }

  /** At the start: what is configured, then what earlier runs have stored. Throws AgentError with the definition's name. */
  async load(definitions: Definitions): Promise<void> {
    this.#validate(definitions);
    for (const d of definitions.services) await this.#addService(d);
    await this.#local.restoreServices();
    for (const d of definitions.checks) await this.#addCheck(d);
    await this.#local.restoreChecks();
  }

  /** Throws AgentError; then nothing has changed. */
  async reload(definitions: Definitions): Promise<void> {
    this.#validate(definitions);
    const services = new Map(definitions.services.map((d) => [serviceId(d), d]));
    const checks = new Map(definitions.checks.map((d) => [checkId(d), d]));
    // A service that only the old configuration has is about to go.
    const willExist = (id: string): boolean =>
      services.has(id) || (this.#local.service(id) !== undefined && !this.#services.has(id));
    for (const d of definitions.checks)
      if (d.ServiceID !== "" && !willExist(d.ServiceID))
        throw failed("check", checkId(d), `ServiceID ${JSON.stringify(d.ServiceID)} does not exist`);
    for (const id of [...this.#checks.keys()])
      if (!checks.has(id)) {
        this.#checks.delete(id);
        if (this.#local.check(id) !== undefined) await this.#local.removeCheck(id);
      }
    for (const id of [...this.#services.keys()])
      if (!services.has(id)) {
        this.#services.delete(id);
        if (this.#local.service(id) !== undefined) await this.#local.removeService(id);
      }
    for (const [id, d] of services) {
      const unchanged = sameValue(this.#services.get(id), d) && this.#local.service(id) !== undefined;
      if (unchanged && !this.#overridden(d)) continue;
      await this.#addService(d);
    }
    for (const [id, d] of checks) {
      const unchanged = sameValue(this.#checks.get(id), d) && sameValue(this.#local.checkDefinition(id), d);
      if (!unchanged) await this.#addCheck(d);
    }
  }

  /** Whether the API has since replaced the service or removed one of its checks. */
  #overridden(d: ServiceDefinition): boolean {
    const service = this.#local.service(serviceId(d));
    if (service === undefined || service.Port !== d.Port || service.Address !== d.Address) return true;
    if (!service.EnableTagOverride && !sameValue(service.Tags, d.Tags)) return true;
    if (!sameValue(service.Meta, d.Meta)) return true;
    const have = [...this.#local.checks().values()].filter((c) => c.ServiceID === service.ID).length;
    return have < (d.Checks ?? []).length;
  }

  #validate(definitions: Definitions): void {
    const seen = new Set<string>();
    for (const d of definitions.services) {
      const id = serviceId(d);
      if (seen.has(`s ${id}`))
        throw failed("service", id, `the id is used by two services of the configuration`);
      seen.add(`s ${id}`);
      attempt("service", id, () => this.#local.checkServiceDefinition(d, "local"));
    }
    for (const d of definitions.checks) {
      const id = checkId(d);
      if (seen.has(`c ${id}`)) throw failed("check", id, `the id is used by two checks of the configuration`);
      seen.add(`c ${id}`);
      attempt("check", id, () => this.#local.checkCheckDefinition(d, "local"));
    }
  }

  async #addService(d: ServiceDefinition): Promise<void> {
    await attempt("service", d.Name, () => this.#local.addService(ServiceDefinition.make(d), OPTIONS));
    const sidecar = sidecarId(serviceId(d));
    const hadOne = (this.#services.get(serviceId(d))?.SidecarService ?? null) !== null;
    if (hadOne && d.SidecarService === null && this.#local.service(sidecar)?.LocallyRegisteredAsSidecar)
      await this.#local.removeService(sidecar);
    this.#services.set(serviceId(d), d);
  }

  async #addCheck(d: CheckDefinition): Promise<void> {
    await attempt("check", d.Name || d.ID, () => this.#local.addCheck(CheckDefinition.make(d), OPTIONS));
    this.#checks.set(checkId(d), d);
  }
}

const failed = (kind: "service" | "check", name: string, why: string): AgentError =>
  new AgentError(500, `Failed to register ${kind} '${name}': ${why}`);

function attempt<T>(kind: "service" | "check", name: string, act: () => T): T {
  const rename = (error: unknown): never => {
    if (error instanceof AgentError) throw failed(kind, name, error.message);
    throw error;
  };
  try {
    const result = act();
    return result instanceof Promise ? (result.catch(rename) as T) : result;
  } catch (error) {
    return rename(error);
  }
}
