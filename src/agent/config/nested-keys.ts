/** Keys of the nested objects of the configuration. Names, types and defaults observed in Consul 1.8.7, later ones from its documentation. */
import {
  bool,
  dur,
  durMap,
  float,
  free,
  int,
  type Keys,
  listMap,
  obj,
  objs,
  str,
  strMap,
  strs,
} from "./key.ts";

const E = { enterprise: true } as const;
const R = { reload: true } as const;
const I = { inert: true } as const;
const RI = { reload: true, inert: true } as const;

export const ACL_KEYS = {
  enabled: bool("turns access control on", false, I),
  default_policy: str("what a token without rules may do: allow or deny", "allow", I),
  down_policy: str(
    "what to do when no server answers: allow, deny, extend-cache, async-cache",
    "extend-cache",
    I,
  ),
  token_ttl: dur("how long tokens are cached", "30s", I),
  policy_ttl: dur("how long policies are cached", "30s", I),
  role_ttl: dur("how long roles are cached", "0s", I),
  disabled_ttl: dur("fixed at 120s", { fixed: true }),
  enable_key_list_policy: bool("listing keys needs the right to list", false, I),
  enable_token_replication: bool("replicate tokens from the primary datacenter", false, I),
  enable_token_persistence: bool("keep tokens set by API across restarts", false, I),
  msp_disable_bootstrap: bool("Consul Enterprise", E),
  tokens: obj("tokens that the agent uses", {
    master: str("first management token, created by the servers", {
      secret: true,
      aliases: ["initial_management"],
      inert: true,
    }),
    replication: str("token for replication", { secret: true, reload: true, inert: true }),
    agent_master: str("token for this agent's API while no server answers", {
      secret: true,
      reload: true,
      aliases: ["agent_recovery"],
      inert: true,
    }),
    default: str("token of requests that carry none", { secret: true, reload: true }),
    agent: str("token of the agent's own work", { secret: true, reload: true }),
    config_file_registration: str("token of registrations from files", {
      secret: true,
      reload: true,
      inert: true,
    }),
    dns: str("token of DNS requests", { secret: true, reload: true, inert: true }),
    managed_service_provider: objs("Consul Enterprise", { accessor_id: str(""), secret_id: str("") }, E),
  }),
} as const satisfies Keys;

export const ADDRESSES_KEYS = {
  dns: str("addresses of DNS; default client_addr"),
  http: str("addresses of HTTP; default client_addr"),
  https: str("addresses of HTTPS; default client_addr", I),
  grpc: str("addresses of gRPC; default client_addr", I),
  grpc_tls: str("addresses of gRPC over TLS; default client_addr", I),
  rpc: str("addresses of the command-line protocol on port 8400; default client_addr"),
} as const satisfies Keys;

export const PORTS_KEYS = {
  dns: int("DNS, UDP and TCP", 8600, { flag: "dns-port" }),
  http: int("HTTP API", 8500, { flag: "http-port" }),
  https: int("HTTPS API", -1, { flag: "https-port", inert: true }),
  grpc: int("gRPC for proxies", -1, { flag: "grpc-port", inert: true }),
  grpc_tls: int("gRPC over TLS", -1, { flag: "grpc-tls-port", inert: true }),
  serf_lan: int("gossip in the datacenter, UDP and TCP", 8301, { flag: "serf-lan-port" }),
  serf_wan: int("gossip between datacenters, UDP and TCP", 8302, { flag: "serf-wan-port" }),
  server: int("RPC between agents and servers", 8300, { flag: "server-port" }),
  rpc: int("the command-line protocol of Consul 0.6", 8400, { flag: "rpc-port" }),
  proxy_min_port: int("first port given to managed proxies", 20000, I),
  proxy_max_port: int("last port given to managed proxies", 20255, I),
  sidecar_min_port: int("first port given to sidecars", 21000),
  sidecar_max_port: int("last port given to sidecars", 21255),
  expose_min_port: int("first port given to exposed checks", 21500, I),
  expose_max_port: int("last port given to exposed checks", 21755, I),
} as const satisfies Keys;

export const AUTO_ENCRYPT_KEYS = {
  tls: bool("clients: fetch a certificate from the servers", false, I),
  allow_tls: bool("servers: give certificates to clients", false, I),
  dns_san: strs("further DNS names in the certificate", [], I),
  ip_san: strs("further addresses in the certificate", [], I),
} as const satisfies Keys;

export const AUTO_CONFIG_KEYS = {
  enabled: bool("fetch the configuration from the servers", false, I),
  intro_token: str("token that introduces this agent", { secret: true, inert: true }),
  intro_token_file: str("file with that token", I),
  server_addresses: strs("servers to ask", [], I),
  dns_sans: strs("further DNS names in the certificate", [], I),
  ip_sans: strs("further addresses in the certificate", [], I),
  authorization: obj("servers: whom to answer", {
    enabled: bool("answer such requests", false, I),
    static: obj("rules for tokens", {
      claim_assertions: strs("expressions that must hold", [], I),
      allow_reuse: bool("a token may be used more than once", I),
      jwt_supported_algs: strs("signature algorithms", [], I),
      bound_audiences: strs("audiences, one of which must match", [], I),
      claim_mappings: strMap("claims to variables", I),
      list_claim_mappings: strMap("list claims to variables", I),
      oidc_discovery_url: str("OpenID discovery address", I),
      oidc_discovery_ca_cert: str("authority for it", I),
      jwks_url: str("key set address", I),
      jwks_ca_cert: str("authority for it", I),
      jwt_validation_pub_keys: strs("public keys", [], I),
      bound_issuer: str("issuer that must match", I),
      expiration_leeway: dur("tolerance for exp", I),
      not_before_leeway: dur("tolerance for nbf", I),
      clock_skew_leeway: dur("tolerance for clocks", I),
    }),
  }),
} as const satisfies Keys;

export const AUTOPILOT_KEYS = {
  cleanup_dead_servers: bool("remove failed servers when a new one joins", true),
  last_contact_threshold: dur("a server silent for longer is unhealthy", "200ms"),
  max_trailing_logs: int("a server further behind is unhealthy", 250),
  min_quorum: int("servers that are never removed", 0),
  server_stabilization_time: dur("how long a new server must be healthy before it votes", "10s"),
  redundancy_zone_tag: str("Consul Enterprise", E),
  disable_upgrade_migration: bool("Consul Enterprise", E),
  upgrade_version_tag: str("Consul Enterprise", E),
} as const satisfies Keys;

export const CACHE_KEYS = {
  entry_fetch_max_burst: int("fetches of one entry in a burst", 2, RI),
  entry_fetch_rate: float("fetches of one entry a second; default unlimited", RI),
} as const satisfies Keys;

export const CONNECT_KEYS = {
  enabled: bool("service mesh with its certificate authority", false, I),
  ca_provider: str("consul, vault or aws-pca", "consul", I),
  ca_config: free("settings of the authority", I),
  enable_mesh_gateway_wan_federation: bool("other datacenters through mesh gateways only", false, I),
} as const satisfies Keys;

export const DNS_KEYS = {
  allow_stale: bool("any server may answer, not only the leader", true, R),
  a_record_limit: int("most A or AAAA records in an answer; 0: no limit", 0, R),
  disable_compression: bool("write names in full", false, R),
  enable_truncate: bool("set the truncated flag when records were left out", false, R),
  max_stale: dur("an older answer is asked of the leader again", "87600h", R),
  node_ttl: dur("TTL of node answers", "0s", R),
  service_ttl: durMap("TTL of service answers by name, '*' or 'prefix*'", R),
  only_passing: bool("leave out instances in warning too", false, R),
  recursor_timeout: dur("how long a recursor is waited for", "2s", R),
  recursor_strategy: str("sequential or random", "sequential", R),
  udp_answer_limit: int("most records in a UDP answer without EDNS", 3, R),
  enable_additional_node_meta_txt: bool("TXT records with node metadata beside addresses", true, R),
  soa: obj("SOA record, whole seconds", {
    refresh: int("refresh", 3600, R),
    retry: int("retry", 600, R),
    expire: int("expire", 86400, R),
    min_ttl: int("TTL of negative answers", 0, R),
  }),
  use_cache: bool("answer from the agent's cache", false, RI),
  cache_max_age: dur("oldest cached answer", "0s", RI),
  prefer_namespace: bool("Consul Enterprise", E),
} as const satisfies Keys;

const GOSSIP = {
  gossip_interval: dur("time between two rounds of gossip"),
  gossip_nodes: int("nodes told in one round"),
  probe_interval: dur("time between two probes"),
  probe_timeout: dur("time a probe may take"),
  suspicion_mult: int("multiplier of the suspicion time"),
  retransmit_mult: int("multiplier of retransmissions"),
} as const satisfies Keys;
export const GOSSIP_KEYS = GOSSIP;

export const HTTP_KEYS = {
  block_endpoints: strs("path prefixes that answer 403", []),
  allow_write_http_from: strs("networks that may write; none: all", [], { flag: "allow-write-http-from" }),
  response_headers: strMap("headers of every response"),
  use_cache: bool("?cached is honoured", true, I),
  max_header_bytes: int("largest request header", I),
} as const satisfies Keys;

export const LIMITS_KEYS = {
  http_max_conns_per_client: int("open HTTP connections of one address", 200, R),
  https_handshake_timeout: dur("time for a TLS handshake", "5s", I),
  rpc_handshake_timeout: dur("time for the first byte on the RPC port", "5s"),
  rpc_rate: float("requests a second to servers; -1: no limit", -1, R),
  rpc_max_burst: int("requests in a burst to servers", 1000, R),
  rpc_max_conns_per_client: int("open RPC connections of one address", 100),
  rpc_client_timeout: dur("longest time of a request that does not block", "60s", I),
  kv_max_value_size: int("bytes of a KV value", 524288),
  txn_max_req_len: int("bytes of a transaction's body", 524288),
  request_limits: obj("limits of servers", {
    mode: str("disabled, permissive or enforcing", "disabled", I),
    read_rate: float("reads a second; -1: no limit", -1, I),
    write_rate: float("writes a second; -1: no limit", -1, I),
  }),
} as const satisfies Keys;

export const PERFORMANCE_KEYS = {
  leave_drain_time: dur("how long a leaving server still answers", "5s"),
  raft_multiplier: int("scales raft's timeouts, 1 to 10", 5),
  rpc_hold_timeout: dur("how long a request waits for a leader", "7s"),
  grpc_keepalive_timeout: dur("gRPC keepalive", I),
  grpc_keepalive_interval: dur("gRPC keepalive", I),
} as const satisfies Keys;

/** Circonus has no collector here. */
const CIRCONUS = I;
export const TELEMETRY_KEYS = {
  statsite_address: str("statsite, TCP host:port"),
  statsd_address: str("statsd, UDP host:port"),
  dogstatsd_addr: str("DogStatsD, UDP host:port"),
  dogstatsd_tags: strs("tags of every DogStatsD metric", []),
  disable_hostname: bool("leave the host name out of gauges' names", false),
  metrics_prefix: str("first part of metric names", "consul", { aliases: ["statsite_prefix"] }),
  filter_default: bool("pass metrics that no filter names", true),
  prefix_filter: strs("prefixes to pass (+x) or drop (-x)", [], R),
  prometheus_retention_time: dur("how long Prometheus metrics are kept; 0: off", "0s"),
  disable_compat_1_9: bool("accepted, without effect", { aliases: ["disable_compat_1.9"], ignored: true }),
  retry_failed_connection: bool("accepted; sinks that cannot be reached are always tried again", {
    ignored: true,
  }),
  enable_host_metrics: bool("metrics of the host", false, I),
  circonus_api_app: str("", CIRCONUS),
  circonus_api_token: str("", { ...CIRCONUS, secret: true }),
  circonus_api_url: str("", CIRCONUS),
  circonus_broker_id: str("", CIRCONUS),
  circonus_broker_select_tag: str("", CIRCONUS),
  circonus_check_display_name: str("", CIRCONUS),
  circonus_check_force_metric_activation: str("", CIRCONUS),
  circonus_check_id: str("", CIRCONUS),
  circonus_check_instance_id: str("", CIRCONUS),
  circonus_check_search_tag: str("", CIRCONUS),
  circonus_check_tags: str("", CIRCONUS),
  circonus_submission_interval: str("", CIRCONUS),
  circonus_submission_url: str("", CIRCONUS),
} as const satisfies Keys;

export const UNIX_SOCKETS_KEYS = {
  user: str("owner of unix sockets, uid or name", I),
  group: str("group of unix sockets, gid or name", I),
  mode: str("mode of unix sockets, octal"),
} as const satisfies Keys;

export const WATCH_KEYS = {
  type: str(
    "key, keyprefix, services, nodes, service, checks, event, connect_roots, connect_leaf, agent_service",
  ),
  datacenter: str("datacenter to watch"),
  token: str("ACL token", { secret: true }),
  key: str("key of a key watch"),
  prefix: str("prefix of a keyprefix watch"),
  service: str("service of a service or checks watch"),
  service_id: str("instance of an agent_service watch"),
  tag: strs("tags of a service watch"),
  passingonly: bool("service watch: passing instances only"),
  state: str("state of a checks watch"),
  name: str("name of an event watch"),
  args: strs("program and arguments to run"),
  handler: str("command line to run by the shell"),
  handler_type: str("script or http"),
  http_handler_config: obj("request of an http handler", {
    path: str("URL"),
    method: str("request method", "POST"),
    timeout: dur("time for the request", "10s"),
    header: listMap("request headers"),
    tls_skip_verify: bool("accept any certificate"),
  }),
} as const satisfies Keys;

export const UI_KEYS = {
  enabled: bool("serve the web page"),
  dir: str("serve this directory instead of the built-in page"),
  content_path: str("path of the page"),
  metrics_provider: str("source of the page's metrics", I),
  metrics_provider_files: strs("scripts of the page", [], I),
  metrics_provider_options_json: str("options for them", I),
  metrics_proxy: obj("proxy to a metrics server", {
    base_url: str("address", I),
    add_headers: objs("headers", { name: str("name"), value: str("value") }, I),
    path_allowlist: strs("paths", [], I),
  }),
  dashboard_url_templates: strMap("links to dashboards", I),
} as const satisfies Keys;

const TLS_SIDE = {
  ca_file: str("authorities, PEM file", R),
  ca_path: str("authorities, directory of PEM files", R),
  cert_file: str("certificate, PEM file", R),
  key_file: str("key, PEM file", R),
  tls_min_version: str("TLSv1_0, TLSv1_1, TLSv1_2 or TLSv1_3", RI),
  tls_cipher_suites: strs("cipher suites", [], RI),
  verify_incoming: bool("clients must present a certificate", RI),
  verify_outgoing: bool("servers must present a certificate", RI),
  verify_server_hostname: bool("servers must present server.<datacenter>.<domain>", RI),
  use_auto_cert: bool("use the automatic certificate", RI),
} as const satisfies Keys;
export const TLS_KEYS = {
  defaults: obj("for all", TLS_SIDE),
  internal_rpc: obj("for RPC", TLS_SIDE),
  grpc: obj("for gRPC", TLS_SIDE),
  https: obj("for HTTPS", TLS_SIDE),
} as const satisfies Keys;

export const SEGMENT_KEYS = {
  name: str(""),
  bind: str(""),
  port: int(""),
  advertise: str(""),
  rpc_listener: bool(""),
} as const satisfies Keys;
