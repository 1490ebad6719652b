/** What the leader knows of one follower. Source: section 10.2.1 of the dissertation; back-off as in Consul 1.8.7. */
import type { RaftServer } from "../contract.ts";
import { BACKOFF_DOUBLINGS_MAX, BACKOFF_MS } from "../limits.ts";

/**
 * - probe: its log is not known to match; one append at a time.
 * - pipeline: it matched; appends are sent ahead of their answers.
 * - snapshot: it needs entries that are gone; a snapshot is on its way.
 */
export type ProgressMode = "probe" | "pipeline" | "snapshot";

export class Progress {
  server: RaftServer;
  mode: ProgressMode = "probe";
  /** Next entry to send. */
  next: number;
  /** Highest entry known to be durable there and equal to ours. */
  match = 0;
  /** Changes when appends in flight lose their meaning. */
  epoch = 0;
  inflight = 0;
  inflightBytes = 0;
  heartbeatsInflight = 0;
  heartbeatAt = 0;
  /** Time of the next append even if there is nothing to send. */
  idleAppendAt = 0;
  /** Leader's commit index that was last sent. */
  sentCommit = 0;
  /** No append before this time. */
  backoffUntil = 0;
  failures = 0;
  /** Sending time of the latest request that was answered in our term. */
  contactAt: number | undefined;
  /** Leadership round that it has confirmed. */
  ackedRound = 0;
  /** A heartbeat must follow the one in flight: a leadership check is waiting. */
  heartbeatWanted = false;
  /** The store is being read for it. */
  reading = false;
  reported = false;

  constructor(server: RaftServer, next: number) {
    this.server = server;
    this.next = next;
  }

  /** Back to asking where the logs agree. */
  probe(next: number): void {
    this.mode = "probe";
    this.next = Math.max(next, 1);
    this.epoch++;
    this.inflight = 0;
    this.inflightBytes = 0;
    this.reading = false;
  }

  backOff(now: number): void {
    this.failures++;
    const doublings = Math.min(Math.max(this.failures - 2, 0), BACKOFF_DOUBLINGS_MAX);
    this.backoffUntil = now + BACKOFF_MS * 2 ** doublings;
  }

  answered(): void {
    this.failures = 0;
    this.backoffUntil = 0;
  }
}
