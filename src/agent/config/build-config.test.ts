import assert from "node:assert/strict";
import { posix } from "node:path";
import { test } from "node:test";
import { buildConfig, type ConfigHost } from "./build-config.ts";
import { ConfigError } from "./diagnostic.ts";
import { type AgentFlags, NO_FLAGS } from "./flags.ts";
import type { RuntimeConfig } from "./runtime-config.ts";

/** A host with these files (path to text; a path ending "/" is a directory) and addresses. */
function host(
  files: Readonly<Record<string, string>> = {},
  addresses: readonly string[] = ["192.168.33.11"],
): ConfigHost {
  const missing = (path: string): never => {
    throw Object.assign(new Error(`ENOENT: ${path}`), { code: "ENOENT" });
  };
  return {
    files: {
      stat: (path) => {
        if (Object.hasOwn(files, path)) return { kind: "file", size: files[path]!.length };
        const inside = Object.keys(files).some((f) => f.startsWith(`${path.replace(/\/$/, "")}/`));
        return inside ? { kind: "directory", size: 0 } : missing(path);
      },
      list: (path) =>
        Object.keys(files)
          .filter((f) => posix.dirname(f) === path)
          .map((f) => posix.basename(f)),
      read: (path) => (Object.hasOwn(files, path) ? Buffer.from(files[path]!) : missing(path)),
    },
    env: {},
    hostname: "s1",
    network: {
      addresses: [
        { name: "lo", address: "127.0.0.1", prefix: 8, loopback: true },
        ...addresses.map((address, i) => ({ name: `eth${i}`, address, prefix: 24, loopback: false })),
      ],
      defaultInterface: "eth0",
    },
    fileDescriptorsMax: 65_536,
  };
}

type Values = Readonly<Record<string, boolean | number | string | readonly string[]>>;
const flags = (values: Values, more: Partial<AgentFlags> = {}): AgentFlags => ({
  ...NO_FLAGS,
  ...more,
  values: new Map(Object.entries({ "data-dir": "/data", ...values })),
});

function good(f: AgentFlags, h = host()): RuntimeConfig {
  const result = buildConfig(f, h);
  if (result instanceof ConfigError) assert.fail(result.explain());
  return result.config;
}
function bad(f: AgentFlags, h = host()): ConfigError {
  const result = buildConfig(f, h);
  assert.ok(result instanceof ConfigError, "refused");
  return result;
}
/** A configuration of one HCL text. */
const hcl = (text: string, values: Values = {}, h?: ConfigHost) => good(flags(values, { hcl: [text] }), h);

test("the tutorial's server", () => {
  const c = good(flags({ server: true, "bootstrap-expect": 1, bind: "192.168.33.11" }));
  assert.deepEqual(c.warnings, [
    "BootstrapExpect Mode is specified as 1; this is the same as Bootstrap mode.",
    "Bootstrap mode enabled! Do not enable unless necessary",
  ]);
  assert.equal(c.nodeName, "s1");
  assert.equal(c.bootstrap, true);
  assert.equal(c.advertiseAddr, "192.168.33.11");
  assert.deepEqual(c.ports, {
    dns: 8600,
    http: 8500,
    https: -1,
    grpc: -1,
    serfLan: 8301,
    serfWan: 8302,
    server: 8300,
    rpc: 8400,
  });
  assert.deepEqual(c.httpAddrs, [{ host: "127.0.0.1", port: 8500 }]);
  assert.equal(c.disableRemoteExec, false);
  assert.equal(c.enableLocalScriptChecks, true);
});

test("the tutorial's client with web.json", () => {
  const web =
    '{"service": {"name": "web", "port": 80, "check": {"script": "curl localhost:80 > /dev/null 2>&1", "interval": "15s"}}}';
  const c = good(
    flags({ bind: "192.168.33.21", join: ["192.168.33.11"] }, { configPaths: ["/etc/consul.d"] }),
    host({ "/etc/consul.d/web.json": web }),
  );
  assert.deepEqual(c.warnings, []);
  assert.deepEqual(c.startJoin, ["192.168.33.11"]);
  const [service] = c.services;
  assert.equal(service!.Name, "web");
  assert.equal(service!.Port, 80);
  assert.equal(service!.Checks![0]!.Script, "curl localhost:80 > /dev/null 2>&1");
  assert.equal(service!.Checks![0]!.Interval, 15_000_000_000n);
});

test("order of sources: list flags, files in their order, scalar flags, hcl fragments", () => {
  const c = good(
    flags(
      { datacenter: "flag", "retry-join": ["from-flag"], "node-meta": ["a:flag", "b:flag"] },
      {
        configPaths: ["/b.json", "/dir", "/a.hcl"],
        hcl: ['node_meta { a = "fragment" }', 'log_level = "warn"'],
      },
    ),
    host({
      "/b.json":
        '{"datacenter": "b", "retry_join": ["b"], "domain": "b", "log_level": "err", "node_meta": {"c": "file"}}',
      "/dir/2.json": '{"domain": "dir2", "retry_join": ["dir2"]}',
      "/dir/10.hcl": 'domain = "dir10" retry_join = ["dir10"]',
      "/dir/readme.txt": "not read",
      "/a.hcl": 'alt_domain = "alt" retry_join = ["a"]',
    }),
  );
  assert.equal(c.datacenter, "flag");
  assert.equal(c.domain, "dir2.");
  assert.equal(c.altDomain, "alt.");
  assert.equal(c.logLevel, "warn");
  assert.deepEqual(c.retryJoin, ["from-flag", "b", "dir10", "dir2", "a"]);
  assert.deepEqual([...c.nodeMeta].sort(), [
    ["a", "fragment"],
    ["b", "flag"],
    ["c", "file"],
  ]);
  assert.deepEqual(c.warnings, [
    "skipping file /dir/readme.txt, extension must be .hcl or .json, or config format must be set",
  ]);
});

test("service and services accumulate over files, plural before singular in one", () => {
  const c = good(
    flags({}, { configPaths: ["/a.json", "/b.json"] }),
    host({
      "/a.json": '{"service": {"name": "a1"}, "services": [{"name": "a2"}, {"name": "a3"}]}',
      "/b.json": '{"service": {"name": "b1"}}',
    }),
  );
  assert.deepEqual(
    c.services.map((s) => s.Name),
    ["a2", "a3", "a1", "b1"],
  );
});

test("definitions: Camel case, snake case, 0.6 tag, numbers as durations", () => {
  const text = `{"services": [{"Name": "a", "ID": "a1", "Tag": "x", "EnableTagOverride": true, "Checks": [
    {"Script": "true", "Interval": 10000000000},
    {"HTTP": "http://x/", "Interval": "5s", "Timeout": "1s", "TLSSkipVerify": true, "Header": {"Host": ["h"]}},
    {"TTL": "30s", "DeregisterCriticalServiceAfter": "1h"}]}]}`;
  const [s] = good(flags({}, { configPaths: ["/a.json"] }), host({ "/a.json": text })).services;
  assert.deepEqual([s!.ID, s!.Name, s!.Tags, s!.EnableTagOverride], ["a1", "a", ["x"], true]);
  const [script, http, ttl] = s!.Checks!;
  assert.equal(script!.Interval, 10_000_000_000n);
  assert.deepEqual([http!.HTTP, http!.TLSSkipVerify, http!.Header?.get("Host")], ["http://x/", true, ["h"]]);
  assert.deepEqual([ttl!.TTL, ttl!.DeregisterCriticalServiceAfter], [30_000_000_000n, 3_600_000_000_000n]);
});

test("remote exec and API script checks follow the HTTP addresses, and what is configured wins", () => {
  const loopback = hcl("");
  assert.deepEqual(
    [loopback.disableRemoteExec, loopback.enableRemoteScriptChecks, loopback.enableLocalScriptChecks],
    [false, true, true],
  );
  const open = hcl('client_addr = "0.0.0.0"');
  assert.deepEqual(
    [open.disableRemoteExec, open.enableRemoteScriptChecks, open.enableLocalScriptChecks],
    [true, false, true],
  );
  assert.equal(open.commandSwitches.remoteExecReason, "HTTP on 0.0.0.0");
  const socket = hcl('client_addr = "0.0.0.0" addresses { http = "unix:///run/t.sock 127.0.0.1 ::1" }');
  assert.equal(socket.disableRemoteExec, false);
  const allowed = hcl('client_addr = "0.0.0.0" disable_remote_exec = false enable_script_checks = true');
  assert.deepEqual([allowed.disableRemoteExec, allowed.enableRemoteScriptChecks], [false, true]);
  assert.equal(allowed.commandSwitches.remoteExecReason, "by configuration");
  assert.ok(allowed.warnings.some((w) => w.includes("DANGEROUS")));
  assert.equal(hcl("disable_remote_exec = true").disableRemoteExec, true);
});

test("0.6 keys are accepted with a warning", () => {
  const c = hcl(
    'recursor = "8.8.8.8" recursors = ["1.1.1.1"] statsd_addr = "x:1" atlas_token = "t" http_api_response_headers { A = "b" } ports { rpc = 8401 } addresses { rpc = "127.0.0.2" } reap = true',
  );
  assert.deepEqual(c.recursors, ["8.8.8.8", "1.1.1.1"]);
  assert.equal(c.telemetry.statsdAddr, "x:1");
  assert.equal(c.httpResponseHeaders.get("A"), "b");
  assert.deepEqual(c.cliRpcAddrs, [{ host: "127.0.0.2", port: 8401 }]);
  assert.deepEqual(c.warnings, [
    'config key "recursor" is deprecated, use recursors',
    'config key "statsd_addr" is deprecated, use telemetry.statsd_address',
    'config key "atlas_token" is deprecated and has no effect: there is no Atlas any more',
    'config key "http_api_response_headers" is deprecated, use http_config.response_headers',
    'config key "reap" is deprecated and has no effect',
  ]);
});

test("what nothing acts on yet is told", () => {
  const warned = (text: string): readonly string[] => hcl(text).warnings;
  assert.match(warned("acl { enabled = true }").join(), /^acl\.enabled: the servers decide about tokens/);
  assert.match(warned('acl { enabled = true default_policy = "deny" }').join(), /acl\.default_policy/);
  assert.match(warned("ports { https = 8501 }").join(), /serves no HTTPS/);
  assert.match(
    good(flags({ "enable-debug": true })).warnings.join(),
    /^settings without effect in this version: enable_debug$/,
  );
  assert.match(
    warned('connect { enabled = true } ui_config { metrics_proxy { base_url = "http://x" } }').join(),
    /^settings without effect in this version: connect\.enabled, ui_config\.metrics_proxy\.base_url$/,
  );
  assert.deepEqual(warned("acl { enabled = false } verify_incoming = false connect { enabled = false }"), []);
});

test("a setting that asks for protection which is not there stops the start", () => {
  const refused = (hclText: string): string => {
    const built = buildConfig(flags({}, { hcl: [hclText] }), host({ "/c/ca.pem": "" }));
    assert.ok(built instanceof ConfigError, `${hclText} starts`);
    return built.explain();
  };
  assert.match(refused("server = true acl { enabled = true }"), /does not enforce access control/);
  assert.match(refused('server = true acl_datacenter = "dc1"'), /does not enforce access control/);
  assert.match(
    refused('ca_file = "/c/ca.pem" verify_outgoing = true'),
    /verify_outgoing: this version does not speak TLS/,
  );
  assert.match(refused("verify_incoming_rpc = true"), /neither encrypted nor authenticated/);
});

test("signals: 1.8 rules by role unless configured", () => {
  const client = hcl("");
  assert.deepEqual([client.leaveOnTerminate, client.skipLeaveOnInterrupt], [true, false]);
  const server = hcl("server = true");
  assert.deepEqual([server.leaveOnTerminate, server.skipLeaveOnInterrupt], [false, true]);
  const set = hcl("server = true leave_on_terminate = true skip_leave_on_interrupt = false");
  assert.deepEqual([set.leaveOnTerminate, set.skipLeaveOnInterrupt], [true, false]);
});

test("dev mode: in memory, on loopback, later values win", () => {
  const c = good({ ...NO_FLAGS, dev: true, hcl: ['log_level = "info" bind_addr = "127.8.0.1"'] });
  assert.equal(c.dataDir, undefined);
  assert.deepEqual(
    [c.server, c.bindAddr, c.logLevel, c.devMode, c.uiEnabled, c.connect.enabled],
    [true, "127.8.0.1", "info", true, true, true],
  );
  assert.equal(c.ports.grpc, 8502);
  assert.deepEqual(c.warnings, []);
});

test("secrets do not show in the debug configuration", () => {
  const key = "pUqJrVyVRj5jsiYEkM/tFQYfWyJIv4s3XkvDwy7Cu5s=";
  const c = hcl(
    `encrypt = "${key}" acl { tokens { default = "tok1" } } service { name = "a" token = "tok2" } watches { type = "nodes" token = "tok3" args = ["x"] } connect { ca_config { token = "tok4" } }`,
  );
  const shown = JSON.stringify([...c.debug], (_, v) => (v instanceof Map ? [...v] : v));
  for (const secret of [key, "tok1", "tok2", "tok3", "tok4"]) assert.ok(!shown.includes(secret), secret);
  assert.equal(c.debug.get("EncryptKey"), "hidden");
  assert.equal(c.debug.get("BindAddr"), "0.0.0.0");
});

test("advertise address of a host with several private addresses", () => {
  const several = host({}, ["10.0.0.1", "192.168.1.1"]);
  const error = bad(flags({}), several);
  assert.equal(
    error.message,
    "Multiple private IPv4 addresses found. Please configure one with 'bind' and/or 'advertise'.",
  );
  assert.match(error.explain(), /addresses of this host: 10\.0\.0\.1, 192\.168\.1\.1/);
  assert.equal(good(flags({ bind: '{{ GetInterfaceIP "eth1" }}' }), several).advertiseAddr, "192.168.1.1");
  assert.equal(bad(flags({}), host({}, ["8.8.8.8"])).message, "No private IPv4 address found");
});

const refusals: readonly {
  readonly name: string;
  readonly hcl?: string;
  readonly values?: Values;
  readonly text: string | RegExp;
}[] = [
  { name: "no data_dir", values: { "data-dir": "" }, text: "data_dir cannot be empty" },
  {
    name: "negative expect",
    hcl: "bootstrap_expect = -1",
    text: "bootstrap_expect cannot be -1. Must be greater than or equal to zero",
  },
  {
    name: "expect on a client",
    hcl: "bootstrap_expect = 3",
    text: "'bootstrap_expect > 0' requires 'server = true'",
  },
  {
    name: "bootstrap on a client",
    hcl: "bootstrap = true",
    text: "'bootstrap = true' requires 'server = true'",
  },
  {
    name: "expect and bootstrap",
    hcl: "server = true bootstrap = true bootstrap_expect = 3",
    text: "'bootstrap_expect > 0' and 'bootstrap = true' are mutually exclusive",
  },
  {
    name: "same address twice",
    hcl: "ports { http = 8600 }",
    text: "HTTP address 127.0.0.1:8600 already configured for DNS",
  },
  {
    name: "port too large",
    hcl: "ports { http = 70000 }",
    text: "1 error occurred:\n\t* ports.http: invalid port: 70000\n\n",
  },
  {
    name: "bad duration",
    hcl: 'check_update_interval = "abc"',
    text: '1 error occurred:\n\t* check_update_interval: invalid duration: "abc": time: invalid duration "abc"\n\n',
  },
  {
    name: "bad duration in a map",
    hcl: 'dns_config { service_ttl { web = "x" } }',
    text: /^1 error occurred:\n\t\* dns_config\.service_ttl\["web"\]: invalid duration: "x"/,
  },
  {
    name: "bad duration of a flag",
    values: { "retry-interval": "x" },
    text: /retry_interval: invalid duration: "x"/,
  },
  {
    name: "datacenter",
    hcl: 'datacenter = "a b"',
    text: 'datacenter cannot be "a b". Please use only [a-z0-9-_]',
  },
  {
    name: "advertise any",
    hcl: 'advertise_addr = "0.0.0.0"',
    text: "Advertise address cannot be 0.0.0.0, :: or [::]",
  },
  {
    name: "bind to many",
    hcl: 'bind_addr = "1.1.1.1 2.2.2.2"',
    text: "bind_addr cannot contain multiple addresses. Use 'addresses.{dns,http,https}' instead.",
  },
  { name: "bind to a socket", hcl: 'bind_addr = "unix:///x"', text: "bind_addr cannot be a unix socket" },
  {
    name: "bind to nothing",
    hcl: 'bind_addr = "{{ GetInterfaceIP \\"nope\\" }}"',
    text: "bind_addr cannot be empty",
  },
  {
    name: "template with an unknown function",
    hcl: 'client_addr = "{{ nope }}"',
    text: /function "nope" not defined$/,
  },
  {
    name: "address that is none",
    hcl: 'addresses { http = "x" }',
    text: "addresses.http: invalid ip address: x",
  },
  {
    name: "DNS on a socket",
    hcl: 'addresses { dns = "unix:///x" }',
    text: "DNS address cannot be a unix socket",
  },
  {
    name: "recursor any",
    hcl: 'recursors = ["0.0.0.0"]',
    text: "DNS recursor address cannot be 0.0.0.0, :: or [::]",
  },
  {
    name: "node_meta",
    hcl: 'node_meta { consul-x = "1" }',
    text: "node_meta invalid: Couldn't load metadata pair ('consul-x', '1'): Key prefix 'consul-' is reserved for internal use",
  },
  {
    name: "raft multiplier",
    hcl: "performance { raft_multiplier = 11 }",
    text: "performance.raft_multiplier cannot be 11. Must be between 1 and 10",
  },
  {
    name: "answer limit",
    hcl: "dns_config { udp_answer_limit = -1 }",
    text: "dns_config.udp_answer_limit cannot be -1. Must be greater than or equal to zero",
  },
  {
    name: "output size",
    hcl: "check_output_max_size = 0",
    text: "check_output_max_size must be positive, to discard check output use the discard_check_output flag",
  },
  {
    name: "key not base64",
    hcl: 'encrypt = "!!"',
    text: "encrypt has invalid key: illegal base64 data at input byte 0",
  },
  {
    name: "key of a wrong size",
    hcl: 'encrypt = "aGVsbG8="',
    text: "Failed to configure keyring: Invalid key: key size must be 16, 24 or 32 bytes",
  },
  {
    name: "segment",
    hcl: 'segment = "a"',
    text: "Network segments are not supported in this version of Consul",
  },
  {
    name: "log level",
    hcl: 'log_level = "x"',
    text: "Invalid log level: x. Valid log levels are: [TRACE DEBUG INFO WARN ERR ERROR]",
  },
  {
    name: "node id",
    hcl: 'node_id = "x"',
    text: "failed to setup node ID: specified NodeID is invalid: uuid string is wrong length",
  },
  {
    name: "TLS version",
    hcl: 'tls_min_version = "x"',
    text: "TLSMinVersion: value x not supported, please specify one of [tls10, tls11, tls12, tls13]",
  },
  {
    name: "TLS file",
    hcl: 'ca_file = "/nonexist"',
    text: "Error loading from /nonexist: open /nonexist: no such file or directory",
  },
  {
    name: "verify without CA",
    hcl: "verify_outgoing = true",
    text: "VerifyOutgoing set but no CA certificates were provided",
  },
  {
    name: "ACL policy",
    hcl: 'acl { default_policy = "x" }',
    text: "Failed to start Consul client: Unsupported default ACL policy: x",
  },
  {
    name: "protocol",
    hcl: "protocol = 9",
    text: "Failed to start Consul client: Protocol version '9' too high. Must be in range: [2, 3]",
  },
  {
    name: "auto_encrypt",
    hcl: "server = true auto_encrypt { tls = true }",
    text: "auto_encrypt.tls can only be used on a client.",
  },
  {
    name: "cache rate",
    hcl: "cache { entry_fetch_rate = 0 }",
    text: "cache.entry_fetch_rate must be strictly positive, was: 0",
  },
  {
    name: "port ranges",
    hcl: "ports { sidecar_min_port = 5 sidecar_max_port = 4 }",
    text: "sidecar_min_port must be less than sidecar_max_port. To disable, set both to zero.",
  },
  {
    name: "CIDR",
    hcl: 'http_config { allow_write_http_from = ["x"] }',
    text: "1 error occurred:\n\t* allow_write_http_from: invalid cidr: x\n\n",
  },
  {
    name: "ui and ui_dir",
    hcl: 'ui = true ui_dir = "/x"',
    text: /^Both the ui and ui-dir flags were specified/,
  },
  {
    name: "primary gateways",
    hcl: 'primary_gateways = ["x"]',
    text: "'primary_gateways' requires 'server = true'",
  },
  {
    name: "service without name",
    hcl: "service { port = 1 }",
    text: 'Failed to register service "": Service name missing',
  },
  {
    name: "check without interval",
    hcl: 'service { name = "a" check { script = "x" } }',
    text: 'Failed to validate checks for service "a": Interval must be > 0 for Script, HTTP, or TCP checks',
  },
  {
    name: "check with interval and ttl",
    hcl: 'checks { name = "x" ttl = "1s" http = "y" interval = "1s" }',
    text: "Failed to register check 'x': Check is not valid: Interval and TTL cannot both be specified",
  },
  {
    name: "script while scripts are off",
    hcl: 'enable_local_script_checks = false checks { name = "x" args = ["y"] interval = "1s" }',
    text: /Scripts are disabled on this agent/,
  },
  {
    name: "metadata of a service",
    hcl: 'service { name = "a" meta { consul-x = "1" } }',
    text: /Couldn't load metadata pair/,
  },
];

for (const { name, hcl: text, values, text: wanted } of refusals)
  test(`refused: ${name}`, () => {
    const error = bad(flags(values ?? {}, { hcl: text === undefined ? [] : [text] }));
    if (typeof wanted === "string") assert.equal(error.message, wanted);
    else assert.match(error.message, wanted);
    if (text !== undefined) assert.match(error.explain(), /flags-0\.hcl:1:\d+\n/, "shows the place");
  });

test("files that cannot be read", () => {
  assert.equal(
    bad(flags({}, { configPaths: ["/p"] })).message,
    "config: Open failed on /p. open /p: no such file or directory",
  );
  assert.equal(
    bad(flags({}, { configFormat: "xml" })).message,
    "config: -config-format must be either 'hcl' or 'json'",
  );
});

test("the limit of connections against that of file descriptors", () => {
  const error = bad(flags({}), { ...host(), fileDescriptorsMax: 100 });
  assert.equal(
    error.message,
    "system allows a max of 100 file descriptors, but limits.http_max_conns_per_client: 200 needs at least 220",
  );
});

test("telemetry: collectors count, wrong addresses and what has no effect are said", () => {
  const c = hcl(
    'telemetry { statsd_address = "localhost" dogstatsd_addr = "1.2.3.4:8125" dogstatsd_tags = ["a:b"] prefix_filter = ["+consul.x", "-consul", "y"] filter_default = false circonus_api_token = "s" }',
  );
  assert.equal(c.telemetry.dogstatsdAddr, "1.2.3.4:8125");
  assert.deepEqual(c.telemetry.blockedPrefixes, ["consul"]);
  assert.deepEqual(c.warnings, [
    "Filter rule must begin with either '+' or '-': \"y\"",
    'telemetry.statsd_address: "localhost" is not host:port, nothing is sent there',
    "settings without effect in this version: telemetry.circonus_api_token",
  ]);
});
