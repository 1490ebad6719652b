/**
 * The configuration an agent runs with: flags, files and defaults merged, checked and resolved (addresses are IPs, durations
 * milliseconds). Built by build-config.ts; nothing after that reads flags or files again, except a reload, which builds anew.
 */

import type { CheckDefinition, ServiceDefinition } from "../../model/definition.ts";
import type { LogLevel } from "../../ports/log.ts";
import type { WatchInput } from "./schema.ts";

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
  readonly recursorStrategy: string;
  readonly recursorTimeoutMs: number;
  readonly useCache: boolean;
  readonly cacheMaxAgeMs: number;
  readonly soa: {
    readonly refreshS: number;
    readonly retryS: number;
    readonly expireS: number;
    readonly minTtlS: number;
  };
}

/** Why a switch that decides about running commands stands as it does; for the banner. */
export interface CommandSwitches {
  /** "HTTP on loopback only", "HTTP on 10.0.0.1", "configured". */
  readonly remoteExecReason: string;
  readonly remoteScriptChecksReason: string;
}

export interface TlsConfig {
  readonly caFile: string;
  readonly caPath: string;
  readonly certFile: string;
  readonly keyFile: string;
  readonly minVersion: string;
  readonly cipherSuites: readonly string[];
  readonly preferServerCipherSuites: boolean;
  readonly verifyIncoming: boolean;
  readonly verifyIncomingRpc: boolean;
  readonly verifyIncomingHttps: boolean;
  readonly verifyOutgoing: boolean;
  readonly verifyServerHostname: boolean;
  readonly serverName: string;
  readonly useForChecks: boolean;
}

export interface AclConfig {
  readonly enabled: boolean;
  readonly defaultPolicy: string;
  readonly downPolicy: string;
  readonly tokenTtlMs: number;
  readonly policyTtlMs: number;
  readonly roleTtlMs: number;
  readonly enableKeyListPolicy: boolean;
  readonly tokenReplication: boolean;
  readonly tokenPersistence: boolean;
  readonly tokens: {
    readonly master: string;
    readonly replication: string;
    readonly agentMaster: string;
    readonly default: string;
    readonly agent: string;
    readonly configFileRegistration: string;
    readonly dns: string;
  };
}

export interface TelemetryConfig {
  readonly statsiteAddr: string;
  readonly statsdAddr: string;
  readonly dogstatsdAddr: string;
  readonly dogstatsdTags: readonly string[];
  readonly disableHostname: boolean;
  readonly metricsPrefix: string;
  readonly filterDefault: boolean;
  readonly allowedPrefixes: readonly string[];
  readonly blockedPrefixes: readonly string[];
  readonly prometheusRetentionMs: number;
}

/** Gossip timing; undefined where the pool's own default counts. */
export interface GossipConfig {
  readonly gossipIntervalMs: number | undefined;
  readonly gossipNodes: number | undefined;
  readonly probeIntervalMs: number | undefined;
  readonly probeTimeoutMs: number | undefined;
  readonly suspicionMult: number | undefined;
  readonly retransmitMult: number | undefined;
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
  /** CIDRs whose agents may join the pool; empty: all. */
  readonly serfLanAllowedCidrs: readonly string[];
  readonly serfWanAllowedCidrs: readonly string[];
  readonly taggedAddresses: ReadonlyMap<string, string>;
  readonly serfLanBindAddr: string;
  readonly serfWanBindAddr: string;
  /** Ports that sidecars without one are given, first and last; 0 and 0: none. */
  readonly sidecarPorts: { readonly min: number; readonly max: number };
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
  readonly grpcAddrs: readonly ListenAddress[];

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
  readonly disableKeyringFile: boolean;
  readonly disableHostNodeId: boolean;

  readonly logLevel: LogLevel;
  readonly logJson: boolean;
  readonly logFile: string;
  readonly logRotateBytes: number;
  readonly logRotateDurationMs: number;
  /** 0 keeps all, below 0 none. */
  readonly logRotateMaxFiles: number;
  readonly enableSyslog: boolean;
  readonly syslogFacility: string;
  readonly enableDebug: boolean;

  readonly services: readonly ServiceDefinition[];
  readonly checks: readonly CheckDefinition[];
  readonly enableLocalScriptChecks: boolean;
  readonly enableRemoteScriptChecks: boolean;
  readonly disableRemoteExec: boolean;
  readonly commandSwitches: CommandSwitches;
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
  readonly httpUseCache: boolean;
  readonly disableHttpUnprintableCharFilter: boolean;
  readonly disableKvKeyValidation: boolean;
  readonly tls: TlsConfig;
  readonly acl: AclConfig;
  readonly telemetry: TelemetryConfig;
  readonly gossipLan: GossipConfig;
  readonly gossipWan: GossipConfig;
  readonly watches: readonly WatchInput[];
  readonly connect: {
    readonly enabled: boolean;
    readonly caProvider: string;
    readonly caConfig: Readonly<Record<string, unknown>>;
    readonly meshGatewayWanFederation: boolean;
  };
  readonly autoEncrypt: {
    readonly tls: boolean;
    readonly allowTls: boolean;
    readonly dnsSan: readonly string[];
    readonly ipSan: readonly string[];
  };
  readonly configEntryBootstrap: readonly unknown[];
  readonly enableCentralServiceConfig: boolean;
  readonly primaryGateways: readonly string[];
  readonly primaryGatewaysIntervalMs: number;
  readonly cache: { readonly entryFetchMaxBurst: number; readonly entryFetchRate: number };
  readonly autoReloadConfig: boolean;

  readonly limits: {
    readonly httpMaxConnsPerClient: number;
    readonly rpcMaxConnsPerClient: number;
    readonly rpcHandshakeTimeoutMs: number;
    readonly httpsHandshakeTimeoutMs: number;
    readonly rpcClientTimeoutMs: number;
    /** Requests a second from this agent to servers; Infinity = no limit. */
    readonly rpcRate: number;
    readonly rpcMaxBurst: number;
    readonly kvMaxValueSize: number;
    readonly txnMaxReqLen: number;
  };
  readonly performance: {
    readonly raftMultiplier: number;
    readonly leaveDrainTimeMs: number;
    readonly rpcHoldTimeoutMs: number;
  };
  /** Protocol version spoken by gossip and RPC, 2 or 3. */
  readonly protocol: number;
  readonly raft: {
    readonly protocol: number;
    readonly snapshotThreshold: number;
    readonly snapshotIntervalMs: number;
    readonly trailingLogs: number;
  };
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

  /** Sentences about the configuration, printed as `==> WARNING: ` lines before the banner ("BootstrapExpect Mode is specified as 1; ..."). */
  readonly warnings: readonly string[];
  /** Whole resolved configuration for /v1/agent/self DebugConfig, secrets as "hidden". */
  readonly debug: ReadonlyMap<string, unknown>;
}
