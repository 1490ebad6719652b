/**
 * Raft's messages as bytes. Source: observed in Consul 1.8.7; newer peers add ID and Addr to the header, which 1.8.7 skips.
 *
 *   request  = u8 type, map, [state bytes of an InstallSnapshot]
 *   response = str error ("" = none), map or nil
 */
import { MsgpackError, MsgpackReader, MsgpackWriter } from "../wire/msgpack.ts";
import { bool, bytes, decode, encode, int, list, ptr, struct, uint } from "../wire/schema.ts";
import { decodeConfiguration, encodeConfiguration } from "./configuration-codec.ts";
import { type LogEntry, SUFFRAGE } from "./contract.ts";
import type { RaftRequest, RaftResponse } from "./core/messages.ts";
import { RAFT_ERROR } from "./errors.ts";

/** Append only: the numbers are the protocol. */
export const RPC_TYPE = {
  appendEntries: 0,
  requestVote: 1,
  installSnapshot: 2,
  timeoutNow: 3,
  requestPreVote: 4,
} as const;
/** Raft protocol version that we speak; a peer may be one below. */
export const PROTOCOL_VERSION = 3;
const SNAPSHOT_VERSION_MAX = 1;

const header = { ProtocolVersion: int };
/** Written by us and by newer peers. */
const headerWithSender = { ...header, ID: bytes, Addr: bytes };

const Log = struct("Log", { Index: uint, Term: uint, Type: int, Data: bytes, Extensions: bytes });
const appendFields = {
  Term: uint,
  Leader: bytes,
  PrevLogEntry: uint,
  PrevLogTerm: uint,
  Entries: list(ptr(Log)),
  LeaderCommitIndex: uint,
};
const AppendEntriesRequest = struct("AppendEntriesRequest", { ...headerWithSender, ...appendFields });
const AppendEntriesResponse = struct("AppendEntriesResponse", {
  ...headerWithSender,
  Term: uint,
  LastLog: uint,
  Success: bool,
  NoRetryBackoff: bool,
});
const RequestVoteRequest = struct("RequestVoteRequest", {
  ...headerWithSender,
  Term: uint,
  Candidate: bytes,
  LastLogIndex: uint,
  LastLogTerm: uint,
  LeadershipTransfer: bool,
});
const RequestVoteResponse = struct("RequestVoteResponse", {
  ...headerWithSender,
  Term: uint,
  Peers: bytes,
  Granted: bool,
});
const RequestPreVoteRequest = struct("RequestPreVoteRequest", {
  ...headerWithSender,
  Term: uint,
  LastLogIndex: uint,
  LastLogTerm: uint,
});
const RequestPreVoteResponse = struct("RequestPreVoteResponse", {
  ...headerWithSender,
  Term: uint,
  Granted: bool,
});
const InstallSnapshotRequest = struct("InstallSnapshotRequest", {
  ...headerWithSender,
  SnapshotVersion: int,
  Term: uint,
  Leader: bytes,
  LastLogIndex: uint,
  LastLogTerm: uint,
  Peers: bytes,
  Configuration: bytes,
  ConfigurationIndex: uint,
  Size: uint,
});
const InstallSnapshotResponse = struct("InstallSnapshotResponse", { ...header, Term: uint, Success: bool });
const TimeoutNowRequest = struct("TimeoutNowRequest", headerWithSender);
const TimeoutNowResponse = struct("TimeoutNowResponse", header);

const text = (b: Uint8Array | null): string =>
  b === null
    ? ""
    : (b instanceof Buffer ? b : Buffer.from(b.buffer, b.byteOffset, b.byteLength)).toString("utf8");
const raw = (s: string): Buffer | null => (s === "" ? null : Buffer.from(s));

/** Who sends: goes into the header. */
export interface Sender {
  readonly id: string;
  readonly address: string;
}

interface Head {
  readonly ProtocolVersion: number;
  readonly ID: Buffer | null;
  readonly Addr: Buffer | null;
}

/** A sender writes the same header into each of its messages. */
const heads = new WeakMap<Sender, Head>();
function headOf(from: Sender): Head {
  let head = heads.get(from);
  if (head === undefined) {
    head = { ProtocolVersion: PROTOCOL_VERSION, ID: raw(from.id), Addr: raw(from.address) };
    heads.set(from, head);
  }
  return head;
}

/** One log entry as the original stores and sends it. */
export function encodeLogEntry(e: LogEntry): Buffer {
  const w = new MsgpackWriter(e.data.length + (e.extensions?.length ?? 0) + 80);
  writeLogEntry(w, e);
  return w.finish();
}

function writeLogEntry(w: MsgpackWriter, e: LogEntry): void {
  Log.encode(w, {
    Index: e.index,
    Term: e.term,
    Type: e.type,
    Data: e.data.length === 0 ? null : e.data,
    Extensions: e.extensions,
  });
}

const NO_DATA = new Uint8Array(0);

/** Throws MsgpackError. */
export function decodeLogEntry(b: Uint8Array): LogEntry {
  return entryOf(decode(Log, b));
}

function entryOf(l: {
  Index: number;
  Term: number;
  Type: number;
  Data: Uint8Array | null;
  Extensions: Uint8Array | null;
}): LogEntry {
  return { index: l.Index, term: l.Term, type: l.Type, data: l.Data ?? NO_DATA, extensions: l.Extensions };
}

export function encodeRequest(request: RaftRequest, from: Sender): Buffer {
  const head = headOf(from);
  const w = new MsgpackWriter(256 + (request.kind === "append" ? (request.context?.bytes ?? 0) : 0));
  switch (request.kind) {
    case "append":
      w.byte(RPC_TYPE.appendEntries);
      AppendEntriesRequest.encode(w, {
        ...head,
        Term: request.term,
        Leader: request.leader === from.address ? head.Addr : raw(request.leader),
        PrevLogEntry: request.prevIndex,
        PrevLogTerm: request.prevTerm,
        Entries:
          request.context?.heartbeat === true
            ? null
            : request.entries.map((e) => ({
                Index: e.index,
                Term: e.term,
                Type: e.type,
                Data: e.data.length === 0 ? null : e.data,
                Extensions: e.extensions,
              })),
        LeaderCommitIndex: request.commit,
      });
      break;
    case "vote":
      w.byte(RPC_TYPE.requestVote);
      RequestVoteRequest.encode(w, {
        ...head,
        Term: request.term,
        Candidate: raw(request.candidate),
        LastLogIndex: request.lastIndex,
        LastLogTerm: request.lastTerm,
        LeadershipTransfer: request.leadershipTransfer,
      });
      break;
    case "pre-vote":
      w.byte(RPC_TYPE.requestPreVote);
      RequestPreVoteRequest.encode(w, {
        ...head,
        Term: request.term,
        LastLogIndex: request.lastIndex,
        LastLogTerm: request.lastTerm,
      });
      break;
    case "timeout-now":
      w.byte(RPC_TYPE.timeoutNow);
      TimeoutNowRequest.encode(w, head);
      break;
    case "install": {
      w.byte(RPC_TYPE.installSnapshot);
      InstallSnapshotRequest.encode(w, {
        ...head,
        SnapshotVersion: SNAPSHOT_VERSION_MAX,
        Term: request.term,
        Leader: raw(request.leader),
        LastLogIndex: request.lastIndex,
        LastLogTerm: request.lastTerm,
        Peers: encodePeers(
          request.configuration.servers.filter((s) => s.suffrage === SUFFRAGE.voter).map((s) => s.address),
        ),
        Configuration: encodeConfiguration(request.configuration),
        ConfigurationIndex: request.configurationIndex,
        Size: request.size,
      });
      break;
    }
  }
  return w.finish();
}

const Peers = list(bytes);
/** Voter addresses, as servers before protocol version 3 understood a configuration. */
export const encodePeers = (addresses: readonly string[]): Buffer =>
  encode(
    Peers,
    addresses.map((a) => Buffer.from(a)),
  );

/** A peer's request that is well-formed but not for us: `text` is the answer's error. */
export class RefusedRequestError extends Error {
  override readonly name = "RefusedRequestError";
  /** Bytes that follow the request and belong to it. */
  readonly bodyBytes: number;
  constructor(text: string, bodyBytes: number = 0) {
    super(text);
    this.bodyBytes = bodyBytes;
  }
}

/** `body` is the map after the type byte. Throws MsgpackError, or {@link RefusedRequestError} with the text to answer. */
export function decodeRequest(type: number, body: Uint8Array): RaftRequest {
  const reader = new MsgpackReader(body);
  switch (type) {
    case RPC_TYPE.appendEntries: {
      const r = AppendEntriesRequest.decode(reader, 0);
      checkVersion(r.ProtocolVersion);
      return {
        kind: "append",
        term: r.Term,
        leader: text(r.Leader),
        from: text(r.ID),
        prevIndex: r.PrevLogEntry,
        prevTerm: r.PrevLogTerm,
        entries: entriesOf(r.Entries ?? [], r.PrevLogEntry, r.PrevLogTerm, r.Term),
        commit: r.LeaderCommitIndex,
        context: undefined,
      };
    }
    case RPC_TYPE.requestVote: {
      const r = RequestVoteRequest.decode(reader, 0);
      checkVersion(r.ProtocolVersion);
      return {
        kind: "vote",
        term: r.Term,
        candidate: text(r.Candidate) || text(r.Addr),
        from: text(r.ID),
        lastIndex: r.LastLogIndex,
        lastTerm: r.LastLogTerm,
        leadershipTransfer: r.LeadershipTransfer,
      };
    }
    case RPC_TYPE.requestPreVote: {
      const r = RequestPreVoteRequest.decode(reader, 0);
      checkVersion(r.ProtocolVersion);
      return {
        kind: "pre-vote",
        term: r.Term,
        candidate: text(r.Addr),
        from: text(r.ID),
        lastIndex: r.LastLogIndex,
        lastTerm: r.LastLogTerm,
      };
    }
    case RPC_TYPE.timeoutNow: {
      const r = TimeoutNowRequest.decode(reader, 0);
      checkVersion(r.ProtocolVersion);
      return { kind: "timeout-now", from: text(r.ID) };
    }
    case RPC_TYPE.installSnapshot: {
      const r = InstallSnapshotRequest.decode(reader, 0);
      const refused = refusal(r.ProtocolVersion, r.SnapshotVersion);
      // The bytes that follow must be read all the same, or the connection would be out of step.
      if (refused !== undefined) throw new RefusedRequestError(refused, r.Size);
      return {
        kind: "install",
        term: r.Term,
        leader: text(r.Leader),
        from: text(r.ID),
        lastIndex: r.LastLogIndex,
        lastTerm: r.LastLogTerm,
        configuration: r.Configuration === null ? { servers: [] } : decodeConfiguration(r.Configuration),
        configurationIndex: r.ConfigurationIndex,
        size: r.Size,
      };
    }
    default:
      throw new MsgpackError(`unknown rpc type ${type}`);
  }
}

function refusal(version: number, snapshotVersion: number): string | undefined {
  if (version < PROTOCOL_VERSION - 1 || version > PROTOCOL_VERSION) return RAFT_ERROR.unsupportedProtocol;
  if (snapshotVersion < 0 || snapshotVersion > SNAPSHOT_VERSION_MAX)
    return `unsupported snapshot version ${snapshotVersion}`;
  return undefined;
}

function checkVersion(version: number): void {
  if (version < PROTOCOL_VERSION - 1 || version > PROTOCOL_VERSION)
    throw new RefusedRequestError(RAFT_ERROR.unsupportedProtocol);
}

type WireLog = {
  Index: number;
  Term: number;
  Type: number;
  Data: Uint8Array | null;
  Extensions: Uint8Array | null;
} | null;

/** Entries in an append follow its previous one without a gap, and their terms never fall nor pass the leader's. */
function entriesOf(list: readonly WireLog[], prevIndex: number, prevTerm: number, term: number): LogEntry[] {
  let lastTerm = prevTerm;
  return list.map((l, i) => {
    if (l === null) throw new MsgpackError(`AppendEntries: entry ${i} is nil`);
    if (l.Index !== prevIndex + 1 + i)
      throw new MsgpackError(`AppendEntries: entry ${i} has index ${l.Index}, want ${prevIndex + 1 + i}`);
    if (l.Term < lastTerm || l.Term > term)
      throw new MsgpackError(
        `AppendEntries: entry ${l.Index} has term ${l.Term} after ${lastTerm}, leader's term is ${term}`,
      );
    lastTerm = l.Term;
    const entry = entryOf(l);
    if (entry.type === 5) decodeConfiguration(entry.data);
    return entry;
  });
}

export function encodeResponse(response: RaftResponse, from: Sender): Buffer {
  const head = headOf(from);
  const w = new MsgpackWriter(192);
  w.str("");
  switch (response.kind) {
    case "append-response":
      AppendEntriesResponse.encode(w, {
        ...head,
        Term: response.term,
        LastLog: response.lastLog,
        Success: response.success,
        NoRetryBackoff: response.noRetryBackoff,
      });
      break;
    case "vote-response":
      RequestVoteResponse.encode(w, { ...head, Term: response.term, Peers: null, Granted: response.granted });
      break;
    case "pre-vote-response":
      RequestPreVoteResponse.encode(w, { ...head, Term: response.term, Granted: response.granted });
      break;
    case "install-response":
      InstallSnapshotResponse.encode(w, {
        ProtocolVersion: PROTOCOL_VERSION,
        Term: response.term,
        Success: response.success,
      });
      break;
    case "timeout-now-response":
      TimeoutNowResponse.encode(w, { ProtocolVersion: PROTOCOL_VERSION });
      break;
  }
  return w.finish();
}

export function encodeErrorResponse(error: string): Buffer {
  const w = new MsgpackWriter(64);
  w.str(error);
  w.nil();
  return w.finish();
}

/** The response to a request of this kind; throws an Error with the peer's text when it refused. */
export function decodeResponse(kind: RaftRequest["kind"], b: Uint8Array): RaftResponse {
  const reader = new MsgpackReader(b);
  const error = reader.str();
  if (error !== "") throw new RefusedRequestError(error);
  switch (kind) {
    case "append": {
      const r = AppendEntriesResponse.decode(reader, 0);
      return {
        kind: "append-response",
        term: r.Term,
        lastLog: r.LastLog,
        success: r.Success,
        noRetryBackoff: r.NoRetryBackoff,
        from: text(r.ID),
      };
    }
    case "vote": {
      const r = RequestVoteResponse.decode(reader, 0);
      return { kind: "vote-response", term: r.Term, granted: r.Granted, from: text(r.ID) };
    }
    case "pre-vote": {
      const r = RequestPreVoteResponse.decode(reader, 0);
      return { kind: "pre-vote-response", term: r.Term, granted: r.Granted, from: text(r.ID) };
    }
    case "install": {
      const r = InstallSnapshotResponse.decode(reader, 0);
      return { kind: "install-response", term: r.Term, success: r.Success };
    }
    case "timeout-now":
      return { kind: "timeout-now-response" };
  }
}
