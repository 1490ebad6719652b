/** /v1/internal: what the web page and mesh gateways read. Made for them, so it may change between versions. */
import { pathEscape, type QueryOptions, type QueryReply } from "./query.ts";
import type { Requester } from "./requester.ts";
import type { HealthCheck, NodeService } from "./types.ts";

/** A node with its services and checks. */
export interface NodeDump {
  readonly ID: string;
  readonly Node: string;
  readonly Address: string;
  readonly TaggedAddresses: Readonly<Record<string, string>> | null;
  readonly Meta: Readonly<Record<string, string>> | null;
  readonly Services: readonly NodeService[] | null;
  readonly Checks: readonly HealthCheck[] | null;
}

/** All instances of a service, added up. */
export interface ServiceSummary {
  readonly Kind?: string;
  readonly Name: string;
  readonly Tags: readonly string[] | null;
  readonly Nodes: readonly string[] | null;
  readonly InstanceCount: number;
  readonly ProxyFor?: readonly string[];
  readonly ChecksPassing: number;
  readonly ChecksWarning: number;
  readonly ChecksCritical: number;
  readonly ExternalSources: readonly string[] | null;
}

/** A datacenter's mesh gateways, as federated datacenters tell each other. */
export interface FederationState {
  readonly Datacenter: string;
  readonly MeshGateways: readonly unknown[] | null;
  readonly UpdatedAt: string;
}

export class Internal {
  readonly #r: Requester;
  constructor(requester: Requester) {
    this.#r = requester;
  }

  nodes(options: QueryOptions = {}): Promise<QueryReply<readonly NodeDump[]>> {
    return this.#r.read("/v1/internal/ui/nodes", options);
  }
  /** null for a node that is not there. */
  node(name: string, options: QueryOptions = {}): Promise<QueryReply<NodeDump | null>> {
    return this.#r.read(`/v1/internal/ui/node/${pathEscape(name)}`, options, {
      missing: () => null,
      map: (v) => v as NodeDump,
    });
  }
  services(options: QueryOptions = {}): Promise<QueryReply<readonly ServiceSummary[]>> {
    return this.#r.read("/v1/internal/ui/services", options);
  }
  /** Instances behind a gateway, added up. */
  gatewayServices(
    gateway: string,
    options: QueryOptions = {},
  ): Promise<QueryReply<readonly ServiceSummary[]>> {
    return this.#r.read(`/v1/internal/ui/gateway-services-nodes/${pathEscape(gateway)}`, options);
  }
  federationStates(options: QueryOptions = {}): Promise<QueryReply<readonly FederationState[]>> {
    return this.#r.read("/v1/internal/federation-states", options);
  }
  federationState(datacenter: string, options: QueryOptions = {}): Promise<QueryReply<FederationState>> {
    return this.#r.read(`/v1/internal/federation-state/${pathEscape(datacenter)}`, options);
  }
  /** Mesh gateways by datacenter. */
  meshGateways(
    options: QueryOptions = {},
  ): Promise<QueryReply<Readonly<Record<string, readonly unknown[]>>>> {
    return this.#r.read("/v1/internal/federation-states/mesh-gateways", options);
  }
}
