/** Bounds of the state store: unit and reason. */

/** Watched rows of one read in one index; beyond it the read watches the whole index. A health read watches one topic only. */
export const ROW_WATCHES_MAX = 64;

/** Characters of a watched prefix; a longer one is watched by its beginning, so that a write looks at few lengths. */
export const WATCHED_PREFIX_CHARS_MAX = 64;

/** Answers kept by `StateStore.cached`: a list of 300 instances holds some 50 kB beside the rows themselves. */
export const CACHED_READS_MAX = 2048;

/** Longest lock delay in ms (observed in Consul 1.8.7: longer ones are cut). */
export const LOCK_DELAY_MS_MAX = 60_000;

/** Lock delays held before expired ones are swept out, in entries. */
export const LOCK_DELAYS_SWEEP = 1024;

/** Bytes of a state stream's chunk: some 200 keys, well below a millisecond, after which its writer may let others go first. */
export const STREAM_CHUNK_BYTES = 16 * 1024;

/** Bytes of one record in a state stream. A KV value is at most 512 KiB by HTTP; catalogs stay far below. */
export const STREAM_RECORD_BYTES_MAX = 64 * 1024 * 1024;

/** Bytes of a KVS command above which it is split into chunks (observed in Consul 1.8.7). */
export const CHUNK_BYTES = 512 * 1024;

/** Bytes of incomplete chunked commands that are kept; above it the oldest command is dropped. */
export const PENDING_CHUNK_BYTES_MAX = 256 * 1024 * 1024;

/** Pairs, and characters of key and value, of a service's metadata (observed in Consul 1.8.7). */
export const META_PAIRS_MAX = 64;
export const META_KEY_CHARS_MAX = 128;
export const META_VALUE_CHARS_MAX = 512;
