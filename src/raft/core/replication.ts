/** What a leader sends to its followers: entries, heartbeats, the idle appends (paper 5.3, dissertation 10.2). */
import type { LogEntry } from "../contract.ts";
import {
  APPEND_BYTES_MAX,
  HEARTBEATS_INFLIGHT_MAX,
  IDLE_APPEND_MS_MAX,
  IDLE_APPEND_MS_MIN,
  IDLE_APPENDS_MAX,
  PIPELINE_BYTES_MAX,
  PIPELINE_DEPTH,
} from "../limits.ts";
import { entryBytes } from "./log-view.ts";
import type { AppendRequest, Proposal } from "./messages.ts";
import { Progress } from "./progress.ts";
import { between, type CoreState, latestServers } from "./state.ts";

/** Appends entries of the own term, tells the followers at once (their disks work while ours does). Returns the first index. */
export function appendLocal(s: CoreState, items: readonly Proposal[]): number {
  const first = s.log.last + 1;
  const entries: LogEntry[] = items.map((item, i) => ({
    index: first + i,
    term: s.term,
    type: item.type,
    data: item.data,
    extensions: item.extensions,
  }));
  for (const e of entries) s.log.append(e);
  s.ops.push({ kind: "append", entries });
  for (const p of s.lead!.progress.values()) replicate(s, p);
  return first;
}

/** Followers by the configuration in force: new ones are greeted with entries from `next` on, removed ones forgotten. */
export function reconcileProgress(s: CoreState, next: number = s.log.last + 1): void {
  const lead = s.lead!;
  const wanted = new Set<string>();
  for (const server of latestServers(s)) {
    if (server.id === s.options.id) continue;
    wanted.add(server.id);
    const known = lead.progress.get(server.id);
    if (known === undefined) {
      const p = new Progress(server, next);
      // A new follower gets its first lease period as a gift, or adding it could cost the leadership.
      p.idleAppendAt = s.now;
      lead.progress.set(server.id, p);
      sendHeartbeat(s, p, false);
      replicate(s, p);
    } else {
      if (known.server.address !== server.address) known.probe(known.match + 1);
      known.server = server;
    }
  }
  for (const id of [...lead.progress.keys()]) if (!wanted.has(id)) lead.progress.delete(id);
}

export function sendHeartbeat(s: CoreState, p: Progress, verify: boolean): void {
  const lead = s.lead!;
  if (p.heartbeatsInflight >= HEARTBEATS_INFLIGHT_MAX || (verify && p.heartbeatsInflight >= 2)) {
    if (verify) p.heartbeatWanted = true;
    return;
  }
  const t = s.options.heartbeatTimeoutMs;
  p.heartbeatAt = s.now + between(s, t / 10, t / 5);
  p.heartbeatsInflight++;
  p.heartbeatWanted = false;
  const request: AppendRequest = {
    kind: "append",
    term: s.term,
    leader: s.options.address,
    from: s.options.id,
    prevIndex: 0,
    prevTerm: 0,
    entries: [],
    commit: 0,
    context: { heartbeat: true, epoch: p.epoch, round: lead.round, sentAt: s.now, bytes: 0 },
  };
  s.effects.push({ kind: "send", to: p.server, lane: "heartbeat", request });
}

/** Sends what `p` lacks, as far as the limits allow; or the idle append that is due. */
export function replicate(s: CoreState, p: Progress): void {
  for (;;) {
    if (p.mode === "snapshot" || p.reading || s.now < p.backoffUntil) return;
    const limit = p.mode === "probe" ? 1 : PIPELINE_DEPTH;
    if (p.inflight >= limit || p.inflightBytes >= PIPELINE_BYTES_MAX) return;
    const prevTerm = s.log.termAt(p.next - 1);
    if (prevTerm === undefined || (p.next < s.log.first && p.next <= s.log.last)) {
      p.mode = "snapshot";
      p.epoch++;
      s.effects.push({ kind: "send-snapshot", to: p.server, term: s.term });
      return;
    }
    const entries = s.log.slice(p.next, s.options.appendEntriesMax, APPEND_BYTES_MAX);
    if (entries === undefined) {
      p.reading = true;
      const through = Math.min(s.log.last, p.next + s.options.appendEntriesMax - 1);
      s.effects.push({ kind: "read-entries", to: p.server.id, epoch: p.epoch, from: p.next, through });
      return;
    }
    if (entries.length === 0 && (s.now < p.idleAppendAt || p.inflight >= IDLE_APPENDS_MAX)) return;
    sendAppend(s, p, prevTerm, entries);
    if (entries.length === 0) return;
  }
}

export function sendAppend(s: CoreState, p: Progress, prevTerm: number, entries: readonly LogEntry[]): void {
  let bytes = 0;
  for (const e of entries) bytes += entryBytes(e);
  const request: AppendRequest = {
    kind: "append",
    term: s.term,
    leader: s.options.address,
    from: s.options.id,
    prevIndex: p.next - 1,
    prevTerm,
    entries,
    commit: s.commit,
    context: { heartbeat: false, epoch: p.epoch, round: s.lead!.round, sentAt: s.now, bytes },
  };
  p.inflight++;
  p.inflightBytes += bytes;
  p.idleAppendAt = s.now + between(s, IDLE_APPEND_MS_MIN, IDLE_APPEND_MS_MAX);
  p.sentCommit = s.commit;
  // In probe mode the next index moves only when the answer says that the logs agree.
  if (p.mode === "pipeline") p.next += entries.length;
  s.effects.push({ kind: "send", to: p.server, lane: "replication", request });
}
