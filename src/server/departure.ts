/**
 * How a server goes. A leader first hands its office to another voter, so that clients wait for two messages instead of an election;
 * then comes the leave as Consul 1.8.7 does it. 1.8.7 itself removes the leader from raft and lets the others elect; later versions
 * hand over as here.
 */
import type { SerfPool } from "../gossip/contract.ts";
import { type Clock, sleep } from "../ports/clock.ts";
import type { Logger } from "../ports/log.ts";
import { type RaftNode, SUFFRAGE } from "../raft/contract.ts";
import { errorText } from "./errors.ts";

/** Looks at raft while it waits. */
const POLL_MS = 20;
/** So long after the last write the others know where to send theirs: a few times what an append takes to reach them. */
const QUIET_MS = 100;

export interface Departing {
  readonly nodeId: string;
  readonly raft: Pick<
    RaftNode,
    "role" | "leader" | "followers" | "configuration" | "removeServer" | "transferLeadership"
  >;
  readonly lan: Pick<SerfPool, "leave">;
  readonly wan: Pick<SerfPool, "leave"> | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** A voter heard within this time is taken to be able to lead. */
  readonly leaseMs: number;
  /** Longest time for handing the leadership over. */
  readonly handOverMs: number;
  readonly drainMs: number;
  /** Longest wait of a follower to see itself removed from raft. */
  readonly raftRemovalMs: number;
}

/**
 * True when another server leads now. False when this one did not lead, when no other voter is within reach, or when it did not
 * come about in time; then nothing has changed.
 */
export async function handOver(d: Departing): Promise<boolean> {
  const { raft, clock, log } = d;
  if (raft.role !== "leader" || !anotherCanLead(d)) return false;
  const deadline = clock.now() + d.handOverMs;
  try {
    await within(clock, d.handOverMs, raft.transferLeadership());
  } catch (error) {
    log.warn("failed to transfer leadership", { error: errorText(error) });
    return false;
  }
  while (raft.leader === undefined && clock.now() < deadline) await sleep(clock, POLL_MS);
  const { leader } = raft;
  if (leader === undefined || leader.id === d.nodeId) return false;
  log.info("handed the leadership over", { leader: leader.address });
  return true;
}

/**
 * After a hand-over: others send their writes here until they have heard of the next leader, and these are sent on to it. To break off
 * a connection with one under way would leave its client in doubt whether it was done. Resolves when none has been for a moment, or
 * when the time for handing over has passed once more.
 */
export async function drainWrites(
  { clock, handOverMs }: Pick<Departing, "clock" | "handOverMs">,
  restMs: () => number,
): Promise<void> {
  const deadline = clock.now() + handOverMs;
  await sleep(clock, QUIET_MS);
  while (restMs() < QUIET_MS && clock.now() < deadline) await sleep(clock, POLL_MS);
}

/** Rejects when `work` takes longer; what it comes to is then of no interest. */
function within(clock: Clock, ms: number, work: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = clock.timer(ms, () => reject(new Error(`it took longer than ${ms} ms`)));
    work.then(resolve, reject).finally(() => timer.cancel());
  });
}

function anotherCanLead({ raft, nodeId, leaseMs }: Departing): boolean {
  const voters = new Set(
    raft.configuration.servers.filter((s) => s.suffrage === SUFFRAGE.voter).map((s) => s.id),
  );
  voters.delete(nodeId);
  return raft.followers.some((f) => voters.has(f.id) && (f.lastContactMs ?? leaseMs) < leaseMs);
}

/** Out of raft, WAN and LAN; `onLeft` when clients have seen it, then the time in which their requests drain. */
export async function leaveCluster(d: Departing, onLeft: () => void): Promise<void> {
  const { raft, clock, log, nodeId } = d;
  log.info("server starting leave");
  const wasLeader = raft.role === "leader";
  const isFollower = !wasLeader || (await handOver(d));
  if (!isFollower && raft.configuration.servers.length > 1)
    try {
      await raft.removeServer(nodeId);
    } catch (error) {
      log.error("failed to remove ourself as raft peer", { error: errorText(error) });
    }
  const leave = (pool: Pick<SerfPool, "leave"> | undefined, name: string): Promise<void> =>
    pool?.leave().catch((error: unknown) => {
      log.error(`failed to leave ${name} Serf cluster`, { error: errorText(error) });
    }) ?? Promise.resolve();
  await leave(d.wan, "WAN");
  await leave(d.lan, "LAN");
  onLeft();
  log.info("Waiting to drain RPC traffic", { drain_time: `${d.drainMs / 1000}s` });
  await sleep(clock, d.drainMs);
  if (!isFollower) return;
  // The leader removes us when it hears that we left.
  const deadline = clock.now() + d.raftRemovalMs;
  const present = (): boolean => raft.configuration.servers.some((s) => s.id === nodeId);
  while (present() && clock.now() < deadline) await sleep(clock, POLL_MS);
  if (present()) log.warn("failed to leave raft configuration gracefully, timeout");
}
