/**
 * Catalog and health: nodes, services, checks, and the requests and replies about them.
 * Shapes as Consul 1.8.7 encodes them (observed bytes); field order is that of its JSON.
 */
import {
  any,
  bool,
  dur,
  durText,
  field,
  type Infer,
  int,
  list,
  map,
  ptr,
  str,
  struct,
  uint,
} from "../wire/schema.ts";
import { keptList } from "./kept-list.ts";
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
  Mode: field(str, { omitempty: true }),
});
export type MeshGatewayConfig = Infer<typeof MeshGatewayConfig>;

export const Upstream = struct("Upstream", {
  DestinationType: str,
  DestinationNamespace: field(str, { omitempty: true }),
  DestinationName: str,
  Datacenter: str,
  LocalBindAddress: field(str, { omitempty: true }),
  LocalBindPort: int,
  Config: map(any),
  MeshGateway: MeshGatewayConfig,
  IngressHosts: field(list(str), { json: "-" }),
});
export type Upstream = Infer<typeof Upstream>;

export const ExposePath = struct("ExposePath", {
  ListenerPort: field(int, { omitempty: true }),
  Path: field(str, { omitempty: true }),
  LocalPathPort: field(int, { omitempty: true }),
  Protocol: field(str, { omitempty: true }),
  ParsedFromCheck: bool,
});
export type ExposePath = Infer<typeof ExposePath>;

export const ExposeConfig = struct("ExposeConfig", {
  Checks: field(bool, { omitempty: true }),
  Paths: field(list(ExposePath), { omitempty: true }),
});
export type ExposeConfig = Infer<typeof ExposeConfig>;

export const ConnectProxyConfig = struct("ConnectProxyConfig", {
  DestinationServiceName: field(str, { omitempty: true }),
  DestinationServiceID: field(str, { omitempty: true }),
  LocalServiceAddress: field(str, { omitempty: true }),
  LocalServicePort: field(int, { omitempty: true }),
  Config: field(map(any), { omitempty: true }),
  Upstreams: field(list(Upstream), { omitempty: true }),
  MeshGateway: MeshGatewayConfig,
  Expose: ExposeConfig,
});
export type ConnectProxyConfig = Infer<typeof ConnectProxyConfig>;

export const ServiceConnect = struct("ServiceConnect", {
  Native: field(bool, { omitempty: true }),
  SidecarService: field(any, { omitempty: true }),
});
export type ServiceConnect = Infer<typeof ServiceConnect>;

export const NodeService = struct("NodeService", {
  Kind: field(str, { omitempty: true }),
  ID: str,
  Service: str,
  Tags: list(str),
  Address: str,
  TaggedAddresses: field(map(ServiceAddress), { omitempty: true }),
  Meta: map(str),
  Port: int,
  Weights: ptr(Weights),
  EnableTagOverride: bool,
  Proxy: ConnectProxyConfig,
  Connect: ServiceConnect,
  LocallyRegisteredAsSidecar: field(bool, { json: "-" }),
  ...RaftIndex.fields,
});
export type NodeService = Infer<typeof NodeService>;

export const HealthCheckDefinition = struct("HealthCheckDefinition", {
  Interval: field(durText, { omitempty: true }),
  OutputMaxSize: field(uint, { omitempty: true }),
  Timeout: field(durText, { omitempty: true }),
  DeregisterCriticalServiceAfter: field(durText, { omitempty: true }),
  HTTP: field(str, { omitempty: true }),
  TLSSkipVerify: field(bool, { omitempty: true }),
  Header: field(map(list(str)), { omitempty: true }),
  Method: field(str, { omitempty: true }),
  Body: field(str, { omitempty: true }),
  TCP: field(str, { omitempty: true }),
  ScriptArgs: field(list(str), { omitempty: true }),
  DockerContainerID: field(str, { omitempty: true }),
  Shell: field(str, { omitempty: true }),
  GRPC: field(str, { omitempty: true }),
  GRPCUseTLS: field(bool, { omitempty: true }),
  AliasNode: field(str, { omitempty: true }),
  AliasService: field(str, { omitempty: true }),
  TTL: field(dur, { omitempty: true }),
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
  ServiceTaggedAddresses: field(map(ServiceAddress), { omitempty: true }),
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
  Port: field(int, { omitempty: true }),
  Protocol: field(str, { omitempty: true }),
  Hosts: field(list(str), { omitempty: true }),
  CAFile: field(str, { omitempty: true }),
  CertFile: field(str, { omitempty: true }),
  KeyFile: field(str, { omitempty: true }),
  SNI: field(str, { omitempty: true }),
  FromWildcard: field(bool, { omitempty: true }),
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
  Nodes: keptList(list(ptr(Node))),
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
  ServiceNodes: keptList(list(ptr(ServiceNode))),
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
  HealthChecks: keptList(list(ptr(HealthCheck))),
  ...QueryMeta.fields,
});
export type IndexedHealthChecks = Infer<typeof IndexedHealthChecks>;

export const IndexedCheckServiceNodes = struct("IndexedCheckServiceNodes", {
  Nodes: keptList(list(CheckServiceNode)),
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
