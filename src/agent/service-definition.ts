/** Service definitions: validation texts and the catalog record they become, as observed in Consul 1.8.7. */
import { isIPv4, isIPv6 } from "node:net";
import { ConnectProxyConfig, NodeService, type ServiceAddress } from "../model/catalog.ts";
import type { ServiceDefinition } from "../model/definition.ts";
import { isCheckStatus } from "./core/check-definition.ts";
import { multiErrorText } from "./core/go-text.ts";
import { META_KEY_CHARS_MAX, META_PAIRS_MAX, META_VALUE_CHARS_MAX } from "./limits.ts";

/** A refusal: the text without the prefix that its place gives it, and the HTTP status of the original. */
export interface DefinitionProblem {
  readonly httpStatus: number;
  readonly text: string;
}

const bad = (text: string, httpStatus = 400): DefinitionProblem => ({ httpStatus, text });

/** Complaint about one set of metadata; undefined when it may be used. */
export function metaError(meta: ReadonlyMap<string, string> | null): string | undefined {
  if (meta === null) return undefined;
  if (meta.size > META_PAIRS_MAX)
    return `Node metadata cannot contain more than ${META_PAIRS_MAX} key/value pairs`;
  for (const [key, value] of meta) {
    const at = `Couldn't load metadata pair ('${key}', '${value}'): `;
    if (key === "") return `${at}Key cannot be blank`;
    if (!/^[a-zA-Z0-9_-]+$/.test(key)) return `${at}Key contains invalid characters`;
    if (key.length > META_KEY_CHARS_MAX)
      return `${at}Key is too long (limit: ${META_KEY_CHARS_MAX} characters)`;
    if (key.startsWith("consul-")) return `${at}Key prefix 'consul-' is reserved for internal use`;
    if (value.length > META_VALUE_CHARS_MAX)
      return `${at}Value is too long (limit: ${META_VALUE_CHARS_MAX} characters)`;
  }
  return undefined;
}

function weightsError(d: ServiceDefinition): string | undefined {
  if (d.Weights === null) return undefined;
  const { Passing, Warning } = d.Weights;
  if (Passing < 1) return "Passing must be greater than 0";
  if (Warning < 0) return "Warning must be greater or equal than 0";
  if (Passing > 65_535 || Warning > 65_535) return "DNS Weight must be between 0 and 65535";
  return undefined;
}

function proxyError(d: ServiceDefinition): string | undefined {
  const proxy = d.Proxy ?? ConnectProxyConfig.zero();
  const errors: string[] = [];
  if (d.Kind === "connect-proxy") {
    if (proxy.DestinationServiceName === "")
      errors.push("Proxy.DestinationServiceName must be non-empty for Connect proxy services");
    if (d.Port === 0) errors.push("Port must be set for a Connect proxy");
    if (d.ConnectNative) errors.push("A Proxy cannot also be Connect Native, only typical services");
    const seen = new Set<string>();
    for (const u of proxy.Upstreams ?? []) {
      if (u.DestinationName === "") errors.push("upstream destination name cannot be empty");
      if (u.LocalBindPort === 0) errors.push("upstream local bind port cannot be zero");
      if (!["", "service", "prepared_query"].includes(u.DestinationType))
        errors.push(`unknown upstream destination type: ${JSON.stringify(u.DestinationType)}`);
      const at = `${u.LocalBindAddress || "127.0.0.1"}:${u.LocalBindPort}`;
      if (seen.has(at))
        errors.push(`upstreams cannot contain duplicates of local bind port and address; ${at}`);
      seen.add(at);
    }
  }
  if (d.Kind === "mesh-gateway" && d.Port === 0) errors.push("Port must be non-zero for a mesh-gateway");
  return errors.length === 0 ? undefined : multiErrorText(errors);
}

const FAMILY_OF_TAG: Readonly<Record<string, "4" | "6">> = {
  lan_ipv4: "4",
  wan_ipv4: "4",
  lan_ipv6: "6",
  wan_ipv6: "6",
};

/** The first thing wrong with a service's definition (not with its checks). */
export function serviceDefinitionError(d: ServiceDefinition): DefinitionProblem | undefined {
  if (d.Name === "") return bad("Missing service name");
  if (["0.0.0.0", "::", "[::]"].includes(d.Address)) return bad("Invalid service address");
  const meta = metaError(d.Meta);
  if (meta !== undefined) return bad(`Invalid Service Meta: ${meta}`);
  const weights = weightsError(d);
  if (weights !== undefined) return bad(`Invalid Weights: ${weights}`);
  const proxy = proxyError(d);
  if (proxy !== undefined) return bad(`Validation failed: ${proxy}`);
  for (const c of d.Checks ?? [])
    if (c.Status !== "" && !isCheckStatus(c.Status))
      return bad("Status for checks must 'passing', 'warning', 'critical'");
  for (const [tag, family] of Object.entries(FAMILY_OF_TAG)) {
    const at = d.TaggedAddresses?.get(tag);
    if (at === undefined) continue;
    if (!(family === "4" ? isIPv4(at.Address) : isIPv6(at.Address)))
      return bad(`Service tagged address ${JSON.stringify(tag)} must be a valid ipv${family} address`, 500);
  }
  return undefined;
}

/** The catalog's record of a definition, with the defaults that an agent fills in. */
export function serviceRecord(d: ServiceDefinition): NodeService {
  const tagged = new Map<string, ServiceAddress>(d.TaggedAddresses ?? []);
  const family = isIPv4(d.Address) ? "ipv4" : isIPv6(d.Address) ? "ipv6" : undefined;
  if (family !== undefined)
    for (const tag of [`lan_${family}`, `wan_${family}`])
      if (!tagged.has(tag)) tagged.set(tag, { Address: d.Address, Port: d.Port });
  const zero = NodeService.zero();
  return {
    ...zero,
    Kind: d.Kind,
    ID: d.ID !== "" ? d.ID : d.Name,
    Service: d.Name,
    Tags: d.Tags,
    Address: d.Address,
    TaggedAddresses: tagged.size > 0 ? tagged : null,
    Meta: d.Meta,
    Port: d.Port,
    Weights: d.Weights ?? { Passing: 1, Warning: 1 },
    EnableTagOverride: d.EnableTagOverride,
    Proxy: d.Proxy ?? zero.Proxy,
    Connect: { Native: d.ConnectNative, SidecarService: null },
  };
}
