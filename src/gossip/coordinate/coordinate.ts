/**
 * A network coordinate: a place in a space in which distance is round-trip time. Pure arithmetic; unit seconds.
 *
 * Source: Vivaldi (Dabek, Cox, Kaashoek, Morris, SIGCOMM 2004), section 5.4 for the height.
 */
import type { Random } from "../../ports/random.ts";
import type { NetworkCoordinate } from "../contract.ts";
import { type Codec, f64, list, record } from "../record.ts";

export const DIMENSIONS = 8;
/** Error of a coordinate that has learnt nothing yet, and the largest there is. */
export const ERROR_MAX = 1.5;
export const HEIGHT_MIN_S = 10e-6;
/** Below this, seconds, two places are one. */
export const ZERO_THRESHOLD_S = 1e-6;
const NS_PER_S = 1e9;

export interface Coordinate extends NetworkCoordinate {
  readonly Vec: readonly number[];
}

/** As acks carry it. */
export const coordinateCodec: Codec<NetworkCoordinate> = record({
  Vec: list(f64),
  Error: f64,
  Adjustment: f64,
  Height: f64,
});

export const origin = (): Coordinate => ({
  Vec: new Array<number>(DIMENSIONS).fill(0),
  Error: ERROR_MAX,
  Adjustment: 0,
  Height: HEIGHT_MIN_S,
});

/** Whether `c` may be reckoned with: right dimension, all finite. */
export function isUsable(c: NetworkCoordinate): c is Coordinate {
  return (
    c.Vec !== null &&
    c.Vec.length === DIMENSIONS &&
    c.Vec.every(Number.isFinite) &&
    Number.isFinite(c.Error) &&
    Number.isFinite(c.Adjustment) &&
    Number.isFinite(c.Height)
  );
}

function magnitude(v: readonly number[]): number {
  let sum = 0;
  for (const x of v) sum += x * x;
  return Math.sqrt(sum);
}

const difference = (a: readonly number[], b: readonly number[]): number[] => a.map((x, i) => x - b[i]!);

/** Distance without the adjustment terms, seconds. */
export const rawDistanceS = (a: Coordinate, b: Coordinate): number =>
  magnitude(difference(a.Vec, b.Vec)) + a.Height + b.Height;

/** Estimated round-trip time in seconds, cut to whole nanoseconds. */
export function distanceS(a: Coordinate, b: Coordinate): number {
  const raw = rawDistanceS(a, b);
  const adjusted = raw + a.Adjustment + b.Adjustment;
  return Math.trunc((adjusted > 0 ? adjusted : raw) * NS_PER_S) / NS_PER_S;
}

/** Unit vector from `b` to `a` and how far they are apart; a random direction when they are at one place. */
function direction(
  a: readonly number[],
  b: readonly number[],
  random: Random,
): { unit: number[]; apart: number } {
  const d = difference(a, b);
  const m = magnitude(d);
  if (m > ZERO_THRESHOLD_S) return { unit: d.map((x) => x / m), apart: m };
  const r = d.map(() => random.float() - 0.5);
  const rm = magnitude(r);
  if (rm > ZERO_THRESHOLD_S) return { unit: r.map((x) => x / rm), apart: 0 };
  return { unit: d.map((_, i) => (i === 0 ? 1 : 0)), apart: 0 };
}

/** `c` pushed away from `from` by `force` seconds (pulled when negative). */
export function applyForce(c: Coordinate, force: number, from: Coordinate, random: Random): Coordinate {
  const { unit, apart } = direction(c.Vec, from.Vec, random);
  const Vec = c.Vec.map((x, i) => x + unit[i]! * force);
  const Height =
    apart > ZERO_THRESHOLD_S
      ? Math.max(((c.Height + from.Height) * force) / apart + c.Height, HEIGHT_MIN_S)
      : c.Height;
  return { ...c, Vec, Height };
}
