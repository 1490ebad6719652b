/**
 * Catalog and health: nodes, services, checks, and the requests and replies about them.
 * Shapes as Consul 1.8.7 encodes them (observed bytes); field order is that of its JSON.
 */
import { any, bool, dur, int, list, map, ptr, str, struct, uint, type Infer } from "../wire/schema.ts";
import { QueryMeta, QueryOptions, QuerySource, RaftIndex, WriteRequest } from "./query.ts";

export const ServiceAddress = struct("ServiceAddress", {
  Address: str,
  Port: int,
});
export type ServiceAddress = Infer<typeof ServiceAddress>;

export const Weights = struct("Weights", {
  Passing: int,
  Warning: int,
});
export type Weights = Infer<typeof Weights>;

export const MeshGatewayConfig = struct("MeshGatewayConfig", {
  Mode: str,
});
export type MeshGatewayConfig = Infer<typeof MeshGatewayConfig>;

export const Upstream = struct("Upstream", {
  DestinationType: str,
  DestinationNamespace: str,
  DestinationName: str,
  Datacenter: str,
  LocalBindAddress: str,
  LocalBindPort: int,
  Config: map(any),
  MeshGateway: MeshGatewayConfig,
  IngressHosts: list(str),
});
export type Upstream = Infer<typeof Upstream>;

export const ExposePath = struct("ExposePath", {
  ListenerPort: int,
  Path: str,
  LocalPathPort: int,
  Protocol: str,
  ParsedFromCheck: bool,
});
export type ExposePath = Infer<typeof ExposePath>;

export const ExposeConfig = struct("ExposeConfig", {
  Checks: bool,
  Paths: list(ExposePath),
});
export type ExposeConfig = Infer<typeof ExposeConfig>;

export const ConnectProxyConfig = struct("ConnectProxyConfig", {
  DestinationServiceName: str,
  DestinationServiceID: str,
  LocalServiceAddress: str,
  LocalServicePort: int,
  Config: map(any),
  Upstreams: list(Upstream),
  MeshGateway: MeshGatewayConfig,
  Expose: ExposeConfig,
});
export type ConnectProxyConfig = Infer<typeof ConnectProxyConfig>;

export const ServiceConnect = struct("ServiceConnect", {
  Native: bool,
  SidecarService: any,
});
export type ServiceConnect = Infer<typeof ServiceConnect>;

export const NodeService = struct("NodeService", {
  Kind: str,
  ID: str,
  Service: str,
  Tags: list(str),
  Address: str,
  TaggedAddresses: map(ServiceAddress),
  Meta: map(str),
  Port: int,
  Weights: ptr(Weights),
  EnableTagOverride: bool,
  Proxy: ConnectProxyConfig,
  Connect: ServiceConnect,
  LocallyRegisteredAsSidecar: bool,
  ...RaftIndex.fields,
});
export type NodeService = Infer<typeof NodeService>;

export const HealthCheckDefinition = struct("HealthCheckDefinition", {
  HTTP: str,
  TLSSkipVerify: bool,
  Header: map(list(str)),
  Method: str,
  Body: str,
  TCP: str,
  Interval: dur,
  OutputMaxSize: uint,
  Timeout: dur,
  DeregisterCriticalServiceAfter: dur,
  ScriptArgs: list(str),
  DockerContainerID: str,
  Shell: str,
  GRPC: str,
  GRPCUseTLS: bool,
  AliasNode: str,
  AliasService: str,
  TTL: dur,
});
export type HealthCheckDefinition = Infer<typeof HealthCheckDefinition>;

export const HealthCheck = struct("HealthCheck", {
  Node: str,
  CheckID: str,
  Name: str,
  Status: str,
  Notes: str,
  Output: str,
  ServiceID: str,
  ServiceName: str,
  ServiceTags: list(str),
  Type: str,
  Definition: HealthCheckDefinition,
  ...RaftIndex.fields,
});
export type HealthCheck = Infer<typeof HealthCheck>;

export const RegisterRequest = struct("RegisterRequest", {
  Datacenter: str,
  ID: str,
  Node: str,
  Address: str,
  TaggedAddresses: map(str),
  NodeMeta: map(str),
  Service: ptr(NodeService),
  Check: ptr(HealthCheck),
  Checks: list(ptr(HealthCheck)),
  SkipNodeUpdate: bool,
  ...WriteRequest.fields,
  ...RaftIndex.fields,
});
export type RegisterRequest = Infer<typeof RegisterRequest>;

export const DeregisterRequest = struct("DeregisterRequest", {
  Datacenter: str,
  Node: str,
  ServiceID: str,
  CheckID: str,
  ...WriteRequest.fields,
});
export type DeregisterRequest = Infer<typeof DeregisterRequest>;

export const Node = struct("Node", {
  ID: str,
  Node: str,
  Address: str,
  Datacenter: str,
  TaggedAddresses: map(str),
  Meta: map(str),
  ...RaftIndex.fields,
});
export type Node = Infer<typeof Node>;

export const ServiceNode = struct("ServiceNode", {
  ID: str,
  Node: str,
  Address: str,
  Datacenter: str,
  TaggedAddresses: map(str),
  NodeMeta: map(str),
  ServiceKind: str,
  ServiceID: str,
  ServiceName: str,
  ServiceTags: list(str),
  ServiceAddress: str,
  ServiceTaggedAddresses: map(ServiceAddress),
  ServiceWeights: Weights,
  ServiceMeta: map(str),
  ServicePort: int,
  ServiceEnableTagOverride: bool,
  ServiceProxy: ConnectProxyConfig,
  ServiceConnect: ServiceConnect,
  ...RaftIndex.fields,
});
export type ServiceNode = Infer<typeof ServiceNode>;

export const CheckServiceNode = struct("CheckServiceNode", {
  Node: ptr(Node),
  Service: ptr(NodeService),
  Checks: list(ptr(HealthCheck)),
});
export type CheckServiceNode = Infer<typeof CheckServiceNode>;

export const NodeInfo = struct("NodeInfo", {
  ID: str,
  Node: str,
  Address: str,
  TaggedAddresses: map(str),
  Meta: map(str),
  Services: list(ptr(NodeService)),
  Checks: list(ptr(HealthCheck)),
});
export type NodeInfo = Infer<typeof NodeInfo>;

export const NodeServices = struct("NodeServices", {
  Node: ptr(Node),
  Services: map(ptr(NodeService)),
});
export type NodeServices = Infer<typeof NodeServices>;

export const NodeServiceList = struct("NodeServiceList", {
  Node: ptr(Node),
  Services: list(ptr(NodeService)),
});
export type NodeServiceList = Infer<typeof NodeServiceList>;

export const ServiceName = struct("ServiceName", {
  Name: str,
});
export type ServiceName = Infer<typeof ServiceName>;

export const GatewayService = struct("GatewayService", {
  Gateway: ServiceName,
  Service: ServiceName,
  GatewayKind: str,
  Port: int,
  Protocol: str,
  Hosts: list(str),
  CAFile: str,
  CertFile: str,
  KeyFile: str,
  SNI: str,
  FromWildcard: bool,
  ...RaftIndex.fields,
});
export type GatewayService = Infer<typeof GatewayService>;

export const ServiceInfo = struct("ServiceInfo", {
  Node: ptr(Node),
  Service: ptr(NodeService),
  Checks: list(ptr(HealthCheck)),
  GatewayService: ptr(GatewayService),
});
export type ServiceInfo = Infer<typeof ServiceInfo>;

export const ServiceID = struct("ServiceID", {
  ID: str,
});
export type ServiceID = Infer<typeof ServiceID>;

export const DatacentersRequest = struct("DatacentersRequest", {
  ...QueryOptions.fields,
});
export type DatacentersRequest = Infer<typeof DatacentersRequest>;

export const DCSpecificRequest = struct("DCSpecificRequest", {
  Datacenter: str,
  NodeMetaFilters: map(str),
  Source: QuerySource,
  ...QueryOptions.fields,
});
export type DCSpecificRequest = Infer<typeof DCSpecificRequest>;

export const ServiceSpecificRequest = struct("ServiceSpecificRequest", {
  Datacenter: str,
  NodeMetaFilters: map(str),
  ServiceName: str,
  ServiceTag: str,
  ServiceTags: list(str),
  ServiceAddress: str,
  TagFilter: bool,
  Source: QuerySource,
  Connect: bool,
  Ingress: bool,
  ...QueryOptions.fields,
});
export type ServiceSpecificRequest = Infer<typeof ServiceSpecificRequest>;

export const NodeSpecificRequest = struct("NodeSpecificRequest", {
  Datacenter: str,
  Node: str,
  ...QueryOptions.fields,
});
export type NodeSpecificRequest = Infer<typeof NodeSpecificRequest>;

export const ChecksInStateRequest = struct("ChecksInStateRequest", {
  Datacenter: str,
  NodeMetaFilters: map(str),
  State: str,
  Source: QuerySource,
  ...QueryOptions.fields,
});
export type ChecksInStateRequest = Infer<typeof ChecksInStateRequest>;

export const ServiceDumpRequest = struct("ServiceDumpRequest", {
  Datacenter: str,
  ServiceKind: str,
  UseServiceKind: bool,
  Source: QuerySource,
  ...QueryOptions.fields,
});
export type ServiceDumpRequest = Infer<typeof ServiceDumpRequest>;

export const IndexedNodes = struct("IndexedNodes", {
  Nodes: list(ptr(Node)),
  ...QueryMeta.fields,
});
export type IndexedNodes = Infer<typeof IndexedNodes>;

export const IndexedServices = struct("IndexedServices", {
  Services: map(list(str)),
  ...QueryMeta.fields,
});
export type IndexedServices = Infer<typeof IndexedServices>;

export const IndexedServiceList = struct("IndexedServiceList", {
  Services: list(ServiceName),
  ...QueryMeta.fields,
});
export type IndexedServiceList = Infer<typeof IndexedServiceList>;

export const IndexedServiceNodes = struct("IndexedServiceNodes", {
  ServiceNodes: list(ptr(ServiceNode)),
  ...QueryMeta.fields,
});
export type IndexedServiceNodes = Infer<typeof IndexedServiceNodes>;

export const IndexedNodeServices = struct("IndexedNodeServices", {
  NodeServices: ptr(NodeServices),
  ...QueryMeta.fields,
});
export type IndexedNodeServices = Infer<typeof IndexedNodeServices>;

export const IndexedNodeServiceList = struct("IndexedNodeServiceList", {
  NodeServices: NodeServiceList,
  ...QueryMeta.fields,
});
export type IndexedNodeServiceList = Infer<typeof IndexedNodeServiceList>;

export const IndexedHealthChecks = struct("IndexedHealthChecks", {
  HealthChecks: list(ptr(HealthCheck)),
  ...QueryMeta.fields,
});
export type IndexedHealthChecks = Infer<typeof IndexedHealthChecks>;

export const IndexedCheckServiceNodes = struct("IndexedCheckServiceNodes", {
  Nodes: list(CheckServiceNode),
  ...QueryMeta.fields,
});
export type IndexedCheckServiceNodes = Infer<typeof IndexedCheckServiceNodes>;

export const IndexedNodeDump = struct("IndexedNodeDump", {
  Dump: list(ptr(NodeInfo)),
  ...QueryMeta.fields,
});
export type IndexedNodeDump = Infer<typeof IndexedNodeDump>;

export const IndexedServiceDump = struct("IndexedServiceDump", {
  Dump: list(ptr(ServiceInfo)),
  ...QueryMeta.fields,
});
export type IndexedServiceDump = Infer<typeof IndexedServiceDump>;

export const IndexedGatewayServices = struct("IndexedGatewayServices", {
  Services: list(ptr(GatewayService)),
  ...QueryMeta.fields,
});
export type IndexedGatewayServices = Infer<typeof IndexedGatewayServices>;

export const DatacenterIndexedCheckServiceNodes = struct("DatacenterIndexedCheckServiceNodes", {
  DatacenterNodes: map(list(CheckServiceNode)),
  ...QueryMeta.fields,
});
export type DatacenterIndexedCheckServiceNodes = Infer<typeof DatacenterIndexedCheckServiceNodes>;
