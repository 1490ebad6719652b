/** Intervals and delays of the server's duties as Consul 1.8.7 has them, in milliseconds. */
import type { ServerTimings } from "./contract.ts";

export const DEFAULT_TIMINGS: ServerTimings = {
  /** Full pass over members and catalog. */
  reconcileIntervalMs: 60_000,
  /** The next one where a member was about to leave. Ours: 1.8.7 waits as long as always. */
  reconcileLeavingMs: 2_000,
  /** Coordinate updates are buffered this long and then logged in batches. */
  coordinateFlushMs: 5_000,
  /** Deleted keys stay visible to blocking list queries this long ... */
  tombstoneTtlMs: 15 * 60_000,
  /** ... in bins of this width, so that few timers serve many deletes. */
  tombstoneGranularityMs: 30_000,
  /** A new leader must have applied everything before it within this time. */
  barrierTimeoutMs: 120_000,
  autopilotHealthMs: 2_000,
  autopilotHealthBudgetMs: 1_000,
  /** Dead servers are looked for this often. */
  autopilotCleanupMs: 10_000,
  /** LAN servers are looked for in the WAN pool this often. */
  floodIntervalMs: 60_000,
  /** A leaving follower waits this long to see itself removed from raft. */
  leaveRaftRemovalMs: 5_000,
  /** A leader that goes tries this long to hand over. Ours: 1.8.7 does not. */
  handOverMs: 2_500,
  /** A write waits this long for a place in raft's queue. */
  enqueueTimeoutMs: 30_000,
  /** Status.Peers of another server is asked again after 1, 2, 4, ... times this. */
  bootstrapRetryBaseMs: 1_000,
  /** Destroying an expired session is tried again after 1, 2, 4, ... times this. */
  sessionDestroyRetryBaseMs: 10_000,
};
