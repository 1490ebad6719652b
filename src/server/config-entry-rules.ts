/** What a config entry must be like before it is logged: defaults first, then checks with Consul 1.8.7's texts. Pure. */

import type {
  IngressGatewayConfigEntry,
  ProxyConfigEntry,
  ServiceResolverConfigEntry,
  ServiceRouterConfigEntry,
  ServiceSplitterConfigEntry,
  TerminatingGatewayConfigEntry,
} from "../model/config-entry.ts";
import type { ConfigEntry } from "../model/config-entry-box.ts";
import type { GoValue } from "../wire/schema.ts";
import { InvalidRequestError } from "./errors.ts";

const refuse = (text: string): never => {
  throw new InvalidRequestError(text);
};

/** Weights count to hundredths of a percent. */
const roundWeight = (weight: number): number => Math.round(weight * 100) / 100;

/**
 * A server of Consul 1.8.7 that finds a null here while it applies the entry ends with a panic, and does so again at each start
 * (observed): such an entry must not reach the log.
 */
function refuseNulls(value: GoValue, path: string): void {
  if (value === null && path !== "Config")
    refuse(`${path} is null: servers of Consul 1.8 cannot apply that; leave the key out`);
  if (value instanceof Map) for (const [k, v] of value) refuseNulls(v, `${path}[${JSON.stringify(k)}]`);
  else if (Array.isArray(value)) for (const [i, v] of value.entries()) refuseNulls(v, `${path}[${i}]`);
}

/** The entry with its defaults filled in. Throws when it must not be logged at all. */
export function normalizeConfigEntry(entry: ConfigEntry): ConfigEntry {
  switch (entry.Kind) {
    case "proxy-defaults":
      refuseNulls((entry as ProxyConfigEntry).Config, "Config");
      return { ...entry, Name: "global" };
    case "service-defaults":
      return "Protocol" in entry ? { ...entry, Protocol: entry.Protocol.toLowerCase() } : entry;
    case "service-splitter": {
      const e = entry as ServiceSplitterConfigEntry;
      return { ...e, Splits: e.Splits?.map((s) => ({ ...s, Weight: roundWeight(s.Weight) })) ?? null };
    }
    case "ingress-gateway": {
      const e = entry as IngressGatewayConfigEntry;
      return {
        ...e,
        Listeners:
          e.Listeners?.map((l) => ({
            ...l,
            Protocol: l.Protocol === "" ? "tcp" : l.Protocol.toLowerCase(),
          })) ?? null,
      };
    }
    default:
      return entry;
  }
}

/** Throws what the original refuses. */
export function checkConfigEntry(entry: ConfigEntry): void {
  switch (entry.Kind) {
    case "service-defaults":
      if (entry.Name === "") refuse("serviceName is required");
      return;
    case "service-router":
      named(entry.Name);
      return checkRouter(entry as ServiceRouterConfigEntry);
    case "service-splitter":
      named(entry.Name);
      return checkSplitter(entry as ServiceSplitterConfigEntry);
    case "service-resolver":
      named(entry.Name);
      return checkResolver(entry as ServiceResolverConfigEntry);
    case "ingress-gateway":
      return checkIngress(entry as IngressGatewayConfigEntry);
    case "terminating-gateway":
      return checkTerminating(entry as TerminatingGatewayConfigEntry);
    default:
      return;
  }
}

function named(name: string): void {
  if (name === "") refuse("Name is required");
}

const count = (...flags: readonly boolean[]): number => flags.filter(Boolean).length;

function checkRouter(entry: ServiceRouterConfigEntry): void {
  for (const [i, route] of (entry.Routes ?? []).entries()) {
    const where = `Route[${i}]`;
    const http = route.Match?.HTTP ?? null;
    if (http !== null) {
      if (http.PathExact !== "" && !http.PathExact.startsWith("/"))
        refuse(`${where} PathExact doesn't start with '/': ${JSON.stringify(http.PathExact)}`);
      if (http.PathPrefix !== "" && !http.PathPrefix.startsWith("/"))
        refuse(`${where} PathPrefix doesn't start with '/': ${JSON.stringify(http.PathPrefix)}`);
      if (count(http.PathExact !== "", http.PathPrefix !== "", http.PathRegex !== "") > 1)
        refuse(`${where} should only contain at most one of PathExact, PathPrefix, or PathRegex`);
      for (const [j, h] of (http.Header ?? []).entries()) {
        if (h.Name === "") refuse(`${where} Header[${j}] missing required Name field`);
        if (count(h.Present, h.Exact !== "", h.Regex !== "", h.Prefix !== "", h.Suffix !== "") !== 1)
          refuse(`${where} Header[${j}] should only contain one of Present, Exact, Prefix, Suffix, or Regex`);
      }
      for (const [j, q] of (http.QueryParam ?? []).entries()) {
        if (q.Name === "") refuse(`${where} QueryParam[${j}] missing required Name field`);
        if (count(q.Present, q.Exact !== "", q.Regex !== "") !== 1)
          refuse(`${where} QueryParam[${j}] should only contain one of Present, Exact, or Regex`);
      }
      const methods = new Set<string>();
      for (const m of http.Methods ?? []) {
        if (methods.has(m)) refuse(`${where} Methods contains ${JSON.stringify(m)} more than once`);
        methods.add(m);
      }
    }
    if (
      (route.Destination?.PrefixRewrite ?? "") !== "" &&
      (http === null || (http.PathExact === "" && http.PathPrefix === ""))
    )
      refuse(`${where} cannot make use of PrefixRewrite without configuring either PathExact or PathPrefix`);
  }
}

function checkSplitter(entry: ServiceSplitterConfigEntry): void {
  const splits = entry.Splits ?? [];
  if (splits.length === 0) refuse("no splits configured");
  const seen = new Set<string>();
  let sum = 0;
  for (const s of splits) {
    const text = `service=${JSON.stringify(s.Service || entry.Name)}, subset=${JSON.stringify(s.ServiceSubset)}, namespace=${JSON.stringify(s.Namespace)}`;
    if (seen.has(text)) refuse(`split destination occurs more than once: ${text}`);
    seen.add(text);
    sum += Math.round(s.Weight * 100);
  }
  if (sum !== 10_000) refuse(`the sum of all split weights must be 100, not ${(sum / 100).toFixed(6)}`);
}

const SUBSET_NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

function checkResolver(entry: ServiceResolverConfigEntry): void {
  const subsets = entry.Subsets ?? new Map();
  for (const name of subsets.keys()) {
    if (name === "") refuse("Subset defined with empty name");
    if (!SUBSET_NAME.test(name))
      refuse(
        `Subset ${JSON.stringify(name)} is invalid: must be 63 characters or fewer, begin or end with lower case alphanumeric characters, and contain lower case alphanumeric characters or '-' in between`,
      );
  }
  if (entry.DefaultSubset !== "" && !subsets.has(entry.DefaultSubset))
    refuse(`DefaultSubset ${JSON.stringify(entry.DefaultSubset)} is not a valid subset`);
  const { Redirect: redirect, Failover: failover } = entry;
  if (redirect !== null) {
    if ((failover?.size ?? 0) > 0) refuse("Redirect and Failover cannot both be set");
    if (
      redirect.Service === "" &&
      redirect.ServiceSubset === "" &&
      redirect.Namespace === "" &&
      redirect.Datacenter === ""
    )
      refuse("Redirect is empty");
    if (redirect.Service === "" && redirect.ServiceSubset !== "")
      refuse("Redirect.ServiceSubset defined without Redirect.Service");
    if (redirect.Service === "" && redirect.Namespace !== "")
      refuse("Redirect.Namespace defined without Redirect.Service");
    if (
      redirect.Service === entry.Name &&
      redirect.ServiceSubset !== "" &&
      !subsets.has(redirect.ServiceSubset)
    )
      refuse(
        `Redirect.ServiceSubset ${JSON.stringify(redirect.ServiceSubset)} isn't a valid subset of ${JSON.stringify(entry.Name)}`,
      );
  }
  for (const [subset, f] of failover ?? []) {
    const where = `Bad Failover[${JSON.stringify(subset)}]`;
    if (subset !== "*" && !subsets.has(subset)) refuse(`${where}: not a valid subset`);
    if (
      f.Service === "" &&
      f.ServiceSubset === "" &&
      f.Namespace === "" &&
      (f.Datacenters ?? []).length === 0
    )
      refuse(`${where} one of Service, ServiceSubset, Namespace, or Datacenters is required`);
    if (
      f.ServiceSubset !== "" &&
      (f.Service === "" || f.Service === entry.Name) &&
      !subsets.has(f.ServiceSubset)
    )
      refuse(
        `${where}.ServiceSubset ${JSON.stringify(f.ServiceSubset)} is not a valid subset of ${JSON.stringify(entry.Name)}`,
      );
    if ((f.Datacenters ?? []).includes("")) refuse(`${where}.Datacenters: found empty datacenter`);
  }
  if (entry.ConnectTimeout < 0n)
    refuse(`Bad ConnectTimeout '${Number(entry.ConnectTimeout) / 1e9}s', must be >= 0`);
}

const INGRESS_PROTOCOLS = new Set(["tcp", "http", "http2", "grpc"]);
const HOST_LABELS =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\.?$/;

function checkIngress(entry: IngressGatewayConfigEntry): void {
  const ports = new Set<number>();
  for (const l of entry.Listeners ?? []) {
    const on = `(listener on port ${l.Port})`;
    if (ports.has(l.Port)) refuse(`port ${l.Port} declared on two listeners`);
    ports.add(l.Port);
    if (!INGRESS_PROTOCOLS.has(l.Protocol))
      refuse(
        `protocol must be 'tcp', 'http', 'http2', or 'grpc'. '${l.Protocol}' is an unsupported protocol`,
      );
    const services = l.Services ?? [];
    if (services.length === 0) refuse(`No service declared for listener with port ${l.Port}`);
    if (services.length > 1 && l.Protocol === "tcp")
      refuse(`Multiple services per listener are only supported for protocol = 'http' ${on}`);
    const hosts = new Set<string>();
    for (const s of services) {
      if (s.Name === "*" && l.Protocol === "tcp")
        refuse(`Wildcard service name is only valid for protocol = 'http' ${on}`);
      if (s.Name === "") refuse(`Service name cannot be blank ${on}`);
      const given = s.Hosts ?? [];
      if (given.length > 0 && l.Protocol === "tcp")
        refuse(`Associating hosts to a service is not supported for the ${l.Protocol} protocol ${on}`);
      if (given.length > 0 && s.Name === "*")
        refuse(`Associating hosts to a wildcard service is not supported ${on}`);
      for (const host of given) {
        if (hosts.has(host)) refuse(`Hosts must be unique within a specific listener ${on}`);
        hosts.add(host);
        checkHost(host, entry.TLS.Enabled);
      }
    }
  }
}

function checkHost(host: string, tls: boolean): void {
  if (host === "*") {
    // Certificates cannot stand for every name.
    if (tls)
      refuse(`Host ${JSON.stringify(host)} is not valid, wildcard host is not allowed when TLS is enabled`);
    return;
  }
  const bare = host.startsWith("*.") ? host.slice(2) : host;
  if (bare.includes("*"))
    refuse(
      `Host ${JSON.stringify(host)} is not valid, a wildcard specifier is only allowed as the leftmost label`,
    );
  if (!HOST_LABELS.test(bare)) refuse(`Host ${JSON.stringify(host)} must be a valid DNS hostname`);
}

function checkTerminating(entry: TerminatingGatewayConfigEntry): void {
  const seen = new Set<string>();
  for (const s of entry.Services ?? []) {
    if (s.Name === "") refuse("Service name cannot be blank.");
    if (seen.has(s.Name))
      refuse(`Service ${JSON.stringify(s.Name)} was specified more than once within a namespace`);
    seen.add(s.Name);
    const some = s.CAFile !== "" || s.CertFile !== "" || s.KeyFile !== "";
    const mutual = s.CertFile !== "" && s.KeyFile !== "";
    if (
      some &&
      (s.CAFile === "" || (s.CertFile !== "") !== (s.KeyFile !== "") || (!mutual && s.CertFile !== ""))
    )
      refuse(
        `Service ${JSON.stringify(s.Name)} must have a CertFile, CAFile, and KeyFile specified for TLS origination`,
      );
  }
}
