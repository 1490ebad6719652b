/**
 * Elections: paper section 5.2 and 5.4.1, dissertation 4.2.3 (stickiness to a live leader), 9.6 (pre-vote), 3.10 (transfer).
 * Order of the vote rules as observed in Consul 1.8.7.
 */

import type { RaftServer } from "../contract.ts";
import { quorumOf } from "./configuration.ts";
import { becomeLeader } from "./leader.ts";
import type { PreVoteRequest, PreVoteResponse, VoteRequest, VoteResponse } from "./messages.ts";
import { becomeFollower } from "./roles.ts";
import {
  adoptTerm,
  announceRole,
  armElection,
  type CoreState,
  mayCampaign,
  say,
  sayEntering,
  selfIsVoter,
  setLeader,
  voters,
} from "./state.ts";

/** The election time has come. */
export function onElectionTimeout(s: CoreState): void {
  if (s.role === "leader") return;
  if (!mayCampaign(s)) {
    setLeader(s, undefined);
    if (s.role === "candidate") becomeFollower(s, s.term);
    armElection(s, s.options.heartbeatTimeoutMs);
    return;
  }
  if (s.role === "follower") say(s, "warn", "Heartbeat timeout reached, starting election");
  else say(s, "warn", "Election timeout reached, restarting election");
  campaign(s, false);
}

/**
 * Asks for pre-votes, then for votes; at once for votes when no peer knows pre-votes. `transfer`: the leader told us to take over.
 *
 * A peer that is known to be too old for pre-votes counts as a yes: it has its say in the election itself. One that was not
 * heard yet is asked for a vote in a past term first: every version refuses that without changing anything, and the header of
 * its answer tells what it knows. Who gives no answer counts as a no, so an isolated server never raises its term.
 */
export function campaign(s: CoreState, transfer: boolean): void {
  const others = voters(s).filter((v) => v.id !== s.options.id);
  if (transfer || others.every((v) => s.oldPeers.has(v.id))) return startElection(s, transfer);
  enterCandidate(s);
  const granted = new Set([s.options.id, ...others.filter((v) => s.oldPeers.has(v.id)).map((v) => v.id)]);
  s.election = { preVote: true, transfer: false, startedAt: s.now, granted };
  armElection(s, s.options.electionTimeoutMs);
  for (const to of others) {
    if (s.preVoters.has(to.id)) askPreVote(s, to);
    else if (!s.oldPeers.has(to.id)) {
      const request = voteRequest(s, Math.max(s.term - 1, 0), false);
      s.effects.push({ kind: "send", to, lane: "control", request });
    }
  }
  countVotes(s);
}

function askPreVote(s: CoreState, to: RaftServer): void {
  const request: PreVoteRequest = {
    kind: "pre-vote",
    term: s.term + 1,
    candidate: s.options.address,
    from: s.options.id,
    lastIndex: s.log.last,
    lastTerm: s.log.lastTerm,
  };
  s.effects.push({ kind: "send", to, lane: "control", request });
}

const voteRequest = (s: CoreState, term: number, leadershipTransfer: boolean): VoteRequest => ({
  kind: "vote",
  term,
  candidate: s.options.address,
  from: s.options.id,
  lastIndex: s.log.last,
  lastTerm: s.log.lastTerm,
  leadershipTransfer,
});

function enterCandidate(s: CoreState): void {
  const was = s.role;
  s.leader = undefined;
  s.role = "candidate";
  if (was !== "candidate") {
    sayEntering(s);
    announceRole(s);
  }
}

function startElection(s: CoreState, transfer: boolean): void {
  enterCandidate(s);
  adoptTerm(s, s.term + 1);
  s.voteTerm = s.term;
  s.voteFor = s.options.address;
  s.election = { preVote: false, transfer, startedAt: s.now, granted: new Set() };
  armElection(s, s.options.electionTimeoutMs);
  const request = voteRequest(s, s.term, transfer);
  // Our own vote must be durable before anyone counts it.
  for (const to of voters(s))
    if (to.id !== s.options.id) s.afterPersist.push({ kind: "send", to, lane: "control", request });
}

/** Our own vote counts when it is durable: a leader of a forgotten term could lead that term a second time. */
export function onVotePersisted(s: CoreState, hardTerm: number): void {
  if (s.election === undefined || s.election.preVote || hardTerm < s.term) return;
  if (selfIsVoter(s)) s.election.granted.add(s.options.id);
  countVotes(s);
}

function countVotes(s: CoreState): void {
  const e = s.election;
  if (e === undefined) return;
  const all = voters(s);
  const tally = all.filter((v) => e.granted.has(v.id)).length;
  if (tally < quorumOf(all.length)) return;
  if (e.preVote) return startElection(s, false);
  say(s, "info", `Election won. Tally: ${tally}`);
  s.election = undefined;
  becomeLeader(s);
}

export function onVoteResponse(
  s: CoreState,
  from: string,
  request: VoteRequest,
  response: VoteResponse,
): void {
  if (response.term > s.term) {
    say(s, "debug", "Newer term discovered, fallback to follower", { term: response.term });
    return becomeFollower(s, response.term);
  }
  const e = s.election;
  if (e === undefined) return;
  if (e.preVote && request.term < s.term) return onPeerKnown(s, from);
  if (e.preVote || request.term !== s.term || !response.granted) return;
  e.granted.add(from);
  countVotes(s);
}

/** The question in a past term was answered: now the peer can be asked, or needs not be. */
function onPeerKnown(s: CoreState, from: string): void {
  const to = voters(s).find((v) => v.id === from);
  if (to === undefined) return;
  if (s.preVoters.has(from)) return askPreVote(s, to);
  if (!s.oldPeers.has(from)) return;
  s.election!.granted.add(from);
  countVotes(s);
}

export function onPreVoteResponse(
  s: CoreState,
  from: string,
  request: PreVoteRequest,
  response: PreVoteResponse,
): void {
  if (response.term > s.term) return becomeFollower(s, response.term);
  const e = s.election;
  if (e === undefined || !e.preVote || request.term !== s.term + 1 || !response.granted) return;
  e.granted.add(from);
  countVotes(s);
}

/** Closed connections on a pre-vote after which the peer is taken to be one that does not know it. */
const PRE_VOTES_CLOSED_MAX = 2;

/**
 * A header with an id comes from a peer that is new enough, unless it has proved otherwise; without one it is too old.
 * `peer`: the id that the configuration has for it, `from`: the id in the header.
 */
export function learnPeer(s: CoreState, peer: string, from: string, certain: boolean): void {
  if (peer === "" || peer === s.options.id || s.preVoters.has(peer)) return;
  if (certain) s.preVotesClosed.delete(peer);
  if (from !== "" && (s.preVotesClosed.get(peer) ?? 0) < PRE_VOTES_CLOSED_MAX) {
    s.preVoters.add(peer);
    s.oldPeers.delete(peer);
  } else s.oldPeers.add(peer);
}

/** A peer that is out of reach counts as a no, or an isolated server would raise its term after all. */
export function onPreVoteFailed(s: CoreState, from: string, closed: boolean): void {
  if (!closed) return;
  const times = (s.preVotesClosed.get(from) ?? 0) + 1;
  s.preVotesClosed.set(from, times);
  if (times < PRE_VOTES_CLOSED_MAX) return;
  s.preVoters.delete(from);
  s.oldPeers.add(from);
}

const upToDate = (s: CoreState, lastIndex: number, lastTerm: number): boolean =>
  lastTerm > s.log.lastTerm || (lastTerm === s.log.lastTerm && lastIndex >= s.log.last);

/** A leader that we hear; nobody else gets a vote while it lives. */
const sticksToLeader = (s: CoreState, candidate: string): boolean =>
  s.leader !== undefined && s.leader.address !== candidate;

export function onVote(s: CoreState, id: number, request: VoteRequest): void {
  const answer = (granted: boolean): void => {
    const response: VoteResponse = { kind: "vote-response", term: s.term, granted, from: s.options.id };
    s.afterPersist.push({ kind: "reply", id, response });
  };
  if (!request.leadershipTransfer && sticksToLeader(s, request.candidate)) {
    say(
      s,
      "warn",
      `Rejecting vote request from ${request.candidate} since we have a leader: ${s.leader!.address}`,
    );
    return answer(false);
  }
  if (request.term < s.term || request.term === 0) return answer(false);
  if (notAVoter(s, request.from)) return answer(false);
  if (request.term > s.term) {
    becomeFollower(s, request.term);
    setLeader(s, undefined);
  }
  if (s.voteTerm === request.term && s.voteFor !== "") return answer(s.voteFor === request.candidate);
  if (!upToDate(s, request.lastIndex, request.lastTerm)) {
    say(s, "warn", `Rejecting vote request from ${request.candidate} since our last log is newer`, {
      ours: `${s.log.lastTerm}/${s.log.last}`,
      theirs: `${request.lastTerm}/${request.lastIndex}`,
    });
    return answer(false);
  }
  s.voteTerm = request.term;
  s.voteFor = request.candidate;
  s.hardStateDirty = true;
  s.contactAt = s.now;
  armElection(s, s.options.heartbeatTimeoutMs);
  answer(true);
}

export function onPreVote(s: CoreState, id: number, request: PreVoteRequest): void {
  const granted =
    !sticksToLeader(s, request.candidate) &&
    request.term >= s.term &&
    !(s.voteTerm === request.term && s.voteFor !== "" && s.voteFor !== request.candidate) &&
    !notAVoter(s, request.from) &&
    upToDate(s, request.lastIndex, request.lastTerm);
  const response: PreVoteResponse = { kind: "pre-vote-response", term: s.term, granted, from: s.options.id };
  s.afterPersist.push({ kind: "reply", id, response });
}

/** A candidate that gave its id and has no vote here: it was removed or never added. 1.8.7 gives no id and is not judged. */
function notAVoter(s: CoreState, from: string): boolean {
  if (from === "" || s.configurations.latest.index === 0) return false;
  return !voters(s).some((v) => v.id === from);
}

/** The leader asks us to take over at once. Ignored by a server without a vote. */
export function onTimeoutNow(s: CoreState, id: number): void {
  s.effects.push({ kind: "reply", id, response: { kind: "timeout-now-response" } });
  if (s.role === "leader" || !selfIsVoter(s)) return;
  campaign(s, true);
}
