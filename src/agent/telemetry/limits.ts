/** Bounds of the figures kept in memory and on their way out. */

/** Series (names with labels) kept at once: labels come from users' service names, which must not fill the memory. */
export const METRIC_SERIES_MAX = 10_000;

/** Samples of one series that quantiles are taken of. */
export const METRIC_SAMPLES_MAX = 500;

/** Bytes of a datagram with figures: what passes a network of 1,500 byte frames whole, as the original. */
export const DATAGRAM_BYTES_MAX = 1_400;

/** Milliseconds that a figure waits for company: in datagrams, and on the way to statsite. As the original. */
export const STATSD_FLUSH_MS = 100;
export const STATSITE_FLUSH_MS = 10;

/** Bytes that wait for a statsite which does not read; beyond, figures are dropped. */
export const STATSITE_QUEUE_BYTES_MAX = 1 << 20;

/** Datagrams that wait for the first connection, which is a name's resolution. */
export const EARLY_DATAGRAMS_MAX = 256;

/** Milliseconds that the last figures for a statsite have to get out. */
export const STATSITE_CLOSE_MS = 1_000;

/** Milliseconds from a failure to the next try; meanwhile figures are dropped. As the original. */
export const SINK_RETRY_MS = 5_000;
