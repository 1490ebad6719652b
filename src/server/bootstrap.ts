/**
 * Forming a cluster from `-bootstrap-expect N`: what the servers seen by gossip allow. Pure; server.ts asks the peers and
 * bootstraps raft.
 */
import { type RaftConfiguration, SUFFRAGE } from "../raft/contract.ts";
import type { ServerInfo } from "./server-metadata.ts";

export type BootstrapPlan =
  | { readonly kind: "wait"; readonly why: string }
  | { readonly kind: "abort"; readonly log: string }
  /** Ask these for their peers; if none has any, bootstrap with `configuration`. */
  | {
      readonly kind: "ask";
      readonly servers: readonly ServerInfo[];
      readonly configuration: RaftConfiguration;
    };

/** `servers`: all members of the LAN pool that are servers, in member order, self included. */
export function planBootstrap(
  servers: readonly ServerInfo[],
  options: { readonly datacenter: string; readonly expect: number },
): BootstrapPlan {
  const ours: ServerInfo[] = [];
  for (const s of servers) {
    if (s.datacenter !== options.datacenter) continue;
    if (s.expect !== 0 && s.expect !== options.expect)
      return {
        kind: "abort",
        log: `Member ${s.name} has a conflicting expect value. All nodes should expect the same number.`,
      };
    if (s.bootstrap) return { kind: "abort", log: `Member ${s.name} has bootstrap mode. Expect disabled.` };
    ours.push(s);
  }
  const voters = ours.filter((s) => !s.nonVoter).length;
  if (voters < options.expect) return { kind: "wait", why: `${voters} of ${options.expect} servers` };
  const byId = minRaftVersion(ours) >= 3;
  return {
    kind: "ask",
    servers: ours,
    configuration: {
      servers: ours.map((s) => ({
        id: byId ? s.id : s.address,
        address: s.address,
        suffrage: s.nonVoter ? SUFFRAGE.nonvoter : SUFFRAGE.voter,
      })),
    },
  };
}

/** Lowest raft protocol among alive servers; 3 when there are none. */
export const minRaftVersion = (servers: readonly ServerInfo[]): number =>
  servers.filter((s) => s.status === "alive").reduce((min, s) => Math.min(min, s.raftVersion), 3);
