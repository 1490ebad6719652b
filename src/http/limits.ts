/** Bounds of the HTTP door, each with its reason. Those that users set are in the configuration (`limits`). */

/** Bytes of request line and headers: Go's server allows 1 MiB (observed: a query of 1,048,576 bytes is accepted). */
export const HEADER_BYTES_MAX = (1 << 20) + 8192;

/** Bytes of a JSON body of an endpoint that has no limit of its own. The original has none; a definition never needs more. */
export const JSON_BODY_BYTES_MAX = 8 << 20;

/** Bytes of an event's body that are read at all; what serf lets through is far less (512 encoded). */
export const EVENT_BODY_BYTES_MAX = 64 << 10;

/** Nesting of JSON bodies: Go's decoder refuses more than 10,000, which is more than a stack should be trusted with. */
export const JSON_DEPTH_MAX = 512;

/** Milliseconds for a request's head to arrive; slower clients are cut off. */
export const HEADERS_TIMEOUT_MS = 60_000;

/** Milliseconds without a byte of a body before the client is cut off. */
export const BODY_STALL_MS = 60_000;

/** Bodies from this size on are compressed for clients that accept it: below, gzip costs more than it saves. */
export const GZIP_BYTES_MIN = 1400;

/** Log lines that wait for a slow `monitor` reader before lines are dropped (the original's buffer). */
export const MONITOR_LINES_MAX = 512;

/** Bytes of output that may wait in a stream's socket buffer before its reader counts as slow. */
export const MONITOR_BUFFER_BYTES_MAX = 1 << 20;

/** Operations in one transaction. */
export const TXN_OPS_MAX = 64;

/** Bytes of encoded lists kept by each kind of list (nodes, instances, keys, ...): the few that are asked for all the time. */
export const KEPT_BODY_BYTES_MAX = 16 << 20;

/** Seconds that a profile is recorded at most: an event a microsecond would fill the memory of whoever forgot it. */
export const PROFILE_SECONDS_MAX = 600;

/** Bytes of a head that the lane for plain requests looks at: clients of this API send some hundred. */
export const PLAIN_HEAD_BYTES_MAX = 8 << 10;

/** Bytes of a body that the lane takes: larger ones seldom come in one piece, and their reading is not what they cost. */
export const PLAIN_BODY_BYTES_MAX = 48 << 10;

/** Bytes that may wait behind a request that is being answered, before the connection is no longer read (or, behind one that waits for
 * a change, ended). */
export const PLAIN_PENDING_BYTES_MAX = 64 << 10;
