/**
 * The agent's own services and checks as the doors change them: validates, stores, runs the checks, and has the differences
 * pushed. The records themselves are core/local-records.ts.
 *
 * Changes run one at a time, in the order asked. A refused one has changed nothing.
 */
import type { HealthCheck, NodeService } from "../model/catalog.ts";
import type { CheckDefinition, ServiceDefinition } from "../model/definition.ts";
import type { RpcCaller } from "../model/methods.ts";
import type { Clock } from "../ports/clock.ts";
import type { Logger } from "../ports/log.ts";
import type { Random } from "../ports/random.ts";
import { type RunningCheck, runningCheck } from "./checks/running-check.ts";
import { TtlCheck } from "./checks/ttl-check.ts";
import { AgentError, type LocalState, type RegistrationSource } from "./contract.ts";
import { CONSUL_SERVICE_ID } from "./core/anti-entropy.ts";
import { type CheckStatus, checkKind, checkRecord, isCheckStatus } from "./core/check-definition.ts";
import type { LocalRecords } from "./core/local-records.ts";
import { maintenanceCheck, NODE_MAINTENANCE_ID, serviceMaintenanceId } from "./maintenance.ts";
import {
  assertRunnable,
  type LocalStateSettings,
  type PreparedService,
  prepareCheck,
  prepareService,
  prepareSidecar,
} from "./prepare-registration.ts";
import { sidecarId } from "./sidecar.ts";
import type { StateStore } from "./state-store.ts";

export interface LocalStateOptions {
  readonly node: string;
  readonly datacenter: string;
  readonly settings: LocalStateSettings;
  readonly userToken: () => string;
}

export interface LocalStatePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly rpc: RpcCaller;
  readonly records: LocalRecords;
  readonly store: StateStore;
  /** Pushes what changed. */
  readonly triggerPush: () => void;
  /** Holds pushes back until the returned function is called. */
  readonly pausePush: () => () => void;
}

/** A shorter `deregister_critical_service_after` is raised to this. As Consul. */
export const DEREGISTER_NS_MIN = 60_000_000_000n;

/** What a TTL check was told before a restart. */
interface LastReport {
  readonly status: CheckStatus;
  readonly output: string;
}

export class AgentLocalState implements LocalState {
  readonly #options: LocalStateOptions;
  readonly #ports: LocalStatePorts;
  readonly #records: LocalRecords;
  readonly #running = new Map<string, RunningCheck>();
  #settings: LocalStateSettings;
  #queue: Promise<unknown> = Promise.resolve();
  #stopped = false;
  readonly onChange: LocalState["onChange"];

  constructor(options: LocalStateOptions, ports: LocalStatePorts) {
    this.#options = options;
    this.#ports = ports;
    this.#records = ports.records;
    this.#settings = options.settings;
    this.onChange = (wake) => this.#records.onChange(wake);
  }

  services(): ReadonlyMap<string, NodeService> {
    return this.#records.services();
  }

  service(id: string): NodeService | undefined {
    return this.#records.service(id)?.service;
  }

  serviceToken(id: string): string {
    return this.#records.service(id)?.token ?? "";
  }

  checks(): ReadonlyMap<string, HealthCheck> {
    return this.#records.checks();
  }

  check(id: string): HealthCheck | undefined {
    return this.#records.check(id)?.check;
  }

  checkToken(id: string): string {
    return this.#records.check(id)?.token ?? "";
  }

  checkDefinition(id: string): CheckDefinition | undefined {
    return this.#records.check(id)?.definition;
  }

  /** How many checks run on a timer, and how many wait for reports. */
  counts(): { readonly monitors: number; readonly ttls: number } {
    const ttls = [...this.#running.values()].filter((r) => r instanceof TtlCheck).length;
    return { monitors: this.#running.size - ttls, ttls };
  }

  get settings(): LocalStateSettings {
    return this.#settings;
  }

  applySettings(settings: LocalStateSettings): void {
    this.#settings = settings;
  }

  /** Throws what {@link addService} would throw for this definition. */
  checkServiceDefinition(definition: ServiceDefinition, source: RegistrationSource): void {
    prepareService(definition, source, "", this.#context());
    prepareSidecar(definition, source, "", { ...this.#context(), services: this.services() });
  }

  addService(
    definition: ServiceDefinition,
    options: {
      readonly source: RegistrationSource;
      readonly token: string;
      readonly replaceExistingChecks: boolean;
    },
  ): Promise<void> {
    return this.#exclusive(async () => {
      const { source } = options;
      const prepared = prepareService(definition, source, options.token, this.#context());
      const sidecar = prepareSidecar(definition, source, options.token, {
        ...this.#context(),
        services: this.services(),
      });
      const resume = this.#ports.pausePush();
      try {
        await this.#register(prepared, options);
        if (sidecar !== undefined) await this.#register(sidecar, options);
      } finally {
        resume();
      }
    });
  }

  async #register(
    { service, token, checks }: PreparedService,
    options: { readonly source: RegistrationSource; readonly replaceExistingChecks: boolean },
  ): Promise<void> {
    const { source } = options;
    const known = new Set(checks.map((c) => c.record.CheckID));
    const obsolete = options.replaceExistingChecks
      ? this.#records
          .checksOf(service.ID)
          .filter((e) => !known.has(e.check.CheckID) && e.definition !== undefined)
      : [];
    await this.#storeService(service, token, source);
    const reports = new Map<string, LastReport | undefined>();
    for (const c of checks) {
      await this.#storeCheck(c.record, c.definition, c.token, source);
      reports.set(c.record.CheckID, await this.#lastReport(c.record.CheckID, c.definition));
    }
    this.#records.setService(service, token, source);
    for (const c of checks)
      this.#setCheck(c.record, c.definition, c.token, source, reports.get(c.record.CheckID));
    for (const e of obsolete) await this.#dropCheck(e.check.CheckID);
  }

  removeService(id: string): Promise<void> {
    return this.#exclusive(async () => {
      if (id === "") throw new AgentError(500, "ServiceID missing");
      if (this.#records.service(id) === undefined)
        throw new AgentError(
          404,
          `Unknown service ID ${JSON.stringify(id)}. Ensure that the service ID is passed, not the service name.`,
        );
      const resume = this.#ports.pausePush();
      try {
        const sidecar = this.#records.service(sidecarId(id))?.service;
        await this.#dropService(id);
        if (sidecar?.LocallyRegisteredAsSidecar) await this.#dropService(sidecar.ID);
      } finally {
        resume();
      }
      this.#ports.log.debug(`removed service '${id}'`);
    });
  }

  async #dropService(id: string): Promise<void> {
    for (const e of this.#records.checksOf(id)) await this.#dropCheck(e.check.CheckID);
    this.#records.deleteService(id);
    await this.#ports.store.dropService(id);
  }

  /** Throws what {@link addCheck} would throw for this definition, but for a service that is not there. */
  checkCheckDefinition(definition: CheckDefinition, source: RegistrationSource): void {
    prepareCheck(definition, source, this.#context());
  }

  addCheck(
    definition: CheckDefinition,
    options: { readonly source: RegistrationSource; readonly token: string },
  ): Promise<void> {
    return this.#exclusive(async () => {
      const { source } = options;
      const id = prepareCheck(definition, source, this.#context());
      const service = this.#records.service(definition.ServiceID);
      if (definition.ServiceID !== "" && service === undefined)
        throw new AgentError(500, `ServiceID ${JSON.stringify(definition.ServiceID)} does not exist`);
      const record = checkRecord(definition, this.#options.node, id, service?.service);
      const token = definition.Token || options.token || service?.token || "";
      await this.#storeCheck(record, definition, token, source);
      this.#setCheck(record, definition, token, source, await this.#lastReport(id, definition));
      this.#ports.triggerPush();
    });
  }

  removeCheck(id: string): Promise<void> {
    return this.#exclusive(async () => {
      if (id === "") throw new AgentError(500, "CheckID missing");
      if (this.#records.check(id) === undefined)
        throw new AgentError(
          404,
          `Unknown check ID ${JSON.stringify(id)}. Ensure that the check ID is passed, not the check name.`,
        );
      await this.#dropCheck(id);
      this.#ports.triggerPush();
      this.#ports.log.debug(`removed check '${id}'`);
    });
  }

  updateTtlCheck(id: string, status: string, output: string): void {
    if (!isCheckStatus(status)) throw new AgentError(400, `Invalid check status: '${status}'`);
    const running = this.#running.get(id);
    const definition = this.checkDefinition(id);
    if (!(running instanceof TtlCheck) || definition === undefined)
      throw new AgentError(500, `CheckID ${JSON.stringify(id)} does not have associated TTL`);
    const kept = running.update(status, output);
    const expires = Math.floor((this.#ports.clock.wall() + Number(definition.TTL) / 1e6) / 1000);
    void this.#ports.store.putTtlState(id, { status, output: kept, expires });
  }

  async enableServiceMaintenance(id: string, reason: string, token: string): Promise<void> {
    const service = this.#maintainable(id);
    if (await this.#enableMaintenance(service, reason, token))
      this.#ports.log.info("Service entered maintenance mode", { service: id });
  }

  async disableServiceMaintenance(id: string): Promise<void> {
    this.#maintainable(id);
    if (await this.#disableMaintenance(serviceMaintenanceId(id)))
      this.#ports.log.info("Service left maintenance mode", { service: id });
  }

  async enableNodeMaintenance(reason: string, token: string): Promise<void> {
    if (await this.#enableMaintenance(undefined, reason, token))
      this.#ports.log.info("Node entered maintenance mode");
  }

  async disableNodeMaintenance(): Promise<void> {
    if (await this.#disableMaintenance(NODE_MAINTENANCE_ID))
      this.#ports.log.info("Node left maintenance mode");
  }

  /** Registers what an earlier run has stored, unless the configuration has it (its registration then dropped the file). */
  async restoreServices(): Promise<void> {
    const { store, log } = this.#ports;
    for (const { service, token, source } of await store.services()) {
      if (this.#records.service(service.ID) !== undefined) continue;
      log.debug("restored service definition from file", { service: service.ID });
      this.#records.setService(service, token, source);
    }
  }

  async restoreChecks(): Promise<void> {
    const { store, log } = this.#ports;
    for (const { check, definition, token, source } of await store.checks()) {
      const id = check.CheckID;
      if (this.#records.check(id) !== undefined) continue;
      const problem = this.#whyNotRestore(check, definition, source);
      if (problem !== undefined) {
        log.warn(`Failed to restore check: ${problem}`, { check: id });
        await store.dropCheck(id);
        continue;
      }
      // Whether it is healthy is to be seen again.
      const unseen = { ...check, Node: this.#options.node, Status: "critical", Output: "" };
      this.#setCheck(unseen, definition, token, source, await this.#lastReport(id, definition));
    }
  }

  /** Removes services that have been critical for longer than one of their checks allows; returns their ids. */
  async reapCriticalServices(minimumMs: number): Promise<void> {
    const { clock, log } = this.#ports;
    const allowed = (d: CheckDefinition): number =>
      d.DeregisterCriticalServiceAfter > 0n
        ? Math.max(Number(d.DeregisterCriticalServiceAfter) / 1e6, minimumMs)
        : 0;
    const reaped = new Set<string>();
    for (const { check } of this.#records.overdue(clock.now(), allowed)) {
      const { ServiceID: id, CheckID } = check;
      if (reaped.has(id)) continue;
      reaped.add(id);
      try {
        await this.removeService(id);
        log.info("Check for service has been critical for too long; deregistered service", {
          service: id,
          check: CheckID,
        });
      } catch (error) {
        log.error(`failed to deregister service: ${(error as Error).message}`, {
          service: id,
          check: CheckID,
        });
      }
    }
  }

  /** No check runs any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const running of this.#running.values()) running.stop();
    await this.#queue.catch(() => {});
    for (const running of this.#running.values()) running.stop();
    await this.#ports.store.flush();
  }

  #context(): { readonly node: string; readonly settings: LocalStateSettings } {
    return { node: this.#options.node, settings: this.#settings };
  }

  #whyNotRestore(
    check: HealthCheck,
    definition: CheckDefinition | undefined,
    source: RegistrationSource,
  ): string | undefined {
    if (check.ServiceID !== "" && this.#records.service(check.ServiceID) === undefined)
      return `ServiceID ${JSON.stringify(check.ServiceID)} does not exist`;
    if (definition === undefined) return undefined;
    try {
      assertRunnable(definition, source, this.#settings, "");
      return undefined;
    } catch (error) {
      return (error as Error).message;
    }
  }

  /** The last report of a TTL check, if its time is not over. */
  async #lastReport(id: string, definition: CheckDefinition | undefined): Promise<LastReport | undefined> {
    const { store, clock } = this.#ports;
    // A check that is here already has its state with it.
    if (definition === undefined || checkKind(definition) !== "ttl" || this.#records.check(id) !== undefined)
      return undefined;
    const state = await store.ttlState(id);
    if (state === undefined) return undefined;
    if (state.expires * 1000 < clock.wall() || !isCheckStatus(state.status)) {
      await store.putTtlState(id, undefined);
      return undefined;
    }
    return { status: state.status, output: state.output };
  }

  async #storeService(service: NodeService, token: string, source: RegistrationSource): Promise<void> {
    const { store } = this.#ports;
    try {
      if (source === "remote") await store.putService({ service, token, source });
      else await store.dropService(service.ID);
    } catch (error) {
      throw new AgentError(
        500,
        `failed to persist service ${JSON.stringify(service.ID)}: ${(error as Error).message}`,
      );
    }
  }

  async #storeCheck(
    check: HealthCheck,
    definition: CheckDefinition | undefined,
    token: string,
    source: RegistrationSource,
  ): Promise<void> {
    const { store } = this.#ports;
    try {
      if (source === "remote") await store.putCheck({ check, definition, token, source });
      else await store.dropCheck(check.CheckID, { keepReports: true });
    } catch (error) {
      throw new AgentError(
        500,
        `failed to persist check ${JSON.stringify(check.CheckID)}: ${(error as Error).message}`,
      );
    }
  }

  #setCheck(
    record: HealthCheck,
    definition: CheckDefinition | undefined,
    token: string,
    source: RegistrationSource,
    report?: LastReport,
  ): void {
    const { clock, random, log, rpc } = this.#ports;
    const id = record.CheckID;
    this.#running.get(id)?.stop();
    this.#running.delete(id);
    const known = report === undefined ? record : { ...record, Status: report.status, Output: report.output };
    this.#records.setCheck(known, definition, token, source, clock.now());
    if (definition === undefined || this.#stopped) return;
    const after = definition.DeregisterCriticalServiceAfter;
    if (after > 0n && after < DEREGISTER_NS_MIN)
      log.warn("check has deregister interval below minimum", { check: id, minimum_interval: "1m0s" });
    const running = runningCheck(
      {
        checkId: id,
        definition,
        outputBytesMax: this.#settings.checkOutputBytesMax,
        tls: this.#settings.checkTls,
        lastOutput: report?.output ?? "",
        publish: (status, output) => this.#publish(id, status, output),
        alias: {
          ownNode: this.#options.node,
          datacenter: this.#options.datacenter,
          token: () => token || this.#options.userToken(),
          localChecks: () => this.#records.checks().values(),
          hasLocalService: (service) => this.#records.service(service) !== undefined,
          onLocalChange: (wake) => this.#records.onChange(wake),
        },
      },
      { clock, random, log, rpc },
    );
    if (running === undefined) return;
    this.#running.set(id, running);
    running.start();
  }

  async #dropCheck(id: string): Promise<void> {
    this.#running.get(id)?.stop();
    this.#running.delete(id);
    this.#records.deleteCheck(id);
    await this.#ports.store.dropCheck(id);
  }

  #publish(id: string, status: CheckStatus, output: string): void {
    const { clock, random, triggerPush } = this.#ports;
    const kept = this.#settings.discardCheckOutput ? "" : output;
    const update = this.#records.updateCheck(id, status, kept, clock.now(), {
      updateIntervalMs: this.#settings.checkUpdateIntervalMs,
      chance: random.float(),
    });
    if (update === "changed") triggerPush();
  }

  #maintainable(id: string): NodeService {
    const service = id === CONSUL_SERVICE_ID ? undefined : this.service(id);
    if (service === undefined)
      throw new AgentError(404, `No service registered with ID ${JSON.stringify(id)}`);
    return service;
  }

  #enableMaintenance(service: NodeService | undefined, reason: string, token: string): Promise<boolean> {
    return this.#exclusive(async () => {
      const check = maintenanceCheck(this.#options.node, service, reason);
      if (this.#records.check(check.CheckID) !== undefined) return false;
      const { store, triggerPush } = this.#ports;
      await store.putCheck({ check, definition: undefined, token, source: "local" });
      this.#setCheck(check, undefined, token, "local");
      triggerPush();
      return true;
    });
  }

  #disableMaintenance(id: string): Promise<boolean> {
    return this.#exclusive(async () => {
      if (this.#records.check(id) === undefined) return false;
      await this.#dropCheck(id);
      this.#ports.triggerPush();
      return true;
    });
  }

  #exclusive<T>(change: () => Promise<T>): Promise<T> {
    const run = this.#queue.then(change, change);
    this.#queue = run.catch(() => {});
    return run;
  }
}
