import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger } from "../ports/log.ts";
import type { StoredLog } from "./log-store.ts";
import { restoreNewest } from "./recovery.ts";
import type { SnapshotStore } from "./snapshot-store.ts";
import { ListFsm } from "./testing.ts";

/** Snapshots at 100, which cannot be read, and at 50. */
function store(): SnapshotStore {
  const metaAt = (index: number) => ({
    id: `1-${index}-1`,
    index,
    term: 1,
    configuration: { servers: [] },
    configurationIndex: 1,
    size: 0,
  });
  return {
    create: () => Promise.reject(new Error("not asked for")),
    list: async () => [metaAt(100), metaAt(50)],
    open: async (id) => {
      if (id === "1-100-1") throw new Error("bad checksum");
      return { meta: metaAt(50), stream: (async function* () {})() };
    },
    remove: async () => {},
  };
}
const log = (first: number, last: number): StoredLog => ({
  hardState: { term: 1, voteTerm: 0, voteFor: "" },
  first,
  last,
  runs: [],
  recent: [],
  configurations: [],
});

test("an older snapshot serves when the log makes up for the unreadable one", async () => {
  assert.equal((await restoreNewest(store(), new ListFsm(), silentLogger, log(51, 120)))?.index, 50);
});

for (const [name, first, last] of [
  ["begins behind it", 52, 120],
  ["ends before the unreadable one", 40, 99],
  ["is empty: all of it was in the unreadable one", 0, 0],
] as const)
  test(`an older snapshot does not serve when the log ${name}`, () =>
    assert.rejects(restoreNewest(store(), new ListFsm(), silentLogger, log(first, last)), /bad checksum/));
