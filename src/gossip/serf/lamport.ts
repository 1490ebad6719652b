/** A logical clock. Source: Lamport, "Time, Clocks, and the Ordering of Events in a Distributed System" (1978). */
export class LamportClock {
  #time: number;

  constructor(time: number = 1) {
    this.#time = time;
  }

  get time(): number {
    return this.#time;
  }

  increment(): number {
    // Counting stops being exact beyond 2^53; decoders refuse larger times, so only our own steps could get there.
    if (this.#time < Number.MAX_SAFE_INTEGER) this.#time++;
    return this.#time;
  }

  /** Takes notice of a time seen elsewhere: afterwards this clock is later. */
  witness(time: number): void {
    if (time >= this.#time) this.#time = Math.min(time + 1, Number.MAX_SAFE_INTEGER);
  }
}
