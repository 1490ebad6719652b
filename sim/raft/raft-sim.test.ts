import assert from "node:assert/strict";
import { test } from "node:test";
import { breakages } from "./breakages.ts";
import { run } from "./cluster.ts";

for (const servers of [3, 5, 7])
  test(`a cluster of ${servers} keeps its promises under faults, and a seed gives the same run again`, async () => {
    const options = { seed: 4242 + servers, servers, faultMs: 90_000 };
    const first = await run(options);
    assert.equal(first.violation, undefined, `seed ${options.seed}: ${first.violation?.message}`);
    assert.ok(
      first.acknowledged > 100 && first.reads > 50 && first.elections > 3 && first.faults > 10,
      JSON.stringify(first),
    );
    assert.equal((await run(options)).fingerprint, first.fingerprint);
  });

/** Where to look for each breakage: how dangerous a world, from which seed, how many seeds at most. */
const hunts: Readonly<
  Record<
    string,
    { readonly danger: number; readonly servers: number; readonly from: number; readonly seedsMax: number }
  >
> = {
  "vote-twice": { danger: 0.25, servers: 5, from: 14, seedsMax: 100 },
  "commit-old-term": { danger: 0.7, servers: 3, from: 672, seedsMax: 600 },
  "acknowledge-before-fsync": { danger: 0.25, servers: 3, from: 62, seedsMax: 100 },
  "skip-log-matching": { danger: 0.25, servers: 5, from: 1, seedsMax: 100 },
  "read-without-lease": { danger: 0.25, servers: 5, from: 1, seedsMax: 100 },
};

for (const breakage of breakages)
  test(`the simulator finds: ${breakage.name} (${breakage.why})`, async () => {
    const { danger, servers, from, seedsMax } = hunts[breakage.name]!;
    for (let seed = from; seed < from + seedsMax; seed++) {
      const { violation } = await run({ seed, servers, faultMs: 300_000, danger, old: "all", breakage });
      if (violation === undefined) continue;
      // The sound core has nothing to fear from the same world.
      const sound = await run({ seed, servers, faultMs: 300_000, danger, old: "all" });
      assert.equal(sound.violation, undefined, `seed ${seed}`);
      return;
    }
    assert.fail(`not found in ${seedsMax} seeds from ${from}`);
  });
