/**
 * Tests only: the questions of the conformance test, an agent that answers lookups from elsewhere, and answers in a form that
 * does not depend on random order. The same questions go to the original program in interop/dns.test.ts, which records
 * its lookups and answers for the unit test.
 */

import type { DnsConfig, RuntimeConfig } from "../agent/config/runtime-config.ts";
import type { AgentApi } from "../agent/contract.ts";
import { type MethodName, type RpcMethod, rpcMethods } from "../model/methods.ts";
import { systemClock } from "../ports/clock.ts";
import { silentLogger } from "../ports/log.ts";
import { noMetrics } from "../ports/metrics.ts";
import { type Random, systemRandom } from "../ports/random.ts";
import { encode } from "../wire/schema.ts";
import {
  type ClientSubnet,
  type Decoded,
  decodeMessage,
  type ResourceRecord,
  type TYPE,
  typeOf,
} from "./message.ts";

export interface Ask {
  readonly name: string;
  readonly type: keyof typeof TYPE;
  readonly network?: "udp" | "tcp";
  readonly bufsize?: number;
  readonly subnet?: boolean;
  /** Random choice among many: only the shape is compared. */
  readonly shape?: boolean;
}

const ask = (name: string, types: string, rest: Partial<Ask> = {}): readonly Ask[] =>
  types
    .split(" ")
    .map((type) => ({ name: name === "." ? "." : `${name}.`, type: type as keyof typeof TYPE, ...rest }));

export const SUBNET: ClientSubnet = { family: 1, sourcePrefix: 24, address: Buffer.of(1, 2, 3) };

/** Questions to an agent with default settings. */
export const defaultAsks: readonly Ask[] = [
  ...ask("n1.node.consul", "A AAAA TXT ANY MX SRV SOA NS CNAME"),
  ...ask("n1.node.dc1.consul", "A"),
  ...ask("N1.NODE.Consul", "A"),
  ...ask("n1.node.dc9.consul", "A"),
  ...ask("nosuch.node.consul", "A AAAA"),
  ...ask("n5.node.consul", "A AAAA CNAME"),
  ...ask("n6.node.consul", "A AAAA ANY"),
  ...ask("n12.dotted.node.consul", "A"),
  ...ask("nodeup.node.consul", "A"),
  ...ask("n9.node.consul", "A AAAA ANY"),
  ...ask("web.service.consul", "A SRV AAAA MX TXT ANY SOA NS"),
  ...ask("web.service.dc1.consul", "A SRV"),
  ...ask("web.service.dc9.consul", "A"),
  ...ask("nosuch.service.consul", "A SRV"),
  ...ask("v1.web.service.consul", "A"),
  ...ask("V1.WEB.service.consul", "A SRV"),
  ...ask("primary.web.service.consul", "SRV"),
  ...ask("v2.web.service.consul", "A"),
  ...ask("a.b.service.consul", "A"),
  ...ask("web.service.a.b.consul", "A"),
  ...ask("_web._tcp.service.consul", "SRV A"),
  ...ask("_web._tcp.service.dc1.consul", "SRV"),
  ...ask("_web._v1.service.consul", "SRV"),
  ...ask("_web._tcp.consul", "SRV A"),
  ...ask("_web._udp.service.consul", "SRV"),
  ...ask("api.service.consul", "A SRV ANY"),
  ...ask("ext.service.consul", "A CNAME SRV"),
  ...ask("six.service.consul", "A AAAA SRV"),
  ...ask("svc6.service.consul", "AAAA SRV"),
  ...ask("cn.service.consul", "A SRV"),
  ...ask("upper.service.consul", "SRV"),
  ...ask("multi.service.consul", "A SRV"),
  ...ask("dual.service.consul", "A AAAA SRV ANY"),
  ...ask("0a010001.addr.dc1.consul", "A AAAA SRV"),
  ...ask("0a010001.addr.consul", "A"),
  ...ask("fd000000000000000000000000000006.addr.dc1.consul", "AAAA A"),
  ...ask("0a0100.addr.dc1.consul", "A"),
  ...ask("zz010001.addr.dc1.consul", "A"),
  ...ask("x.0a010001.addr.dc1.consul", "A"),
  ...ask("q1.query.consul", "A SRV"),
  ...ask("q1.query.dc1.consul", "A"),
  ...ask("t-web.query.consul", "A"),
  ...ask("nosuch.query.consul", "A"),
  ...ask("x.y.query.consul", "A"),
  ...ask("web.connect.consul", "A SRV"),
  ...ask("nosuch.connect.consul", "A"),
  ...ask("api.ingress.consul", "A SRV"),
  ...ask("api.ingress.dc1.consul", "A"),
  ...ask("nosuch.ingress.consul", "A"),
  ...ask("web.virtual.consul", "A"),
  ...ask("consul", "A ANY SOA NS"),
  ...ask("foo.consul", "A"),
  ...ask("node.consul", "A"),
  ...ask("service.consul", "A SRV"),
  ...ask("consul.service.consul", "A SRV"),
  ...ask("consul", "AXFR", { network: "tcp" }),
  ...ask("example.com", "A"),
  ...ask("example.com", "A", { bufsize: 1232 }),
  ...ask(".", "A"),
  ...ask("1.0.1.10.in-addr.arpa", "PTR A SOA"),
  ...ask("4.0.9.10.in-addr.arpa", "PTR"),
  ...ask("1.0.99.10.in-addr.arpa", "PTR"),
  ...ask("1.0.99.10.in-addr.arpa", "PTR", { bufsize: 1232 }),
  ...ask("6.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa", "PTR"),
  ...ask("3.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa", "PTR"),
  ...ask("many.service.consul", "A SRV", { shape: true }),
  ...ask("many.service.consul", "A SRV", { bufsize: 1232 }),
  ...ask("many.service.consul", "A SRV", { network: "tcp" }),
  ...ask("huge.service.consul", "A SRV", { shape: true }),
  ...ask("huge.service.consul", "A SRV", { shape: true, bufsize: 512 }),
  ...ask("huge.service.consul", "A", { shape: true, bufsize: 1232 }),
  ...ask("huge.service.consul", "A", { shape: true, bufsize: 4096 }),
  ...ask("huge.service.consul", "A SRV", { network: "tcp" }),
  ...ask("web.service.consul", "A", { bufsize: 4096, subnet: true }),
  ...ask("nosuch.service.consul", "A", { bufsize: 4096, subnet: true }),
  ...ask("q1.query.consul", "A", { bufsize: 4096, subnet: true }),
  ...ask("nosuch.query.consul", "A", { bufsize: 4096, subnet: true }),
  ...ask("n2.node.consul", "A", { bufsize: 100 }),
];

/** Questions to an agent with many settings changed. */
export const tunedAsks: readonly Ask[] = [
  ...ask("n1.node.consul", "A TXT"),
  ...ask("n1.node.alt.test", "A"),
  ...ask("web.service.consul", "A SRV"),
  ...ask("v1.web.service.consul", "A"),
  ...ask("web.service.alt.test", "SRV"),
  ...ask("web-proxy.service.consul", "A"),
  ...ask("api.service.consul", "A"),
  ...ask("nosuch.service.alt.test", "A"),
  ...ask("many.service.consul", "A SRV", { shape: true }),
  ...ask("many.service.consul", "A", { shape: true, network: "tcp" }),
  ...ask("many.service.consul", "SRV", { network: "tcp" }),
  ...ask("many.service.consul", "A", { shape: true, bufsize: 1232 }),
  ...ask("huge.service.consul", "A", { shape: true, bufsize: 1232 }),
  ...ask("huge.service.consul", "A", { shape: true, network: "tcp" }),
  ...ask("huge.service.consul", "SRV", { network: "tcp" }),
  ...ask("alt.test", "NS"),
  ...ask("0a010001.addr.alt.test", "A"),
  ...ask("q1.query.consul", "SRV"),
];

export const defaultDns: DnsConfig = {
  allowStale: true,
  maxStaleMs: 87_600 * 3_600_000,
  onlyPassing: false,
  nodeTtlMs: 0,
  serviceTtlMs: new Map(),
  enableTruncate: false,
  disableCompression: false,
  udpAnswerLimit: 3,
  aRecordLimit: 0,
  nodeMetaTxt: true,
  recursorStrategy: "sequential",
  recursorTimeoutMs: 2_000,
  useCache: false,
  cacheMaxAgeMs: 0,
  soa: { refreshS: 3600, retryS: 600, expireS: 86_400, minTtlS: 0 },
};

export const tunedDns: DnsConfig = {
  ...defaultDns,
  enableTruncate: true,
  udpAnswerLimit: 2,
  aRecordLimit: 4,
  nodeMetaTxt: false,
  nodeTtlMs: 10_000,
  onlyPassing: true,
  serviceTtlMs: new Map([
    ["web", 5_000],
    ["we*", 6_000],
    ["*", 9_000],
  ]),
  soa: { minTtlS: 60, refreshS: 1, retryS: 2, expireS: 3 },
};

type AnyRpc = (method: MethodName, request: unknown) => Promise<unknown>;

/** The part of an agent that the DNS door uses, its lookups answered by `rpc`. */
export function dnsAgent(
  rpc: AnyRpc,
  options: {
    readonly dns?: DnsConfig;
    readonly altDomain?: string;
    readonly recursors?: readonly string[];
    readonly host?: string;
    readonly random?: Random;
  } = {},
): AgentApi {
  const config = {
    nodeName: "tester",
    datacenter: "dc1",
    domain: "consul.",
    altDomain: options.altDomain ?? "",
    translateWanAddrs: false,
    recursors: options.recursors ?? [],
    dns: options.dns ?? defaultDns,
    dnsAddrs: [{ host: options.host ?? "127.2.4.1", port: 0 }],
  } as unknown as RuntimeConfig;
  return {
    config,
    rpc,
    clock: systemClock,
    random: options.random ?? systemRandom,
    log: silentLogger,
    metrics: noMetrics,
  } as unknown as AgentApi;
}

/** A lookup as a key for recordings. */
export const lookupKey = (method: MethodName, request: unknown): string =>
  `${method} ${encode((rpcMethods[method] as unknown as RpcMethod<unknown, unknown>).request, request).toString("base64")}`;

function recordText(r: ResourceRecord): string {
  const data =
    r.data.kind === "soa"
      ? { ...r.data, serial: 0 }
      : r.data.kind === "raw"
        ? { ...r.data, bytes: r.data.bytes.toString("hex") }
        : r.data;
  return `${r.name} ${r.ttl} ${typeOf(r)} ${JSON.stringify(data)}`;
}

const sorted = (records: readonly ResourceRecord[]): readonly string[] => records.map(recordText).sort();

/** Flags, code, sections (sorted) and EDNS of an answer as text lines. */
export function normalForm(bytes: Buffer, asked: Ask): readonly string[] {
  const d: Decoded = decodeMessage(bytes);
  const head = `flags ${(d.flags & 0x7ff0).toString(16)} rcode ${d.rcode}`;
  const edns = d.edns === undefined ? "no edns" : `edns ${d.edns.udpBytes} ${d.edns.bytes.toString("hex")}`;
  if (asked.shape) {
    const kinds = (records: readonly ResourceRecord[]): string =>
      [...new Set(records.map((r) => `${typeOf(r)}/${r.ttl}`))].sort().join(",");
    // How many SRV records fit depends on the length of the names that chance has chosen.
    const sizes =
      asked.type === "SRV" && asked.bufsize !== undefined
        ? ""
        : ` ${d.answers.length} ${d.authority.length} ${d.additional.length}`;
    return [head, `shape${sizes} ${kinds(d.answers)} ${kinds(d.authority)} ${kinds(d.additional)}`, edns];
  }
  return [
    head,
    ...sorted(d.answers).map((t) => `answer ${t}`),
    ...sorted(d.authority).map((t) => `authority ${t}`),
    ...sorted(d.additional).map((t) => `additional ${t}`),
    edns,
  ];
}
