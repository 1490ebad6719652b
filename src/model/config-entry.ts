/**
 * Config entries, discovery chains and federation states.
 * Shapes as Consul 1.8.7 encodes them (observed bytes); field order is that of its JSON.
 */
import {
  any,
  bool,
  boxed,
  dur,
  durText,
  f32,
  field,
  type Infer,
  int,
  list,
  map,
  ptr,
  str,
  struct,
  time,
  uint,
} from "../wire/schema.ts";
import { CheckServiceNode, ExposeConfig, MeshGatewayConfig, ServiceID } from "./catalog.ts";
import { QueryMeta, QueryOptions, RaftIndex, WriteRequest } from "./query.ts";

export const ConfigEntryQuery = struct("ConfigEntryQuery", {
  Kind: str,
  Name: str,
  Datacenter: str,
  ...QueryOptions.fields,
});
export type ConfigEntryQuery = Infer<typeof ConfigEntryQuery>;

export const ServiceConfigRequest = struct("ServiceConfigRequest", {
  Name: str,
  Datacenter: str,
  Upstreams: list(str),
  UpstreamIDs: list(ServiceID),
  ...QueryOptions.fields,
});
export type ServiceConfigRequest = Infer<typeof ServiceConfigRequest>;

export const UpstreamConfig = struct("UpstreamConfig", {
  Upstream: ServiceID,
  Config: map(any),
});
export type UpstreamConfig = Infer<typeof UpstreamConfig>;

/** On the wire a byte string that holds the map. */
export const ServiceConfigResponseFields = struct("ServiceConfigResponse", {
  ProxyConfig: map(any),
  UpstreamConfigs: map(map(any)),
  UpstreamIDConfigs: list(UpstreamConfig),
  MeshGateway: MeshGatewayConfig,
  Expose: ExposeConfig,
  ...QueryMeta.fields,
});
export const ServiceConfigResponse = boxed(ServiceConfigResponseFields);
export type ServiceConfigResponse = Infer<typeof ServiceConfigResponse>;

export const ServiceConfigEntry = struct("ServiceConfigEntry", {
  Kind: str,
  Name: str,
  Protocol: str,
  MeshGateway: MeshGatewayConfig,
  Expose: ExposeConfig,
  ExternalSNI: field(str, { omitempty: true }),
  Meta: field(map(str), { omitempty: true }),
  ...RaftIndex.fields,
});
export type ServiceConfigEntry = Infer<typeof ServiceConfigEntry>;

/** On the wire a byte string that holds the map. */
export const ProxyConfigEntryFields = struct("ProxyConfigEntry", {
  Kind: str,
  Name: str,
  Config: map(any),
  MeshGateway: MeshGatewayConfig,
  Expose: ExposeConfig,
  Meta: field(map(str), { omitempty: true }),
  ...RaftIndex.fields,
});
export const ProxyConfigEntry = boxed(ProxyConfigEntryFields);
export type ProxyConfigEntry = Infer<typeof ProxyConfigEntry>;

export const ServiceRouteHTTPMatchHeader = struct("ServiceRouteHTTPMatchHeader", {
  Name: str,
  Present: field(bool, { omitempty: true }),
  Exact: field(str, { omitempty: true }),
  Prefix: field(str, { omitempty: true }),
  Suffix: field(str, { omitempty: true }),
  Regex: field(str, { omitempty: true }),
  Invert: field(bool, { omitempty: true }),
});
export type ServiceRouteHTTPMatchHeader = Infer<typeof ServiceRouteHTTPMatchHeader>;

export const ServiceRouteHTTPMatchQueryParam = struct("ServiceRouteHTTPMatchQueryParam", {
  Name: str,
  Present: field(bool, { omitempty: true }),
  Exact: field(str, { omitempty: true }),
  Regex: field(str, { omitempty: true }),
});
export type ServiceRouteHTTPMatchQueryParam = Infer<typeof ServiceRouteHTTPMatchQueryParam>;

export const ServiceRouteHTTPMatch = struct("ServiceRouteHTTPMatch", {
  PathExact: field(str, { omitempty: true }),
  PathPrefix: field(str, { omitempty: true }),
  PathRegex: field(str, { omitempty: true }),
  Header: field(list(ServiceRouteHTTPMatchHeader), { omitempty: true }),
  QueryParam: field(list(ServiceRouteHTTPMatchQueryParam), { omitempty: true }),
  Methods: field(list(str), { omitempty: true }),
});
export type ServiceRouteHTTPMatch = Infer<typeof ServiceRouteHTTPMatch>;

export const ServiceRouteMatch = struct("ServiceRouteMatch", {
  HTTP: field(ptr(ServiceRouteHTTPMatch), { omitempty: true }),
});
export type ServiceRouteMatch = Infer<typeof ServiceRouteMatch>;

export const ServiceRouteDestination = struct("ServiceRouteDestination", {
  RequestTimeout: field(durText, { omitempty: true }),
  Service: field(str, { omitempty: true }),
  ServiceSubset: field(str, { omitempty: true }),
  Namespace: field(str, { omitempty: true }),
  PrefixRewrite: field(str, { omitempty: true }),
  NumRetries: field(uint, { omitempty: true }),
  RetryOnConnectFailure: field(bool, { omitempty: true }),
  RetryOnStatusCodes: field(list(uint), { omitempty: true }),
});
export type ServiceRouteDestination = Infer<typeof ServiceRouteDestination>;

export const ServiceRoute = struct("ServiceRoute", {
  Match: field(ptr(ServiceRouteMatch), { omitempty: true }),
  Destination: field(ptr(ServiceRouteDestination), { omitempty: true }),
});
export type ServiceRoute = Infer<typeof ServiceRoute>;

export const ServiceRouterConfigEntry = struct("ServiceRouterConfigEntry", {
  Kind: str,
  Name: str,
  Routes: field(list(ServiceRoute), { omitempty: true }),
  Meta: field(map(str), { omitempty: true }),
  ...RaftIndex.fields,
});
export type ServiceRouterConfigEntry = Infer<typeof ServiceRouterConfigEntry>;

export const ServiceSplit = struct("ServiceSplit", {
  Weight: f32,
  Service: field(str, { omitempty: true }),
  ServiceSubset: field(str, { omitempty: true }),
  Namespace: field(str, { omitempty: true }),
});
export type ServiceSplit = Infer<typeof ServiceSplit>;

export const ServiceSplitterConfigEntry = struct("ServiceSplitterConfigEntry", {
  Kind: str,
  Name: str,
  Splits: list(ServiceSplit),
  Meta: field(map(str), { omitempty: true }),
  ...RaftIndex.fields,
});
export type ServiceSplitterConfigEntry = Infer<typeof ServiceSplitterConfigEntry>;

export const ServiceResolverSubset = struct("ServiceResolverSubset", {
  Filter: field(str, { omitempty: true }),
  OnlyPassing: field(bool, { omitempty: true }),
});
export type ServiceResolverSubset = Infer<typeof ServiceResolverSubset>;

export const ServiceResolverRedirect = struct("ServiceResolverRedirect", {
  Service: field(str, { omitempty: true }),
  ServiceSubset: field(str, { omitempty: true }),
  Namespace: field(str, { omitempty: true }),
  Datacenter: field(str, { omitempty: true }),
});
export type ServiceResolverRedirect = Infer<typeof ServiceResolverRedirect>;

export const ServiceResolverFailover = struct("ServiceResolverFailover", {
  Service: field(str, { omitempty: true }),
  ServiceSubset: field(str, { omitempty: true }),
  Namespace: field(str, { omitempty: true }),
  Datacenters: field(list(str), { omitempty: true }),
});
export type ServiceResolverFailover = Infer<typeof ServiceResolverFailover>;

export const ServiceResolverConfigEntry = struct("ServiceResolverConfigEntry", {
  ConnectTimeout: field(durText, { omitempty: true }),
  Kind: str,
  Name: str,
  DefaultSubset: field(str, { omitempty: true }),
  Subsets: field(map(ServiceResolverSubset), { omitempty: true }),
  Redirect: field(ptr(ServiceResolverRedirect), { omitempty: true }),
  Failover: field(map(ServiceResolverFailover), { omitempty: true }),
  Meta: field(map(str), { omitempty: true }),
  ...RaftIndex.fields,
});
export type ServiceResolverConfigEntry = Infer<typeof ServiceResolverConfigEntry>;

export const GatewayTLSConfig = struct("GatewayTLSConfig", {
  Enabled: bool,
});
export type GatewayTLSConfig = Infer<typeof GatewayTLSConfig>;

export const IngressService = struct("IngressService", {
  Name: str,
  Hosts: list(str),
  Meta: field(map(str), { omitempty: true }),
});
export type IngressService = Infer<typeof IngressService>;

export const IngressListener = struct("IngressListener", {
  Port: int,
  Protocol: str,
  Services: list(IngressService),
});
export type IngressListener = Infer<typeof IngressListener>;

export const IngressGatewayConfigEntry = struct("IngressGatewayConfigEntry", {
  Kind: str,
  Name: str,
  TLS: GatewayTLSConfig,
  Listeners: list(IngressListener),
  Meta: field(map(str), { omitempty: true }),
  ...RaftIndex.fields,
});
export type IngressGatewayConfigEntry = Infer<typeof IngressGatewayConfigEntry>;

export const LinkedService = struct("LinkedService", {
  Name: str,
  CAFile: field(str, { omitempty: true }),
  CertFile: field(str, { omitempty: true }),
  KeyFile: field(str, { omitempty: true }),
  SNI: field(str, { omitempty: true }),
});
export type LinkedService = Infer<typeof LinkedService>;

export const TerminatingGatewayConfigEntry = struct("TerminatingGatewayConfigEntry", {
  Kind: str,
  Name: str,
  Services: list(LinkedService),
  Meta: field(map(str), { omitempty: true }),
  ...RaftIndex.fields,
});
export type TerminatingGatewayConfigEntry = Infer<typeof TerminatingGatewayConfigEntry>;

export const DiscoveryChainRequest = struct("DiscoveryChainRequest", {
  Name: str,
  EvaluateInDatacenter: str,
  EvaluateInNamespace: str,
  OverrideMeshGateway: MeshGatewayConfig,
  OverrideProtocol: str,
  OverrideConnectTimeout: dur,
  Datacenter: str,
  ...QueryOptions.fields,
});
export type DiscoveryChainRequest = Infer<typeof DiscoveryChainRequest>;

export const DiscoveryRoute = struct("DiscoveryRoute", {
  Definition: ptr(ServiceRoute),
  NextNode: str,
});
export type DiscoveryRoute = Infer<typeof DiscoveryRoute>;

export const DiscoverySplit = struct("DiscoverySplit", {
  Weight: f32,
  NextNode: str,
});
export type DiscoverySplit = Infer<typeof DiscoverySplit>;

export const DiscoveryFailover = struct("DiscoveryFailover", {
  Targets: list(str),
});
export type DiscoveryFailover = Infer<typeof DiscoveryFailover>;

export const DiscoveryResolver = struct("DiscoveryResolver", {
  ConnectTimeout: durText,
  Default: field(bool, { omitempty: true }),
  Target: str,
  Failover: field(ptr(DiscoveryFailover), { omitempty: true }),
});
export type DiscoveryResolver = Infer<typeof DiscoveryResolver>;

export const DiscoveryGraphNode = struct("DiscoveryGraphNode", {
  Type: str,
  Name: str,
  Routes: field(list(ptr(DiscoveryRoute)), { omitempty: true }),
  Splits: field(list(ptr(DiscoverySplit)), { omitempty: true }),
  Resolver: field(ptr(DiscoveryResolver), { omitempty: true }),
});
export type DiscoveryGraphNode = Infer<typeof DiscoveryGraphNode>;

export const DiscoveryTarget = struct("DiscoveryTarget", {
  ID: str,
  Service: str,
  ServiceSubset: field(str, { omitempty: true }),
  Namespace: str,
  Datacenter: str,
  MeshGateway: MeshGatewayConfig,
  Subset: ServiceResolverSubset,
  External: field(bool, { omitempty: true }),
  SNI: field(str, { omitempty: true }),
  Name: field(str, { omitempty: true }),
});
export type DiscoveryTarget = Infer<typeof DiscoveryTarget>;

export const CompiledDiscoveryChain = struct("CompiledDiscoveryChain", {
  ServiceName: str,
  Namespace: str,
  Datacenter: str,
  CustomizationHash: field(str, { omitempty: true }),
  Protocol: field(str, { omitempty: true }),
  StartNode: field(str, { omitempty: true }),
  Nodes: field(map(ptr(DiscoveryGraphNode)), { omitempty: true }),
  Targets: field(map(ptr(DiscoveryTarget)), { omitempty: true }),
});
export type CompiledDiscoveryChain = Infer<typeof CompiledDiscoveryChain>;

export const DiscoveryChainResponse = struct("DiscoveryChainResponse", {
  Chain: ptr(CompiledDiscoveryChain),
  ...QueryMeta.fields,
});
export type DiscoveryChainResponse = Infer<typeof DiscoveryChainResponse>;

export const FederationState = struct("FederationState", {
  Datacenter: str,
  MeshGateways: field(list(CheckServiceNode), { omitempty: true }),
  UpdatedAt: time,
  PrimaryModifyIndex: uint,
  ...RaftIndex.fields,
});
export type FederationState = Infer<typeof FederationState>;

export const FederationStateRequest = struct("FederationStateRequest", {
  Datacenter: str,
  Op: str,
  State: ptr(FederationState),
  ...WriteRequest.fields,
});
export type FederationStateRequest = Infer<typeof FederationStateRequest>;

export const FederationStateQuery = struct("FederationStateQuery", {
  Datacenter: str,
  TargetDatacenter: str,
  ...QueryOptions.fields,
});
export type FederationStateQuery = Infer<typeof FederationStateQuery>;

export const FederationStateResponse = struct("FederationStateResponse", {
  State: ptr(FederationState),
  ...QueryMeta.fields,
});
export type FederationStateResponse = Infer<typeof FederationStateResponse>;

export const IndexedFederationStates = struct("IndexedFederationStates", {
  States: list(ptr(FederationState)),
  ...QueryMeta.fields,
});
export type IndexedFederationStates = Infer<typeof IndexedFederationStates>;
