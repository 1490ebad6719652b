/**
 * Whether config entries still describe routable services after a change: routers lead to splitters, splitters to
 * resolvers, resolvers to instances, all of one protocol, without circles. Refusals as observed in Consul 1.8.7.
 */

import type {
  IngressGatewayConfigEntry,
  ProxyConfigEntry,
  ServiceConfigEntry,
  ServiceResolverConfigEntry,
  ServiceRouterConfigEntry,
  ServiceSplitterConfigEntry,
} from "../model/config-entry.ts";
import type { ConfigEntry } from "../model/config-entry-box.ts";
import { configEntryKey, keyOf, lower, type Tables } from "./tables.ts";
import { CommandError } from "./write-txn.ts";

const GRAPH_KINDS = ["service-router", "service-splitter", "service-resolver"] as const;
/** Protocols that can be routed and split by request. */
const REQUEST_PROTOCOLS: ReadonlySet<string> = new Set(["http", "http2", "grpc"]);
/** Chains are judged as if this were the datacenter, so that the outcome is the same on every server. */
const DATACENTER = "dc1";
const NAMESPACE = "default";
const GLOBAL = "global";

interface Entries {
  get<T extends ConfigEntry>(kind: string, name: string): T | undefined;
}

/** Refuses a change of one entry (undefined: its deletion) that would break a chain. */
export function validateGraph(
  tables: Tables,
  kind: string,
  name: string,
  next: ConfigEntry | undefined,
): void {
  const entries: Entries = {
    // Stored names are found in any case, the change itself only as it is spelled (observed).
    get: <T extends ConfigEntry>(k: string, n: string): T | undefined =>
      (k === kind && n === name ? next : tables.configEntries.get(configEntryKey(k, n))) as T | undefined,
  };
  switch (kind) {
    case "ingress-gateway":
      refuseGatewayClash(tables, kind, "terminating-gateway", name, next);
      refuseProtocolMismatch(entries, next as IngressGatewayConfigEntry | undefined);
      return;
    case "terminating-gateway":
      refuseGatewayClash(tables, kind, "ingress-gateway", name, next);
      return;
    case "proxy-defaults":
      if (name === GLOBAL) validateChains(entries, servicesWithChains(tables), allIngresses(tables));
      return;
    case "service-defaults":
    case "service-router":
    case "service-splitter":
    case "service-resolver":
      validateChains(
        entries,
        new Set([name, ...servicesThatReach(tables, name)]),
        allIngresses(tables).filter((gateway) => exposes(gateway, name)),
      );
      return;
    default:
      throw new CommandError(`unhandled kind "${kind}" during validation of "${name}"`);
  }
}

function refuseGatewayClash(
  tables: Tables,
  kind: string,
  otherKind: string,
  name: string,
  next: ConfigEntry | undefined,
): void {
  if (next === undefined || tables.configEntries.get(configEntryKey(otherKind, name)) === undefined) return;
  throw new CommandError(
    `cannot create a "${kind}" config entry with name "${name}", a "${otherKind}" config entry with that name already exists`,
  );
}

const listed = (gateway: IngressGatewayConfigEntry) =>
  (gateway.Listeners ?? []).flatMap((listener) =>
    (listener.Services ?? [])
      .filter((service) => service.Name !== "*")
      .map((service) => ({ service: service.Name, wanted: listener.Protocol })),
  );

const exposes = (gateway: IngressGatewayConfigEntry, service: string): boolean =>
  listed(gateway).some((l) => lower(l.service) === lower(service));

function allIngresses(tables: Tables): readonly IngressGatewayConfigEntry[] {
  return tables.configEntries.rows.tree.list(keyOf("ingress-gateway", "")) as IngressGatewayConfigEntry[];
}

const mismatch = (service: string, found: string, wanted: string): CommandError =>
  new CommandError(
    `service "${service}" has protocol "${found}", which does not match defined listener protocol "${wanted}"`,
  );

/** A new ingress gateway: its services must speak exactly what its listeners do. */
function refuseProtocolMismatch(entries: Entries, gateway: IngressGatewayConfigEntry | undefined): void {
  if (gateway === undefined) return;
  for (const { service, wanted } of listed(gateway)) {
    const found = protocolOf(entries, service);
    if (found !== wanted) throw mismatch(service, found, wanted);
  }
}

/**
 * Any other change: chains must hold, and the gateways in front must still fit. A tcp listener takes every protocol then, as
 * long as nothing routes or splits behind it (observed: it is stricter when the gateway itself is written).
 */
function validateChains(
  entries: Entries,
  services: ReadonlySet<string>,
  gateways: readonly IngressGatewayConfigEntry[],
): void {
  const chains = new Map<string, Chain>();
  for (const service of new Set([...services, ...gateways.flatMap((g) => listed(g).map((l) => l.service))])) {
    const chain = new Chain(entries, service);
    chain.validate();
    chains.set(service, chain);
  }
  for (const gateway of gateways)
    for (const { service, wanted } of listed(gateway)) {
      const chain = chains.get(service)!;
      if (chain.protocol !== wanted && !(wanted === "tcp" && chain.isPlain))
        throw mismatch(service, chain.protocol, wanted);
    }
}

/** What a service speaks by its own defaults, else by the proxies', else tcp. */
function protocolOf(entries: Entries, service: string): string {
  const own = entries.get<ServiceConfigEntry>("service-defaults", service);
  let protocol = own?.Protocol ?? "";
  if (own === undefined) {
    const global = entries.get<ProxyConfigEntry>("proxy-defaults", GLOBAL)?.Config?.get("protocol");
    if (typeof global === "string") protocol = global;
  }
  return protocol === "" ? "tcp" : protocol.toLowerCase();
}

function* graphEntries(tables: Tables): Generator<ConfigEntry> {
  for (const kind of GRAPH_KINDS) yield* tables.configEntries.rows.tree.list(keyOf(kind, ""));
}

function servicesWithChains(tables: Tables): ReadonlySet<string> {
  return new Set([...graphEntries(tables)].map((entry) => entry.Name));
}

function servicesThatReach(tables: Tables, service: string): string[] {
  return [...graphEntries(tables)].filter((entry) => mentions(entry, service)).map((entry) => entry.Name);
}

function mentions(entry: ConfigEntry, service: string): boolean {
  return mentioned(entry).some((name) => lower(name) === lower(service));
}

/** Services that an entry leads to. */
function mentioned(entry: ConfigEntry): readonly string[] {
  if ("Routes" in entry) return (entry.Routes ?? []).map((route) => route.Destination?.Service ?? "");
  if ("Splits" in entry) return (entry.Splits ?? []).map((split) => split.Service);
  if (!("Subsets" in entry)) return [];
  return [entry.Redirect?.Service ?? "", ...[...(entry.Failover?.values() ?? [])].map((f) => f.Service)];
}

/** Where a resolver leads. */
interface Target {
  readonly service: string;
  readonly subset: string;
  readonly datacenter: string;
}

const targetId = ({ service, subset, datacenter }: Target): string =>
  `${subset === "" ? "" : `${subset}.`}${service}.${NAMESPACE}.${datacenter}`;

/** The target after an entry named parts of another one; another service starts without a subset. */
function retarget(from: Target, service: string, subset: string, datacenter: string): Target {
  const other = service !== "" && service !== from.service;
  return {
    service: other ? service : from.service,
    subset: subset !== "" ? subset : other ? "" : from.subset,
    datacenter: datacenter !== "" ? datacenter : from.datacenter,
  };
}

/** Walks everything that a service's requests can reach. */
class Chain {
  protocol = "";
  readonly #entries: Entries;
  readonly #service: string;
  /** The router and the splitters that are being expanded now, outermost first. */
  readonly #path: string[] = [];
  readonly #expanded = new Set<string>();
  readonly #resolved = new Map<string, Target>();
  #splitsRequests = false;

  constructor(entries: Entries, service: string) {
    this.#entries = entries;
    this.#service = service;
  }

  validate(): void {
    const start: Target = { service: this.#service, subset: "", datacenter: DATACENTER };
    const router = this.#entries.get<ServiceRouterConfigEntry>("service-router", this.#service);
    if (router === undefined) this.#split(start);
    else {
      this.#speaks(this.#service);
      this.#splitsRequests = true;
      this.#path.push(`router:${this.#service}.${NAMESPACE}`);
      for (const route of router.Routes ?? []) {
        const to = retarget(
          start,
          route.Destination?.Service ?? "",
          route.Destination?.ServiceSubset ?? "",
          "",
        );
        if (to.subset === "") this.#split(to);
        else this.#resolve(to, false);
      }
      this.#split(start);
    }
    if (this.#splitsRequests && !REQUEST_PROTOCOLS.has(this.protocol))
      throw new CommandError(
        `discovery chain "${this.#service}" uses a protocol "${this.protocol}" that does not permit advanced routing or splitting behavior`,
      );
  }

  /** Nothing routes or splits: requests go straight to instances. */
  get isPlain(): boolean {
    return !this.#splitsRequests;
  }

  /** Notes the protocol of a service in the chain: all must agree. */
  #speaks(service: string): void {
    const protocol = protocolOf(this.#entries, service);
    if (this.protocol === "") this.protocol = protocol;
    else if (this.protocol !== protocol)
      throw new CommandError(
        `discovery chain "${this.#service}" uses inconsistent protocols; service "${service}" has "${protocol}" which is not "${this.protocol}"`,
      );
  }

  #split(target: Target): void {
    const splitter = this.#entries.get<ServiceSplitterConfigEntry>("service-splitter", target.service);
    if (splitter === undefined) {
      this.#resolve(target, false);
      return;
    }
    const name = `splitter:${target.service}.${NAMESPACE}`;
    // The whole way from the start is told, not only the circle (observed).
    if (this.#path.includes(name))
      throw new CommandError(`detected circular reference: [${[...this.#path, name].join(" -> ")}]`);
    if (this.#expanded.has(name)) return;
    this.#expanded.add(name);
    this.#splitsRequests = true;
    this.#speaks(target.service);
    this.#path.push(name);
    for (const split of splitter.Splits ?? []) {
      const to = retarget(target, split.Service, split.ServiceSubset, "");
      if (split.ServiceSubset === "" && split.Service !== "" && split.Service !== splitter.Name)
        this.#split(to);
      else this.#resolve(to, false);
    }
    this.#path.pop();
  }

  /** Follows redirects and default subsets to the instances; returns where it ends. */
  #resolve(from: Target, forFailover: boolean): Target {
    let target = from;
    const visited: string[] = [];
    for (;;) {
      const id = targetId(target);
      const known = this.#resolved.get(id);
      if (known !== undefined) return known;
      this.#speaks(target.service);
      const resolver = this.#entries.get<ServiceResolverConfigEntry>("service-resolver", target.service);
      if (visited.includes(id))
        throw new CommandError(`detected circular resolver redirect: [${[...visited, id].join(" -> ")}]`);
      visited.push(id);
      const redirect = resolver?.Redirect;
      if (redirect !== null && redirect !== undefined) {
        const to = retarget(target, redirect.Service, redirect.ServiceSubset, redirect.Datacenter);
        if (targetId(to) !== id) {
          target = to;
          continue;
        }
      }
      if (target.subset === "" && resolver !== undefined && resolver.DefaultSubset !== "") {
        target = { ...target, subset: resolver.DefaultSubset };
        continue;
      }
      if (target.subset !== "" && resolver?.Subsets?.has(target.subset) !== true)
        throw new CommandError(`service "${target.service}" does not have a subset named "${target.subset}"`);
      if (resolver !== undefined) this.#refuseExternal(target, resolver);
      // Before the failovers, which may lead back here.
      this.#resolved.set(id, target);
      if (!forFailover && resolver !== undefined) this.#failOver(target, resolver);
      return target;
    }
  }

  #refuseExternal(target: Target, resolver: ServiceResolverConfigEntry): void {
    const defaults = this.#entries.get<ServiceConfigEntry>("service-defaults", target.service);
    if (defaults === undefined || defaults.ExternalSNI === "") return;
    const refused =
      resolver.Redirect !== null
        ? "redirects"
        : (resolver.Subsets?.size ?? 0) > 0
          ? "subsets"
          : (resolver.Failover?.size ?? 0) > 0
            ? "failover"
            : undefined;
    if (refused !== undefined)
      throw new CommandError(
        `service "${target.service}" has an external SNI set; cannot define ${refused} for external services`,
      );
  }

  #failOver(target: Target, resolver: ServiceResolverConfigEntry): void {
    const failover = resolver.Failover?.get(target.subset) ?? resolver.Failover?.get("*");
    if (failover === undefined) return;
    const places =
      failover.Datacenters === null || failover.Datacenters.length === 0 ? [""] : failover.Datacenters;
    for (const datacenter of places) {
      const to = retarget(target, failover.Service, failover.ServiceSubset, datacenter);
      if (targetId(to) !== targetId(target)) this.#resolve(to, true);
    }
  }
}
