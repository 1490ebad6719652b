/**
 * Whether the cluster takes writes at all: a small write through every agent, four times a second, whatever became of the last ones.
 * The clients of clients.ts wait for their answers, so that with a paused agent all of them soon stand still; these do not.
 */
import { Availability } from "./availability.ts";
import type { ChaosNode } from "./cluster.ts";

const EVERY_MS = 250;
/** As long as an agent may hold a request during an election. */
const TIMEOUT_MS = 8000;

export class Probes {
  /** Answered when some agent has answered. */
  readonly availability = new Availability(performance.now());
  readonly #timer: NodeJS.Timeout;

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
    const now = performance.now();
    this.availability.record(
      !(reply instanceof Error) && reply.status === 200 ? "ok" : "failed",
      now,
      now - call,
    );
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
