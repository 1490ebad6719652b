/** A pool of real processes as large as the machine bears (`gossip-pool.ts`, in a network namespace of its own). */
import { execFile } from "node:child_process";
import { availableParallelism, freemem } from "node:os";
import { promisify } from "node:util";
import type { PoolFigures } from "../gossip-pool.ts";
import { fromSource } from "../programs.ts";
import type { Described, Take, Visit } from "../row.ts";

const run = promisify(execFile);

/** What chance alone moves between two pools of one program: probes and gossip choose their targets at random. */
const CHANCE = 1.1;

const row = (id: string, title: string, unit: string, target: number): Described => ({
  id: `pool-${id}`,
  title: `pool of real agents: ${title}`,
  unit,
  better: "less",
  target,
  long: true,
});

const ROWS: readonly (readonly [Described, keyof PoolFigures])[] = [
  [row("datagrams", "datagrams of a node at rest", "per s", CHANCE), "datagrams"],
  [row("packets", "packets of a node at rest, RPC included", "per s", CHANCE), "packets"],
  [row("bytes", "bytes of a node at rest, RPC included", "per s", CHANCE), "bytes"],
  [row("detect-first", "kill -9 to the first that knows", "s", CHANCE), "detectFirst"],
  [row("detect-last", "kill -9 to the last that knows", "s", CHANCE), "detectLast"],
  [row("event", "user event to the median agent", "ms", CHANCE), "eventMedian"],
  [row("event-last", "user event to the last agent", "ms", CHANCE), "eventLast"],
  [row("cpu", "CPU of a client agent at rest", "ms per s", 1), "cpuMs"],
  [row("memory", "memory of a client agent, shared pages divided", "MB PSS", 1), "memoryMb"],
];
export const POOL_ROWS: readonly Described[] = ROWS.map(([described]) => described);

/** Memory of an agent with a reserve, agents that a core bears beside the measuring, agents beyond which nothing new is learnt. */
const AGENT_MB = 150;
const AGENTS_A_CORE = 20;
const AGENTS_MAX = 60;

/** As many client agents as this machine bears. */
export const poolSize = (cores: number = availableParallelism(), freeBytes: number = freemem()): number =>
  Math.max(4, Math.min(AGENTS_MAX, cores * AGENTS_A_CORE, Math.floor(freeBytes / 2 ** 20 / AGENT_MB)));

export async function gossipPool(v: Visit, take: Take): Promise<void> {
  const { poolAgents, poolSeconds, poolKills } = v.scale;
  const { stdout } = await run(
    "unshare",
    [
      "--net",
      process.execPath,
      ...fromSource("bench/gossip-pool.ts"),
      `--program=${v.program.name}`,
      `--path=${v.program.path}`,
      `--agents=${poolAgents}`,
      `--seconds=${poolSeconds}`,
      `--kills=${poolKills}`,
    ],
    { timeout: 600_000 },
  );
  const figures = JSON.parse(stdout.trim().split("\n").at(-1)!) as PoolFigures;
  for (const [described, field] of ROWS) take(described, { value: figures[field] });
}
