/** The state that the core's rules share, and the small moves that all of them use. */
import type { Random } from "../../ports/random.ts";
import type { RaftRole, RaftServer } from "../contract.ts";
import { type ConfigurationHistory, isVoter, votersOf } from "./configuration.ts";
import type { LogView } from "./log-view.ts";
import type { ConfigurationChange, Effect, HardState, Output, StoreOp } from "./messages.ts";
import type { Progress } from "./progress.ts";

export interface CoreOptions {
  readonly id: string;
  /** Own `ip:port` text, as in the configuration. */
  readonly address: string;
  readonly heartbeatTimeoutMs: number;
  readonly electionTimeoutMs: number;
  readonly leaderLeaseTimeoutMs: number;
  readonly trailingLogs: number;
  readonly appendEntriesMax: number;
}

export interface ServerRef {
  readonly id: string;
  readonly address: string;
}

/** A round of asking for votes. */
export interface Election {
  readonly preVote: boolean;
  readonly transfer: boolean;
  readonly startedAt: number;
  /** Server ids that said yes. */
  readonly granted: Set<string>;
}

export interface PendingVerify {
  readonly id: number;
  readonly round: number;
  readonly readIndex: number;
}

export interface Leadership {
  readonly startedAt: number;
  /** Index of the Noop that opened this term: older entries commit only together with it. */
  readonly firstIndex: number;
  readonly progress: Map<string, Progress>;
  round: number;
  readonly verifies: PendingVerify[];
  readonly changes: { readonly id: number; readonly change: ConfigurationChange }[];
  /** Changes appended and not committed. */
  changing: { readonly id: number; readonly index: number } | undefined;
  transfer: { readonly target: string; readonly deadline: number; sent: boolean } | undefined;
  /** A TimeoutNow left in this term: a new leader may rise before the lease ends, so the lease proves nothing any more. */
  leaseVoid: boolean;
  /** A user restore is under way: no proposals. */
  restoring: boolean;
}

export interface CoreState {
  readonly options: CoreOptions;
  readonly random: Random;
  now: number;
  term: number;
  voteTerm: number;
  voteFor: string;
  role: "follower" | "candidate" | "leader";
  leader: ServerRef | undefined;
  readonly log: LogView;
  readonly configurations: ConfigurationHistory;
  commit: number;
  applied: number;
  /** Last index that is durable here; entries are applied, and counted for the commit, only up to it. */
  persisted: number;
  electionAt: number;
  /** When a leader was last heard. */
  contactAt: number | undefined;
  election: Election | undefined;
  lead: Leadership | undefined;
  /** Server ids by whether they answer pre-votes; who was not heard yet is in neither. */
  readonly preVoters: Set<string>;
  readonly oldPeers: Set<string>;
  /** How often in a row a peer that should know pre-votes closed the connection on one. */
  readonly preVotesClosed: Map<string, number>;
  /** The log line about the sole voter has been written. */
  soleVoterTold: boolean;
  // Collected during one step.
  ops: StoreOp[];
  hardStateDirty: boolean;
  effects: Effect[];
  afterPersist: Effect[];
}

export const hardState = (s: CoreState): HardState => ({
  term: s.term,
  voteTerm: s.voteTerm,
  voteFor: s.voteFor,
});

/** What the step has collected. */
export function takeOutput(s: CoreState): Output {
  const writes = s.ops.length > 0 || s.hardStateDirty;
  const output: Output = {
    persist: writes
      ? {
          ops: s.ops,
          hardState: s.hardStateDirty ? hardState(s) : undefined,
          last: { index: s.log.last, term: s.log.lastTerm },
        }
      : undefined,
    effects: s.effects,
    afterPersist: s.afterPersist,
  };
  s.ops = [];
  s.hardStateDirty = false;
  s.effects = [];
  s.afterPersist = [];
  return output;
}

export const latestServers = (s: CoreState): readonly RaftServer[] => s.configurations.latest.servers;
export const voters = (s: CoreState): readonly RaftServer[] => votersOf(latestServers(s));
export const selfIsVoter = (s: CoreState): boolean =>
  latestServers(s).some((x) => x.id === s.options.id && isVoter(x));
export const soleVoter = (s: CoreState): boolean => {
  const all = voters(s);
  return all.length === 1 && all[0]!.id === s.options.id;
};

/** The server behind an address or id that a peer gave. */
export function resolveServer(s: CoreState, address: string, id: string): ServerRef {
  const known = latestServers(s).find((x) => x.address === address);
  return { id: known?.id ?? id, address };
}

export function say(
  s: CoreState,
  level: "debug" | "info" | "warn" | "error",
  message: string,
  fields: Readonly<Record<string, string | number | boolean>> = {},
): void {
  s.effects.push({ kind: "log", level, message, fields });
}

export function announceRole(s: CoreState): void {
  s.effects.push({ kind: "role", role: s.role as RaftRole, leader: s.leader });
}

const roleName = { follower: "Follower", candidate: "Candidate", leader: "Leader" } as const;
export function sayEntering(s: CoreState): void {
  const name = roleName[s.role];
  say(s, "info", `Node at ${s.options.address} [${name}] entering ${name} state`);
}

export function setLeader(s: CoreState, leader: ServerRef | undefined): void {
  if (s.leader?.address === leader?.address && s.leader?.id === leader?.id) return;
  s.leader = leader;
  announceRole(s);
}

/** Term and vote of a new term; durable before any answer leaves. */
export function adoptTerm(s: CoreState, term: number): void {
  s.term = term;
  s.hardStateDirty = true;
}

export const between = (s: CoreState, low: number, high: number): number =>
  low + s.random.float() * (high - low);

/** When to campaign if nobody is heard until then; never for a server that has no vote. */
export function armElection(s: CoreState, timeoutMs: number): void {
  s.electionAt = s.now + between(s, timeoutMs, 2 * timeoutMs);
}

/** Not without a configuration, nor when a committed one gives us no vote (one that is not committed may be undone). */
export const mayCampaign = (s: CoreState): boolean => {
  const { index } = s.configurations.latest;
  return index > 0 && (selfIsVoter(s) || index > s.commit);
};
