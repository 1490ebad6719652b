/** Ratios of pairs: one run of Consul and the run of Tribune beside it in time. */

export function median(values: readonly number[]): number {
  const sorted = values.filter((v) => !Number.isNaN(v)).sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export interface Ratio {
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
}

/** Each pair's ratio `ours / theirs`, its median and its extremes; pairs with a failed run (NaN) do not count. */
export function ratioOf(ours: readonly number[], theirs: readonly number[]): Ratio {
  const ratios = ours
    .slice(0, theirs.length)
    .map((v, i) => v / theirs[i]!)
    .filter((ratio) => Number.isFinite(ratio));
  return { median: median(ratios), lowest: Math.min(...ratios), highest: Math.max(...ratios) };
}
