/** Bounds of the command-line protocol's port, each with unit and reason. */

/** Bytes of one header or body: the largest real ones are a list of addresses and a user event. */
export const VALUE_BYTES_MAX = 1024 * 1024;
/** List items and map pairs in one header or body. */
export const ELEMENTS_MAX = 16_384;
/** Open connections; the excess is closed at once. */
export const CONNECTIONS_MAX = 256;
/** Log lines and events waiting for a client that reads slowly; what comes beyond is dropped. */
export const QUEUED_RECORDS_MAX = 512;
/** Streams of events on one connection. */
export const STREAMS_MAX = 32;
/** Bytes written but not yet taken by the client, above which records wait in the queue. */
export const UNSENT_BYTES_MAX = 64 * 1024;
/** Time for a client to take the answer to `leave` before the agent ends, in milliseconds. */
export const LEAVE_ANSWER_MS = 500;
