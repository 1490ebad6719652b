/** How many seeds it takes to find each deliberate breakage: `npm run sim -- raft --breakages`. */
import { breakages } from "./breakages.ts";
import { runCampaign } from "./campaign.ts";
import type { SeedTask } from "./seed-task.ts";

/** A world in which a breakage can show; the same for the sound core, which must survive it. */
export type HuntingGround = Pick<SeedTask, "servers" | "faultMs" | "danger">;

/** Found by trying: figure 8 needs many leaders that die young among few servers. */
export const huntingGrounds: Readonly<Record<string, HuntingGround>> = {
  "vote-twice": { servers: 5, danger: 0.25, faultMs: 120_000 },
  "commit-old-term": { servers: 3, danger: 0.7, faultMs: 120_000 },
  "acknowledge-before-fsync": { servers: 3, danger: 0.25, faultMs: 120_000 },
  "skip-log-matching": { servers: 5, danger: 0.25, faultMs: 120_000 },
  "read-without-lease": { servers: 5, danger: 0.25, faultMs: 120_000 },
};

export const huntTask = (name: string, seed: number): SeedTask => ({
  ...huntingGrounds[name]!,
  seed,
  old: "all",
  multiplier: 1,
  wildClocks: false,
});

/** Times that each breakage is searched for. */
const ROUNDS = 11;
/** Runs after which a breakage counts as not found. */
const SEEDS_MAX = 20_000;

/** Prints for each breakage the seeds that show it and the median number of seeds needed. Returns the exit code. */
export async function huntBreakages(first: number, workers: number): Promise<number> {
  let missed = false;
  for (const { name, why } of breakages) {
    const started = performance.now();
    const found: number[] = [];
    const needed: number[] = [];
    let seed = first;
    let runs = 0;
    let since = 0;
    await runCampaign({
      workers,
      next: () =>
        found.length < ROUNDS && runs < SEEDS_MAX ? { ...huntTask(name, seed++), breakage: name } : undefined,
      onOutcome: ({ violation, task }) => {
        runs++;
        since++;
        if (violation !== undefined && found.length < ROUNDS) {
          found.push(task.seed);
          needed.push(since);
          since = 0;
        }
        return found.length < ROUNDS;
      },
    });
    const median = needed.sort((a, b) => a - b)[needed.length >> 1];
    missed ||= found.length < ROUNDS;
    console.log(
      `${found.length < ROUNDS ? "FAIL" : "ok"}: ${name}: median ${median ?? "-"} seeds (${needed[0] ?? "-"} to ${needed.at(-1) ?? "-"}), found ${found.length} times in ${runs} seeds from ${first}, ${((performance.now() - started) / 1000).toFixed(0)} s; ${why}`,
    );
    console.log(`    seeds: ${found.join(", ")}`);
  }
  return missed ? 1 : 0;
}
