/**
 * The JSON shapes that the families answer and take. Whole numbers that may pass 2^53 are bigint; byte strings are bytes;
 * durations are text as the API shows them ("10s") unless said.
 */

export type Meta = Readonly<Record<string, string>>;
export type HealthStatus = "passing" | "warning" | "critical" | "maintenance";

export interface Indexed {
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
}

export interface Node extends Indexed {
  readonly ID: string;
  readonly Node: string;
  readonly Address: string;
  readonly Datacenter: string;
  readonly TaggedAddresses: Meta | null;
  readonly Meta: Meta | null;
}

export interface ServiceAddress {
  readonly Address: string;
  readonly Port: number;
}

export interface Weights {
  readonly Passing: number;
  readonly Warning: number;
}

export interface Upstream {
  readonly DestinationType?: string;
  readonly DestinationNamespace?: string;
  readonly DestinationName: string;
  readonly Datacenter?: string;
  readonly LocalBindAddress?: string;
  readonly LocalBindPort: number;
  readonly Config?: Readonly<Record<string, unknown>> | null;
  readonly MeshGateway?: { readonly Mode?: string };
}

export interface Proxy {
  readonly DestinationServiceName?: string;
  readonly DestinationServiceID?: string;
  readonly LocalServiceAddress?: string;
  readonly LocalServicePort?: number;
  readonly Config?: Readonly<Record<string, unknown>>;
  readonly Upstreams?: readonly Upstream[];
  readonly MeshGateway?: { readonly Mode?: string };
  readonly Expose?: {
    readonly Checks?: boolean;
    readonly Paths?: readonly Readonly<Record<string, unknown>>[];
  };
}

export interface NodeService extends Indexed {
  readonly Kind?: string;
  readonly ID: string;
  readonly Service: string;
  readonly Tags: readonly string[] | null;
  readonly Address: string;
  readonly TaggedAddresses?: Readonly<Record<string, ServiceAddress>>;
  readonly Meta: Meta | null;
  readonly Port: number;
  readonly Weights: Weights;
  readonly EnableTagOverride: boolean;
  readonly Proxy: Proxy;
  readonly Connect: { readonly Native?: boolean };
}

export interface ServiceNode extends Indexed {
  readonly ID: string;
  readonly Node: string;
  readonly Address: string;
  readonly Datacenter: string;
  readonly TaggedAddresses: Meta | null;
  readonly NodeMeta: Meta | null;
  readonly ServiceKind: string;
  readonly ServiceID: string;
  readonly ServiceName: string;
  readonly ServiceTags: readonly string[];
  readonly ServiceAddress: string;
  readonly ServiceTaggedAddresses?: Readonly<Record<string, ServiceAddress>>;
  readonly ServiceWeights: Weights;
  readonly ServiceMeta: Meta;
  readonly ServicePort: number;
  readonly ServiceEnableTagOverride: boolean;
  readonly ServiceProxy: Proxy;
  readonly ServiceConnect: { readonly Native?: boolean };
}

export interface HealthCheck extends Indexed {
  readonly Node: string;
  readonly CheckID: string;
  readonly Name: string;
  readonly Status: string;
  readonly Notes: string;
  readonly Output: string;
  readonly ServiceID: string;
  readonly ServiceName: string;
  readonly ServiceTags: readonly string[] | null;
  readonly Type: string;
  readonly Definition: Readonly<Record<string, unknown>>;
}

export interface ServiceEntry {
  readonly Node: Node;
  readonly Service: NodeService;
  readonly Checks: readonly HealthCheck[];
}

export interface CatalogRegistration {
  readonly Datacenter?: string;
  readonly ID?: string;
  readonly Node: string;
  readonly Address?: string;
  readonly TaggedAddresses?: Meta;
  readonly NodeMeta?: Meta;
  readonly Service?: Partial<NodeService> & { readonly Service: string };
  readonly Check?: Partial<HealthCheck>;
  readonly Checks?: readonly Partial<HealthCheck>[];
  readonly SkipNodeUpdate?: boolean;
}

export interface CatalogDeregistration {
  readonly Datacenter?: string;
  readonly Node: string;
  readonly ServiceID?: string;
  readonly CheckID?: string;
}

export interface Member {
  readonly Name: string;
  readonly Addr: string;
  readonly Port: number;
  readonly Tags: Meta;
  /** 1 alive, 2 leaving, 3 left, 4 failed. */
  readonly Status: number;
  readonly ProtocolMin: number;
  readonly ProtocolMax: number;
  readonly ProtocolCur: number;
  readonly DelegateMin: number;
  readonly DelegateMax: number;
  readonly DelegateCur: number;
}

export interface NetworkCoordinate {
  readonly Vec: readonly number[];
  readonly Error: number;
  readonly Adjustment: number;
  readonly Height: number;
}

export interface CoordinateEntry {
  readonly Node: string;
  readonly Segment: string;
  readonly Coord: NetworkCoordinate;
}

export interface DatacenterCoordinates {
  readonly Datacenter: string;
  readonly AreaID: string;
  readonly Coordinates: readonly CoordinateEntry[];
}

export interface AgentSelf {
  readonly Config: {
    readonly Datacenter: string;
    readonly NodeName: string;
    readonly NodeID: string;
    readonly Revision: string;
    readonly Server: boolean;
    readonly Version: string;
  };
  readonly DebugConfig: Readonly<Record<string, unknown>>;
  readonly Coord: NetworkCoordinate | null;
  readonly Member: Member;
  readonly Stats: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly Meta: Meta;
}

export interface AgentService {
  readonly Kind?: string;
  readonly ID: string;
  readonly Service: string;
  readonly Tags: readonly string[];
  readonly Meta: Meta;
  readonly Port: number;
  readonly Address: string;
  readonly TaggedAddresses?: Readonly<Record<string, ServiceAddress>>;
  readonly Weights: Weights;
  readonly EnableTagOverride: boolean;
  readonly ContentHash?: string;
  readonly Proxy?: Proxy;
  readonly Connect?: { readonly Native?: boolean };
}

/** A check as it is registered. One of the kinds' fields says which it is. Durations: "10s", or nanoseconds. */
export interface CheckRegistration {
  /** With check register. */
  readonly ID?: string;
  /** Inside a service. */
  readonly CheckID?: string;
  readonly Name?: string;
  readonly Notes?: string;
  readonly Status?: HealthStatus;
  readonly ServiceID?: string;
  readonly TTL?: string;
  readonly HTTP?: string;
  readonly Method?: string;
  readonly Header?: Readonly<Record<string, readonly string[]>>;
  readonly Body?: string;
  readonly TCP?: string;
  readonly UDP?: string;
  readonly GRPC?: string;
  readonly GRPCUseTLS?: boolean;
  readonly TCPUseTLS?: boolean;
  readonly H2PING?: string;
  readonly Args?: readonly string[];
  readonly DockerContainerID?: string;
  readonly Shell?: string;
  readonly AliasNode?: string;
  readonly AliasService?: string;
  readonly Interval?: string;
  readonly Timeout?: string;
  readonly TLSSkipVerify?: boolean;
  readonly SuccessBeforePassing?: number;
  readonly FailuresBeforeCritical?: number;
  readonly DeregisterCriticalServiceAfter?: string;
  readonly OutputMaxSize?: number;
}

export interface ServiceRegistration {
  readonly Kind?: string;
  readonly ID?: string;
  readonly Name: string;
  readonly Tags?: readonly string[];
  readonly Address?: string;
  readonly TaggedAddresses?: Readonly<Record<string, ServiceAddress>>;
  readonly Meta?: Meta;
  readonly Port?: number;
  readonly Weights?: Weights;
  readonly EnableTagOverride?: boolean;
  readonly Check?: CheckRegistration;
  readonly Checks?: readonly CheckRegistration[];
  readonly Proxy?: Proxy;
  readonly Connect?: Readonly<Record<string, unknown>>;
}

export interface AggregatedHealth {
  readonly AggregatedStatus: HealthStatus;
  readonly Service: AgentService | null;
  readonly Checks: readonly HealthCheck[] | null;
}

export interface Metric {
  readonly Name: string;
  readonly Count: number;
  readonly Rate: number;
  readonly Sum: number;
  readonly Min: number;
  readonly Max: number;
  readonly Mean: number;
  readonly Stddev: number;
  readonly Labels: Meta;
}

export interface AgentMetrics {
  readonly Timestamp: string;
  readonly Gauges: readonly { readonly Name: string; readonly Value: number; readonly Labels: Meta }[];
  readonly Points: readonly unknown[];
  readonly Counters: readonly Metric[];
  readonly Samples: readonly Metric[];
}

export interface KvEntry extends Indexed {
  readonly Key: string;
  readonly Flags: bigint;
  readonly Value: Buffer | null;
  readonly LockIndex: number;
  /** "" when no session holds the key. */
  readonly Session: string;
}

export interface Session extends Indexed {
  readonly ID: string;
  readonly Name: string;
  readonly Node: string;
  /** Nanoseconds. */
  readonly LockDelay: number;
  readonly Behavior: "release" | "delete";
  readonly TTL: string;
  readonly NodeChecks: readonly string[] | null;
  readonly ServiceChecks: readonly { readonly ID: string; readonly Namespace: string }[] | null;
  readonly Checks?: readonly string[];
}

export interface SessionRegistration {
  readonly Name?: string;
  readonly Node?: string;
  /** "15s", or a number: nanoseconds, below 1000 seconds. */
  readonly LockDelay?: string | number;
  readonly Behavior?: "release" | "delete";
  readonly TTL?: string;
  readonly NodeChecks?: readonly string[];
  readonly ServiceChecks?: readonly { readonly ID: string }[];
  /** Older name of NodeChecks. */
  readonly Checks?: readonly string[];
}

export interface UserEvent {
  readonly ID: string;
  readonly Name: string;
  readonly Payload: Buffer | null;
  readonly NodeFilter: string;
  readonly ServiceFilter: string;
  readonly TagFilter: string;
  readonly Version: number;
  readonly LTime: bigint;
}

export interface TxnKvOp {
  readonly Verb: string;
  readonly Key: string;
  readonly Value?: Uint8Array | string | null;
  readonly Flags?: bigint;
  readonly Index?: number | bigint;
  readonly Session?: string;
}

export interface TxnOp {
  readonly KV?: TxnKvOp;
  readonly Node?: { readonly Verb: string; readonly Node: Partial<Node> };
  readonly Service?: { readonly Verb: string; readonly Node: string; readonly Service: Partial<NodeService> };
  readonly Check?: { readonly Verb: string; readonly Check: Partial<HealthCheck> };
}

export interface TxnResult {
  readonly KV?: KvEntry;
  readonly Node?: Node;
  readonly Service?: NodeService;
  readonly Check?: HealthCheck;
}

export interface TxnError {
  readonly OpIndex: number;
  readonly What: string;
}

export interface TxnReply {
  /** False: nothing was applied, see Errors. */
  readonly ok: boolean;
  readonly Results: readonly TxnResult[];
  readonly Errors: readonly TxnError[];
}

export interface PreparedQuery extends Indexed {
  readonly ID: string;
  readonly Name: string;
  readonly Session: string;
  readonly Token: string;
  readonly Template: { readonly Type: string; readonly Regexp: string; readonly RemoveEmptyTags: boolean };
  readonly Service: {
    readonly Service: string;
    readonly Failover: { readonly NearestN: number; readonly Datacenters: readonly string[] | null };
    readonly OnlyPassing: boolean;
    readonly IgnoreCheckIDs: readonly string[] | null;
    readonly Near: string;
    readonly Tags: readonly string[] | null;
    readonly NodeMeta: Meta | null;
    readonly ServiceMeta: Meta | null;
    readonly Connect: boolean;
  };
  readonly DNS: { readonly TTL: string };
}

/** All fields may be left out. */
export interface PreparedQueryDefinition {
  readonly ID?: string;
  readonly Name?: string;
  readonly Session?: string;
  readonly Token?: string;
  readonly Template?: Partial<PreparedQuery["Template"]>;
  readonly Service?: Partial<PreparedQuery["Service"]>;
  readonly DNS?: { readonly TTL?: string };
}

export interface PreparedQueryResult {
  readonly Service: string;
  readonly Nodes: readonly ServiceEntry[];
  readonly DNS: { readonly TTL: string };
  readonly Datacenter: string;
  readonly Failovers: number;
}

export interface RaftConfiguration {
  readonly Servers: readonly {
    readonly ID: string;
    readonly Node: string;
    readonly Address: string;
    readonly Leader: boolean;
    readonly ProtocolVersion: string;
    readonly Voter: boolean;
  }[];
  readonly Index: number;
}

export interface AutopilotConfiguration extends Partial<Indexed> {
  readonly CleanupDeadServers: boolean;
  readonly LastContactThreshold: string;
  readonly MaxTrailingLogs: number;
  readonly MinQuorum: number;
  readonly ServerStabilizationTime: string;
  readonly RedundancyZoneTag: string;
  readonly DisableUpgradeMigration: boolean;
  readonly UpgradeVersionTag: string;
}

export interface AutopilotHealth {
  readonly Healthy: boolean;
  readonly FailureTolerance: number;
  readonly Servers: readonly {
    readonly ID: string;
    readonly Name: string;
    readonly Address: string;
    readonly SerfStatus: string;
    readonly Version: string;
    readonly Leader: boolean;
    readonly LastContact: string;
    readonly LastTerm: number;
    readonly LastIndex: number;
    readonly Healthy: boolean;
    readonly Voter: boolean;
    readonly StableSince: string;
  }[];
}

export interface AutopilotState {
  readonly Healthy: boolean;
  readonly FailureTolerance: number;
  /** The leader's ID; empty when there is none. */
  readonly Leader: string;
  /** IDs. */
  readonly Voters: readonly string[] | null;
  /** By ID. */
  readonly Servers: Readonly<
    Record<
      string,
      {
        readonly ID: string;
        readonly Name: string;
        readonly Address: string;
        readonly NodeStatus: string;
        readonly Version: string;
        readonly LastContact: string;
        readonly LastTerm: number;
        readonly LastIndex: number;
        readonly Healthy: boolean;
        readonly StableSince: string;
        /** "leader", "voter", "non-voter". */
        readonly Status: string;
        readonly NodeType: string;
      }
    >
  > | null;
}

export interface ServiceUsage {
  readonly Nodes: number;
  readonly Services: number;
  readonly ServiceInstances: number;
  readonly ConnectServiceInstances: Readonly<Record<string, number>>;
  readonly BillableServiceInstances: number;
}

export interface KeyringReply {
  readonly WAN: boolean;
  readonly Datacenter: string;
  readonly Segment: string;
  readonly Messages?: Meta;
  readonly Keys: Readonly<Record<string, number>>;
  readonly PrimaryKeys?: Readonly<Record<string, number>>;
  readonly NumNodes: number;
}

/** A config entry: Kind and Name with the kind's own fields. */
export interface ConfigEntry {
  readonly Kind: string;
  readonly Name: string;
  readonly [field: string]: unknown;
}
