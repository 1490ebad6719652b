/** What every log store must do; run by the test of each. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeConfiguration } from "./configuration-codec.ts";
import { LOG_TYPE, type LogEntry, SUFFRAGE } from "./contract.ts";
import type { Persist, StoreOp } from "./core/messages.ts";
import type { LogStore } from "./log-store.ts";
import { openStore, readStore, writeStore } from "./recovery.ts";

export const entry = (index: number, term: number, text: string = `entry ${index}`): LogEntry => ({
  index,
  term,
  type: LOG_TYPE.command,
  data: Buffer.from(text),
  extensions: null,
});
export const batch = (...ops: readonly StoreOp[]): Persist => ({
  ops,
  hardState: undefined,
  last: { index: 0, term: 0 },
});
export const closeStore = (store: LogStore): Promise<void> =>
  new Promise((resolve, reject) => store.close((error) => (error ? reject(error) : resolve())));
export const compactStore = (store: LogStore, through: number): Promise<void> =>
  new Promise((resolve, reject) => store.compact(through, (error) => (error ? reject(error) : resolve())));

/** `reopen`: the same store once more, as after a restart. */
export function logStoreSuite(
  name: string,
  make: () => { readonly store: LogStore; readonly reopen: () => LogStore },
): void {
  test(`${name}: starts empty`, async () => {
    const { store } = make();
    const stored = await openStore(store);
    assert.deepEqual(stored, {
      hardState: { term: 0, voteTerm: 0, voteFor: "" },
      first: 0,
      last: 0,
      runs: [],
      recent: [],
      configurations: [],
    });
    await closeStore(store);
  });

  test(`${name}: holds entries, term, vote and configurations over a restart`, async () => {
    const { store, reopen } = make();
    await openStore(store);
    const configuration: LogEntry = {
      index: 1,
      term: 1,
      type: LOG_TYPE.configuration,
      data: encodeConfiguration({
        servers: [{ id: "a", address: "127.3.0.1:8300", suffrage: SUFFRAGE.voter }],
      }),
      extensions: null,
    };
    const chunk: LogEntry = { ...entry(3, 2), extensions: Buffer.from("089b01", "hex") };
    const hardState = { term: 2, voteTerm: 2, voteFor: "127.3.0.1:8300" };
    await writeStore(store, {
      ops: [{ kind: "append", entries: [configuration, entry(2, 2), chunk] }],
      hardState,
      last: { index: 3, term: 2 },
    });
    await writeStore(store, batch({ kind: "append", entries: [entry(4, 2, "")] }));
    await closeStore(store);
    const again = reopen();
    const stored = await openStore(again);
    assert.deepEqual(stored.hardState, hardState);
    assert.deepEqual([stored.first, stored.last], [1, 4]);
    assert.deepEqual(stored.runs, [
      { from: 1, term: 1 },
      { from: 2, term: 2 },
    ]);
    assert.deepEqual(
      stored.recent.map(plain),
      [configuration, entry(2, 2), chunk, entry(4, 2, "")].map(plain),
    );
    assert.deepEqual(stored.configurations.map(plain), [plain(configuration)]);
    await closeStore(again);
  });

  test(`${name}: a batch cuts and appends in its order`, async () => {
    const { store, reopen } = make();
    await openStore(store);
    await writeStore(store, batch({ kind: "append", entries: [entry(1, 1), entry(2, 1), entry(3, 1)] }));
    await writeStore(
      store,
      batch(
        { kind: "truncate", from: 2 },
        { kind: "append", entries: [entry(2, 2)] },
        { kind: "truncate", from: 2 },
        { kind: "append", entries: [entry(2, 3, "last")] },
      ),
    );
    assert.deepEqual(
      (await readStore(store, 1, 9, 1e6)).map(plain),
      [entry(1, 1), entry(2, 3, "last")].map(plain),
    );
    await writeStore(store, {
      ...batch({ kind: "reset" }, { kind: "append", entries: [entry(8, 4)] }),
      hardState: { term: 4, voteTerm: 0, voteFor: "" },
    });
    await closeStore(store);
    const again = reopen();
    const stored = await openStore(again);
    assert.deepEqual([stored.first, stored.last, stored.hardState.term], [8, 8, 4]);
    await closeStore(again);
  });

  test(`${name}: reads within a byte limit, one entry at least`, async () => {
    const { store } = make();
    await openStore(store);
    await writeStore(
      store,
      batch({
        kind: "append",
        entries: Array.from({ length: 10 }, (_, i) => entry(i + 1, 1, "x".repeat(1000))),
      }),
    );
    assert.equal((await readStore(store, 3, 10, 1)).length, 1);
    const some = await readStore(store, 3, 10, 3500);
    assert.equal(some[0]!.index, 3);
    assert.ok(some.length >= 3 && some.length <= 5);
    assert.deepEqual(await readStore(store, 11, 20, 1e6), []);
    await closeStore(store);
  });

  test(`${name}: compacts a long log while it is written`, async () => {
    const { store, reopen } = make();
    await openStore(store);
    for (let i = 0; i < 5; i++)
      await writeStore(
        store,
        batch({
          kind: "append",
          entries: Array.from({ length: 1000 }, (_, k) => entry(i * 1000 + k + 1, 1)),
        }),
      );
    const compacted = compactStore(store, 4000);
    await writeStore(store, {
      ...batch({ kind: "append", entries: [entry(5001, 2)] }),
      hardState: { term: 2, voteTerm: 0, voteFor: "" },
    });
    await compacted;
    await closeStore(store);
    const again = reopen();
    const stored = await openStore(again);
    assert.deepEqual([stored.first, stored.last], [4001, 5001]);
    assert.deepEqual(stored.runs, [
      { from: 4001, term: 1 },
      { from: 5001, term: 2 },
    ]);
    await closeStore(again);
  });
}

export const plain = (e: LogEntry) => ({
  ...e,
  data: Buffer.from(e.data).toString("hex"),
  extensions: e.extensions === null ? null : Buffer.from(e.extensions).toString("hex"),
});
