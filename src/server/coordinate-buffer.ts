/** Coordinate updates wait here, newest per node and segment, and go into the log in batches. Pure. */
import type { Coordinate } from "../model/coordinate.ts";
import {
  COORDINATE_ENTRIES_PER_FLUSH_MAX,
  COORDINATES_BUFFERED_MAX,
  COORDINATES_PER_ENTRY_MAX,
} from "./limits.ts";

export class CoordinateBuffer {
  readonly #updates = new Map<string, Coordinate>();

  get size(): number {
    return this.#updates.size;
  }

  add(update: Coordinate): void {
    const key = `${update.Node}\0${update.Segment}`;
    // What one flush cannot take would be dropped then; dropping it now bounds the memory.
    if (this.#updates.size >= COORDINATES_BUFFERED_MAX && !this.#updates.has(key)) return;
    this.#updates.set(key, update);
  }

  /** The batches to log; the buffer is empty afterwards. */
  flush(): readonly (readonly Coordinate[])[] {
    const all = [...this.#updates.values()];
    this.#updates.clear();
    const batches: Coordinate[][] = [];
    for (
      let i = 0;
      i < all.length && batches.length < COORDINATE_ENTRIES_PER_FLUSH_MAX;
      i += COORDINATES_PER_ENTRY_MAX
    )
      batches.push(all.slice(i, i + COORDINATES_PER_ENTRY_MAX));
    return batches;
  }
}
