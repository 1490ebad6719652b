/**
 * The records of the pool: by name, and in the random order in which they are probed (SWIM, section 4.3: round-robin over a
 * shuffled list bounds the time to detect a failure). Dead and left ones stay until they are reaped.
 */
import type { Random } from "../../ports/random.ts";
import type { Suspicion } from "./suspicion.ts";

export type NodeState = "alive" | "suspect" | "dead" | "left";

/** What is known about a node. Only membership.ts changes it. */
export interface NodeRecord {
  readonly name: string;
  /** 4 or 16 bytes. */
  addr: Buffer;
  /** The same as text. */
  host: string;
  port: number;
  meta: Buffer;
  /** pmin, pmax, pcur, dmin, dmax, dcur. */
  vsn: Buffer;
  incarnation: number;
  state: NodeState;
  /** Monotonic ms. */
  stateChange: number;
  suspicion: Suspicion | undefined;
}

export const isGone = (n: NodeRecord): boolean => n.state === "dead" || n.state === "left";

/** Protocol version from which a node understands TCP pings, nacks and CRC. */
export const PMAX_FOR = { tcpPing: 3, nack: 4, crc: 5 } as const;
export const pmax = (n: NodeRecord): number => n.vsn[1] ?? 0;

export class NodeTable {
  readonly #random: Random;
  readonly #byName = new Map<string, NodeRecord>();
  #order: NodeRecord[] = [];
  #probeIndex = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Records of all states, own one included. */
  get size(): number {
    return this.#order.length;
  }

  get(name: string): NodeRecord | undefined {
    return this.#byName.get(name);
  }

  all(): readonly NodeRecord[] {
    return this.#order;
  }

  /** Adds at a random place, so that a newcomer waits half a round on average for its first probe. */
  add(node: NodeRecord): void {
    this.#byName.set(node.name, node);
    this.#order.push(node);
    const last = this.#order.length - 1;
    const at = this.#random.int(this.#order.length);
    [this.#order[at], this.#order[last]] = [node, this.#order[at]!];
  }

  /** Next node to probe, or undefined when nobody qualifies. `reap` runs whenever the round starts anew. */
  nextProbe(eligible: (n: NodeRecord) => boolean, reap: () => void): NodeRecord | undefined {
    for (let checked = 0; checked < this.#order.length; checked++) {
      if (this.#probeIndex >= this.#order.length) {
        reap();
        this.#probeIndex = 0;
        continue;
      }
      const node = this.#order[this.#probeIndex++]!;
      if (eligible(node)) return node;
    }
    return undefined;
  }

  /** Forgets the records that `gone` picks and shuffles the rest. */
  reset(gone: (n: NodeRecord) => boolean): void {
    for (const n of this.#order) if (gone(n)) this.#byName.delete(n.name);
    const kept = this.#order.filter((n) => this.#byName.has(n.name));
    for (let i = kept.length - 1; i > 0; i--) {
      const j = this.#random.int(i + 1);
      [kept[i], kept[j]] = [kept[j]!, kept[i]!];
    }
    this.#order = kept;
  }

  /** Up to `k` different random nodes that `eligible` admits. Exhaustive where drawing might miss candidates. */
  sample(k: number, eligible: (n: NodeRecord) => boolean): NodeRecord[] {
    const n = this.#order.length;
    const out: NodeRecord[] = [];
    if (n >= 3 * k && n > 16) {
      for (let tries = 0; tries < 3 * n && out.length < k; tries++) {
        const node = this.#order[this.#random.int(n)]!;
        if (!out.includes(node) && eligible(node)) out.push(node);
      }
      return out;
    }
    const pool = [...this.#order];
    for (let i = 0; i < n && out.length < k; i++) {
      const j = i + this.#random.int(n - i);
      [pool[i], pool[j]] = [pool[j]!, pool[i]!];
      if (eligible(pool[i]!)) out.push(pool[i]!);
    }
    return out;
  }
}
