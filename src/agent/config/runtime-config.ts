/**
 * The configuration an agent runs with: flags, files and defaults merged, checked and resolved (addresses are IPs, durations
 * milliseconds). Built by build-config.ts; nothing after that reads flags or files again, except a reload, which builds anew.
 */
import type { LogLevel } from "../../ports/log.ts";
import type { CheckDefinition, ServiceDefinition } from "../../model/definition.ts";

/** An address of a listener. Port -1: the listener is off. */
export interface ListenAddress {
  /** IP text without brackets, or `unix:///path`. */
  readonly host: string;
  readonly port: number;
}

export interface DnsConfig {
  readonly allowStale: boolean;
  readonly maxStaleMs: number;
  readonly onlyPassing: boolean;
  readonly nodeTtlMs: number;
  /** Service name, or "*", or a prefix pattern "web-*", to TTL. */
  readonly serviceTtlMs: ReadonlyMap<string, number>;
  readonly enableTruncate: boolean;
  readonly disableCompression: boolean;
  readonly udpAnswerLimit: number;
  readonly aRecordLimit: number;
  readonly nodeMetaTxt: boolean;
  readonly recursorTimeoutMs: number;
  readonly useCache: boolean;
  readonly cacheMaxAgeMs: number;
  readonly soa: { readonly refreshS: number; readonly retryS: number; readonly expireS: number; readonly minTtlS: number };
}

export interface RuntimeConfig {
  readonly nodeName: string;
  /** "" until the agent has read or drawn it. */
  readonly nodeId: string;
  readonly nodeMeta: ReadonlyMap<string, string>;
  readonly datacenter: string;
  readonly primaryDatacenter: string;
  /** With a final dot: "consul.". */
  readonly domain: string;
  readonly altDomain: string;
  readonly server: boolean;
  readonly bootstrap: boolean;
  readonly bootstrapExpect: number;
  readonly nonVotingServer: boolean;
  readonly devMode: boolean;
  /** undefined with -dev: nothing on disk. */
  readonly dataDir: string | undefined;
  readonly pidFile: string;

  readonly bindAddr: string;
  readonly advertiseAddr: string;
  readonly advertiseAddrWan: string;
  readonly taggedAddresses: ReadonlyMap<string, string>;
  readonly serfLanBindAddr: string;
  readonly serfWanBindAddr: string;
  /** The client addresses as given, for the banner. */
  readonly clientAddrs: readonly string[];
  readonly ports: {
    readonly server: number;
    readonly serfLan: number;
    readonly serfWan: number;
    readonly http: number;
    readonly https: number;
    readonly dns: number;
    readonly rpc: number;
    readonly grpc: number;
  };
  readonly httpAddrs: readonly ListenAddress[];
  readonly httpsAddrs: readonly ListenAddress[];
  readonly dnsAddrs: readonly ListenAddress[];
  readonly cliRpcAddrs: readonly ListenAddress[];

  readonly startJoin: readonly string[];
  readonly startJoinWan: readonly string[];
  readonly retryJoin: readonly string[];
  readonly retryJoinWan: readonly string[];
  readonly retryIntervalMs: number;
  readonly retryMax: number;
  readonly retryIntervalWanMs: number;
  readonly retryMaxWan: number;
  readonly rejoinAfterLeave: boolean;
  readonly leaveOnTerminate: boolean;
  readonly skipLeaveOnInterrupt: boolean;
  readonly reconnectTimeoutLanMs: number;
  readonly reconnectTimeoutWanMs: number;

  /** Gossip key, base64, or "". */
  readonly encrypt: string;
  readonly encryptVerifyIncoming: boolean;
  readonly encryptVerifyOutgoing: boolean;

  readonly logLevel: LogLevel;
  readonly logJson: boolean;
  readonly logFile: string;
  readonly enableSyslog: boolean;
  readonly enableDebug: boolean;

  readonly services: readonly ServiceDefinition[];
  readonly checks: readonly CheckDefinition[];
  readonly enableLocalScriptChecks: boolean;
  readonly enableRemoteScriptChecks: boolean;
  readonly disableRemoteExec: boolean;
  readonly checkUpdateIntervalMs: number;
  readonly checkOutputMaxSize: number;
  readonly discardCheckOutput: boolean;
  readonly sessionTtlMinMs: number;
  readonly disableCoordinates: boolean;
  readonly translateWanAddrs: boolean;
  readonly defaultQueryTimeMs: number;
  readonly maxQueryTimeMs: number;
  readonly discoveryMaxStaleMs: number;
  readonly dns: DnsConfig;
  readonly recursors: readonly string[];
  readonly httpResponseHeaders: ReadonlyMap<string, string>;
  readonly httpBlockEndpoints: readonly string[];
  /** CIDRs that may write over HTTP; empty: all. */
  readonly allowWriteHttpFrom: readonly string[];
  readonly uiEnabled: boolean;
  readonly uiContentPath: string;
  readonly uiDir: string;

  readonly limits: {
    readonly httpMaxConnsPerClient: number;
    readonly rpcMaxConnsPerClient: number;
    readonly rpcHandshakeTimeoutMs: number;
    /** Requests a second from this agent to servers; Infinity = no limit. */
    readonly rpcRate: number;
    readonly rpcMaxBurst: number;
    readonly kvMaxValueSize: number;
    readonly txnMaxReqLen: number;
  };
  readonly performance: { readonly raftMultiplier: number; readonly leaveDrainTimeMs: number; readonly rpcHoldTimeoutMs: number };
  readonly raft: { readonly protocol: number; readonly snapshotThreshold: number; readonly snapshotIntervalMs: number; readonly trailingLogs: number };
  /** Raft and gossip timing overrides of -dev. */
  readonly devTimings: boolean;
  readonly autopilot: {
    readonly cleanupDeadServers: boolean;
    readonly lastContactThresholdMs: number;
    readonly maxTrailingLogs: number;
    readonly minQuorum: number;
    readonly serverStabilizationTimeMs: number;
  };
  readonly unixSockets: { readonly user: string; readonly group: string; readonly mode: string };

  /** Lines to print or log about the configuration ("BootstrapExpect Mode is specified as 1; ..."). */
  readonly warnings: readonly string[];
  /** Whole resolved configuration for /v1/agent/self DebugConfig, secrets as "hidden". */
  readonly debug: ReadonlyMap<string, unknown>;
}
