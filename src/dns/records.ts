/**
 * From catalog entries to resource records: pure. Which address an instance shows, SRV targets, weights, TXT of node
 * metadata, times to live. Rules as observed in Consul 1.8.7.
 */
import { isIP, isIPv4, isIPv6 } from "node:net";
import type { CheckServiceNode, Node } from "../model/catalog.ts";
import { addressBytes } from "../wire/ip-address.ts";
import { type ResourceRecord, TYPE } from "./message.ts";
import { fqdn, isEncodable } from "./name.ts";

/** What records depend on beside the catalog. Seconds for times to live. */
export interface RecordRules {
  /** With a final dot. */
  readonly domain: string;
  readonly datacenter: string;
  readonly nodeTtl: number;
  readonly nodeMetaTxt: boolean;
  readonly translateWanAddrs: boolean;
  /** Most instances that give address records; 0: all. */
  readonly addressLimit: number;
  readonly soa: {
    readonly refreshS: number;
    readonly retryS: number;
    readonly expireS: number;
    readonly minTtlS: number;
  };
}

export const cname = (name: string, ttl: number, target: string): ResourceRecord => ({
  name,
  ttl,
  data: { kind: "name", type: TYPE.CNAME, target: fqdn(target) },
});
const addressRecord = (name: string, ttl: number, address: string): ResourceRecord => ({
  name,
  ttl,
  data: { kind: "address", address },
});

/** Which addresses a query type can use. */
const accepts = (type: number): { readonly v4: boolean; readonly v6: boolean } => ({
  v4: type !== TYPE.AAAA,
  v6: type !== TYPE.A,
});

/** An A or AAAA record when `type` asks for it; TXT and NS take any address, as the original does. */
export function addressFor(
  name: string,
  type: number,
  ttl: number,
  address: string,
): ResourceRecord | undefined {
  const wanted = type === TYPE.ANY || type === TYPE.NS || type === TYPE.TXT || type === TYPE.SRV;
  if (isIPv4(address) ? wanted || type === TYPE.A : wanted || type === TYPE.AAAA)
    return addressRecord(name, ttl, address);
  return undefined;
}

interface Choice {
  readonly address: string;
  readonly changed: boolean;
}

function choose(
  plain: string,
  tagged: (key: string) => string | undefined,
  type: number,
  foreign: boolean,
): Choice {
  const accept = accepts(type);
  const pick = (lan: string, wan: string): string | undefined =>
    (foreign ? tagged(wan) : undefined) || tagged(lan) || undefined;
  const v6 = accept.v6 ? pick("lan_ipv6", "wan_ipv6") : undefined;
  const v4 = accept.v4 ? pick("lan_ipv4", "wan_ipv4") : undefined;
  const address = v6 ?? v4 ?? ((foreign ? tagged("wan") : undefined) || plain);
  return { address, changed: address !== plain };
}

/** The node's address for a query of `type`. */
export function nodeAddress(node: Node, type: number, rules: RecordRules): Choice {
  const foreign = rules.translateWanAddrs && node.Datacenter !== rules.datacenter;
  return choose(node.Address, (key) => node.TaggedAddresses?.get(key), type, foreign);
}

function serviceAddress(
  instance: Instance,
  type: number,
  rules: RecordRules,
): { readonly address: string; readonly port: number } {
  const { node, service } = instance;
  const foreign = rules.translateWanAddrs && node.Datacenter !== rules.datacenter;
  const tagged = service.TaggedAddresses;
  const { address } = choose(service.Address, (key) => tagged?.get(key)?.Address, type, foreign);
  const wanPort = foreign ? (tagged?.get("wan")?.Port ?? 0) : 0;
  return { address, port: wanPort !== 0 ? wanPort : service.Port };
}

/** A service on a node; what is nil in neither. */
export interface Instance {
  readonly node: NonNullable<CheckServiceNode["Node"]>;
  readonly service: NonNullable<CheckServiceNode["Service"]>;
  readonly checks: readonly { readonly Status: string }[];
}

export function instancesOf(nodes: readonly CheckServiceNode[] | null): readonly Instance[] {
  const out: Instance[] = [];
  for (const n of nodes ?? [])
    if (n.Node !== null && n.Service !== null)
      out.push({ node: n.Node, service: n.Service, checks: (n.Checks ?? []).filter((c) => c !== null) });
  return out;
}

/** Those that may be answered: without a critical check, or with passing checks only. */
export const healthy = (instances: readonly Instance[], onlyPassing: boolean): readonly Instance[] =>
  instances.filter((i) =>
    i.checks.every((c) => (onlyPassing ? c.Status === "passing" : c.Status !== "critical")),
  );

function weightOf(instance: Instance): number {
  const weights = instance.service.Weights;
  let warning = false;
  for (const check of instance.checks) {
    if (check.Status === "passing") continue;
    if (check.Status !== "warning") return 1;
    warning = true;
  }
  if (weights === null) return 1;
  const w = warning ? weights.Warning : weights.Passing;
  return Math.min(65_535, Math.max(0, w));
}

/** `<node>.node.<datacenter>.<domain>` in the node's own letter case. */
export const nodeName = (node: Node, rules: RecordRules): string =>
  `${node.Node}.node.${node.Datacenter || rules.datacenter}.${rules.domain}`;

/** The text of one metadata pair, by RFC 1464; keys that begin "rfc1035-" give their value alone. */
export function metaText(key: string, value: string): string {
  if (key.toLowerCase().startsWith("rfc1035-")) return value;
  const blanks = (s: string): string => s.replace(/[ \t]/g, (c) => `\`${c}`);
  const quoted = key
    .replace(/[`=]/g, (c) => `\`${c}`)
    .replace(/^[ \t]+/, blanks)
    .replace(/[ \t]+$/, blanks);
  return `${quoted}=${value.replaceAll("`", "``")}`;
}

export function metaRecords(name: string, node: Node, ttl: number): readonly ResourceRecord[] {
  if (node.Meta === null) return [];
  return [...node.Meta].map(([k, v]) => ({ name, ttl, data: { kind: "txt", text: metaText(k, v) } }));
}

export interface NodeAnswer {
  readonly answers: readonly ResourceRecord[];
  /** The answers end with a CNAME to this name, whose records belong behind it. */
  readonly chase?: string;
  /** Metadata, behind everything else in the answer or in the additional section. */
  readonly texts: readonly ResourceRecord[];
  readonly textsIn: "answer" | "additional";
}

/** Records of a node lookup; `name` as it was asked. */
export function nodeAnswer(name: string, type: number, node: Node, rules: RecordRules): NodeAnswer {
  const asked = type === TYPE.TXT || type === TYPE.ANY;
  const texts = asked || rules.nodeMetaTxt ? metaRecords(name, node, rules.nodeTtl) : [];
  const rest = { texts, textsIn: asked ? "answer" : "additional" } as const;
  if (type === TYPE.TXT) return { answers: [], ...rest };
  const { address } = nodeAddress(node, type, rules);
  if (isIP(address) !== 0) {
    const record = addressFor(name, type, rules.nodeTtl, address);
    return { answers: record === undefined ? [] : [record], ...rest };
  }
  if (address === "" || !isEncodable(address)) return { answers: [], ...rest };
  return { answers: [cname(name, rules.nodeTtl, address)], chase: fqdn(address), ...rest };
}

export interface AddressAnswer {
  readonly answers: readonly ResourceRecord[];
  /** No instance has an address record of the type, but one is a name: the target of the CNAME to give. */
  readonly chase?: string;
}

/** Address records of a service, in the order of `instances`; every type but SRV. */
export function serviceAddresses(
  name: string,
  type: number,
  instances: readonly Instance[],
  ttl: number,
  rules: RecordRules,
): AddressAnswer {
  const answers: ResourceRecord[] = [];
  const seen = new Set<string>();
  let chase: string | undefined;
  for (const instance of instances) {
    const own = serviceAddress(instance, type, rules).address;
    const { address: nodes } = nodeAddress(instance.node, type, rules);
    // A service that names itself as its address would chase its own tail: the node's address stands in.
    const shown = own === "" || (isIP(own) === 0 && isIP(nodes) !== 0 && fqdn(own) === name) ? nodes : own;
    if (isIP(shown) === 0) {
      if (chase === undefined && shown !== "" && isEncodable(shown)) chase = fqdn(shown);
      continue;
    }
    const record = addressFor(name, type === TYPE.SRV ? TYPE.ANY : type, ttl, shown);
    if (record === undefined || seen.has(shown)) continue;
    seen.add(shown);
    answers.push(record);
    if (rules.addressLimit > 0 && answers.length >= rules.addressLimit) break;
  }
  return { answers, ...(answers.length === 0 && chase !== undefined ? { chase } : {}) };
}

/** One SRV record and what belongs to it in the additional section. */
export interface SrvAnswer {
  readonly srv: ResourceRecord;
  readonly additional: readonly ResourceRecord[];
  /** The target is a name outside the catalog's forms: its records come before the TXT records. */
  readonly chase?: string;
  readonly texts: readonly ResourceRecord[];
}

/** SRV records of a service, in the order of `instances`. */
export function serviceSrv(
  name: string,
  instances: readonly Instance[],
  ttl: number,
  rules: RecordRules,
): readonly SrvAnswer[] {
  const out: SrvAnswer[] = [];
  const seen = new Set<string>();
  for (const instance of instances) {
    const { address, port } = serviceAddress(instance, TYPE.SRV, rules);
    const key = `${instance.node.Node}\0${address}\0${port}`;
    if (seen.has(key)) continue;
    seen.add(key);
    const answer = srvOf(name, instance, address, port, ttl, rules);
    if (answer !== undefined) out.push(answer);
  }
  return out;
}

function srvOf(
  name: string,
  instance: Instance,
  address: string,
  port: number,
  ttl: number,
  rules: RecordRules,
): SrvAnswer | undefined {
  const { node } = instance;
  const texts =
    rules.nodeMetaTxt && isEncodable(nodeName(node, rules))
      ? metaRecords(nodeName(node, rules), node, ttl)
      : [];
  const srv = (target: string): ResourceRecord => ({
    name,
    ttl,
    data: { kind: "srv", priority: 1, weight: weightOf(instance), port: port & 0xffff, target },
  });
  const byHex = (ip: string): SrvAnswer => {
    const target = `${addressBytes(ip).toString("hex")}.addr.${node.Datacenter || rules.datacenter}.${rules.domain}`;
    return { srv: srv(target), additional: [addressRecord(target, ttl, ip)], texts };
  };
  const byName = (target: string): SrvAnswer | undefined =>
    target === "" || !isEncodable(target)
      ? undefined
      : { srv: srv(fqdn(target)), additional: [], chase: fqdn(target), texts };

  if (address !== "") return isIP(address) !== 0 ? byHex(address) : byName(address);
  const { address: nodes, changed } = nodeAddress(node, TYPE.SRV, rules);
  if (isIP(nodes) === 0) return byName(nodes);
  const target = nodeName(node, rules);
  if (changed || !isEncodable(target)) return byHex(nodes);
  return { srv: srv(target), additional: [addressRecord(target, ttl, nodes)], texts };
}

export const soaRecord = (serial: number, rules: RecordRules): ResourceRecord => ({
  name: rules.domain,
  ttl: rules.soa.minTtlS,
  data: {
    kind: "soa",
    mname: `ns.${rules.domain}`,
    rname: `hostmaster.${rules.domain}`,
    serial,
    refresh: rules.soa.refreshS,
    retry: rules.soa.retryS,
    expire: rules.soa.expireS,
    minimum: rules.soa.minTtlS,
  },
});

/** A node name that can be one DNS label: letters, digits and dashes, not at the ends. */
const VALID_LABEL = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;

/** Name servers from the servers' instances, at most `max`; nodes whose names are no labels come back in `skipped`. */
export function nameServers(
  instances: readonly Instance[],
  max: number,
  rules: RecordRules,
): {
  readonly ns: readonly ResourceRecord[];
  readonly additional: readonly ResourceRecord[];
  readonly skipped: readonly string[];
} {
  const ns: ResourceRecord[] = [];
  const additional: ResourceRecord[] = [];
  const skipped: string[] = [];
  for (const { node } of instances) {
    if (ns.length >= max) break;
    if (!VALID_LABEL.test(node.Node)) {
      skipped.push(node.Node);
      continue;
    }
    const target = `${node.Node}.node.${rules.datacenter}.${rules.domain}`.toLowerCase();
    ns.push({ name: rules.domain, ttl: rules.nodeTtl, data: { kind: "name", type: TYPE.NS, target } });
    const { address } = nodeAddress(node, TYPE.ANY, rules);
    if (isIP(address) !== 0) additional.push(addressRecord(target, rules.nodeTtl, address));
  }
  return { ns, additional, skipped };
}

/** Seconds a service's records live: its own entry, else that of the longest matching `prefix*`, else 0. */
export function serviceTtl(service: string, ttlsMs: ReadonlyMap<string, number>): number {
  const own = ttlsMs.get(service);
  if (own !== undefined) return Math.floor(own / 1000);
  let best = -1;
  let ttl = 0;
  for (const [key, ms] of ttlsMs) {
    if (!key.endsWith("*") || key.length <= best || !service.startsWith(key.slice(0, -1))) continue;
    best = key.length;
    ttl = ms;
  }
  return Math.floor(ttl / 1000);
}

/** Whether two IP texts are the same address. */
export const sameAddress = (a: string, b: string): boolean =>
  isIP(a) !== 0 && isIP(b) !== 0 && isIPv6(a) === isIPv6(b) && addressBytes(a).equals(addressBytes(b));
