/** Arithmetic of the bench: ratios of pairs, slopes over data, trends over time. */

export function median(values: readonly number[]): number {
  const sorted = values.filter((v) => !Number.isNaN(v)).sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The value below which `share` (0 to 1) of the values lie; NaN of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

export interface Ratio {
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
  /** Pairs that count. */
  readonly pairs: number;
}

/** Each pair's ratio `ours / theirs`, its median and its extremes; pairs with a failed run (NaN) do not count. */
export function ratioOf(ours: readonly number[], theirs: readonly number[]): Ratio {
  const ratios = ours
    .slice(0, theirs.length)
    .map((v, i) => v / theirs[i]!)
    .filter((ratio) => Number.isFinite(ratio));
  if (ratios.length === 0) return { median: Number.NaN, lowest: Number.NaN, highest: Number.NaN, pairs: 0 };
  return {
    median: median(ratios),
    lowest: Math.min(...ratios),
    highest: Math.max(...ratios),
    pairs: ratios.length,
  };
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** The line of least squares; slope NaN of fewer than two different x. */
export function lineThrough(points: readonly Point[]): { readonly slope: number; readonly at0: number } {
  const n = points.length;
  const mean = (of: (p: Point) => number): number => points.reduce((sum, p) => sum + of(p), 0) / n;
  const [x, y] = [mean((p) => p.x), mean((p) => p.y)];
  const over = points.reduce((sum, p) => sum + (p.x - x) * (p.y - y), 0);
  const under = points.reduce((sum, p) => sum + (p.x - x) ** 2, 0);
  const slope = under === 0 ? Number.NaN : over / under;
  return { slope, at0: y - slope * x };
}

/** The exponent e of y ~ x^e: 0 when data do not matter, 1 when the cost grows as they do. */
export function growthOf(points: readonly Point[]): number {
  return lineThrough(
    points.filter((p) => p.x > 0 && p.y > 0).map((p) => ({ x: Math.log(p.x), y: Math.log(p.y) })),
  ).slope;
}

export interface Tolerance {
  /** Share of the first third's median by which the last third's may be above it. */
  readonly share: number;
  /** The same in the measure's own unit: what is allowed however small the first is. */
  readonly floor: number;
}

export interface Trend {
  /** Medians of the first and the last third. */
  readonly first: number;
  readonly last: number;
  /** Of the line through all samples, per hour. */
  readonly perHour: number;
  readonly upward: boolean;
}

/**
 * Whether a measure goes up over time (x in seconds). It does when the line through all samples rises and the last third's median
 * is above the first third's by more than the tolerance: medians, so that a spike at either end is no trend.
 */
export function trendOf(samples: readonly Point[], tolerance: Tolerance): Trend {
  const from = samples[0]?.x ?? 0;
  const to = samples.at(-1)?.x ?? 0;
  const third = (to - from) / 3;
  const of = (some: readonly Point[]): number => median(some.map((p) => p.y));
  const first = of(samples.filter((p) => p.x <= from + third));
  const last = of(samples.filter((p) => p.x >= to - third));
  const { slope } = lineThrough(samples);
  const allowed = Math.max(tolerance.floor, tolerance.share * first);
  return { first, last, perHour: slope * 3600, upward: slope > 0 && last - first > allowed };
}
