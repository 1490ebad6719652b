/** Moving the commit index, and what waits for it. */

import { heldByQuorum } from "./configuration.ts";
import { continueChanges } from "./membership.ts";
import { settleVerifies } from "./reads.ts";
import { leaveLeadership } from "./roles.ts";
import {
  announceRole,
  armElection,
  type CoreState,
  say,
  sayEntering,
  selfIsVoter,
  soleVoter,
  voters,
} from "./state.ts";

/** Paper section 5.4.2: a majority has it, and it is of the leader's own term. */
export function maybeCommit(s: CoreState): void {
  const lead = s.lead;
  if (lead === undefined) return;
  const matches = voters(s).map((v) =>
    v.id === s.options.id ? s.persisted : (lead.progress.get(v.id)?.match ?? 0),
  );
  const held = heldByQuorum(matches, 0);
  if (held >= lead.firstIndex && held > s.commit) advanceCommit(s, held);
}

export function advanceCommit(s: CoreState, to: number): void {
  if (to <= s.commit) return;
  const lead = s.lead;
  const first = lead !== undefined && s.commit < lead.firstIndex && to >= lead.firstIndex;
  s.commit = to;
  s.configurations.settle(to);
  if (lead === undefined) return;
  if (first && soleVoter(s) && !s.soleVoterTold) {
    s.soleVoterTold = true;
    say(s, "info", "Disabling EnableSingleNode (bootstrap)");
  }
  const c = lead.changing;
  if (c !== undefined && to >= c.index) {
    lead.changing = undefined;
    s.effects.push({ kind: "changed", id: c.id, index: c.index, error: undefined });
  }
  if (first) settleVerifies(s);
  if (s.configurations.latest.index <= to && !selfIsVoter(s)) {
    // Section 4.2.2: a leader that is not part of the committed configuration steps down.
    say(s, "info", "Removed ourself, transitioning to follower");
    leaveLeadership(s);
    s.role = "follower";
    s.leader = undefined;
    armElection(s, s.options.heartbeatTimeoutMs);
    sayEntering(s);
    announceRole(s);
    return;
  }
  continueChanges(s);
}
