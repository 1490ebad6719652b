/** Answers sorted by the estimated distance from the asking node. */
import type { QuerySource } from "../model/query.ts";
import { nodeCoordinates } from "../state/coordinate.ts";
import type { ServerCore } from "./core.ts";
import { type CoordinateSet, nodeRttSeconds, sortByDistance } from "./rtt.ts";

export function coordinateSet(core: ServerCore, node: string): CoordinateSet {
  const set = new Map();
  for (const c of core.store.peek((view) => nodeCoordinates(view, node)).value)
    if (c.Coord !== null) set.set(c.Segment, c.Coord);
  return set;
}

/** `items` nearest first, when the source is a node of this datacenter with known coordinates; else as they are. */
export function nearestFirst<T>(
  core: ServerCore,
  source: QuerySource,
  items: readonly T[] | null,
  nodeOf: (item: T) => string,
): readonly T[] | null {
  if (
    items === null ||
    items.length < 2 ||
    source.Node === "" ||
    source.Datacenter !== core.options.datacenter
  )
    return items;
  const from = coordinateSet(core, source.Node);
  if (from.size === 0) return items;
  return sortByDistance(items, (item) => nodeRttSeconds(from, coordinateSet(core, nodeOf(item))));
}
