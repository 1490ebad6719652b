/**
 * The resolved configuration as /v1/agent/self shows it under DebugConfig: flat, Go's names, durations as Go text, secrets as
 * "hidden". Names follow Consul 1.8.7 where a field has a counterpart there.
 */
import { CheckDefinition, ServiceDefinition } from "../../model/definition.ts";
import { formatDuration } from "../../wire/duration.ts";
import type { ListenAddress, RuntimeConfig } from "./runtime-config.ts";

/** Groups whose fields carry no prefix, or another than their name. */
const PREFIX: Readonly<Record<string, string>> = {
  ports: "",
  dns: "DNS",
  limits: "",
  performance: "",
  raft: "Raft",
  acl: "ACL",
  tls: "",
  telemetry: "Telemetry",
  gossipLan: "GossipLAN",
  gossipWan: "GossipWAN",
  connect: "Connect",
  autoEncrypt: "AutoEncrypt",
  autopilot: "Autopilot",
  unixSockets: "UnixSocket",
  cache: "Cache",
  soa: "SOA",
  tokens: "ACLTokens",
  commandSwitches: "",
};

const WORDS: Readonly<Record<string, string>> = {
  Acl: "ACL",
  Api: "API",
  Ca: "CA",
  Dns: "DNS",
  Grpc: "GRPC",
  Http: "HTTP",
  Https: "HTTPS",
  Id: "ID",
  Ip: "IP",
  Json: "JSON",
  Kv: "KV",
  Lan: "LAN",
  Rpc: "RPC",
  Soa: "SOA",
  Tls: "TLS",
  Ttl: "TTL",
  Txt: "TXT",
  Ui: "UI",
  Url: "URL",
  Wan: "WAN",
  Cidrs: "CIDRs",
};

/** Names that the rule above would get wrong. */
const NAMES: Readonly<Record<string, string>> = {
  serverMode: "ServerMode",
  server: "ServerMode",
  nodeMetaTxt: "NodeMetaTXT",
  domain: "DNSDomain",
  altDomain: "DNSAltDomain",
  recursors: "DNSRecursors",
  encrypt: "EncryptKey",
  startJoin: "StartJoinAddrsLAN",
  startJoinWan: "StartJoinAddrsWAN",
  retryJoin: "RetryJoinLAN",
  retryJoinWan: "RetryJoinWAN",
  retryIntervalMs: "RetryJoinIntervalLAN",
  retryIntervalWanMs: "RetryJoinIntervalWAN",
  retryMax: "RetryJoinMaxAttemptsLAN",
  retryMaxWan: "RetryJoinMaxAttemptsWAN",
  reconnectTimeoutLanMs: "SerfReconnectTimeoutLAN",
  reconnectTimeoutWanMs: "SerfReconnectTimeoutWAN",
  serfLanBindAddr: "SerfBindAddrLAN",
  serfWanBindAddr: "SerfBindAddrWAN",
  leaveOnTerminate: "LeaveOnTerm",
  skipLeaveOnInterrupt: "SkipLeaveOnInt",
  bindAddr: "BindAddr",
  uiEnabled: "EnableUI",
};

const SECRET = /^(encrypt|master|replication|agentMaster|default|agent|configFileRegistration|dns)$/;

export function debugConfig(config: RuntimeConfig): ReadonlyMap<string, unknown> {
  const out = new Map<string, unknown>();
  flatten(config as unknown as Record<string, unknown>, "", out);
  out.delete("Debug");
  out.delete("Warnings");
  for (const [name, port] of Object.entries(config.ports)) {
    out.delete(goName(name));
    out.set(PORT_NAMES[name] ?? `${goName(name)}Port`, port);
  }
  return new Map([...out].sort(([a], [b]) => (a < b ? -1 : 1)));
}

const PORT_NAMES: Readonly<Record<string, string>> = {
  serfLan: "SerfPortLAN",
  serfWan: "SerfPortWAN",
  rpc: "CLIRPCPort",
};

function flatten(object: Readonly<Record<string, unknown>>, prefix: string, out: Map<string, unknown>): void {
  const secrets = prefix === "ACLTokens";
  for (const [name, value] of Object.entries(object)) {
    if (name === "debug" || name === "warnings") continue;
    if (Object.hasOwn(PREFIX, name) && isRecord(value)) {
      flatten(value, name === "soa" ? "DNSSOA" : PREFIX[name]!, out);
      continue;
    }
    const key = `${prefix}${prefix === "" ? (NAMES[name] ?? goName(name)) : goName(name)}`;
    if ((secrets || name === "encrypt") && SECRET.test(name)) {
      out.set(key, value === "" ? "" : "hidden");
      continue;
    }
    out.set(key, shownValue(name, value));
  }
}

function goName(name: string): string {
  const words = name
    .replace(/Ms$/, "")
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .split(" ");
  return words
    .map((w) => w.charAt(0).toUpperCase() + w.slice(1))
    .map((w) => WORDS[w] ?? w)
    .join("");
}

const isRecord = (v: unknown): v is Readonly<Record<string, unknown>> =>
  typeof v === "object" && v !== null && !Array.isArray(v) && !(v instanceof Map);

function shownValue(name: string, value: unknown): unknown {
  if (name.endsWith("Ms") && typeof value === "number")
    return formatDuration(BigInt(Math.round(value * 1e6)));
  if (value === undefined) return "";
  if (value === Number.POSITIVE_INFINITY) return -1;
  if (name === "services")
    return (value as RuntimeConfig["services"]).map((s) =>
      JSON.parse(ServiceDefinition.json({ ...s, Token: hidden(s.Token) })),
    );
  if (name === "checks")
    return (value as RuntimeConfig["checks"]).map((c) =>
      JSON.parse(CheckDefinition.json({ ...c, Token: hidden(c.Token) })),
    );
  if (name.endsWith("Addrs") && Array.isArray(value))
    return value.map((a: string | ListenAddress) =>
      typeof a === "string"
        ? a
        : a.host.startsWith("unix:")
          ? a.host
          : `tcp://${a.host.includes(":") ? `[${a.host}]` : a.host}:${a.port}`,
    );
  return hideTokens(value);
}

const hidden = (secret: string): string => (secret === "" ? "" : "hidden");

function hideTokens(value: unknown): unknown {
  if (value instanceof Map) return Object.fromEntries([...value].map(([k, v]) => [String(k), hideTokens(v)]));
  if (Array.isArray(value)) return value.map(hideTokens);
  if (isRecord(value))
    return Object.fromEntries(
      Object.entries(value).map(([k, v]) => [
        k,
        /token|secret|password|key$/i.test(k) && typeof v === "string" ? hidden(v) : hideTokens(v),
      ]),
    );
  if (typeof value === "bigint") return formatDuration(value);
  return value;
}
