/** Rules about a whole configuration, in the order in which Consul 1.8.7 applies them, with its texts; then the warnings. */
import { parseLogLevel } from "../../ports/log.ts";
import { metaError } from "../service-definition.ts";
import { parseCollectorAddress } from "../telemetry/collector-address.ts";
import { clashes, type Listeners } from "./addresses.ts";
import type { ConfigHost } from "./build-config.ts";
import type { AgentFlags } from "./flags.ts";
import type { Issues } from "./issues.ts";
import type { ListenAddress, RuntimeConfig } from "./runtime-config.ts";
import type { MergedConfig } from "./schema.ts";
import { parseCidr } from "./sockaddr/interface-address.ts";

export interface ValidationInput {
  readonly config: Omit<RuntimeConfig, "debug" | "warnings">;
  readonly flags: AgentFlags;
  readonly host: ConfigHost;
  readonly listeners: Listeners;
  readonly issues: Issues;
  /** Grows. */
  readonly warnings: string[];
}

export function validate(c: MergedConfig, v: ValidationInput): void {
  names(c, v);
  servers(c, v);
  security(c, v);
  limits(c, v);
  sameAddress(c, v);
  networks(c, v);
  warn(c, v);
}

function names(c: MergedConfig, { config, issues, host }: ValidationInput): void {
  if (!/^[a-z0-9_-]+$/.test(config.datacenter))
    issues.add(
      `datacenter cannot be ${JSON.stringify(config.datacenter)}. Please use only [a-z0-9-_]`,
      "datacenter",
    );
  if (config.dataDir === "")
    issues.add(
      "data_dir cannot be empty",
      "data_dir",
      "give -data-dir DIR or set data_dir (or try -dev, which keeps nothing)",
    );
  else if (config.dataDir !== undefined) {
    const { dataDir } = config;
    let kind: string | undefined;
    try {
      kind = host.files.stat(dataDir).kind;
    } catch {
      // Not there yet: the agent will make it.
    }
    if (kind !== undefined && kind !== "directory")
      issues.add(`data_dir ${JSON.stringify(dataDir)} is not a directory`, "data_dir");
    if (config.server && kind === "directory" && exists(host, `${dataDir}/mdb`))
      issues.add(
        `CRITICAL: Deprecated data folder found at ${JSON.stringify(`${dataDir}/mdb`)}!\nTribune will refuse to boot with this directory present.\nIt was written by Consul 0.5 or older; move it away and restore the data from a snapshot.`,
        "data_dir",
      );
  }
  if (config.nodeName === "") issues.add("node_name cannot be empty", "node_name");
  if (config.nodeId !== "") {
    const why =
      config.nodeId.length !== 36
        ? "uuid string is wrong length"
        : /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/.test(config.nodeId)
          ? undefined
          : "uuid is improperly formatted";
    if (why !== undefined)
      issues.add(
        `failed to setup node ID: specified NodeID is invalid: ${why}`,
        "node_id",
        "write a UUID of 36 characters",
      );
  }
  if (/\b(service|connect|node|query|addr|dc1)$/.test(config.altDomain.split(".")[0] ?? ""))
    issues.add("alt_domain cannot start with {service,connect,node,query,addr,dc1}", "alt_domain");
  if (parseLogLevel(c.log_level) === undefined)
    issues.add(
      `Invalid log level: ${c.log_level}. Valid log levels are: [TRACE DEBUG INFO WARN ERR ERROR]`,
      "log_level",
    );
  const meta = metaError(config.nodeMeta);
  if (meta !== undefined) issues.add(`node_meta invalid: ${meta}`, "node_meta");
}

function exists({ files }: ConfigHost, path: string): boolean {
  try {
    files.stat(path);
    return true;
  } catch {
    return false;
  }
}

function servers(c: MergedConfig, { config, flags, issues }: ValidationInput): void {
  const expect = c.bootstrap_expect;
  if (expect < 0)
    issues.add(
      `bootstrap_expect cannot be ${expect}. Must be greater than or equal to zero`,
      "bootstrap_expect",
    );
  if (c.bootstrap && !c.server)
    issues.add(
      "'bootstrap = true' requires 'server = true'",
      "bootstrap",
      "add -server, or remove bootstrap",
    );
  if (expect > 0 && !c.server)
    issues.add(
      "'bootstrap_expect > 0' requires 'server = true'",
      "bootstrap_expect",
      "add -server, or remove bootstrap_expect",
    );
  if (expect > 0 && flags.dev)
    issues.add("'bootstrap_expect > 0' not allowed in dev mode", "bootstrap_expect");
  if (expect > 0 && c.bootstrap)
    issues.add("'bootstrap_expect > 0' and 'bootstrap = true' are mutually exclusive", "bootstrap_expect");
  if (c.segment !== undefined || c.segments !== undefined)
    issues.add(
      "Network segments are not supported in this version of Consul",
      c.segment !== undefined ? "segment" : "segments",
    );
  if (c.ui && (c.ui_dir ?? "") !== "")
    issues.add(
      "Both the ui and ui-dir flags were specified, please provide only one.\nIf trying to use your own web UI resources, use the ui-dir flag.\nThe web UI is included in the binary so use ui to enable it",
      "ui_dir",
    );
  if (!/^[A-Za-z0-9_/-]*$/.test(c.ui_content_path))
    issues.add(
      `ui-content-path can only contain alphanumeric, -, _, or /. received: ${c.ui_content_path}`,
      "ui_content_path",
    );
  if (/^\/v[0-9]+\/$/.test(config.uiContentPath))
    issues.add(`ui-content-path cannot have 'v[0-9]'. received: ${c.ui_content_path}`, "ui_content_path");
  const rm = config.performance.raftMultiplier;
  if (rm < 1 || rm > 10)
    issues.add(
      `performance.raft_multiplier cannot be ${rm}. Must be between 1 and 10`,
      "performance.raft_multiplier",
    );
  if (config.protocol < 2 || config.protocol > 3)
    issues.add(
      `Failed to start Consul ${config.server ? "server" : "client"}: Protocol version '${config.protocol}' too ${config.protocol < 2 ? "low" : "high"}. Must be in range: [2, 3]`,
      "protocol",
    );
  if (c.primary_gateways.length > 0) {
    if (!config.server) issues.add("'primary_gateways' requires 'server = true'", "primary_gateways");
    if (config.primaryDatacenter === config.datacenter)
      issues.add(
        "'primary_gateways' should only be configured in a secondary datacenter",
        "primary_gateways",
      );
  }
  if (config.connect.meshGatewayWanFederation) {
    const name = "'connect.enable_mesh_gateway_wan_federation = true'";
    const key = "connect.enable_mesh_gateway_wan_federation";
    if (!config.server) issues.add(`${name} requires 'server = true'`, key);
    if (!config.connect.enabled) issues.add(`${name} requires 'connect.enabled=true'`, key);
    if (config.startJoinWan.length > 0)
      issues.add(
        "'start_join_wan' is incompatible with 'connect.enable_mesh_gateway_wan_federation = true'",
        "start_join_wan",
      );
    if (config.retryJoinWan.length > 0)
      issues.add(
        "'retry_join_wan' is incompatible with 'connect.enable_mesh_gateway_wan_federation = true'",
        "retry_join_wan",
      );
    if (config.nodeName.includes("/"))
      issues.add(`${name} requires that 'node_name' not contain '/' characters`, "node_name");
  }
  if (!["consul", "vault", "aws-pca"].includes(config.connect.caProvider))
    issues.add(`${config.connect.caProvider} is not a valid CA provider`, "connect.ca_provider");
}

function security(c: MergedConfig, { config, issues, host }: ValidationInput): void {
  const { tls, acl } = config;
  if (config.encrypt !== "") {
    const bad = [...config.encrypt].findIndex((ch) => !/[A-Za-z0-9+/=]/.test(ch));
    const plain = config.encrypt.replace(/=+$/, "");
    if (bad !== -1 || config.encrypt.length % 4 !== 0)
      issues.add(
        `encrypt has invalid key: illegal base64 data at input byte ${bad === -1 ? plain.length - (plain.length % 4) : bad}`,
        "encrypt",
        "make a key with `keygen`",
      );
    else if (![16, 24, 32].includes(Buffer.from(config.encrypt, "base64").length))
      issues.add(
        "Failed to configure keyring: Invalid key: key size must be 16, 24 or 32 bytes",
        "encrypt",
        "make a key with `keygen`",
      );
  }
  if (!["tls10", "tls11", "tls12", "tls13"].includes(tls.minVersion))
    issues.add(
      `TLSMinVersion: value ${tls.minVersion} not supported, please specify one of [tls10, tls11, tls12, tls13]`,
      "tls_min_version",
    );
  for (const [path, key] of [
    [tls.caFile, "ca_file"],
    [tls.caPath, "ca_path"],
    [tls.certFile, "cert_file"],
    [tls.keyFile, "key_file"],
  ] as const) {
    if (path === "") continue;
    try {
      host.files.stat(path);
    } catch {
      issues.add(`Error loading from ${path}: open ${path}: no such file or directory`, key);
    }
  }
  const hasCa = tls.caFile !== "" || tls.caPath !== "";
  const hasPair = tls.certFile !== "" && tls.keyFile !== "";
  const incoming = tls.verifyIncoming || tls.verifyIncomingRpc || tls.verifyIncomingHttps;
  if (tls.verifyOutgoing && !hasCa && !c.auto_encrypt.tls)
    issues.add("VerifyOutgoing set but no CA certificates were provided", "verify_outgoing");
  if (incoming && !hasCa)
    issues.add("VerifyIncoming set but no CA certificates were provided", "verify_incoming");
  if (incoming && !hasPair && !c.auto_encrypt.tls)
    issues.add("VerifyIncoming set but no Cert/Key pair provided", "verify_incoming");
  const role = config.server ? "server" : "client";
  if (!["allow", "deny"].includes(acl.defaultPolicy))
    issues.add(
      `Failed to start Consul ${role}: Unsupported default ACL policy: ${acl.defaultPolicy}`,
      "acl.default_policy",
    );
  if (!["allow", "deny", "extend-cache", "async-cache"].includes(acl.downPolicy))
    issues.add(
      `Failed to start Consul ${role}: Unsupported down ACL policy: ${acl.downPolicy}`,
      "acl.down_policy",
    );
  autoConfig(c, { config, issues, host });
}

function autoConfig(
  c: MergedConfig,
  { config, issues, host }: Pick<ValidationInput, "config" | "issues" | "host">,
): void {
  const { auto_config: auto } = c;
  const tls = config.tls.verifyOutgoing;
  if (c.auto_encrypt.tls && config.server)
    issues.add("auto_encrypt.tls can only be used on a client.", "auto_encrypt.tls");
  if (c.auto_encrypt.allow_tls && !config.server)
    issues.add("auto_encrypt.allow_tls can only be used on a server.", "auto_encrypt.allow_tls");
  if (c.auto_encrypt.tls && auto.enabled)
    issues.add("both auto_encrypt.tls and auto_config.enabled cannot be set to true.", "auto_config.enabled");
  if (auto.enabled) {
    const key = "auto_config.enabled";
    if (!tls)
      issues.add("auto_config.enabled cannot be set without configuring TLS for server communications", key);
    if (config.server) issues.add("auto_config.enabled cannot be set to true for server agents.", key);
    const intro = auto.intro_token ?? auto.intro_token_file ?? host.env["CONSUL_INTRO_TOKEN"] ?? "";
    if (intro === "")
      issues.add(
        "One of auto_config.intro_token, auto_config.intro_token_file or the CONSUL_INTRO_TOKEN environment variable must be set to enable auto_config",
        key,
      );
    if (auto.server_addresses.length === 0)
      issues.add("auto_config.enabled is set without providing a list of addresses", key);
  }
  if (auto.authorization.enabled) {
    const key = "auto_config.authorization.enabled";
    if (!config.server)
      issues.add("auto_config.authorization.enabled cannot be set to true for client agents", key);
    else if (config.tls.certFile === "")
      issues.add(
        "auto_config.authorization.enabled cannot be set without providing a TLS certificate for the server",
        key,
      );
  }
}

function limits(c: MergedConfig, { config, issues, host }: ValidationInput): void {
  const positive = (value: number, key: string): void => {
    if (value < 0) issues.add(`${key} cannot be ${value}. Must be greater than or equal to zero`, key);
  };
  positive(c.autopilot.max_trailing_logs, "autopilot.max_trailing_logs");
  positive(c.dns_config.udp_answer_limit, "dns_config.udp_answer_limit");
  positive(c.dns_config.a_record_limit, "dns_config.a_record_limit");
  if (config.checkOutputMaxSize < 1)
    issues.add(
      "check_output_max_size must be positive, to discard check output use the discard_check_output flag",
      "check_output_max_size",
    );
  const needed = c.limits.http_max_conns_per_client + 20;
  if (host.fileDescriptorsMax < needed)
    issues.add(
      `system allows a max of ${host.fileDescriptorsMax} file descriptors, but limits.http_max_conns_per_client: ${c.limits.http_max_conns_per_client} needs at least ${needed}`,
      "limits.http_max_conns_per_client",
    );
  if (c.cache.entry_fetch_rate !== undefined && c.cache.entry_fetch_rate <= 0)
    issues.add(
      `cache.entry_fetch_rate must be strictly positive, was: ${c.cache.entry_fetch_rate}`,
      "cache.entry_fetch_rate",
    );
  if (c.cache.entry_fetch_max_burst <= 0)
    issues.add(
      `cache.entry_fetch_max_burst must be strictly positive, was: ${c.cache.entry_fetch_max_burst}`,
      "cache.entry_fetch_max_burst",
    );
  for (const kind of ["proxy", "sidecar", "expose"] as const) {
    const min = c.ports[`${kind}_min_port`];
    const max = c.ports[`${kind}_max_port`];
    if (max < min)
      issues.add(
        `${kind}_min_port must be less than ${kind}_max_port. To disable, set both to zero.`,
        `ports.${kind}_max_port`,
      );
  }
}

function sameAddress(_c: MergedConfig, { config, listeners, issues }: ValidationInput): void {
  const one = (host: string, port: number): readonly ListenAddress[] => (port === -1 ? [] : [{ host, port }]);
  clashes(
    [
      { kind: "DNS", addresses: listeners.dns },
      { kind: "HTTP", addresses: listeners.http },
      { kind: "HTTPS", addresses: listeners.https },
      { kind: "CLI RPC", addresses: listeners.rpc },
      { kind: "RPC Advertise", addresses: one(config.advertiseAddr, config.ports.server) },
      { kind: "Serf Advertise LAN", addresses: one(config.advertiseAddr, config.ports.serfLan) },
      {
        kind: "Serf Advertise WAN",
        addresses: config.server ? one(config.advertiseAddrWan, config.ports.serfWan) : [],
      },
    ],
    issues,
  );
}

function networks(_c: MergedConfig, { config, issues }: ValidationInput): void {
  for (const [list, key] of [
    [config.allowWriteHttpFrom, "http_config.allow_write_http_from"],
    [config.serfLanAllowedCidrs, "serf_lan_allowed_cidrs"],
    [config.serfWanAllowedCidrs, "serf_wan_allowed_cidrs"],
  ] as const)
    for (const cidr of list)
      if (parseCidr(cidr) === undefined)
        issues.value(
          key.startsWith("http")
            ? `allow_write_http_from: invalid cidr: ${cidr}`
            : `${key}: 1 error occurred:\n\t* invalid cidr: ${cidr}\n\n`,
          key,
          'expected networks in CIDR form, as "10.0.0.0/8"',
        );
}

function warn(c: MergedConfig, { config, warnings }: ValidationInput): void {
  const expect = c.bootstrap_expect;
  if (expect === 1)
    warnings.push("BootstrapExpect Mode is specified as 1; this is the same as Bootstrap mode.");
  if (config.bootstrap) warnings.push("Bootstrap mode enabled! Do not enable unless necessary");
  if (expect > 1) {
    if (expect === 2)
      warnings.push("bootstrap_expect = 2: A cluster with 2 servers will provide no failure tolerance.");
    else if (expect % 2 === 0)
      warnings.push(
        "bootstrap_expect is even number: A cluster with an even number of servers does not achieve optimum fault tolerance.",
      );
    warnings.push(`Expect Mode enabled, expecting ${expect} servers`);
  }
  if (!/^[A-Za-z0-9-]{1,63}$/.test(config.nodeName))
    warnings.push(
      `Node name ${JSON.stringify(config.nodeName)} will not be discoverable via DNS due to invalid characters. Valid characters include all alpha-numerics and dashes.`,
    );
  if (c.enable_script_checks === true && !config.acl.enabled && config.allowWriteHttpFrom.length === 0)
    warnings.push(
      "using enable-script-checks without ACLs and without allow_write_http_from is DANGEROUS, use enable-local-script-checks instead",
    );
  for (const [key, address] of [
    ["statsd_address", config.telemetry.statsdAddr],
    ["statsite_address", config.telemetry.statsiteAddr],
    ["dogstatsd_addr", config.telemetry.dogstatsdAddr],
  ] as const)
    if (address !== "" && parseCollectorAddress(address) === undefined)
      warnings.push(`telemetry.${key}: ${JSON.stringify(address)} is not host:port, nothing is sent there`);
  if (config.autoEncrypt.allowTls && !config.tls.verifyIncoming && !config.tls.verifyIncomingRpc)
    warnings.push(
      "if auto_encrypt.allow_tls is turned on, either verify_incoming or verify_incoming_rpc should be enabled. It is necessary to turn it off during a migration to TLS, but it should definitely be turned on afterwards.",
    );
}
