/** Bounds of the server's queues and requests, each with unit and reason. */

/** Member events waiting for the reconcile loop; more are dropped and caught by the next full pass. Consul's number. */
export const RECONCILE_QUEUE_MAX = 256;
/** Coordinates in one raft entry, so that an entry stays small. */
export const COORDINATES_PER_ENTRY_MAX = 128;
/** Entries of one flush; the rest is dropped, since agents send again within half a minute. */
export const COORDINATE_ENTRIES_PER_FLUSH_MAX = 5;
/** Buffered coordinate updates: what one flush can take. More nodes than that in 5 s are refused silently, as the flush drops them. */
export const COORDINATES_BUFFERED_MAX = COORDINATES_PER_ENTRY_MAX * COORDINATE_ENTRIES_PER_FLUSH_MAX;
/** Nanoseconds; longest TTL of a session. */
export const SESSION_TTL_MAX_NS = 24n * 3_600_000_000_000n;
/** A session's timer is this many TTLs: network delays and leader changes must not end a live session. */
export const SESSION_TTL_MULTIPLIER = 2;
/** Attempts to log the destruction of an expired session before the next leader's timer takes over. */
export const SESSION_DESTROY_ATTEMPTS_MAX = 6;
/** Bytes of a raft entry above which a warning is logged: one large entry delays heartbeats. */
export const RAFT_ENTRY_WARN_BYTES = 1024 * 1024;
/** Service and node metadata, as the FSM and the agents check it. */
export const META_PAIRS_MAX = 64;
export const META_KEY_LENGTH_MAX = 128;
export const META_VALUE_LENGTH_MAX = 512;
/** Attempts to ask a server for its peers before bootstrapping. */
export const BOOTSTRAP_PEERS_ATTEMPTS_MAX = 6;
/** Redo of a forwarded call: the hold timeout is cut into this many parts for the random pause between tries. */
export const RETRY_JITTER_FRACTION = 16;
/** A blocking query waits up to this fraction of its time longer, so that many do not end together. */
export const BLOCKING_JITTER_FRACTION = 16;

/** Read keys remembered to tell repeated reads from single ones; beyond it all are forgotten. */
export const READ_KEYS_REMEMBERED = 8192;

/** Blocking queries woken in one turn of the event loop: a few milliseconds' work, the rest lets others pass first. */
export const WAKES_A_TURN = 128;
