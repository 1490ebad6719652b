/** The receiving side: AppendEntries and InstallSnapshot. Source: paper, figures 2 and 13; answers as observed in Consul 1.8.7. */
import { decodeConfiguration } from "../configuration-codec.ts";
import { LOG_TYPE, type LogEntry } from "../contract.ts";
import { advanceCommit } from "./commit.ts";
import type { AppendRequest, AppendResponse, InstalledMeta, InstallRequest } from "./messages.ts";
import { becomeFollower } from "./roles.ts";
import { armElection, type CoreState, resolveServer, say, setLeader } from "./state.ts";

/** Common head of both: false when the sender's term is past. */
function acceptLeader(s: CoreState, term: number, address: string, id: string): boolean {
  if (term < s.term) return false;
  if (s.role === "leader" && term === s.term) {
    // Cannot come from a correct peer; a forged message must not end this leadership.
    say(s, "error", `Refusing entries from ${address}, which claims to lead our own term`, { term });
    return false;
  }
  if (term > s.term || s.role !== "follower") becomeFollower(s, term);
  setLeader(s, resolveServer(s, address, id));
  heard(s);
  return true;
}

function heard(s: CoreState): void {
  s.contactAt = s.now;
  armElection(s, s.options.heartbeatTimeoutMs);
}

export function onAppend(s: CoreState, id: number, request: AppendRequest): void {
  const lastLog = s.log.last;
  const answer = (success: boolean, noRetryBackoff: boolean): void => {
    const response: AppendResponse = {
      kind: "append-response",
      term: s.term,
      lastLog,
      success,
      noRetryBackoff,
      from: s.options.id,
    };
    s.afterPersist.push({ kind: "reply", id, response });
  };
  if (!acceptLeader(s, request.term, request.leader, request.from)) return answer(false, false);

  const { prevIndex } = request;
  // Below our snapshot everything is committed, so it is equal to the leader's.
  if (prevIndex >= s.log.snapshotIndex && prevIndex > 0) {
    const ours = s.log.termAt(prevIndex);
    if (ours !== request.prevTerm) {
      say(s, "warn", `Failed to get previous log: ${prevIndex}, or its term differs`, {
        last: s.log.last,
        ours: ours ?? "none",
        theirs: request.prevTerm,
      });
      return answer(false, true);
    }
  }
  const contradicted = contradictedEntry(s, request.entries);
  if (contradicted !== undefined) {
    say(s, "error", `Refusing entries from ${request.leader} that contradict a committed entry`, {
      index: contradicted,
      commit: s.commit,
    });
    return answer(false, true);
  }
  appendNew(s, request.entries);
  const known = prevIndex + request.entries.length;
  // Not beyond what this request proves equal: entries after it may be a dead leader's.
  if (request.commit > s.commit) advanceCommit(s, Math.min(request.commit, known));
  answer(true, false);
}

/** Cannot come from a correct leader: its log holds all that is committed. */
function contradictedEntry(s: CoreState, entries: readonly LogEntry[]): number | undefined {
  for (const e of entries) {
    if (e.index > s.commit) return undefined;
    const ours = e.index < s.log.first ? undefined : s.log.termAt(e.index);
    if (ours !== undefined && ours !== e.term) return e.index;
  }
  return undefined;
}

function appendNew(s: CoreState, entries: readonly LogEntry[]): void {
  let start = 0;
  for (; start < entries.length; start++) {
    const e = entries[start]!;
    if (e.index <= s.log.snapshotIndex) continue;
    if (e.index > s.log.last) break;
    if (s.log.termAt(e.index) === e.term) continue;
    say(s, "warn", `Clearing log suffix from ${e.index} to ${s.log.last}`);
    s.log.truncate(e.index);
    s.persisted = Math.min(s.persisted, e.index - 1);
    s.configurations.truncate(e.index);
    s.ops.push({ kind: "truncate", from: e.index });
    break;
  }
  if (start === entries.length) return;
  const fresh = entries.slice(start);
  for (const e of fresh) {
    s.log.append(e);
    if (e.type === LOG_TYPE.configuration) s.configurations.append(e.index, decodeConfiguration(e.data));
  }
  s.ops.push({ kind: "append", entries: fresh });
}

export function onInstall(s: CoreState, id: number, request: InstallRequest): void {
  if (!acceptLeader(s, request.term, request.leader, request.from)) {
    s.afterPersist.push({
      kind: "reply",
      id,
      response: { kind: "install-response", term: s.term, success: false },
    });
    return;
  }
  s.afterPersist.push({ kind: "receive-snapshot", id, request });
}

/** The snapshot is durable and in the state machine (or it held nothing new, and only the answer is due). */
export function onSnapshotInstalled(s: CoreState, id: number, meta: InstalledMeta): void {
  if (meta.index > s.applied) replaceBySnapshot(s, meta);
  heard(s);
  s.afterPersist.push({
    kind: "reply",
    id,
    response: { kind: "install-response", term: s.term, success: true },
  });
}

/** Log and configuration after the state machine took `meta`. */
export function replaceBySnapshot(s: CoreState, meta: InstalledMeta): void {
  const keepsLog = s.log.termAt(meta.index) === meta.term && meta.index <= s.log.last;
  const configuration = meta.configuration;
  if (keepsLog) {
    s.log.setSnapshot(meta.index, meta.term);
    s.configurations.rebase(meta.configurationIndex, configuration);
    compactBehindSnapshot(s);
  } else {
    s.log.reset(meta.index, meta.term);
    s.configurations.reset(meta.configurationIndex, configuration);
    s.persisted = meta.index;
    s.ops.push({ kind: "reset" });
  }
  s.persisted = Math.max(s.persisted, meta.index);
  s.commit = Math.max(s.commit, meta.index);
  s.applied = meta.index;
}

/** Lets the log before the snapshot go, but for the trailing entries that slow followers may still want. */
export function compactBehindSnapshot(s: CoreState): void {
  const through = Math.min(s.log.snapshotIndex, s.log.last - s.options.trailingLogs);
  if (through < s.log.first) return;
  say(s, "info", `Compacting logs from ${s.log.first} to ${through}`);
  s.log.compact(through);
  s.effects.push({ kind: "compact", through });
}
