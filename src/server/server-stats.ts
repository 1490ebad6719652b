/** A server's part of `info`: sections, keys and texts as Consul 1.8.7 prints them. */
import type { SerfPool } from "../gossip/contract.ts";
import type { RaftNode } from "../raft/contract.ts";
import type { ServerOptions } from "./contract.ts";

export function serverStats(
  options: ServerOptions,
  parts: {
    readonly raft: RaftNode;
    readonly lan: SerfPool;
    readonly wan: SerfPool | undefined;
    readonly datacenters: readonly string[];
  },
): ReadonlyMap<string, ReadonlyMap<string, string>> {
  const { raft, lan, wan, datacenters } = parts;
  const out = new Map<string, ReadonlyMap<string, string>>([
    [
      "consul",
      new Map([
        ["acl", "disabled"],
        ["bootstrap", String(options.bootstrap || options.bootstrapExpect === 1)],
        ["known_datacenters", String(datacenters.length)],
        ["leader", String(raft.role === "leader")],
        ["leader_addr", raft.leader?.address ?? ""],
        ["server", "true"],
      ]),
    ],
    ["raft", raft.stats()],
    ["serf_lan", lan.stats()],
  ]);
  if (wan !== undefined) out.set("serf_wan", wan.stats());
  return out;
}
