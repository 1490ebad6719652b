/** Reads that must see every acknowledged write: ReadIndex (dissertation 6.4) and the lease (6.4.1). */
import { heldByQuorum } from "./configuration.ts";
import { sendHeartbeat } from "./replication.ts";
import { type CoreState, voters } from "./state.ts";

/** Confirms the leadership with a quorum; the read may then see the state at `index`. */
export function onVerify(s: CoreState, id: number): void {
  const lead = s.lead;
  if (lead === undefined) {
    s.effects.push({ kind: "verified", id, index: 0, error: "node is not the leader" });
    return;
  }
  lead.round++;
  lead.verifies.push({ id, round: lead.round, readIndex: s.commit });
  for (const v of voters(s)) {
    const p = lead.progress.get(v.id);
    if (p !== undefined) sendHeartbeat(s, p, true);
  }
  settleVerifies(s);
}

/** Answers the checks whose round a quorum has confirmed, once an entry of this term is committed. */
export function settleVerifies(s: CoreState): void {
  const lead = s.lead;
  if (lead === undefined || lead.verifies.length === 0 || s.commit < lead.firstIndex) return;
  const rounds = voters(s).map((v) =>
    v.id === s.options.id ? lead.round : (lead.progress.get(v.id)?.ackedRound ?? 0),
  );
  const confirmed = heldByQuorum(rounds, 0);
  while (lead.verifies.length > 0 && lead.verifies[0]!.round <= confirmed) {
    const v = lead.verifies.shift()!;
    s.effects.push({
      kind: "verified",
      id: v.id,
      index: Math.max(v.readIndex, lead.firstIndex),
      error: undefined,
    });
  }
}

/** Latest time at which a quorum of voters was in contact (a request sent then was answered); `none` counts for the silent. */
export function quorumContactAt(s: CoreState, none: number): number {
  const lead = s.lead!;
  const times: number[] = [];
  for (const v of voters(s))
    times.push(v.id === s.options.id ? s.now : (lead.progress.get(v.id)?.contactAt ?? none));
  return heldByQuorum(times, none);
}

/** Whether no other server can have become leader, judged by this clock alone. */
export function holdsLease(s: CoreState, now: number): boolean {
  const lead = s.lead;
  if (lead === undefined || lead.leaseVoid || s.commit < lead.firstIndex) return false;
  s.now = Math.max(s.now, now);
  return now - quorumContactAt(s, Number.NEGATIVE_INFINITY) < s.options.leaderLeaseTimeoutMs;
}
