/**
 * Config entries, discovery chains and federation states.
 * Shapes as Consul 1.8.7 encodes them (observed bytes); field order is that of its JSON.
 */
import {
  any,
  bool,
  boxed,
  dur,
  f32,
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
  ExternalSNI: str,
  Meta: map(str),
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
  Meta: map(str),
  ...RaftIndex.fields,
});
export const ProxyConfigEntry = boxed(ProxyConfigEntryFields);
export type ProxyConfigEntry = Infer<typeof ProxyConfigEntry>;

export const ServiceRouteHTTPMatchHeader = struct("ServiceRouteHTTPMatchHeader", {
  Name: str,
  Present: bool,
  Exact: str,
  Prefix: str,
  Suffix: str,
  Regex: str,
  Invert: bool,
});
export type ServiceRouteHTTPMatchHeader = Infer<typeof ServiceRouteHTTPMatchHeader>;

export const ServiceRouteHTTPMatchQueryParam = struct("ServiceRouteHTTPMatchQueryParam", {
  Name: str,
  Present: bool,
  Exact: str,
  Regex: str,
});
export type ServiceRouteHTTPMatchQueryParam = Infer<typeof ServiceRouteHTTPMatchQueryParam>;

export const ServiceRouteHTTPMatch = struct("ServiceRouteHTTPMatch", {
  PathExact: str,
  PathPrefix: str,
  PathRegex: str,
  Header: list(ServiceRouteHTTPMatchHeader),
  QueryParam: list(ServiceRouteHTTPMatchQueryParam),
  Methods: list(str),
});
export type ServiceRouteHTTPMatch = Infer<typeof ServiceRouteHTTPMatch>;

export const ServiceRouteMatch = struct("ServiceRouteMatch", {
  HTTP: ptr(ServiceRouteHTTPMatch),
});
export type ServiceRouteMatch = Infer<typeof ServiceRouteMatch>;

export const ServiceRouteDestination = struct("ServiceRouteDestination", {
  Service: str,
  ServiceSubset: str,
  Namespace: str,
  PrefixRewrite: str,
  RequestTimeout: dur,
  NumRetries: uint,
  RetryOnConnectFailure: bool,
  RetryOnStatusCodes: list(uint),
});
export type ServiceRouteDestination = Infer<typeof ServiceRouteDestination>;

export const ServiceRoute = struct("ServiceRoute", {
  Match: ptr(ServiceRouteMatch),
  Destination: ptr(ServiceRouteDestination),
});
export type ServiceRoute = Infer<typeof ServiceRoute>;

export const ServiceRouterConfigEntry = struct("ServiceRouterConfigEntry", {
  Kind: str,
  Name: str,
  Routes: list(ServiceRoute),
  Meta: map(str),
  ...RaftIndex.fields,
});
export type ServiceRouterConfigEntry = Infer<typeof ServiceRouterConfigEntry>;

export const ServiceSplit = struct("ServiceSplit", {
  Weight: f32,
  Service: str,
  ServiceSubset: str,
  Namespace: str,
});
export type ServiceSplit = Infer<typeof ServiceSplit>;

export const ServiceSplitterConfigEntry = struct("ServiceSplitterConfigEntry", {
  Kind: str,
  Name: str,
  Splits: list(ServiceSplit),
  Meta: map(str),
  ...RaftIndex.fields,
});
export type ServiceSplitterConfigEntry = Infer<typeof ServiceSplitterConfigEntry>;

export const ServiceResolverSubset = struct("ServiceResolverSubset", {
  Filter: str,
  OnlyPassing: bool,
});
export type ServiceResolverSubset = Infer<typeof ServiceResolverSubset>;

export const ServiceResolverRedirect = struct("ServiceResolverRedirect", {
  Service: str,
  ServiceSubset: str,
  Namespace: str,
  Datacenter: str,
});
export type ServiceResolverRedirect = Infer<typeof ServiceResolverRedirect>;

export const ServiceResolverFailover = struct("ServiceResolverFailover", {
  Service: str,
  ServiceSubset: str,
  Namespace: str,
  Datacenters: list(str),
});
export type ServiceResolverFailover = Infer<typeof ServiceResolverFailover>;

export const ServiceResolverConfigEntry = struct("ServiceResolverConfigEntry", {
  Kind: str,
  Name: str,
  DefaultSubset: str,
  Subsets: map(ServiceResolverSubset),
  Redirect: ptr(ServiceResolverRedirect),
  Failover: map(ServiceResolverFailover),
  ConnectTimeout: dur,
  Meta: map(str),
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
  Meta: map(str),
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
  Meta: map(str),
  ...RaftIndex.fields,
});
export type IngressGatewayConfigEntry = Infer<typeof IngressGatewayConfigEntry>;

export const LinkedService = struct("LinkedService", {
  Name: str,
  CAFile: str,
  CertFile: str,
  KeyFile: str,
  SNI: str,
});
export type LinkedService = Infer<typeof LinkedService>;

export const TerminatingGatewayConfigEntry = struct("TerminatingGatewayConfigEntry", {
  Kind: str,
  Name: str,
  Services: list(LinkedService),
  Meta: map(str),
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
  Default: bool,
  ConnectTimeout: dur,
  Target: str,
  Failover: ptr(DiscoveryFailover),
});
export type DiscoveryResolver = Infer<typeof DiscoveryResolver>;

export const DiscoveryGraphNode = struct("DiscoveryGraphNode", {
  Type: str,
  Name: str,
  Routes: list(ptr(DiscoveryRoute)),
  Splits: list(ptr(DiscoverySplit)),
  Resolver: ptr(DiscoveryResolver),
});
export type DiscoveryGraphNode = Infer<typeof DiscoveryGraphNode>;

export const DiscoveryTarget = struct("DiscoveryTarget", {
  ID: str,
  Service: str,
  ServiceSubset: str,
  Namespace: str,
  Datacenter: str,
  MeshGateway: MeshGatewayConfig,
  Subset: ServiceResolverSubset,
  External: bool,
  SNI: str,
  Name: str,
});
export type DiscoveryTarget = Infer<typeof DiscoveryTarget>;

export const CompiledDiscoveryChain = struct("CompiledDiscoveryChain", {
  ServiceName: str,
  Namespace: str,
  Datacenter: str,
  CustomizationHash: str,
  Protocol: str,
  StartNode: str,
  Nodes: map(ptr(DiscoveryGraphNode)),
  Targets: map(ptr(DiscoveryTarget)),
});
export type CompiledDiscoveryChain = Infer<typeof CompiledDiscoveryChain>;

export const DiscoveryChainResponse = struct("DiscoveryChainResponse", {
  Chain: ptr(CompiledDiscoveryChain),
  ...QueryMeta.fields,
});
export type DiscoveryChainResponse = Infer<typeof DiscoveryChainResponse>;

export const FederationState = struct("FederationState", {
  Datacenter: str,
  MeshGateways: list(CheckServiceNode),
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
