/** Bounds on configuration input. A file comes from an operator, but `validate` and `services register` read whatever they are given. */

/** Bytes of one configuration file; the largest real ones (thousands of services) are a few MiB. */
export const CONFIG_FILE_BYTES_MAX = 16 * 1024 * 1024;
/** Files of one directory and of all sources together. */
export const CONFIG_FILES_MAX = 10_000;
/** Objects and lists inside each other; deeper input would only exhaust the stack. */
export const CONFIG_DEPTH_MAX = 200;
/** Diagnostics shown for one source: past a screenful they repeat one mistake. */
export const DIAGNOSTICS_MAX = 10;
/** Characters of a source line shown above the caret; the rest is cut to a window around it. */
export const EXCERPT_CHARS_MAX = 120;
/** Characters of one go-sockaddr template. */
export const TEMPLATE_CHARS_MAX = 4096;
/** Pairs of node_meta and service meta (observed in Consul 1.8.7). */
export const META_PAIRS_MAX = 64;
export const META_KEY_CHARS_MAX = 128;
export const META_VALUE_CHARS_MAX = 512;
