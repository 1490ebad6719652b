/**
 * Raft without the world: an event and the time go in, effects come out. The driver makes `persist` durable before it lets
 * `afterPersist` leave, and tells so by "persisted". No timer, socket, file or clock is touched here.
 */
import type { Random } from "../../ports/random.ts";
import { LOG_TYPE, type LogEntry } from "../contract.ts";
import { unreachable } from "../errors.ts";
import { CACHE_BYTES_MAX, CACHE_ENTRIES_MAX } from "../limits.ts";
import { advanceCommit, maybeCommit } from "./commit.ts";
import { ConfigurationHistory, type IndexedConfiguration } from "./configuration.ts";
import {
  learnPeer,
  onElectionTimeout,
  onPreVote,
  onPreVoteFailed,
  onPreVoteResponse,
  onTimeoutNow,
  onVote,
  onVotePersisted,
  onVoteResponse,
} from "./election.ts";
import {
  compactBehindSnapshot,
  onAppend,
  onInstall,
  onSnapshotInstalled,
  replaceBySnapshot,
} from "./follower.ts";
import {
  leaderDeadline,
  maybeFinishTransfer,
  onAppendFailed,
  onAppendResponse,
  onEntriesRead,
  onLeaderTick,
  onPropose,
  onSnapshotSent,
  onTransfer,
} from "./leader.ts";
import { LogView, type TermRun } from "./log-view.ts";
import { hurrySoleVoter, onBootstrap, onChange } from "./membership.ts";
import type { CoreEvent, HardState, Output, RaftRequest, RaftResponse } from "./messages.ts";
import { onVerify } from "./reads.ts";
import { appendLocal } from "./replication.ts";
import { becomeFollower } from "./roles.ts";
import {
  announceRole,
  armElection,
  type CoreOptions,
  type CoreState,
  resolveServer,
  say,
  sayEntering,
  setLeader,
  takeOutput,
} from "./state.ts";
import { isAnother, refusalOf } from "./strangers.ts";

/** What the stores held. */
export interface Recovered {
  readonly hardState: HardState;
  readonly log: {
    readonly first: number;
    readonly last: number;
    readonly runs: readonly TermRun[];
    readonly recent: readonly LogEntry[];
  };
  readonly snapshot: { readonly index: number; readonly term: number };
  /** The snapshot's configuration, then those in the log, ascending. */
  readonly configurations: readonly IndexedConfiguration[];
  /** Entries that the state machine holds. */
  readonly applied: number;
}

export class RaftCore {
  /** For the driver's reading, and for the simulator's checkers. */
  readonly state: CoreState;

  constructor(options: CoreOptions, recovered: Recovered, random: Random, now: number) {
    const { hardState, snapshot, applied } = recovered;
    const log = new LogView(recovered.log, snapshot, {
      cacheEntriesMax: CACHE_ENTRIES_MAX,
      cacheBytesMax: CACHE_BYTES_MAX,
    });
    this.state = {
      options,
      random,
      now,
      term: hardState.term,
      voteTerm: hardState.voteTerm,
      voteFor: hardState.voteFor,
      role: "follower",
      leader: undefined,
      log,
      configurations: new ConfigurationHistory(recovered.configurations),
      commit: applied,
      applied,
      persisted: log.last,
      electionAt: 0,
      contactAt: undefined,
      election: undefined,
      lead: undefined,
      preVoters: new Set(),
      oldPeers: new Set(),
      preVotesClosed: new Map(),
      soleVoterTold: false,
      ops: [],
      hardStateDirty: false,
      effects: [],
      afterPersist: [],
    };
  }

  /** The first step: begins as follower. */
  start(now: number): Output {
    const s = this.state;
    s.now = now;
    armElection(s, s.options.heartbeatTimeoutMs);
    hurrySoleVoter(s);
    sayEntering(s);
    announceRole(s);
    return takeOutput(s);
  }

  /** What to do about `event` at `now` (monotonic ms). */
  step(event: CoreEvent, now: number): Output {
    const s = this.state;
    s.now = Math.max(s.now, now);
    this.#dispatch(event);
    return takeOutput(s);
  }

  /** When a "tick" is needed if nothing else happens; Infinity for never. */
  deadline(): number {
    const s = this.state;
    return s.role === "leader" ? leaderDeadline(s) : s.electionAt;
  }

  /** Entries may be applied up to here: committed, and durable on this server. */
  get applicable(): number {
    return Math.min(this.state.commit, this.state.persisted);
  }

  #dispatch(event: CoreEvent): void {
    const s = this.state;
    switch (event.kind) {
      case "tick":
        if (s.role === "leader") onLeaderTick(s);
        else if (s.now >= s.electionAt) onElectionTimeout(s);
        return;
      case "request":
        return this.#onRequest(event.id, event.request);
      case "response":
        return this.#onResponse(event.to.id, event.request, event.response);
      case "failed":
        if (event.request.kind === "append") onAppendFailed(s, event.to.id, event.request);
        else if (event.request.kind === "pre-vote") onPreVoteFailed(s, event.to.id, event.closed);
        return;
      case "propose":
        return onPropose(s, event.items);
      case "change":
        return onChange(s, event.id, event.change);
      case "bootstrap":
        return onBootstrap(s, event.configuration);
      case "verify":
        return onVerify(s, event.id);
      case "transfer":
        return onTransfer(s, event.to);
      case "persisted":
        if (event.index > s.persisted && s.log.termAt(event.index) === event.term) {
          s.persisted = event.index;
          maybeCommit(s);
          maybeFinishTransfer(s);
        }
        return onVotePersisted(s, event.hardTerm);
      case "applied":
        s.applied = Math.max(s.applied, event.index);
        s.log.trimCache(Math.min(s.applied, s.persisted));
        return;
      case "entries-read":
        return onEntriesRead(s, event.to, event.epoch, event.from, event.entries);
      case "snapshot-sent":
        return onSnapshotSent(s, event.to, event.request, event.response);
      case "snapshot-taken":
        if (event.index <= s.log.snapshotIndex) return;
        s.log.setSnapshot(event.index, event.term);
        return compactBehindSnapshot(s);
      case "snapshot-installed":
        return onSnapshotInstalled(s, event.id, event.meta);
      case "restore-begin":
        return this.#onRestoreBegin();
      case "restore-end":
        return this.#onRestoreEnd(event.meta);
      case "step-down":
        if (s.role === "leader") say(s, "warn", `Stepping down: ${event.reason}`);
        becomeFollower(s, s.term);
        return setLeader(s, undefined);
      default:
        return unreachable(event, "raft core");
    }
  }

  #onRequest(id: number, request: RaftRequest): void {
    const s = this.state;
    const address = "leader" in request ? request.leader : "candidate" in request ? request.candidate : "";
    const refusal = refusalOf(s, request);
    if (refusal !== undefined) {
      say(s, "warn", `Refusing ${request.kind} request from ${address || request.from}: ${refusal}`);
      s.afterPersist.push({ kind: "reply", id, response: refused(s, request) });
      return;
    }
    learnPeer(s, resolveServer(s, address, request.from).id, request.from, request.kind === "pre-vote");
    switch (request.kind) {
      case "append":
        return onAppend(s, id, request);
      case "vote":
        return onVote(s, id, request);
      case "pre-vote":
        return onPreVote(s, id, request);
      case "timeout-now":
        return onTimeoutNow(s, id);
      case "install":
        return onInstall(s, id, request);
      default:
        return unreachable(request, "raft request");
    }
  }

  #onResponse(from: string, request: RaftRequest, response: RaftResponse): void {
    const s = this.state;
    const vote = response.kind === "vote-response" || response.kind === "pre-vote-response";
    if (vote && isAnother(s, from, response.from)) return;
    if ("from" in response) learnPeer(s, from, response.from, response.kind === "pre-vote-response");
    if (request.kind === "append" && response.kind === "append-response")
      onAppendResponse(s, from, request, response);
    else if (request.kind === "vote" && response.kind === "vote-response")
      onVoteResponse(s, from, request, response);
    else if (request.kind === "pre-vote" && response.kind === "pre-vote-response")
      onPreVoteResponse(s, from, request, response);
  }

  /** A user restore needs a settled configuration; its index lies behind everything, so that followers cannot match it. */
  #onRestoreBegin(): void {
    const s = this.state;
    const { latest } = s.configurations;
    const error =
      s.lead === undefined
        ? "node is not the leader"
        : s.lead.restoring || s.lead.transfer !== undefined
          ? "cannot restore snapshot now, another operation is in progress"
          : latest.index > s.commit
            ? `cannot restore snapshot now, wait until the configuration entry at ${latest.index} has been applied (have applied ${s.applied})`
            : undefined;
    if (error === undefined) s.lead!.restoring = true;
    s.effects.push({
      kind: "restore-ready",
      index: s.log.last + 1,
      term: s.term,
      configuration: { servers: latest.servers },
      configurationIndex: latest.index,
      error,
    });
  }

  #onRestoreEnd(meta: { readonly index: number; readonly term: number } | undefined): void {
    const s = this.state;
    const lead = s.lead;
    const ok =
      meta !== undefined && lead?.restoring === true && s.term === meta.term && s.log.last < meta.index;
    if (lead !== undefined) lead.restoring = false;
    if (ok) {
      const { latest } = s.configurations;
      replaceBySnapshot(s, {
        ...meta,
        configuration: { servers: latest.servers },
        configurationIndex: latest.index,
      });
      for (const p of lead.progress.values()) if (p.mode !== "snapshot") p.probe(s.log.last + 1);
      appendLocal(s, [{ type: LOG_TYPE.noop, data: new Uint8Array(0), extensions: null }]);
      advanceCommit(s, meta.index);
    }
    s.effects.push({ kind: "restored", ok });
  }
}

/** A no that says nothing about the log, and our own term. */
function refused(s: CoreState, { kind }: RaftRequest): RaftResponse {
  const { term } = s;
  const from = s.options.id;
  switch (kind) {
    case "append":
      return {
        kind: "append-response",
        term,
        lastLog: s.log.last,
        success: false,
        noRetryBackoff: false,
        from,
      };
    case "vote":
      return { kind: "vote-response", term, granted: false, from };
    case "pre-vote":
      return { kind: "pre-vote-response", term, granted: false, from };
    case "install":
      return { kind: "install-response", term, success: false };
    case "timeout-now":
      return { kind: "timeout-now-response" };
    default:
      return unreachable(kind, "raft request");
  }
}
