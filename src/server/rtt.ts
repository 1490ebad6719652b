/**
 * Round-trip times estimated from network coordinates (Vivaldi with height, Dabek et al., SIGCOMM 2004), and sorting by them.
 */
import type { GossipCoordinate } from "../model/coordinate.ts";

/** Dimensions of the coordinates that agents exchange. */
export const COORDINATE_DIMENSIONS = 8;

/** Whether every component is a finite number. */
export const isFiniteCoordinate = (c: GossipCoordinate): boolean =>
  (c.Vec ?? []).every(Number.isFinite) && [c.Error, c.Adjustment, c.Height].every(Number.isFinite);

/** Estimated seconds between two coordinates; Infinity when one is missing or they do not fit. */
export function rttSeconds(
  a: GossipCoordinate | null | undefined,
  b: GossipCoordinate | null | undefined,
): number {
  if (a == null || b == null) return Number.POSITIVE_INFINITY;
  const [va, vb] = [a.Vec ?? [], b.Vec ?? []];
  if (va.length !== vb.length) return Number.POSITIVE_INFINITY;
  let sum = 0;
  for (let i = 0; i < va.length; i++) sum += (va[i]! - vb[i]!) ** 2;
  const plain = Math.sqrt(sum) + a.Height + b.Height;
  const adjusted = plain + a.Adjustment + b.Adjustment;
  return adjusted > 0 ? adjusted : plain;
}

/** Coordinates of one node by segment. */
export type CoordinateSet = ReadonlyMap<string, GossipCoordinate>;

/** Seconds between two nodes: by the segment they share, else that of the one which has a single one. */
export function nodeRttSeconds(a: CoordinateSet, b: CoordinateSet): number {
  let segment = "";
  if (a.size === 1) segment = [...a.keys()][0]!;
  else if (b.size === 1) segment = [...b.keys()][0]!;
  return rttSeconds(a.get(segment), b.get(segment));
}

/** A stable sort by distance; items without coordinates come last in their old order. */
export function sortByDistance<T>(items: readonly T[], distance: (item: T) => number): readonly T[] {
  const keyed = items.map((item, at) => ({ item, at, d: distance(item) }));
  keyed.sort((x, y) => (x.d === y.d ? x.at - y.at : x.d < y.d ? -1 : 1));
  return keyed.map((k) => k.item);
}

/** Middle of some distances (upper middle for an even number), Infinity for none. */
export function median(values: readonly number[]): number {
  if (values.length === 0) return Number.POSITIVE_INFINITY;
  const sorted = [...values].sort((x, y) => (x === y ? 0 : x < y ? -1 : 1));
  return sorted[Math.floor(sorted.length / 2)]!;
}
