/** Giving up: the way back to follower, from every role. */
import { adoptTerm, announceRole, armElection, type CoreState, sayEntering } from "./state.ts";

/** Follower of `term` (own or higher). The leader, if known, is set by the caller. */
export function becomeFollower(s: CoreState, term: number): void {
  if (s.role === "leader") leaveLeadership(s);
  const was = s.role;
  if (term > s.term) adoptTerm(s, term);
  s.role = "follower";
  s.election = undefined;
  if (was === "follower") return;
  armElection(s, s.options.heartbeatTimeoutMs);
  if (s.leader?.id === s.options.id) s.leader = undefined;
  sayEntering(s);
  announceRole(s);
}

/** Ends the leadership: everybody who waits for it is told. The caller sets the new role. */
export function leaveLeadership(s: CoreState): void {
  const lead = s.lead!;
  s.lead = undefined;
  for (const v of lead.verifies)
    s.effects.push({ kind: "verified", id: v.id, index: 0, error: "leadership lost while committing log" });
  for (const c of lead.changes)
    s.effects.push({ kind: "changed", id: c.id, index: 0, error: "leadership lost while committing log" });
  if (lead.changing !== undefined)
    s.effects.push({
      kind: "changed",
      id: lead.changing.id,
      index: 0,
      error: "leadership lost while committing log",
    });
  if (lead.transfer !== undefined) s.effects.push({ kind: "transferred", error: undefined });
}
