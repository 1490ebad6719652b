/** /v1/coordinate: network distances. */
import { stringifyJson } from "../wire/json.ts";
import {
  pathEscape,
  type QueryOptions,
  type QueryReply,
  type RequestOptions,
  type WriteOptions,
} from "./query.ts";
import type { Requester } from "./requester.ts";
import type { CoordinateEntry, DatacenterCoordinates, NetworkCoordinate } from "./types.ts";

export class Coordinates {
  readonly #r: Requester;
  constructor(requester: Requester) {
    this.#r = requester;
  }
  datacenters(options: RequestOptions = {}): Promise<readonly DatacenterCoordinates[]> {
    return this.#r.get("/v1/coordinate/datacenters", options);
  }
  nodes(options: QueryOptions = {}): Promise<QueryReply<readonly CoordinateEntry[]>> {
    return this.#r.read("/v1/coordinate/nodes", options);
  }
  /** Empty when the node has none. */
  node(name: string, options: QueryOptions = {}): Promise<QueryReply<readonly CoordinateEntry[]>> {
    return this.#r.read(`/v1/coordinate/node/${pathEscape(name)}`, options, { missing: () => [] });
  }
  async update(
    entry: { readonly Node: string; readonly Segment?: string; readonly Coord: NetworkCoordinate },
    options: WriteOptions = {},
  ): Promise<void> {
    await this.#r.send("PUT", "/v1/coordinate/update", options, stringifyJson(entry));
  }
}

/** Estimated round trip between two coordinates, in milliseconds (Vivaldi, as serf computes it). */
export function roundTripMs(a: NetworkCoordinate, b: NetworkCoordinate): number {
  let sum = 0;
  for (let i = 0; i < a.Vec.length; i++) sum += (a.Vec[i]! - (b.Vec[i] ?? 0)) ** 2;
  const seconds = Math.sqrt(sum) + a.Height + b.Height;
  const adjusted = seconds + a.Adjustment + b.Adjustment;
  return (adjusted > 0 ? adjusted : seconds) * 1000;
}
