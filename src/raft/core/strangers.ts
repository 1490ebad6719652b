/**
 * Requests that no correct member can have sent. The transport has no passwords: who reaches the port may claim any name, so this
 * bounds what a stray or forged request can do, it does not keep an attacker out (TLS does).
 *
 * A server that hears a leader, or leads, loses nothing by being deaf to servers outside its configuration: a leader that a
 * majority has elected makes the old one step down, and then nobody is heard here any more. Without a leader everyone is
 * listened to, as the dissertation asks (4.1): our configuration may lag behind.
 */
import { TERM_JUMP_MAX } from "../limits.ts";
import type { RaftRequest } from "./messages.ts";
import { type CoreState, latestServers } from "./state.ts";

/** Why a request is refused without a look at its content; undefined when it may be served. */
export function refusalOf(s: CoreState, request: RaftRequest): string | undefined {
  if (request.kind === "timeout-now")
    return isFromLeader(s, request.from) ? undefined : "it does not come from the leader";
  // Changes nothing here, whatever it says.
  if (request.kind === "pre-vote") return undefined;
  const address = "leader" in request ? request.leader : request.candidate;
  if (address === s.options.address || request.from === s.options.id)
    return "it claims to come from this server";
  const isNew = s.term === 0 && s.log.last === 0;
  if (!isNew && request.term > s.term + TERM_JUMP_MAX) return `its term is more than ${TERM_JUMP_MAX} ahead`;
  if (s.leader === undefined) return undefined;
  if (request.kind === "vote") {
    // Votes without this flag wait for the leader's silence anyway.
    return request.leadershipTransfer && !isMember(s, address, request.from)
      ? "the candidate is not in the configuration"
      : undefined;
  }
  if (request.term === s.term && s.role === "follower" && address !== s.leader.address)
    return `this term is led by ${s.leader.address}`;
  if (request.term > s.term && !isMember(s, address, request.from))
    return "the sender is not in the configuration";
  return undefined;
}

/** By id if one is given; 1.8.7 gives none. */
const isMember = (s: CoreState, address: string, id: string): boolean =>
  latestServers(s).some((x) => (id === "" ? x.address === address : x.id === id));

/** A leader that is known to write its id does not forget it in one message. */
const isFromLeader = (s: CoreState, from: string): boolean =>
  s.leader !== undefined && (from === "" ? !s.preVoters.has(s.leader.id) : from === s.leader.id);

/**
 * Whether an answer to `peer` (the id that our configuration has) came from a server of another id, `from`, that has taken its address. Such a
 * server, blank and without a configuration, grants any vote: counted as the old one's, it lets a server that slept through the change lead
 * without what was committed meanwhile. Peers of 1.8.7 name no id, and protocol 2 uses the address as one: those are believed.
 */
export function isAnother(s: CoreState, peer: string, from: string): boolean {
  if (from === "" || from === peer) return false;
  const known = latestServers(s).find((x) => x.id === peer);
  return known === undefined || known.id !== known.address;
}
