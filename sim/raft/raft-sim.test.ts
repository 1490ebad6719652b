import assert from "node:assert/strict";
import { test } from "node:test";
import { huntTask } from "./breakage-hunt.ts";
import { breakages } from "./breakages.ts";
import { run } from "./cluster.ts";
import { replayLine, runTask } from "./seed-task.ts";

for (const servers of [3, 5, 7])
  test(`a cluster of ${servers} keeps its promises under faults, and a seed gives the same run again`, async () => {
    const options = { seed: 4242 + servers, servers, faultMs: 60_000, multiplier: 1 };
    const first = await run(options);
    assert.equal(first.violation, undefined, `seed ${options.seed}: ${first.violation?.message}`);
    assert.ok(
      first.acknowledged > 100 && first.reads > 50 && first.elections > 3 && first.faults > 10,
      JSON.stringify(first),
    );
    assert.equal((await run(options)).fingerprint, first.fingerprint);
  });

/**
 * Seeds known to show each breakage, found by `npm run sim -- raft --breakages`, which also tells how many it takes. A change
 * of the core or the simulator makes other worlds of them: then the search goes on from there, and fresh ones should be put here.
 */
const KNOWN: Readonly<Record<string, readonly number[]>> = {
  "vote-twice": [3, 4, 13],
  "commit-old-term": [33, 68, 87],
  "acknowledge-before-fsync": [24, 37, 75],
  "skip-log-matching": [3, 4, 7],
  "read-without-lease": [14, 18, 45],
};
const SEARCH_MAX = 1500;

for (const { name, why } of breakages)
  test(`the simulator finds: ${name} (${why})`, async () => {
    const known = KNOWN[name]!;
    const searched = Array.from({ length: SEARCH_MAX }, (_, i) => known.at(-1)! + 1 + i);
    for (const seed of [...known, ...searched]) {
      const task = huntTask(name, seed);
      if ((await runTask({ ...task, breakage: name })).violation === undefined) continue;
      // The sound core has nothing to fear from the same world.
      assert.equal((await runTask(task)).violation, undefined, replayLine(task));
      return;
    }
    assert.fail(`not found in ${known.length + SEARCH_MAX} seeds`);
  });
