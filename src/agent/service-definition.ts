/** Service definitions: validation texts and the catalog record they become, as observed in Consul 1.8.7. */
import { isIP, isIPv4, isIPv6 } from "node:net";
import { type ConnectProxyConfig, NodeService, type ServiceAddress } from "../model/catalog.ts";
import type { ServiceDefinition } from "../model/definition.ts";
import { serviceKindFault } from "../server/registration.ts";
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

/** What only an agent's definition can have wrong: the sidecar that it asks for. */
function sidecarError({ SidecarService: sidecar }: ServiceDefinition): string | undefined {
  if (sidecar === null) return undefined;
  const errors: string[] = [];
  if (sidecar.ID !== "") errors.push("A SidecarService cannot specify an ID as this is managed by the agent");
  if (sidecar.SidecarService !== null) errors.push("A SidecarService cannot have a nested SidecarService");
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
  const kind = serviceKindFault(serviceRecord(d)) ?? sidecarError(d);
  if (kind !== undefined) return bad(kind);
  for (const c of d.Checks ?? [])
    if (c.Status !== "" && !isCheckStatus(c.Status))
      return bad("Status for checks must 'passing', 'warning', 'critical'");
  for (const [tag, family] of Object.entries(FAMILY_OF_TAG)) {
    const at = d.TaggedAddresses?.get(tag);
    if (at === undefined) continue;
    // Any IP passes as an IPv6 one (observed in Consul 1.8.7).
    if (!(family === "4" ? isIPv4(at.Address) : isIP(at.Address) !== 0))
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
    Proxy: d.Proxy === null ? zero.Proxy : withUpstreamTypes(d.Proxy),
    Connect: { Native: d.ConnectNative, SidecarService: null },
  };
}

/** An upstream that does not say what it is, is a service. */
const withUpstreamTypes = (proxy: ConnectProxyConfig): ConnectProxyConfig => ({
  ...proxy,
  Upstreams: proxy.Upstreams?.map((u) => ({ ...u, DestinationType: u.DestinationType || "service" })) ?? null,
});
