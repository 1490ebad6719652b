/** Bounds of the figures kept in memory. */

/** Series (names with labels) kept at once: labels come from users' service names, which must not fill the memory. */
export const METRIC_SERIES_MAX = 10_000;

/** Samples of one series that quantiles are taken of. */
export const METRIC_SAMPLES_MAX = 500;
