/**
 * Autopilot's judgement: which servers are healthy, which become voters, which dead ones may go. Pure; autopilot.ts polls and acts.
 * Rules as observed in Consul 1.8.7.
 */
import { MEMBER_STATUS } from "../gossip/contract.ts";
import {
  type AutopilotConfig,
  type AutopilotOperatorHealthReply,
  AutopilotServerHealth,
  type AutopilotServerStats,
} from "../model/operator.ts";
import type { RaftServer } from "../raft/contract.ts";
import { DurationError, parseDuration } from "../wire/duration.ts";
import { isVoter } from "./reconcile.ts";
import type { ServerInfo } from "./server-metadata.ts";

export interface HealthInput {
  readonly config: AutopilotConfig;
  /** Server members except left ones. */
  readonly servers: readonly ServerInfo[];
  readonly raft: readonly RaftServer[];
  readonly leaderId: string;
  readonly lastTerm: number;
  readonly lastIndex: number;
  /** Answers of Status.RaftStats by server name; a missing one did not answer in time. */
  readonly stats: ReadonlyMap<string, AutopilotServerStats>;
  /** Health of the round before, by server ID. */
  readonly before: ReadonlyMap<string, AutopilotServerHealth>;
  /** Unix nanoseconds. */
  readonly nowNs: bigint;
}

/** Nanoseconds since a server last heard the leader: -1 for "never" or a text that is none. */
export function parseLastContact(text: string): bigint {
  if (text === "never") return -1n;
  if (text === "0") return 0n;
  try {
    return parseDuration(text);
  } catch (error) {
    if (error instanceof DurationError) return -1n;
    throw error;
  }
}

export function judgeHealth(input: HealthInput): readonly AutopilotServerHealth[] {
  return input.servers.map((s) => {
    const peer = input.raft.find((p) => p.id === s.id);
    const stats = input.stats.get(s.name);
    const before = input.before.get(s.id);
    const lastContact =
      stats === undefined ? (before?.LastContact ?? -1n) : parseLastContact(stats.LastContact);
    const healthy =
      s.status === "alive" &&
      stats !== undefined &&
      lastContact >= 0n &&
      lastContact <= input.config.LastContactThreshold &&
      stats.LastTerm === input.lastTerm &&
      stats.LastIndex + input.config.MaxTrailingLogs >= input.lastIndex;
    return AutopilotServerHealth.make({
      ID: s.id,
      Name: s.name,
      Address: s.address,
      SerfStatus: MEMBER_STATUS[s.status],
      Version: s.build,
      Leader: s.id === input.leaderId,
      LastContact: lastContact,
      LastTerm: stats?.LastTerm ?? before?.LastTerm ?? 0,
      LastIndex: stats?.LastIndex ?? before?.LastIndex ?? 0,
      Healthy: healthy,
      Voter: peer !== undefined && isVoter(peer),
      // Stability counts from the last change of health.
      StableSince: before !== undefined && before.Healthy === healthy ? before.StableSince : input.nowNs,
    });
  });
}

/** The report of Operator.ServerHealth. */
export function healthReport(
  servers: readonly AutopilotServerHealth[],
  raft: readonly RaftServer[],
): AutopilotOperatorHealthReply {
  const voters = raft.filter(isVoter).length;
  const healthyVoters = servers.filter((s) => s.Voter && s.Healthy).length;
  return {
    Healthy: servers.every((s) => s.Healthy),
    FailureTolerance: Math.max(0, healthyVoters - (Math.floor(voters / 2) + 1)),
    Servers: servers,
  };
}

/** Non-voters that have been healthy long enough. `neverVote`: IDs of servers that shall stay as they are. */
export function planPromotions(
  servers: readonly AutopilotServerHealth[],
  raft: readonly RaftServer[],
  options: {
    readonly stabilizationNs: bigint;
    readonly nowNs: bigint;
    readonly neverVote: ReadonlySet<string>;
  },
): readonly RaftServer[] {
  return raft.filter((peer) => {
    if (isVoter(peer) || options.neverVote.has(peer.id)) return false;
    const health = servers.find((s) => s.ID === peer.id);
    return health?.Healthy === true && options.nowNs - health.StableSince >= options.stabilizationNs;
  });
}

export interface CleanupPlan {
  /** Failed servers to force-leave, by member name. */
  readonly forceLeave: readonly string[];
  /** Raft entries that no member stands behind. */
  readonly removePeers: readonly RaftServer[];
  readonly log: string | undefined;
}

/** Which dead servers may go without endangering the quorum. */
export function planCleanup(
  servers: readonly ServerInfo[],
  raft: readonly RaftServer[],
  minQuorum: number,
): CleanupPlan {
  const forceLeave: string[] = [];
  const failedVoters: string[] = [];
  const stale = new Map(raft.map((p) => [p.address, p]));
  for (const s of servers) {
    if (s.status === "alive") {
      stale.delete(s.address);
      continue;
    }
    if (s.status !== "failed") continue;
    const peer = raft.find((p) => p.id === s.id || p.address === s.address);
    // The failed member accounts for its own raft entry.
    if (peer !== undefined) stale.delete(peer.address);
    if (s.nonVoter || peer === undefined || !isVoter(peer)) forceLeave.push(s.name);
    else failedVoters.push(s.name);
  }
  const removePeers = [...stale.values()];
  const removals = failedVoters.length + removePeers.length;
  if (removals === 0) return { forceLeave, removePeers: [], log: undefined };
  const peers = raft.filter(isVoter).length;
  if (peers - removals < minQuorum)
    return {
      forceLeave,
      removePeers: [],
      log: `Failed to prune dead servers: ${removals} of ${peers} would leave fewer than the minimum quorum of ${minQuorum}`,
    };
  if (removals > Math.floor((peers - 1) / 2))
    return {
      forceLeave,
      removePeers: [],
      log: `Failed to remove dead servers: too many dead servers: ${removals}/${peers}`,
    };
  return { forceLeave: [...forceLeave, ...failedVoters], removePeers, log: undefined };
}
