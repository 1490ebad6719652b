/**
 * What a gossip member says about itself by tags: whether it is a server or a client agent, and how to reach it; and the tags
 * that our own agents carry (observed in Consul 1.8.7).
 */
import { isIPv6 } from "node:net";
import type { Member, MemberStatus } from "../gossip/contract.ts";

/** `ip:port` text; IPv6 in brackets. */
export const hostPort = (host: string, port: number): string =>
  isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;

export interface ServerInfo {
  /** Member name: `s1` in the LAN pool, `s1.dc1` in the WAN pool. */
  readonly name: string;
  readonly shortName: string;
  readonly id: string;
  readonly datacenter: string;
  readonly segment: string;
  readonly ip: string;
  readonly port: number;
  /** `ip:port` of 8300. */
  readonly address: string;
  readonly bootstrap: boolean;
  /** bootstrap_expect, 0 when not announced. */
  readonly expect: number;
  readonly nonVoter: boolean;
  /** RPC protocol. */
  readonly version: number;
  /** `1.8.7` */
  readonly build: string;
  readonly raftVersion: number;
  /** 0 when the WAN pool is off there. */
  readonly wanJoinPort: number;
  readonly useTls: boolean;
  /** ACL mode: "0" disabled, "1" enabled, "2" legacy, "3" unknown. */
  readonly acls: string;
  /** `ft_` tags without the prefix. */
  readonly features: ReadonlyMap<string, number>;
  readonly status: MemberStatus;
}

/** Go's strconv.Atoi: decimal with optional sign; undefined for anything else. */
function integer(text: string | undefined): number | undefined {
  if (text === undefined || !/^[+-]?\d{1,15}$/.test(text)) return undefined;
  return Number(text);
}

/** The server that a member claims to be, or undefined: a member with one bad tag is no server at all. */
export function parseServer(member: Member): ServerInfo | undefined {
  const { tags } = member;
  if (tags.get("role") !== "consul") return undefined;
  const port = integer(tags.get("port"));
  const version = integer(tags.get("vsn"));
  const build = /\d+\.\d+\.\d+/.exec(tags.get("build") ?? "")?.[0];
  if (port === undefined || version === undefined || build === undefined) return undefined;
  const optional = (name: string): number | undefined => (tags.has(name) ? integer(tags.get(name)) : 0);
  const expect = optional("expect");
  const wanJoinPort = optional("wan_join_port");
  const raftVersion = optional("raft_vsn");
  if (expect === undefined || wanJoinPort === undefined || raftVersion === undefined) return undefined;
  const features = new Map<string, number>();
  for (const [key, value] of tags) {
    if (key.startsWith("ft_")) {
      const n = integer(value);
      if (n === undefined) return undefined;
      features.set(key.slice(3), n);
    } else if (key.startsWith("sl_") && !/^.+:\d{1,5}$/.test(value)) return undefined;
  }
  const datacenter = tags.get("dc") ?? "";
  const suffix = `.${datacenter}`;
  return {
    name: member.name,
    shortName: member.name.endsWith(suffix) ? member.name.slice(0, -suffix.length) : member.name,
    id: tags.get("id") ?? "",
    datacenter,
    segment: tags.get("segment") ?? "",
    ip: member.addr,
    port,
    address: hostPort(member.addr, port),
    bootstrap: tags.has("bootstrap"),
    expect,
    nonVoter: tags.has("nonvoter"),
    version,
    build,
    raftVersion,
    wanJoinPort,
    useTls: tags.has("use_tls"),
    acls: tags.get("acls") ?? "3",
    features,
    status: member.status,
  };
}

/** Datacenter of a client agent, or undefined when the member is none. */
export const clientDatacenter = (member: Member): string | undefined =>
  member.tags.get("role") === "node" ? (member.tags.get("dc") ?? "") : undefined;

/** As the log and the tutorial name a server: `s1 (Addr: 192.168.33.11:8300) (DC: dc1)`. */
export const describeServer = (server: ServerInfo, name: string = server.name): string =>
  `${name} (Addr: ${server.address}) (DC: ${server.datacenter})`;

export interface AgentTagOptions {
  readonly datacenter: string;
  readonly nodeId: string;
  /** Version text for the `build` tag, `1.8.7`. */
  readonly version: string;
  /** First 8 characters of the source revision, "" when unknown. */
  readonly revision?: string;
  /** Whether ACLs are on; the mode then starts as legacy. */
  readonly acls?: "0" | "1" | "2";
}

export interface ServerTagOptions extends AgentTagOptions {
  readonly port: number;
  readonly bootstrap: boolean;
  readonly bootstrapExpect: number;
  readonly nonVoter: boolean;
  readonly useTls?: boolean;
  /** Port of the WAN pool; undefined when it is off. Told in the LAN pool only. */
  readonly wanJoinPort?: number;
}

const commonTags = (o: AgentTagOptions): [string, string][] => [
  ["dc", o.datacenter],
  ["segment", ""],
  ["id", o.nodeId],
  ["vsn", "2"],
  ["vsn_min", "2"],
  ["vsn_max", "3"],
  ["build", `${o.version}:${o.revision ?? ""}`],
  ["acls", o.acls ?? "0"],
];

/** LAN tags of a client agent. */
export const clientTags = (o: AgentTagOptions): ReadonlyMap<string, string> =>
  new Map([["role", "node"], ...commonTags(o)]);

/** Tags of a server in one of its two pools. */
export function serverTags(o: ServerTagOptions, pool: "lan" | "wan"): ReadonlyMap<string, string> {
  const tags = new Map<string, string>([["role", "consul"], ...commonTags(o)]);
  tags.set("raft_vsn", "3");
  tags.set("port", String(o.port));
  tags.set("ft_fs", "1");
  if (o.bootstrap || o.bootstrapExpect === 1) tags.set("bootstrap", "1");
  else if (o.bootstrapExpect > 0) tags.set("expect", String(o.bootstrapExpect));
  if (o.nonVoter) tags.set("nonvoter", "1");
  if (o.useTls) tags.set("use_tls", "1");
  if (pool === "lan" && o.wanJoinPort !== undefined && o.wanJoinPort > 0)
    tags.set("wan_join_port", String(o.wanJoinPort));
  return tags;
}
