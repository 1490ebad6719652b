/**
 * The agent's own services and checks with what is known of their copies in the catalog. Pure: no clock, no waiting; who
 * stores, runs and pushes them is elsewhere.
 *
 * An entry is in sync (the catalog has it as it is here), out of sync (must be pushed), or deleted (gone here, must be
 * deregistered there; kept until that is done). Each change draws a new revision, so that an acknowledgement of an older
 * push never marks a newer value as pushed.
 */
import { HealthCheck, NodeService } from "../../model/catalog.ts";
import type { CheckDefinition } from "../../model/definition.ts";
import { sameValue } from "./same-value.ts";

export type RecordSource = "local" | "remote";

export interface ServiceEntry {
  readonly service: NodeService;
  readonly token: string;
  readonly source: RecordSource;
  readonly inSync: boolean;
  readonly deleted: boolean;
  readonly revision: number;
}

export interface CheckEntry {
  readonly check: HealthCheck;
  /** undefined for maintenance checks, which nothing runs. */
  readonly definition: CheckDefinition | undefined;
  readonly token: string;
  readonly source: RecordSource;
  readonly inSync: boolean;
  readonly deleted: boolean;
  readonly revision: number;
  /** Out of sync in nothing but its output. */
  readonly outputOnly: boolean;
  /** When the change of output must go out at the latest; undefined when no such change waits. */
  readonly deferredUntil: number | undefined;
  /** From when on it may go out together with others. */
  readonly deferredFrom: number | undefined;
  /** Since when it is critical without a break. */
  readonly criticalSince: number | undefined;
  /** The status was published without any output: the first output goes out at once. */
  readonly outputAwaited: boolean;
}

export type OutputUpdate = "unchanged" | "deferred" | "changed";

export interface DeferralOptions {
  /** check_update_interval; 0 pushes each output at once. */
  readonly updateIntervalMs: number;
  /** Uniform in [0, 1). */
  readonly chance: number;
}

export class LocalRecords {
  readonly #services = new Map<string, ServiceEntry>();
  readonly #checks = new Map<string, CheckEntry>();
  readonly #watchers = new Set<() => void>();
  #revision = 0;
  #nodeInSync = false;
  /** The earliest `deferredUntil`; "stale" when the entry that set it may be gone. */
  #nextDeferral: number | undefined | "stale";
  #liveServices: ReadonlyMap<string, NodeService> | undefined;
  #liveChecks: ReadonlyMap<string, HealthCheck> | undefined;

  /** Grows with every change. */
  get revision(): number {
    return this.#revision;
  }

  /** Whether the catalog has the node's own data as they are here. */
  get nodeInSync(): boolean {
    return this.#nodeInSync;
  }

  setNodeInSync(inSync: boolean): void {
    this.#nodeInSync = inSync;
  }

  /** Calls `wake` after each change of a service or check. */
  onChange(wake: () => void): () => void {
    // A function of its own, so that one function given twice is called twice and stopped singly.
    const own = (): void => wake();
    this.#watchers.add(own);
    return () => this.#watchers.delete(own);
  }

  /** Live services by id, as one unchanging map. */
  services(): ReadonlyMap<string, NodeService> {
    this.#liveServices ??= new Map(
      [...this.#services].filter(([, e]) => !e.deleted).map(([id, e]) => [id, e.service]),
    );
    return this.#liveServices;
  }

  checks(): ReadonlyMap<string, HealthCheck> {
    this.#liveChecks ??= new Map(
      [...this.#checks].filter(([, e]) => !e.deleted).map(([id, e]) => [id, e.check]),
    );
    return this.#liveChecks;
  }

  /** All entries, also deleted ones. */
  serviceEntries(): ReadonlyMap<string, ServiceEntry> {
    return this.#services;
  }

  checkEntries(): ReadonlyMap<string, CheckEntry> {
    return this.#checks;
  }

  /** The live entry. */
  service(id: string): ServiceEntry | undefined {
    const e = this.#services.get(id);
    return e?.deleted ? undefined : e;
  }

  check(id: string): CheckEntry | undefined {
    const e = this.#checks.get(id);
    return e?.deleted ? undefined : e;
  }

  /** Live checks of a service, in the order of their registration. */
  checksOf(serviceId: string): readonly CheckEntry[] {
    return [...this.#checks.values()].filter((e) => !e.deleted && e.check.ServiceID === serviceId);
  }

  /** Adds or replaces a service; it must be pushed. Its checks follow its name and tags. */
  setService(service: NodeService, token: string, source: RecordSource): void {
    this.#services.set(service.ID, {
      service,
      token,
      source,
      inSync: false,
      deleted: false,
      revision: this.#next(),
    });
    this.#followService(service);
    this.#changed();
  }

  /** The service's tags become those of the catalog (enable_tag_override). */
  overrideTags(id: string, tags: NodeService["Tags"]): void {
    const e = this.service(id);
    if (e === undefined) return;
    const service = { ...e.service, Tags: tags };
    this.#services.set(id, { ...e, service, revision: this.#next() });
    this.#followService(service);
    this.#changed();
  }

  /** Tells whether there was such a service. Its checks are the caller's to delete. */
  deleteService(id: string): boolean {
    const e = this.service(id);
    if (e === undefined) return false;
    this.#services.set(id, { ...e, inSync: false, deleted: true, revision: this.#next() });
    this.#changed();
    return true;
  }

  /** Adds or replaces a check; it must be pushed. A check of that id hands on its status and output. */
  setCheck(
    check: HealthCheck,
    definition: CheckDefinition | undefined,
    token: string,
    source: RecordSource,
    now: number,
  ): void {
    const old = this.check(check.CheckID);
    const kept = old === undefined ? check : { ...check, Status: old.check.Status, Output: old.check.Output };
    this.#put(check.CheckID, {
      check: kept,
      definition,
      token,
      source,
      inSync: false,
      deleted: false,
      revision: this.#next(),
      outputOnly: false,
      deferredUntil: undefined,
      deferredFrom: undefined,
      criticalSince: kept.Status === "critical" ? (old?.criticalSince ?? now) : undefined,
      outputAwaited: kept.Output === "",
    });
    this.#changed();
  }

  deleteCheck(id: string): boolean {
    const e = this.check(id);
    if (e === undefined) return false;
    this.#put(id, {
      ...e,
      inSync: false,
      deleted: true,
      revision: this.#next(),
      deferredUntil: undefined,
      deferredFrom: undefined,
    });
    this.#changed();
    return true;
  }

  /**
   * A check's new status and output. "changed": push it now; "deferred": only the output differs, it goes out between half
   * and one and a half update intervals from its first change.
   */
  updateCheck(
    id: string,
    status: string,
    output: string,
    now: number,
    deferral: DeferralOptions,
  ): OutputUpdate {
    const e = this.check(id);
    if (e === undefined) return "unchanged";
    const { Status, Output } = e.check;
    if (Status === status && Output === output) return "unchanged";
    const next: CheckEntry = {
      ...e,
      check: { ...e.check, Status: status, Output: output },
      revision: this.#next(),
      criticalSince: status !== "critical" ? undefined : (e.criticalSince ?? now),
    };
    const interval = deferral.updateIntervalMs;
    if (Status === status && interval > 0 && !e.outputAwaited) {
      const from = e.deferredFrom ?? now + interval / 2;
      this.#put(id, {
        ...next,
        deferredFrom: from,
        deferredUntil: e.deferredUntil ?? from + deferral.chance * interval,
      });
      this.#changed();
      return "deferred";
    }
    this.#put(id, {
      ...next,
      inSync: false,
      outputOnly: Status === status && (e.inSync || e.outputOnly),
      outputAwaited: Status !== status && output === "",
      deferredFrom: undefined,
      deferredUntil: undefined,
    });
    this.#changed();
    return "changed";
  }

  /** When the earliest deferred output is due. */
  nextDeferral(): number | undefined {
    if (this.#nextDeferral !== "stale") return this.#nextDeferral;
    let next: number | undefined;
    for (const { deferredUntil: at } of this.#checks.values())
      if (at !== undefined && (next === undefined || at < next)) next = at;
    this.#nextDeferral = next;
    return next;
  }

  /**
   * Marks deferred outputs for pushing once one is due: that one, and with it each that has waited its shortest time, so
   * that many chattering checks cost few writes. Tells whether there is something to push.
   */
  expireDeferrals(now: number): boolean {
    const next = this.nextDeferral();
    if (next === undefined || next > now) return false;
    for (const [id, e] of this.#checks)
      if (e.deferredFrom !== undefined && e.deferredFrom <= now)
        this.#put(id, {
          ...e,
          outputOnly: e.inSync || e.outputOnly,
          inSync: false,
          deferredFrom: undefined,
          deferredUntil: undefined,
        });
    return true;
  }

  /** What the comparison with the catalog found, or a push has done. An older `revision` than the entry's is ignored. */
  markService(id: string, inSync: boolean, revision?: number): void {
    const e = this.#services.get(id);
    if (e === undefined || (revision !== undefined && revision !== e.revision)) return;
    this.#services.set(id, { ...e, inSync });
  }

  markCheck(id: string, inSync: boolean, revision?: number, outputOnly = false): void {
    const e = this.#checks.get(id);
    if (e === undefined || (revision !== undefined && revision !== e.revision)) return;
    this.#put(id, {
      ...e,
      inSync,
      outputOnly: !inSync && outputOnly,
      // A push carries the output too.
      ...(inSync && revision !== undefined ? { deferredFrom: undefined, deferredUntil: undefined } : {}),
    });
  }

  /** The deregistration of a deleted entry is done (or needs no doing). */
  forgetService(id: string): void {
    if (this.#services.get(id)?.deleted) this.#services.delete(id);
  }

  forgetCheck(id: string): void {
    // A deleted entry has no output that waits.
    if (this.#checks.get(id)?.deleted) this.#checks.delete(id);
  }

  /** The catalog has a service of this node that is not here: it must be deregistered. */
  addGhostService(id: string): void {
    if (this.#services.has(id)) return;
    this.#services.set(id, {
      service: NodeService.make({ ID: id }),
      token: "",
      source: "remote",
      inSync: false,
      deleted: true,
      revision: this.#next(),
    });
  }

  addGhostCheck(id: string, serviceId: string): void {
    if (this.#checks.has(id)) return;
    this.#put(id, {
      check: HealthCheck.make({ CheckID: id, ServiceID: serviceId }),
      definition: undefined,
      token: "",
      source: "remote",
      inSync: false,
      deleted: true,
      revision: this.#next(),
      outputOnly: false,
      deferredUntil: undefined,
      deferredFrom: undefined,
      criticalSince: undefined,
      outputAwaited: false,
    });
  }

  /** Live service checks that have been critical for at least as long as their definition allows. */
  overdue(now: number, allowedMs: (definition: CheckDefinition) => number): readonly CheckEntry[] {
    return [...this.#checks.values()].filter((e) => {
      if (
        e.deleted ||
        e.criticalSince === undefined ||
        e.definition === undefined ||
        e.check.ServiceID === ""
      )
        return false;
      const allowed = allowedMs(e.definition);
      return allowed > 0 && now - e.criticalSince > allowed;
    });
  }

  #followService(service: NodeService): void {
    for (const [id, e] of this.#checks) {
      const { ServiceID, ServiceName, ServiceTags } = e.check;
      if (ServiceID !== service.ID || e.deleted) continue;
      if (ServiceName === service.Service && sameValue(ServiceTags, service.Tags)) continue;
      // The catalog takes both from the service only when the check itself is registered.
      this.#put(id, {
        ...e,
        check: { ...e.check, ServiceName: service.Service, ServiceTags: service.Tags },
        revision: this.#next(),
        inSync: false,
        outputOnly: false,
      });
    }
  }

  #put(id: string, entry: CheckEntry): void {
    const before = this.#checks.get(id)?.deferredUntil;
    const at = entry.deferredUntil;
    this.#checks.set(id, entry);
    if (before === at || this.#nextDeferral === "stale") return;
    if (before !== undefined && before === this.#nextDeferral) this.#nextDeferral = "stale";
    else if (at !== undefined && (this.#nextDeferral === undefined || at < this.#nextDeferral))
      this.#nextDeferral = at;
  }

  #next(): number {
    return ++this.#revision;
  }

  #changed(): void {
    this.#liveServices = undefined;
    this.#liveChecks = undefined;
    for (const wake of [...this.#watchers]) wake();
  }
}
