/** Bounds of what an agent takes in or keeps, each with its unit and reason. */

/** User events kept for `/v1/event/list` and for telling repetitions. As Consul. */
export const USER_EVENTS_KEPT = 256;
/** Bytes of a check's output when neither agent nor check say otherwise. As Consul. */
export const CHECK_OUTPUT_BYTES_DEFAULT = 4096;
/** Bytes of an HTTP answer that a check reads: the tail is the output, the rest only costs. */
export const HTTP_CHECK_BODY_BYTES_MAX = 16 * 1024 * 1024;
/** Redirects that an HTTP check follows. As Go's client. */
export const HTTP_CHECK_REDIRECTS_MAX = 10;
/** Bytes of a docker engine's answer that is JSON. */
export const DOCKER_JSON_BYTES_MAX = 64 * 1024;
/** Bytes of a gRPC health answer: the real one has two. */
export const GRPC_ANSWER_BYTES_MAX = 64 * 1024;
/** Pairs in a service's Meta. As Consul. */
export const META_PAIRS_MAX = 64;
export const META_KEY_CHARS_MAX = 128;
export const META_VALUE_CHARS_MAX = 512;
/** Checks in one registration: keeps a raft entry below about 300 KB with full outputs. */
export const CHECKS_PER_REGISTER_MAX = 64;
/** Registrations of one agent on their way to the catalog at once: as many share a commit there. */
export const PUSHES_MAX = 16;
/** Bytes of one output chunk of a remote command, and how long bytes wait for more. As Consul. */
export const EXEC_CHUNK_BYTES = 4096;
export const EXEC_CHUNK_WAIT_MS = 500;
/** Bytes of one command's output on one node that go through the servers; the rest is dropped and said so. */
export const EXEC_OUTPUT_BYTES_MAX = 16 * 1024 * 1024;
/** Bytes that wait to be written to the servers before the command's pipe is no longer read. */
export const EXEC_PENDING_BYTES_MAX = 256 * 1024;
/** Remote commands that run at one time: an event is cheap to send, a process is not. */
export const EXEC_RUNNING_MAX = 64;
/** Bytes of a stored service or check: far above what a registration's body may have. */
export const STATE_FILE_BYTES_MAX = 4 * 1024 * 1024;

/** Answers in the agent's cache; the original has no bound, and each refreshed one holds a query at a server. */
export const CACHE_ENTRIES_MAX = 8_192;
/** An answer that nobody has asked for so long leaves the cache (observed in Consul 1.8.7: 72 h). */
export const CACHE_ENTRY_IDLE_MS = 72 * 3_600_000;
/** Longest wait of a query that keeps an answer current, nanoseconds. */
export const CACHE_REFRESH_WAIT_NS = 600_000_000_000n;
/** Longest pause between tries of one that fails, milliseconds. */
export const CACHE_REFRESH_RETRY_MS_MAX = 60_000;
