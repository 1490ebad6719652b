/**
 * The proxy beside a service: what `connect {sidecar_service}` leaves out, filled in from the service. Pure. Defaults and texts
 * observed in Consul 1.8.7.
 */
import { ConnectProxyConfig, type NodeService } from "../model/catalog.ts";
import { CheckDefinition, ServiceDefinition } from "../model/definition.ts";
import { AgentError } from "./contract.ts";

/** Ports from `min` to `max`; 0 and 0 for none. */
export interface PortRange {
  readonly min: number;
  readonly max: number;
}

const LISTENING_INTERVAL_NS = 10_000_000_000n;
const LOCAL = "127.0.0.1";

export const sidecarId = (serviceId: string): string => `${serviceId}-sidecar-proxy`;

/** undefined when the definition asks for none. `services`: those of this agent now. Throws AgentError when no port is left. */
export function sidecarOf(
  parent: ServiceDefinition,
  ports: PortRange,
  services: ReadonlyMap<string, NodeService>,
): ServiceDefinition | undefined {
  const asked = parent.SidecarService;
  if (asked === null) return undefined;
  const parentId = parent.ID || parent.Name;
  const id = sidecarId(parentId);
  const Port = asked.Port > 0 ? asked.Port : freePort(id, ports, services);
  const proxy = asked.Proxy ?? ConnectProxyConfig.zero();
  const isProxy = asked.Kind === "" || asked.Kind === "connect-proxy";
  return ServiceDefinition.make({
    ...asked,
    SidecarService: null,
    ID: id,
    Name: asked.Name || `${parent.Name}-sidecar-proxy`,
    Kind: asked.Kind || "connect-proxy",
    Tags: asked.Tags === null || asked.Tags.length === 0 ? parent.Tags : asked.Tags,
    Meta: asked.Meta === null || asked.Meta.size === 0 ? parent.Meta : asked.Meta,
    Address: asked.Address || parent.Address,
    Token: asked.Token || parent.Token,
    Port,
    Proxy: isProxy
      ? {
          ...proxy,
          DestinationServiceName: proxy.DestinationServiceName || parent.Name,
          DestinationServiceID: proxy.DestinationServiceID || parentId,
          LocalServiceAddress: proxy.LocalServiceAddress || LOCAL,
          LocalServicePort: proxy.LocalServicePort > 0 ? proxy.LocalServicePort : parent.Port,
        }
      : asked.Proxy,
    Checks: asked.Checks === null || asked.Checks.length === 0 ? defaultChecks(parentId, Port) : asked.Checks,
  });
}

const defaultChecks = (parentId: string, port: number): readonly CheckDefinition[] => [
  // Loopback, whatever the service's address is: other addresses are for those who write the checks themselves.
  CheckDefinition.make({
    Name: "Connect Sidecar Listening",
    TCP: `${LOCAL}:${port}`,
    Interval: LISTENING_INTERVAL_NS,
  }),
  CheckDefinition.make({ Name: `Connect Sidecar Aliasing ${parentId}`, AliasService: parentId }),
];

/** The port that this sidecar has already, else the first free one of the range. */
function freePort(id: string, { min, max }: PortRange, services: ReadonlyMap<string, NodeService>): number {
  const inRange = (port: number): boolean => port >= min && port <= max;
  const own = services.get(id)?.Port ?? 0;
  if (min > 0 && inRange(own)) return own;
  const used = new Set([...services.values()].map((s) => s.Port));
  for (let port = min; min > 0 && port <= max; port++) if (!used.has(port)) return port;
  throw new AgentError(
    500,
    `Bad request: Invalid SidecarService: no port provided for sidecar_service and none left in the configured range [${min}, ${max}]`,
  );
}
