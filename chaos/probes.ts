/**
 * Whether the cluster takes writes at all: a small write through every agent, four times a second, whatever became of the last ones.
 * The clients of clients.ts wait for their answers, so that with a paused agent all of them soon stand still; these do not.
 */
import { Availability, type AvailabilityFigures } from "./availability.ts";
import type { ChaosNode } from "./cluster.ts";

const EVERY_MS = 250;
/** As long as an agent may hold a request during an election. */
const TIMEOUT_MS = 8000;

export class Probes {
  /** Answered when some agent has answered. */
  readonly #availability = new Availability(performance.now());
  readonly #timer: NodeJS.Timeout;
  #stopped = false;

  constructor(nodes: readonly ChaosNode[]) {
    let n = 0;
    this.#timer = setInterval(() => {
      n++;
      for (const node of nodes) void this.#probe(node, n);
    }, EVERY_MS);
  }

  async #probe(node: ChaosNode, n: number): Promise<void> {
    const call = performance.now();
    const reply = await node.http("PUT", `/v1/kv/probe/${node.name}`, String(n), TIMEOUT_MS);
    if (this.#stopped) return;
    const now = performance.now();
    this.#availability.record(
      !(reply instanceof Error) && reply.status === 200 ? "ok" : "failed",
      now,
      now - call,
    );
  }

  /** What is under way does not count any more. */
  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
  }

  /** Stops; the figures until now. */
  finish(): AvailabilityFigures {
    this.stop();
    return this.#availability.finish(performance.now());
  }
}
