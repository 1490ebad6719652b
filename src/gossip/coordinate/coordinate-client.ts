/**
 * Learns the local node's coordinate from round trips to others.
 *
 * Source: Vivaldi (SIGCOMM 2004) for the spring model; latency filter and gravity from Ledlie, Gardner, Seltzer, "Network
 * Coordinates in the Wild" (NSDI 2007); adjustment term from Lee, Guha, Sherwood et al., "On Suitability of Euclidean
 * Embedding for Host-Based Network Coordinate Systems" (ToN 2010).
 */
import type { Random } from "../../ports/random.ts";
import type { NetworkCoordinate } from "../contract.ts";
import { GossipError } from "../errors.ts";
import { LATENCY_SAMPLES } from "../limits.ts";
import {
  applyForce,
  type Coordinate,
  distanceS,
  ERROR_MAX,
  isUsable,
  origin,
  rawDistanceS,
  ZERO_THRESHOLD_S,
} from "./coordinate.ts";

/** Vivaldi's tuning factors for error and for movement. */
const CE = 0.25;
const CC = 0.25;
const ADJUSTMENT_WINDOW = 20;
/** The larger, the weaker the pull to the origin, which keeps all coordinates from drifting away together. */
const GRAVITY_RHO = 150;
const RTT_MAX_S = 10;

export class CoordinateClient {
  readonly #random: Random;
  #self: Coordinate = origin();
  #adjustments: number[] = new Array<number>(ADJUSTMENT_WINDOW).fill(0);
  #adjustmentIndex = 0;
  readonly #latencies = new Map<string, number[]>();
  #resets = 0;

  constructor(random: Random, start: Coordinate = origin()) {
    this.#random = random;
    this.#self = start;
  }

  get coordinate(): Coordinate {
    return this.#self;
  }

  /** How often the coordinate became invalid and started over. */
  get resets(): number {
    return this.#resets;
  }

  /** Takes a measurement into account: `other` answered after `rttS` seconds. Throws {@link GossipError}. */
  update(node: string, other: NetworkCoordinate, rttS: number): Coordinate {
    if (!isUsable(other)) throw new GossipError("coordinate is not usable: wrong dimension or not finite");
    if (!(rttS >= 0 && rttS <= RTT_MAX_S))
      throw new GossipError(
        `round trip time not in valid range, duration ${rttS} s is not from 0 to ${RTT_MAX_S} s`,
      );
    const rtt = this.#filter(node, rttS);
    this.#vivaldi(other, rtt);
    this.#adjust(other, rtt);
    this.#gravity();
    if (!isUsable(this.#self)) {
      this.#resets++;
      this.#self = origin();
      this.#adjustments.fill(0);
      this.#adjustmentIndex = 0;
      this.#latencies.clear();
    }
    return this.#self;
  }

  /** Forgets the samples of a node that went away. */
  forget(node: string): void {
    this.#latencies.delete(node);
  }

  /** Median of the node's last samples. */
  #filter(node: string, rttS: number): number {
    let samples = this.#latencies.get(node);
    if (samples === undefined) {
      samples = [];
      this.#latencies.set(node, samples);
    }
    samples.push(rttS);
    if (samples.length > LATENCY_SAMPLES) samples.shift();
    const sorted = [...samples].sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)]!;
  }

  #vivaldi(other: Coordinate, rttS: number): void {
    const estimate = distanceS(this.#self, other);
    const rtt = Math.max(rttS, ZERO_THRESHOLD_S);
    const wrongness = Math.abs(estimate - rtt) / rtt;
    const total = Math.max(this.#self.Error + other.Error, ZERO_THRESHOLD_S);
    const weight = this.#self.Error / total;
    const error = Math.min(ERROR_MAX, CE * weight * wrongness + this.#self.Error * (1 - CE * weight));
    const force = CC * weight * (rtt - estimate);
    this.#self = applyForce({ ...this.#self, Error: error }, force, other, this.#random);
  }

  #adjust(other: Coordinate, rttS: number): void {
    this.#adjustments[this.#adjustmentIndex] = rttS - rawDistanceS(this.#self, other);
    this.#adjustmentIndex = (this.#adjustmentIndex + 1) % ADJUSTMENT_WINDOW;
    const sum = this.#adjustments.reduce((a, b) => a + b, 0);
    this.#self = { ...this.#self, Adjustment: sum / (2 * ADJUSTMENT_WINDOW) };
  }

  #gravity(): void {
    const center = origin();
    const d = distanceS(center, this.#self);
    this.#self = applyForce(this.#self, -((d / GRAVITY_RHO) ** 2), center, this.#random);
  }
}
