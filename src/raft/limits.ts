/** Raft's bounds, each with unit and reason. */

/** Entries in one AppendEntries. Source: raft configuration of Consul 1.8.7. */
export const APPEND_ENTRIES_MAX = 64;
/** Payload bytes in one AppendEntries, unless a single entry is larger: keeps one message from holding up a connection. */
export const APPEND_BYTES_MAX = 1 << 20;
/** AppendEntries on their way to one follower. Source: pipeline depth of Consul 1.8.7. */
export const PIPELINE_DEPTH = 128;
/** Payload bytes on their way to one follower: bounds memory when a follower reads slowly. */
export const PIPELINE_BYTES_MAX = 16 << 20;
/** Unanswered empty AppendEntries to one follower: a stalled follower must not collect them. */
export const IDLE_APPENDS_MAX = 4;
/** Unanswered heartbeats to one follower. */
export const HEARTBEATS_INFLIGHT_MAX = 4;
/** A follower hears an AppendEntries within this even when nothing happens; autopilot of 1.8.7 asks for 200 ms. */
export const IDLE_APPEND_MS_MIN = 50;
export const IDLE_APPEND_MS_MAX = 100;
/** First wait after a failed append, doubled up to 2^10 times. Source: raft of Consul 1.8.7. */
export const BACKOFF_MS = 10;
export const BACKOFF_DOUBLINGS_MAX = 10;
/** A sole voter campaigns this soon after start. The original waits for its heartbeat timeout; nobody else could lead. */
export const SOLE_VOTER_DELAY_MS_MAX = 100;
/** Recent entries kept in memory for followers and for applying; more only while they wait to be applied. */
export const CACHE_ENTRIES_MAX = 4096;
export const CACHE_BYTES_MAX = 32 << 20;
/** Proposals that wait for the disk, by count and bytes; beyond them `apply` is refused like an overfull queue. */
export const PROPOSALS_QUEUED_MAX = 16384;
export const PROPOSALS_QUEUED_BYTES_MAX = 64 << 20;
/** Proposals put into one batch: one transaction and one fsync. */
export const BATCH_ENTRIES_MAX = 1024;
/** Bytes shared with the log's thread for appends; a batch that is larger goes as a message. */
export const LOG_CHANNEL_BYTES = 256 << 10;
/** Log entries appended by this leader that are not committed yet; proposals wait in the queue beyond it. */
export const UNCOMMITTED_ENTRIES_MAX = 8192;
/**
 * Terms that one request may take us forward. A server that was cut off for a hundred years, campaigning each second, stays below;
 * beyond it a single forged request could use up all terms that fit a number.
 */
export const TERM_JUMP_MAX = 2 ** 32;
/** Membership changes waiting for the one under way. */
export const CHANGES_QUEUED_MAX = 64;
/** One command. The largest of Consul's are transactions and 512 KiB chunks. */
export const COMMAND_BYTES_MAX = 8 << 20;
/** A request read from a raft connection: 64 chunked entries of a 1.8.7 leader come to 33 MB. */
export const REQUEST_BYTES_MAX = 64 << 20;
/** A response read from a raft connection; real ones stay below 1 KiB. */
export const RESPONSE_BYTES_MAX = 1 << 20;
/** Requests of one connection that wait for their answers; the reading pauses beyond it. */
export const REQUESTS_INFLIGHT_MAX = 256;
/** Raft connections accepted at once: three a peer are normal. */
export const CONNECTIONS_MAX = 256;
/** A state stream taken from a peer or a user. */
export const SNAPSHOT_BYTES_MAX = 64 * 2 ** 30;
/** meta.json of a snapshot: a configuration of thousands of servers fits. */
export const SNAPSHOT_META_BYTES_MAX = 4 << 20;
/** Bytes of state collected before a write to disk or network. */
export const SNAPSHOT_CHUNK_BYTES = 256 << 10;
/** Snapshot bytes written between two syncs of its file: a single sync of all of it holds up the log's for a second. */
export const SNAPSHOT_SYNC_BYTES = 1 << 20;
/** Longest stretch of work before other events get their turn. */
export const SLICE_MS = 8;
/** The same for writing a snapshot, which is in nobody's way when it takes longer. */
export const SNAPSHOT_SLICE_MS = 3;
/** Rest after each such slice: a write needs several turns of the event loop, and each would wait for a slice. */
export const SNAPSHOT_REST_MS = 3;
/**
 * RPC answer awaited for; once a snapshot is sent, 10 s for each of its {@link INSTALL_BYTES_PER_TIMEOUT}, in which it is restored.
 * Source: Consul 1.8.7, which lets the same time run from the first byte on.
 */
export const RPC_TIMEOUT_MS = 10_000;
export const INSTALL_BYTES_PER_TIMEOUT = 262_144;
/** A receiver that takes no byte of a snapshot for this long is given up and tried again: a slow disk takes some now and then. */
export const INSTALL_STALL_MS = 60_000;
/** Snapshots kept. */
export const SNAPSHOTS_KEPT = 2;
