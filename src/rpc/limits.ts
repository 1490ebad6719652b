/** Bounds of the server RPC port, each with unit and reason. */

/** Bytes of one RPC request. The largest real one is a transaction of 64 operations below the KV value limit each. */
export const REQUEST_BYTES_MAX = 40 * 1024 * 1024;
/** Bytes of a request or reply header: a sequence number, a method's name, and in replies an error text. */
export const HEADER_BYTES_MAX = 64 * 1024;
/** Bytes of one reply taken by a client: a whole catalog or a key tree, of a server that is trusted more than a caller. */
export const REPLY_BYTES_MAX = 512 * 1024 * 1024;
/** Elements (list items, map pairs) in one request: a byte of MessagePack can become a whole empty struct. */
export const REQUEST_ELEMENTS_MAX = 262_144;
/** Bytes of unfinished requests over all connections; a request beyond it is cut off. */
export const UNFINISHED_BYTES_MAX = 256 * 1024 * 1024;
/** Bytes of the request map that opens a snapshot stream. */
export const SNAPSHOT_HEAD_BYTES_MAX = 64 * 1024;

/** Live streams of one session. A client agent holds one per blocking query, so this is far above a busy agent's need. */
export const STREAMS_MAX = 32_768;
/** Channels served at once over all connections; about a kilobyte each while idle. A stream beyond it is reset. */
export const CHANNELS_MAX = 65_536;
/** Bytes of one session that wait for the peer's credit; a peer that asks and asks but takes nothing is cut off. */
export const SESSION_UNSENT_BYTES_MAX = 256 * 1024 * 1024;
/** yamux: inbound streams not yet accepted, and outbound ones not yet acknowledged. */
export const ACCEPT_BACKLOG = 256;
/** yamux: receive window of a stream in bytes, at first and at most. */
export const WINDOW_BYTES = 262_144;
/** Bytes in one DATA frame, so that one large reply does not hold up the session's other streams. */
export const DATA_FRAME_BYTES_MAX = 65_536;
/** Bytes of answers (ping replies, window updates) that a peer has caused but not read; beyond it the session ends. */
export const CONTROL_BYTES_MAX = 1024 * 1024;
/** yamux keepalive: a ping so often, and a reply within. */
export const KEEPALIVE_INTERVAL_MS = 30_000;
export const KEEPALIVE_TIMEOUT_MS = 10_000;
/** The connection must take bytes within this time, else the session ends. */
export const WRITE_TIMEOUT_MS = 10_000;

/** Time to connect to a server. */
export const DIAL_TIMEOUT_MS = 10_000;
/** A session without calls is closed after this time: on a client agent, and on a server. */
export const IDLE_CLOSE_CLIENT_MS = 127_000;
export const IDLE_CLOSE_SERVER_MS = 120_000;
/** Finished streams kept for the next call: on a client agent, and on a server. */
export const IDLE_STREAMS_CLIENT = 32;
export const IDLE_STREAMS_SERVER = 64;

/** Defaults of `limits.rpc_max_conns_per_client` and `limits.rpc_handshake_timeout`. */
export const CONNS_PER_CLIENT_DEFAULT = 100;
export const HANDSHAKE_TIMEOUT_DEFAULT_MS = 5_000;
/** Longest silence on a snapshot stream: a restore may take minutes to answer, but a stalled peer must not hold on for ever. */
export const SNAPSHOT_IDLE_TIMEOUT_MS = 300_000;
