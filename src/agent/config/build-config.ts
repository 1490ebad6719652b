/**
 * From a command line to the configuration an agent runs with: sources read and decoded, laid over the defaults, checked, and
 * resolved. Pure but for the file system that it is handed. Order of sources and of complaints as observed in Consul 1.8.7.
 */
import { isIP } from "node:net";
import { parseLogLevel } from "../../ports/log.ts";
import { AddressReader, isAny, isLoopback, type Listeners, listeners, portsOf } from "./addresses.ts";
import { debugConfig } from "./debug-config.ts";
import { type DecodedSource, decodeSource, type Place } from "./decode.ts";
import { toCheckDefinition, toServiceDefinition } from "./definitions.ts";
import { DEV } from "./dev.ts";
import { ConfigError, type Diagnostic } from "./diagnostic.ts";
import type { Source } from "./document.ts";
import { type AgentFlags, flagSources } from "./flags.ts";
import { Issues } from "./issues.ts";
import { defaults, merge } from "./merge.ts";
import type { RuntimeConfig } from "./runtime-config.ts";
import type { MergedConfig } from "./schema.ts";
import { aclConfig, dnsConfig, gossipConfig, msOf, telemetryConfig, tlsConfig } from "./sections.ts";
import type { HostNetwork } from "./sockaddr/interface-address.ts";
import { type ConfigFiles, readSources } from "./sources.ts";
import { validate } from "./validate.ts";
import { validateDefinitions } from "./validate-definitions.ts";
import { type WithoutEffect, withoutEffect } from "./without-effect.ts";

/** What a configuration needs of the machine. `host.ts` has the real one. */
export interface ConfigHost {
  readonly files: ConfigFiles;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly hostname: string;
  readonly network: HostNetwork;
  /** Most file descriptors of this process; Infinity where unknown. */
  readonly fileDescriptorsMax: number;
}

/** Everything right, or an error that explains all that is wrong. */
export function buildConfig(
  flags: AgentFlags,
  host: ConfigHost,
): { readonly config: RuntimeConfig } | ConfigError {
  try {
    return { config: build(flags, host) };
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
}

function build(flags: AgentFlags, host: ConfigHost): RuntimeConfig {
  const { configFormat } = flags;
  if (configFormat !== "" && configFormat !== "json" && configFormat !== "hcl")
    throw new ConfigError("config: -config-format must be either 'hcl' or 'json'");
  const { sources, warnings } = readSources(
    flags.configPaths,
    configFormat === "" ? undefined : configFormat,
    host.files,
  );
  const files = decodeAll(sources);
  const fragments = decodeAll(
    flags.hcl.map((text, i): Source => ({ name: `flags-${i}.hcl`, text, format: "hcl" })),
  );
  const fromFlags = flagSources(flags);
  const decoded = [...files, ...fragments];
  const baseline = [defaults(), ...(flags.dev ? [DEV] : [])];
  const merged = merge([
    ...baseline,
    fromFlags.lists,
    ...files.map((d) => d.input),
    fromFlags.values,
    ...fragments.map((d) => d.input),
  ]);
  const places = new Map<string, Place>(decoded.flatMap((d) => [...d.places]));
  const issues = new Issues(places);
  for (const p of [...fromFlags.problems, ...decoded.flatMap((d) => d.problems)]) issues.problem(p);
  const settings = modern(merged);
  const inert = withoutEffect(settings, modern(merge(baseline)));
  const said = [...inert.warnings, ...warnings, ...decoded.flatMap((d) => d.warnings)];
  const definitionPlace = (definition: object): Place | undefined =>
    decoded.map((d) => d.objectPlaces.get(definition)).find((p) => p !== undefined);
  return resolve(
    settings,
    flags,
    host,
    issues,
    { refusals: inert.refusals, warnings: said },
    definitionPlace,
  );
}

/** All sources; when several are wrong, the first one's sentence and the places of all. */
function decodeAll(sources: readonly Source[]): readonly DecodedSource[] {
  const decoded: DecodedSource[] = [];
  const errors: ConfigError[] = [];
  for (const source of sources)
    try {
      decoded.push(decodeSource(source));
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      errors.push(error);
    }
  const [first] = errors;
  if (first === undefined) return decoded;
  const diagnostics: Diagnostic[] = errors.flatMap((e) => [...e.diagnostics]);
  throw new ConfigError(first.message, diagnostics);
}

/** Old keys count where the new ones are not set. */
function modern(c: MergedConfig): MergedConfig {
  const t = c.telemetry;
  const tokens = c.acl.tokens;
  return {
    ...c,
    recursors: c.recursor === undefined || c.recursor === "" ? c.recursors : [c.recursor, ...c.recursors],
    primary_datacenter: c.primary_datacenter ?? c.acl_datacenter,
    http_config: {
      ...c.http_config,
      response_headers: c.http_config.response_headers ?? c.http_api_response_headers,
    },
    telemetry: {
      ...t,
      statsite_address: t.statsite_address ?? c.statsite_addr,
      statsd_address: t.statsd_address ?? c.statsd_addr,
      dogstatsd_addr: t.dogstatsd_addr ?? c.dogstatsd_addr,
      dogstatsd_tags: t.dogstatsd_tags.length > 0 ? t.dogstatsd_tags : (c.dogstatsd_tags ?? []),
      disable_hostname: t.disable_hostname || (c.disable_hostname ?? false),
      metrics_prefix:
        t.metrics_prefix === "consul" ? (c.statsite_prefix ?? t.metrics_prefix) : t.metrics_prefix,
    },
    acl: {
      ...c.acl,
      enabled: c.acl.enabled || (c.acl_datacenter ?? "") !== "",
      default_policy:
        c.acl.default_policy === "allow" ? (c.acl_default_policy ?? "allow") : c.acl.default_policy,
      down_policy:
        c.acl.down_policy === "extend-cache" ? (c.acl_down_policy ?? "extend-cache") : c.acl.down_policy,
      token_ttl: c.acl_ttl ?? c.acl.token_ttl,
      enable_key_list_policy: c.acl.enable_key_list_policy || (c.acl_enable_key_list_policy ?? false),
      enable_token_replication:
        c.acl.enable_token_replication || c.enable_acl_replication || (c.acl_replication_token ?? "") !== "",
      tokens: {
        ...tokens,
        master: tokens.master ?? c.acl_master_token,
        replication: tokens.replication ?? c.acl_replication_token,
        agent_master: tokens.agent_master ?? c.acl_agent_master_token,
        default: tokens.default ?? c.acl_token,
        agent: tokens.agent ?? c.acl_agent_token,
      },
    },
    ui: c.ui || (c.ui_config.enabled ?? false),
    ui_dir: c.ui_dir ?? c.ui_config.dir,
    ui_content_path: c.ui_config.content_path ?? c.ui_content_path,
  };
}

function resolve(
  c: MergedConfig,
  flags: AgentFlags,
  host: ConfigHost,
  issues: Issues,
  said: WithoutEffect,
  definitionPlace: (definition: object) => Place | undefined,
): RuntimeConfig {
  const warnings: string[] = [];
  const read = new AddressReader(host.network, issues);
  const addresses = resolveAddresses(c, read, issues);
  const ports = portsOf(c, issues);
  const heard = listeners(c, ports, addresses.clientAddrs, read, issues);
  const services = (c.services ?? []).map((input) => ({ input, definition: toServiceDefinition(input) }));
  const checks = (c.checks ?? []).map((input) => ({ input, definition: toCheckDefinition(input) }));
  const nodeName = (c.node_name ?? host.hostname).trim();
  const datacenter = c.datacenter.toLowerCase();
  const commands = commandSwitches(c, heard);
  const local = { enabled: c.enable_local_script_checks || c.enable_script_checks === true };
  const server = c.server;

  const config: Omit<RuntimeConfig, "debug" | "warnings"> = {
    nodeName,
    nodeId: (c.node_id ?? "").toLowerCase(),
    nodeMeta: c.node_meta ?? new Map(),
    datacenter,
    primaryDatacenter: (c.primary_datacenter ?? "").toLowerCase() || datacenter,
    domain: dotted(c.domain),
    altDomain: c.alt_domain === undefined || c.alt_domain === "" ? "" : dotted(c.alt_domain),
    server,
    bootstrap: c.bootstrap || c.bootstrap_expect === 1,
    bootstrapExpect: c.bootstrap_expect === 1 ? 0 : c.bootstrap_expect,
    nonVotingServer: false,
    devMode: flags.dev,
    dataDir: flags.dev ? undefined : (c.data_dir ?? ""),
    pidFile: c.pid_file ?? "",
    sidecarPorts: { min: c.ports.sidecar_min_port, max: c.ports.sidecar_max_port },
    ...addresses,
    serfLanAllowedCidrs: c.serf_lan_allowed_cidrs,
    serfWanAllowedCidrs: c.serf_wan_allowed_cidrs,
    ports,
    httpAddrs: heard.http,
    httpsAddrs: heard.https,
    dnsAddrs: heard.dns,
    cliRpcAddrs: heard.rpc,
    grpcAddrs: heard.grpc,
    startJoin: c.start_join,
    startJoinWan: c.start_join_wan,
    retryJoin: joinAddresses(c.retry_join, "retry_join", read),
    retryJoinWan: joinAddresses(c.retry_join_wan, "retry_join_wan", read),
    retryIntervalMs: msOf(c.retry_interval),
    retryMax: c.retry_max,
    retryIntervalWanMs: msOf(c.retry_interval_wan),
    retryMaxWan: c.retry_max_wan,
    rejoinAfterLeave: c.rejoin_after_leave,
    leaveOnTerminate: c.leave_on_terminate ?? !server,
    skipLeaveOnInterrupt: c.skip_leave_on_interrupt ?? server,
    reconnectTimeoutLanMs: msOf(c.reconnect_timeout),
    reconnectTimeoutWanMs: msOf(c.reconnect_timeout_wan),
    encrypt: c.encrypt ?? "",
    encryptVerifyIncoming: c.encrypt_verify_incoming,
    encryptVerifyOutgoing: c.encrypt_verify_outgoing,
    disableKeyringFile: c.disable_keyring_file,
    disableHostNodeId: c.disable_host_node_id,
    logLevel: parseLogLevel(c.log_level) ?? "info",
    logJson: c.log_json,
    logFile: c.log_file ?? "",
    logRotateBytes: c.log_rotate_bytes,
    logRotateDurationMs: msOf(c.log_rotate_duration),
    logRotateMaxFiles: c.log_rotate_max_files,
    enableSyslog: c.enable_syslog,
    syslogFacility: c.syslog_facility,
    enableDebug: c.enable_debug,
    services: services.map((s) => s.definition),
    checks: checks.map((s) => s.definition),
    enableLocalScriptChecks: local.enabled,
    enableRemoteScriptChecks: commands.scripts,
    disableRemoteExec: !commands.exec,
    commandSwitches: {
      remoteExecReason: commands.execReason,
      remoteScriptChecksReason: commands.scriptsReason,
    },
    checkUpdateIntervalMs: msOf(c.check_update_interval),
    checkOutputMaxSize: c.check_output_max_size,
    discardCheckOutput: c.discard_check_output,
    sessionTtlMinMs: msOf(c.session_ttl_min) || 10_000,
    disableCoordinates: c.disable_coordinates,
    translateWanAddrs: c.translate_wan_addrs,
    defaultQueryTimeMs: msOf(c.default_query_time),
    maxQueryTimeMs: msOf(c.max_query_time),
    discoveryMaxStaleMs: msOf(c.discovery_max_stale),
    dns: dnsConfig(c),
    recursors: recursors(c, read, issues),
    httpResponseHeaders: c.http_config.response_headers ?? new Map(),
    httpBlockEndpoints: c.http_config.block_endpoints,
    allowWriteHttpFrom: c.http_config.allow_write_http_from,
    httpUseCache: c.http_config.use_cache,
    disableHttpUnprintableCharFilter: c.disable_http_unprintable_char_filter,
    disableKvKeyValidation: c.disable_kv_key_validation,
    uiEnabled: c.ui || (c.ui_dir ?? "") !== "",
    uiContentPath: `/${c.ui_content_path.replace(/^\/+|\/+$/g, "")}/`.replace(/^\/\/$/, "/"),
    uiDir: c.ui_dir ?? "",
    tls: tlsConfig(c, nodeName),
    acl: aclConfig(c),
    telemetry: telemetryConfig(c, warnings),
    gossipLan: gossipConfig(c.gossip_lan),
    gossipWan: gossipConfig(c.gossip_wan),
    watches: c.watches ?? [],
    connect: {
      enabled: c.connect.enabled || c.auto_encrypt.allow_tls,
      caProvider: c.connect.ca_provider,
      caConfig: c.connect.ca_config ?? {},
      meshGatewayWanFederation: c.connect.enable_mesh_gateway_wan_federation,
    },
    autoEncrypt: {
      tls: c.auto_encrypt.tls,
      allowTls: c.auto_encrypt.allow_tls,
      dnsSan: c.auto_encrypt.dns_san,
      ipSan: c.auto_encrypt.ip_san,
    },
    configEntryBootstrap: listOf(c.config_entries.bootstrap),
    enableCentralServiceConfig: c.enable_central_service_config,
    primaryGateways: joinAddresses(c.primary_gateways, "primary_gateways", read),
    primaryGatewaysIntervalMs: msOf(c.primary_gateways_interval),
    cache: {
      entryFetchMaxBurst: c.cache.entry_fetch_max_burst,
      entryFetchRate: c.cache.entry_fetch_rate ?? Number.POSITIVE_INFINITY,
    },
    autoReloadConfig: c.auto_reload_config,
    limits: {
      httpMaxConnsPerClient: c.limits.http_max_conns_per_client,
      rpcMaxConnsPerClient: c.limits.rpc_max_conns_per_client,
      rpcHandshakeTimeoutMs: msOf(c.limits.rpc_handshake_timeout),
      httpsHandshakeTimeoutMs: msOf(c.limits.https_handshake_timeout),
      rpcClientTimeoutMs: msOf(c.limits.rpc_client_timeout),
      rpcRate: c.limits.rpc_rate < 0 ? Number.POSITIVE_INFINITY : c.limits.rpc_rate,
      rpcMaxBurst: c.limits.rpc_max_burst,
      kvMaxValueSize: c.limits.kv_max_value_size,
      txnMaxReqLen: c.limits.txn_max_req_len,
    },
    performance: {
      raftMultiplier: c.performance.raft_multiplier,
      leaveDrainTimeMs: msOf(c.performance.leave_drain_time),
      rpcHoldTimeoutMs: msOf(c.performance.rpc_hold_timeout),
    },
    protocol: c.protocol,
    raft: {
      protocol: c.raft_protocol,
      snapshotThreshold: c.raft_snapshot_threshold,
      snapshotIntervalMs: msOf(c.raft_snapshot_interval),
      trailingLogs: c.raft_trailing_logs,
    },
    devTimings: flags.dev,
    autopilot: {
      cleanupDeadServers: c.autopilot.cleanup_dead_servers,
      lastContactThresholdMs: msOf(c.autopilot.last_contact_threshold),
      maxTrailingLogs: c.autopilot.max_trailing_logs,
      minQuorum: c.autopilot.min_quorum,
      serverStabilizationTimeMs: msOf(c.autopilot.server_stabilization_time),
    },
    unixSockets: {
      user: c.unix_sockets.user ?? "",
      group: c.unix_sockets.group ?? "",
      mode: c.unix_sockets.mode ?? "",
    },
  };

  validate(c, { config, flags, host, listeners: heard, issues, warnings });
  validateDefinitions(services, checks, config, issues, definitionPlace);
  for (const { key, text, hint } of said.refusals) issues.add(text, key, hint);
  const error = issues.error();
  if (error !== undefined) throw error;
  const all = [...warnings, ...said.warnings];
  const whole: RuntimeConfig = { ...config, warnings: all, debug: new Map() };
  return { ...whole, debug: debugConfig(whole) };
}

const dotted = (domain: string): string => (domain.endsWith(".") ? domain : `${domain}.`);
const listOf = (value: unknown): readonly unknown[] =>
  Array.isArray(value) ? value : value === undefined ? [] : [value];

type Addresses = Pick<
  RuntimeConfig,
  | "bindAddr"
  | "advertiseAddr"
  | "advertiseAddrWan"
  | "taggedAddresses"
  | "serfLanBindAddr"
  | "serfWanBindAddr"
  | "clientAddrs"
>;

function resolveAddresses(c: MergedConfig, read: AddressReader, issues: Issues): Addresses {
  const bindAddr = read.bind(c.bind_addr);
  const oldAdvertise = c.advertise_addrs;
  const given =
    read.single(c.advertise_addr, "advertise_addr") ||
    ipOf(oldAdvertise?.serf_lan) ||
    ipOf(oldAdvertise?.rpc) ||
    read.single(c.advertise_addr_ipv4, "advertise_addr_ipv4") ||
    read.single(c.advertise_addr_ipv6, "advertise_addr_ipv6");
  if (isAny(given))
    issues.add(
      "Advertise address cannot be 0.0.0.0, :: or [::]",
      "advertise_addr",
      "give an address that other agents can reach",
    );
  const advertiseAddr = given === "" ? read.advertised(bindAddr) : given;
  const advertiseAddrWan =
    read.single(c.advertise_addr_wan, "advertise_addr_wan") || ipOf(oldAdvertise?.serf_wan) || advertiseAddr;
  if (isAny(advertiseAddrWan))
    issues.add("Advertise WAN address cannot be 0.0.0.0, :: or [::]", "advertise_addr_wan");
  const family = (
    key:
      | "advertise_addr_ipv4"
      | "advertise_addr_ipv6"
      | "advertise_addr_wan_ipv4"
      | "advertise_addr_wan_ipv6",
    fallback: string,
  ): string => {
    const wanted = key.endsWith("4") ? 4 : 6;
    const ip = read.single(c[key], key);
    if (ip !== "" && isIP(ip) !== wanted) issues.add(`${key} must be an ipv${wanted} address`, key);
    return ip !== "" ? ip : isIP(fallback) === wanted ? fallback : "";
  };
  const tagged = new Map(c.tagged_addresses ?? []);
  const tag = (name: string, value: string): void => {
    if (value !== "") tagged.set(name, value);
  };
  tag("lan", advertiseAddr);
  tag("lan_ipv4", family("advertise_addr_ipv4", advertiseAddr));
  tag("lan_ipv6", family("advertise_addr_ipv6", advertiseAddr));
  tag("wan", advertiseAddrWan);
  tag("wan_ipv4", family("advertise_addr_wan_ipv4", advertiseAddrWan));
  tag("wan_ipv6", family("advertise_addr_wan_ipv6", advertiseAddrWan));
  return {
    bindAddr,
    advertiseAddr,
    advertiseAddrWan,
    taggedAddresses: tagged,
    serfLanBindAddr: read.single(c.serf_lan, "serf_lan") || bindAddr,
    serfWanBindAddr: read.single(c.serf_wan, "serf_wan") || bindAddr,
    clientAddrs: read.list(c.client_addr, "client_addr"),
  };
}

/** The IP of `ip:port`. */
function ipOf(text: string | undefined): string {
  if (text === undefined || text === "") return "";
  const m = /^\[(.*)\](?::\d+)?$/.exec(text) ?? /^([^:]*)(?::\d+)?$/.exec(text);
  return m === null ? text : m[1]!;
}

/** Plain addresses with their templates filled in; `provider=` forms stay as they are. */
function joinAddresses(list: readonly string[], key: string, read: AddressReader): readonly string[] {
  return list.flatMap((text) => (text.includes("{{") ? read.words(text, key) : [text]));
}

function recursors(c: MergedConfig, read: AddressReader, issues: Issues): readonly string[] {
  const out = c.recursors.flatMap((text) => read.words(text, "recursors"));
  for (const r of out) {
    if (r.startsWith("unix://")) issues.add(`DNS Recursors cannot be unix sockets: ${r}`, "recursors");
    if (isAny(ipOf(r))) issues.add("DNS recursor address cannot be 0.0.0.0, :: or [::]", "recursors");
  }
  return [...new Set(out)];
}

interface Commands {
  readonly exec: boolean;
  readonly execReason: string;
  readonly scripts: boolean;
  readonly scriptsReason: string;
}

/** Running commands by `exec` and script checks by API: on while nobody but this machine reaches HTTP, else as configured. */
function commandSwitches(c: MergedConfig, heard: Listeners): Commands {
  const open = [...heard.http, ...heard.https].find((a) => !isLoopback(a.host));
  const why = open === undefined ? "HTTP on loopback only" : `HTTP on ${open.host}`;
  const byConfig = "by configuration";
  return {
    exec: c.disable_remote_exec === undefined ? open === undefined : !c.disable_remote_exec,
    execReason: c.disable_remote_exec === undefined ? why : byConfig,
    scripts: c.enable_script_checks ?? open === undefined,
    scriptsReason: c.enable_script_checks === undefined ? why : byConfig,
  };
}
