/** The leading side: replication (paper 5.3, dissertation 10.2), heartbeats, lease, leadership transfer (3.10). */
import { LOG_TYPE, type LogEntry } from "../contract.ts";
import { HEARTBEATS_INFLIGHT_MAX, IDLE_APPENDS_MAX } from "../limits.ts";
import { maybeCommit } from "./commit.ts";
import type { AppendRequest, AppendResponse, InstallRequest, InstallResponse, Proposal } from "./messages.ts";
import type { Progress } from "./progress.ts";
import { quorumContactAt, settleVerifies } from "./reads.ts";
import { appendLocal, reconcileProgress, replicate, sendAppend, sendHeartbeat } from "./replication.ts";
import { becomeFollower } from "./roles.ts";
import { announceRole, type CoreState, say, sayEntering, setLeader, voters } from "./state.ts";

export function becomeLeader(s: CoreState): void {
  s.role = "leader";
  s.electionAt = Number.POSITIVE_INFINITY;
  s.leader = { id: s.options.id, address: s.options.address };
  s.lead = {
    startedAt: s.now,
    firstIndex: s.log.last + 1,
    progress: new Map(),
    round: 0,
    verifies: [],
    changes: [],
    changing: undefined,
    transfer: undefined,
    leaseVoid: false,
    restoring: false,
  };
  sayEntering(s);
  announceRole(s);
  const firstIndex = appendLocal(s, [{ type: LOG_TYPE.noop, data: new Uint8Array(0), extensions: null }]);
  reconcileProgress(s, firstIndex);
}

export function onPropose(s: CoreState, items: readonly Proposal[]): void {
  const lead = s.lead;
  const error =
    lead === undefined
      ? "node is not the leader"
      : lead.transfer !== undefined
        ? "leadership transfer in progress"
        : lead.restoring
          ? "snapshot restored while committing log"
          : undefined;
  if (error !== undefined) {
    s.effects.push({ kind: "refused", error });
    return;
  }
  const firstIndex = appendLocal(s, items);
  s.effects.push({ kind: "accepted", firstIndex, term: s.term });
}

export function onEntriesRead(
  s: CoreState,
  to: string,
  epoch: number,
  from: number,
  entries: readonly LogEntry[],
): void {
  const p = s.lead?.progress.get(to);
  if (p === undefined || p.epoch !== epoch || !p.reading) return;
  p.reading = false;
  const prevTerm = s.log.termAt(from - 1);
  // Compacted meanwhile: replicate() then finds that a snapshot is needed.
  if (p.next === from && entries.length > 0 && prevTerm !== undefined && from >= s.log.first)
    sendAppend(s, p, prevTerm, entries);
  replicate(s, p);
}

export function onAppendResponse(
  s: CoreState,
  from: string,
  request: AppendRequest,
  response: AppendResponse,
): void {
  if (response.term > s.term) {
    say(s, "error", `Peer ${from} has newer term, stopping replication`, { term: response.term });
    becomeFollower(s, response.term);
    setLeader(s, undefined);
    return;
  }
  const lead = s.lead;
  const p = lead?.progress.get(from);
  const context = request.context;
  if (lead === undefined || p === undefined || context === undefined || request.term !== s.term) return;
  p.contactAt = Math.max(p.contactAt ?? context.sentAt, context.sentAt);
  p.ackedRound = Math.max(p.ackedRound, context.round);
  if (context.heartbeat) {
    p.heartbeatsInflight = Math.max(0, p.heartbeatsInflight - 1);
    p.reported = false;
    if (p.heartbeatWanted) sendHeartbeat(s, p, true);
  } else onReplicated(s, p, request, response);
  settleVerifies(s);
}

function onReplicated(s: CoreState, p: Progress, request: AppendRequest, response: AppendResponse): void {
  const current = request.context!.epoch === p.epoch;
  if (current) {
    p.inflight = Math.max(0, p.inflight - 1);
    p.inflightBytes = Math.max(0, p.inflightBytes - request.context!.bytes);
  }
  if (response.success) {
    const match = request.prevIndex + request.entries.length;
    if (match > p.match) {
      p.match = match;
      maybeCommit(s);
      if (s.lead === undefined) return;
    }
    if (current) {
      p.answered();
      p.next = Math.max(p.next, match + 1);
      if (p.mode === "probe") p.mode = "pipeline";
    }
    maybeFinishTransfer(s);
  } else if (current) {
    p.probe(Math.min(request.prevIndex, response.lastLog + 1));
    if (p.next <= p.match) p.next = p.match + 1;
    if (response.noRetryBackoff) p.answered();
    else p.backOff(s.now);
    say(s, "warn", `AppendEntries to ${p.server.id} rejected, sending older logs (next: ${p.next})`);
  }
  replicate(s, p);
}

export function onAppendFailed(s: CoreState, from: string, request: AppendRequest): void {
  const p = s.lead?.progress.get(from);
  const context = request.context;
  if (p === undefined || context === undefined || request.term !== s.term) return;
  if (context.heartbeat) {
    p.heartbeatsInflight = Math.max(0, p.heartbeatsInflight - 1);
    if (!p.reported) say(s, "error", `Failed to heartbeat to ${p.server.address}`);
    p.reported = true;
    return;
  }
  if (context.epoch !== p.epoch) return;
  // What else was on that connection is lost with it; it starts again from what is known to have arrived.
  p.probe(p.match > 0 ? p.match + 1 : p.next > request.prevIndex ? request.prevIndex + 1 : p.next);
  p.backOff(s.now);
  if (p.failures === 1) say(s, "error", `Failed to AppendEntries to ${p.server.address}`);
}

export function onSnapshotSent(
  s: CoreState,
  to: string,
  request: InstallRequest | undefined,
  response: InstallResponse | undefined,
): void {
  if (response !== undefined && response.term > s.term) {
    becomeFollower(s, response.term);
    setLeader(s, undefined);
    return;
  }
  const p = s.lead?.progress.get(to);
  if (p === undefined || p.mode !== "snapshot" || (request !== undefined && request.term !== s.term)) return;
  if (request !== undefined && response?.success === true) {
    p.contactAt ??= s.now;
    p.match = Math.max(p.match, request.lastIndex);
    p.answered();
    p.probe(Math.max(p.next, request.lastIndex + 1));
    p.next = p.match + 1;
    maybeCommit(s);
  } else {
    p.probe(p.next);
    p.backOff(s.now);
    say(s, "error", `Failed to install snapshot on ${p.server.address}`);
  }
  if (s.lead !== undefined) replicate(s, p);
}

/** Hands the leadership to `to`, by default to the voter that is furthest of those that are heard. */
export function onTransfer(s: CoreState, to: string | undefined): void {
  const lead = s.lead;
  const fail = (error: string): void => {
    s.effects.push({ kind: "transferred", error });
  };
  if (lead === undefined) return fail("node is not the leader");
  if (lead.transfer !== undefined) return fail("leadership transfer in progress");
  const others = voters(s).filter((v) => v.id !== s.options.id);
  // A silent one may hold the most and still never take over.
  const silent = (p: Progress): number =>
    p.contactAt !== undefined && s.now - p.contactAt <= s.options.heartbeatTimeoutMs ? 0 : 1;
  const best = others
    .map((v) => lead.progress.get(v.id))
    .filter((p) => p !== undefined)
    .sort((a, b) => silent(a) - silent(b) || b.match - a.match || b.next - a.next)[0];
  const target = to ?? best?.server.id;
  if (target === undefined) return fail("cannot find peer");
  if (target === s.options.id) return fail("cannot transfer leadership to itself");
  if (!others.some((v) => v.id === target))
    return fail(`cannot find voter with ID ${target} in the configuration`);
  lead.transfer = { target, deadline: s.now + s.options.electionTimeoutMs, sent: false };
  say(s, "info", `Starting leadership transfer to ${target}`);
  maybeFinishTransfer(s);
}

/** Tells the target, once it holds everything and everything is committed: who waits for an entry is answered here before the end. */
export function maybeFinishTransfer(s: CoreState): void {
  const lead = s.lead;
  const t = lead?.transfer;
  if (lead === undefined || t === undefined || t.sent) return;
  const p = lead.progress.get(t.target);
  if (p === undefined || p.match < s.log.last || s.commit < s.log.last) return;
  t.sent = true;
  lead.leaseVoid = true;
  s.effects.push({
    kind: "send",
    to: p.server,
    lane: "control",
    request: { kind: "timeout-now", from: s.options.id },
  });
}

/** What time asks of a leader. */
export function onLeaderTick(s: CoreState): void {
  const lead = s.lead!;
  if (s.now >= leaseEnd(s)) {
    say(s, "warn", "Failed to contact quorum of nodes, stepping down");
    becomeFollower(s, s.term);
    setLeader(s, undefined);
    return;
  }
  const t = lead.transfer;
  if (t !== undefined && s.now >= t.deadline) {
    lead.transfer = undefined;
    s.effects.push({ kind: "transferred", error: "leadership transfer timeout" });
  }
  for (const p of lead.progress.values()) {
    if (s.now >= p.heartbeatAt) {
      if (p.heartbeatsInflight < HEARTBEATS_INFLIGHT_MAX) sendHeartbeat(s, p, false);
      else p.heartbeatAt = s.now + s.options.heartbeatTimeoutMs / 10;
    }
    replicate(s, p);
  }
}

const leaseEnd = (s: CoreState): number =>
  Math.max(quorumContactAt(s, s.lead!.startedAt), s.lead!.startedAt) + s.options.leaderLeaseTimeoutMs;

/** When {@link onLeaderTick} is needed next. */
export function leaderDeadline(s: CoreState): number {
  const lead = s.lead!;
  if (lead.progress.size === 0) return lead.transfer?.deadline ?? Number.POSITIVE_INFINITY;
  let at = Math.min(leaseEnd(s), lead.transfer?.deadline ?? Number.POSITIVE_INFINITY);
  for (const p of lead.progress.values()) {
    at = Math.min(at, p.heartbeatAt);
    if (p.mode === "snapshot" || p.reading) continue;
    if (s.now < p.backoffUntil) at = Math.min(at, p.backoffUntil);
    else if (p.inflight < (p.mode === "probe" ? 1 : IDLE_APPENDS_MAX)) at = Math.min(at, p.idleAppendAt);
  }
  return at;
}
