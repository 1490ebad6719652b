/** Sections of the configuration that only change their form: DNS, TLS, ACL, telemetry, gossip. */
import type { AclConfig, DnsConfig, GossipConfig, TelemetryConfig, TlsConfig } from "./runtime-config.ts";
import type { MergedConfig } from "./schema.ts";

/** Milliseconds of nanoseconds. */
export const msOf = (ns: bigint): number => Number(ns) / 1e6;

export function dnsConfig(c: MergedConfig): DnsConfig {
  const d = c.dns_config;
  return {
    allowStale: d.allow_stale,
    maxStaleMs: msOf(d.max_stale),
    onlyPassing: d.only_passing,
    nodeTtlMs: msOf(d.node_ttl),
    serviceTtlMs: new Map([...(d.service_ttl ?? [])].map(([name, ttl]) => [name, msOf(ttl)])),
    enableTruncate: d.enable_truncate,
    disableCompression: d.disable_compression,
    udpAnswerLimit: d.udp_answer_limit,
    aRecordLimit: d.a_record_limit,
    nodeMetaTxt: d.enable_additional_node_meta_txt,
    recursorStrategy: d.recursor_strategy,
    recursorTimeoutMs: msOf(d.recursor_timeout),
    useCache: d.use_cache,
    cacheMaxAgeMs: msOf(d.cache_max_age),
    soa: {
      refreshS: d.soa.refresh,
      retryS: d.soa.retry,
      expireS: d.soa.expire,
      minTtlS: d.soa.min_ttl,
    },
  };
}

/** The newer `tls` stanza counts where the old keys are not set. */
export function tlsConfig(c: MergedConfig, nodeName: string): TlsConfig {
  const { defaults: d, internal_rpc: rpc, https } = c.tls;
  const version = (v: string | undefined): string | undefined => v?.replace(/^TLSv1_([0-3])$/, "tls1$1");
  const suites = (c.tls_cipher_suites ?? "")
    .split(",")
    .map((s) => s.trim())
    .filter((s) => s !== "");
  return {
    caFile: c.ca_file ?? rpc.ca_file ?? d.ca_file ?? "",
    caPath: c.ca_path ?? rpc.ca_path ?? d.ca_path ?? "",
    certFile: c.cert_file ?? rpc.cert_file ?? d.cert_file ?? "",
    keyFile: c.key_file ?? rpc.key_file ?? d.key_file ?? "",
    minVersion: version(rpc.tls_min_version ?? d.tls_min_version) ?? c.tls_min_version,
    cipherSuites: suites.length > 0 ? suites : d.tls_cipher_suites,
    preferServerCipherSuites: c.tls_prefer_server_cipher_suites,
    verifyIncoming: c.verify_incoming || (d.verify_incoming ?? false),
    verifyIncomingRpc: c.verify_incoming_rpc || (rpc.verify_incoming ?? false),
    verifyIncomingHttps: c.verify_incoming_https || (https.verify_incoming ?? false),
    verifyOutgoing:
      c.verify_outgoing || c.verify_server_hostname || (rpc.verify_outgoing ?? d.verify_outgoing ?? false),
    verifyServerHostname:
      c.verify_server_hostname || (rpc.verify_server_hostname ?? d.verify_server_hostname ?? false),
    serverName: c.server_name ?? nodeName,
    useForChecks: c.enable_agent_tls_for_checks,
  };
}

export function aclConfig(c: MergedConfig): AclConfig {
  const { acl } = c;
  return {
    enabled: acl.enabled,
    defaultPolicy: acl.default_policy,
    downPolicy: acl.down_policy,
    tokenTtlMs: msOf(acl.token_ttl),
    policyTtlMs: msOf(acl.policy_ttl),
    roleTtlMs: msOf(acl.role_ttl),
    enableKeyListPolicy: acl.enable_key_list_policy,
    tokenReplication: acl.enable_token_replication,
    tokenPersistence: acl.enable_token_persistence,
    tokens: {
      master: acl.tokens.master ?? "",
      replication: acl.tokens.replication ?? "",
      agentMaster: acl.tokens.agent_master ?? "",
      default: acl.tokens.default ?? "",
      agent: acl.tokens.agent ?? "",
      configFileRegistration: acl.tokens.config_file_registration ?? "",
      dns: acl.tokens.dns ?? "",
    },
  };
}

export function telemetryConfig(c: MergedConfig, warnings: string[]): TelemetryConfig {
  const t = c.telemetry;
  const allowed: string[] = [];
  const blocked: string[] = [];
  for (const rule of t.prefix_filter) {
    if (rule === "") warnings.push("Cannot have empty filter rule in prefix_filter");
    else if (rule.startsWith("+")) allowed.push(rule.slice(1));
    else if (rule.startsWith("-")) blocked.push(rule.slice(1));
    else warnings.push(`Filter rule must begin with either '+' or '-': "${rule}"`);
  }
  return {
    statsiteAddr: t.statsite_address ?? "",
    statsdAddr: t.statsd_address ?? "",
    dogstatsdAddr: t.dogstatsd_addr ?? "",
    dogstatsdTags: t.dogstatsd_tags,
    disableHostname: t.disable_hostname,
    metricsPrefix: t.metrics_prefix,
    filterDefault: t.filter_default,
    allowedPrefixes: allowed,
    blockedPrefixes: blocked,
    prometheusRetentionMs: msOf(t.prometheus_retention_time),
  };
}

export function gossipConfig(g: MergedConfig["gossip_lan"]): GossipConfig {
  const time = (ns: bigint | undefined): number | undefined => (ns === undefined ? undefined : msOf(ns));
  return {
    gossipIntervalMs: time(g.gossip_interval),
    gossipNodes: g.gossip_nodes,
    probeIntervalMs: time(g.probe_interval),
    probeTimeoutMs: time(g.probe_timeout),
    suspicionMult: g.suspicion_mult,
    retransmitMult: g.retransmit_mult,
  };
}
