/** Which fault comes next: drawn from the seed, and from what is disturbed already. Pure. */
import { type Random, shuffled } from "../src/ports/random.ts";

export type Fault =
  /** SIGKILL, and a start after `forMs`. */
  | { readonly kind: "kill"; readonly nodes: readonly string[]; readonly forMs: number }
  /** SIGSTOP, and SIGCONT after `forMs`. */
  | { readonly kind: "pause"; readonly nodes: readonly string[]; readonly forMs: number }
  /** `nodes` reach each other but nobody else; one node alone reaches nobody. */
  | { readonly kind: "cut"; readonly nodes: readonly string[]; readonly forMs: number }
  /** The node's disk has no byte left for `forMs`. */
  | { readonly kind: "fill-disk"; readonly nodes: readonly [string]; readonly forMs: number };

export interface Situation {
  readonly servers: readonly string[];
  readonly clients: readonly string[];
  /** The server whose disk is small. */
  readonly smallDisk: string;
  readonly leader: string | undefined;
  /** Nodes under a fault now. */
  readonly disturbed: ReadonlySet<string>;
  /** There is one network to cut: one cut at a time. */
  readonly cut: boolean;
}

export interface Step {
  readonly fault: Fault | undefined;
  /** Until the next step is drawn. */
  readonly thenMs: number;
}

/** One step in so many takes all servers at once, as a power cut would. */
const POWER_CUT_ONE_IN = 25;
/** Half the faults look for the leader: it is where things break. */
const LEADER_ONE_IN = 2;

const between = (random: Random, low: number, high: number): number => low + random.int(high - low);

export function drawStep(random: Random, s: Situation): Step {
  const thenMs = between(random, 1000, 6000);
  const minority = Math.floor((s.servers.length - 1) / 2);
  const disturbed = s.servers.filter((n) => s.disturbed.has(n));
  if (disturbed.length === 0 && random.int(POWER_CUT_ONE_IN) === 0)
    return { fault: { kind: "kill", nodes: [...s.servers], forMs: between(random, 200, 3000) }, thenMs };
  const free = shuffled(
    random,
    s.servers.filter((n) => !s.disturbed.has(n)),
  );
  const leaderFirst = random.int(LEADER_ONE_IN) === 0;
  if (leaderFirst && s.leader !== undefined && free.includes(s.leader)) {
    free.splice(free.indexOf(s.leader), 1);
    free.unshift(s.leader);
  }
  const room = minority - disturbed.length;
  const kind = random.int(10);
  // Beyond a minority only rarely: then no write can be accepted, and little is learned.
  const allowed = room > 0 ? room : random.int(8) === 0 ? 1 : 0;
  const nodes = free.slice(0, 1 + random.int(Math.max(1, allowed)));
  if (allowed === 0 || nodes.length === 0) return { fault: undefined, thenMs };
  if (kind < 4) return { fault: { kind: "kill", nodes, forMs: between(random, 0, 8000) }, thenMs };
  if (kind < 6) return { fault: { kind: "pause", nodes, forMs: between(random, 200, 8000) }, thenMs };
  if (kind < 9) {
    if (s.cut) return { fault: undefined, thenMs };
    // Client agents fall on either side.
    const side = [...nodes, ...s.clients.filter(() => random.int(3) === 0)];
    return { fault: { kind: "cut", nodes: side, forMs: between(random, 500, 10_000) }, thenMs };
  }
  if (s.disturbed.has(s.smallDisk)) return { fault: undefined, thenMs };
  return { fault: { kind: "fill-disk", nodes: [s.smallDisk], forMs: between(random, 2000, 10_000) }, thenMs };
}

export const faultText = (f: Fault): string =>
  `${f.kind} ${f.nodes.join(" ")} for ${(f.forMs / 1000).toFixed(1)} s`;
