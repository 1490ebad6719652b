/**
 * Timings of a pool. `serf*` are serf's own defaults for the three kinds of network; `profileTimings` are those with
 * Consul's overrides, which is what the agent runs. Source: observed in serf 0.9.4 and Consul 1.8.7, documented in their
 * configuration pages (gossip_lan, gossip_wan).
 */

import { GossipError } from "./errors.ts";

/** Times in milliseconds, factors and counts without unit. */
export interface GossipTimings {
  readonly probeIntervalMs: number;
  readonly probeTimeoutMs: number;
  /** Members asked to ping on our behalf. */
  readonly indirectChecks: number;
  readonly suspicionMult: number;
  readonly suspicionMaxTimeoutMult: number;
  readonly awarenessMaxMultiplier: number;
  readonly retransmitMult: number;
  readonly gossipIntervalMs: number;
  readonly gossipNodes: number;
  readonly gossipToTheDeadMs: number;
  /** 0: never. */
  readonly pushPullIntervalMs: number;
  readonly tcpTimeoutMs: number;
  /** How long a node must be dead before its name may come back from another address; 0: never. */
  readonly deadNodeReclaimMs: number;
  readonly broadcastTimeoutMs: number;
  readonly leavePropagateDelayMs: number;
  readonly queryTimeoutMult: number;
  readonly reapIntervalMs: number;
  readonly reconnectIntervalMs: number;
  readonly reconnectTimeoutMs: number;
  readonly tombstoneTimeoutMs: number;
  readonly recentIntentTimeoutMs: number;
  readonly flapTimeoutMs: number;
  readonly queueCheckIntervalMs: number;
  readonly queueDepthWarning: number;
  readonly maxQueueDepth: number;
  readonly minQueueDepth: number;
  /** Coalescing of member events and of user events that ask for it; 0: off. */
  readonly coalescePeriodMs: number;
  readonly quiescentPeriodMs: number;
  readonly userCoalescePeriodMs: number;
  readonly userQuiescentPeriodMs: number;
}

const HOUR = 3_600_000;

export const serfLan: GossipTimings = {
  probeIntervalMs: 1000,
  probeTimeoutMs: 500,
  indirectChecks: 3,
  suspicionMult: 4,
  suspicionMaxTimeoutMult: 6,
  awarenessMaxMultiplier: 8,
  retransmitMult: 4,
  gossipIntervalMs: 200,
  gossipNodes: 3,
  gossipToTheDeadMs: 30_000,
  pushPullIntervalMs: 30_000,
  tcpTimeoutMs: 10_000,
  deadNodeReclaimMs: 0,
  broadcastTimeoutMs: 5000,
  leavePropagateDelayMs: 1000,
  queryTimeoutMult: 16,
  reapIntervalMs: 15_000,
  reconnectIntervalMs: 30_000,
  reconnectTimeoutMs: 24 * HOUR,
  tombstoneTimeoutMs: 24 * HOUR,
  recentIntentTimeoutMs: 300_000,
  flapTimeoutMs: 60_000,
  queueCheckIntervalMs: 30_000,
  queueDepthWarning: 128,
  maxQueueDepth: 4096,
  minQueueDepth: 0,
  coalescePeriodMs: 0,
  quiescentPeriodMs: 0,
  userCoalescePeriodMs: 0,
  userQuiescentPeriodMs: 0,
};

export const serfWan: GossipTimings = {
  ...serfLan,
  probeIntervalMs: 5000,
  probeTimeoutMs: 3000,
  suspicionMult: 6,
  gossipIntervalMs: 500,
  gossipNodes: 4,
  gossipToTheDeadMs: 60_000,
  pushPullIntervalMs: 60_000,
  tcpTimeoutMs: 30_000,
};

export const serfLocal: GossipTimings = {
  ...serfLan,
  probeTimeoutMs: 200,
  indirectChecks: 1,
  suspicionMult: 3,
  retransmitMult: 2,
  gossipIntervalMs: 100,
  gossipToTheDeadMs: 15_000,
  pushPullIntervalMs: 15_000,
  tcpTimeoutMs: 1000,
};

const consul: Partial<GossipTimings> = {
  deadNodeReclaimMs: 30_000,
  leavePropagateDelayMs: 3000,
  reconnectTimeoutMs: 72 * HOUR,
  queueDepthWarning: 1_000_000,
  minQueueDepth: 4096,
};

export const profileTimings: Readonly<Record<"lan" | "wan" | "local", GossipTimings>> = {
  lan: { ...serfLan, ...consul },
  // Consul 1.8.7 fills both pools' gossip nodes from the LAN number.
  wan: { ...serfWan, ...consul, gossipNodes: 3 },
  local: { ...serfLocal, ...consul },
};

/** What `-dev` changes in both of Consul's pools; to be passed as `timings`. */
export const DEV_TIMINGS: Partial<GossipTimings> = {
  probeIntervalMs: 100,
  probeTimeoutMs: 100,
  suspicionMult: 3,
  gossipIntervalMs: 100,
};

/** A profile's timings with single ones replaced. Throws {@link GossipError} for a name that is none. */
export function timingsOf(
  profile: keyof typeof profileTimings,
  overrides: Readonly<Partial<Record<string, number>>>,
): GossipTimings {
  const base = profileTimings[profile];
  const out: Record<string, number> = { ...base };
  for (const [key, value] of Object.entries(overrides)) {
    if (!Object.hasOwn(base, key))
      throw new GossipError(`unknown gossip timing "${key}": known are ${Object.keys(base).join(", ")}`);
    if (value === undefined) continue;
    if (!(value >= 0)) throw new GossipError(`gossip timing ${key} is ${value}: want a number from 0 on`);
    out[key] = value;
  }
  // Checked above: every key of GossipTimings is there and nothing else.
  return out as unknown as GossipTimings;
}
