/**
 * How times and limits grow with the pool. `n` is the number of records, own one included, dead and left ones until they
 * are reaped. Times in milliseconds. Source: Lifeguard (Dadgar, Phillips, Currey 2017, arXiv 1707.00788), section III;
 * rounding as observed in memberlist 0.2.2.
 */
import type { GossipTimings } from "../profile.ts";

/** Transmissions after which a broadcast has been told often enough. */
export const retransmitLimit = (mult: number, n: number): number => mult * Math.ceil(Math.log10(n + 1));

/** Pools beyond this size exchange whole states less often. */
const PUSH_PULL_SCALE_FROM = 32;

export function pushPullDelayMs(intervalMs: number, n: number): number {
  if (n <= PUSH_PULL_SCALE_FROM) return intervalMs;
  return intervalMs * (Math.ceil(Math.log2(n) - Math.log2(PUSH_PULL_SCALE_FROM)) + 1);
}

/** Shortest suspicion, when enough members agree. */
export const suspicionMinMs = (mult: number, n: number, probeIntervalMs: number): number =>
  (mult * Math.floor(1000 * Math.max(1, Math.log10(Math.max(1, n)))) * probeIntervalMs) / 1000;

export interface SuspicionBounds {
  /** Confirmations that shorten the suspicion to its least; 0 when too few members could confirm. */
  readonly k: number;
  readonly minMs: number;
  readonly maxMs: number;
}

export function suspicionBounds(t: GossipTimings, n: number): SuspicionBounds {
  const wanted = t.suspicionMult - 2;
  const minMs = suspicionMinMs(t.suspicionMult, n, t.probeIntervalMs);
  return { k: n - 2 < wanted ? 0 : wanted, minMs, maxMs: t.suspicionMaxTimeoutMult * minMs };
}

/** What is left of a suspicion after `confirmations` others agreed; may be negative. */
export function remainingSuspicionMs(confirmations: number, elapsedMs: number, b: SuspicionBounds): number {
  const share = Math.log(confirmations + 1) / Math.log(b.k + 1);
  const raw = b.maxMs / 1000 - share * (b.maxMs / 1000 - b.minMs / 1000);
  return Math.max(b.minMs, Math.floor(1000 * raw)) - elapsedMs;
}

/** How long a query stays open unless told otherwise; `n` is the number of members alive. */
export const queryTimeoutMs = (t: GossipTimings, n: number): number =>
  t.gossipIntervalMs * t.queryTimeoutMult * Math.ceil(Math.log10(n + 1));
