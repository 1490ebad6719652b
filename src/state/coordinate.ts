/** Network coordinates of nodes, by network segment. */
import type { Coordinate, GossipCoordinate } from "../model/coordinate.ts";
import { keyOf, lower } from "./tables.ts";
import type { Answer, StateView } from "./tracked-read.ts";
import type { WriteTxn } from "./write-txn.ts";

export function coordinates(view: StateView): Answer<readonly Coordinate[]> {
  return { index: view.lastChange("coordinates"), value: view.list(view.tables.coordinates.rows, "") };
}

export function nodeCoordinates(view: StateView, node: string): Answer<readonly Coordinate[]> {
  return {
    index: view.lastChange("coordinates"),
    value: view.list(view.tables.coordinates.rows, keyOf(lower(node), "")),
  };
}

const allFinite = (coordinate: GossipCoordinate): boolean =>
  [...(coordinate.Vec ?? []), coordinate.Error, coordinate.Adjustment, coordinate.Height].every(
    Number.isFinite,
  );

/** Upserts a batch; coordinates that are not numbers, and those of unknown nodes, are passed over. */
export function updateCoordinates(tx: WriteTxn, batch: readonly Coordinate[]): void {
  for (const update of batch) {
    if (update.Coord === null || !allFinite(update.Coord)) continue;
    if (tx.tables.nodes.get(lower(update.Node)) === undefined) continue;
    tx.put(tx.tables.coordinates, update);
  }
  tx.bump("coordinates");
}

/** Deletes the coordinates of a node that goes. */
export function dropCoordinates(tx: WriteTxn, node: string): void {
  for (const row of tx.tables.coordinates.rows.tree.list(keyOf(lower(node), ""))) {
    tx.remove(tx.tables.coordinates, tx.tables.coordinates.keyOf(row));
    tx.bump("coordinates");
  }
}

/** Puts coordinates of a snapshot. */
export function restoreCoordinates(tx: WriteTxn, batch: readonly Coordinate[]): void {
  for (const row of batch) if (row.Coord !== null && allFinite(row.Coord)) tx.put(tx.tables.coordinates, row);
  tx.bump("coordinates");
}
