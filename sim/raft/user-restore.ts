/**
 * An operator restores an archive in a healthy cluster: the leader's state of a moment ago, with writes in between. Afterwards every
 * member holds the archive's state and what was written since, and nothing of what came between.
 *
 * Without faults on purpose: the restored state is a snapshot that no entry of the log led to, so the protocol cannot take it back
 * when the leader dies in the middle. The original asks operators for the same care.
 */
import { crc32 } from "node:zlib";
import { LOG_TYPE } from "../../src/raft/contract.ts";
import { settle } from "../clock.ts";
import type { SimServer, World } from "./server.ts";
import { setCommand } from "./state-machine.ts";
import { Violation } from "./violation.ts";

/** Simulated time for each step, at `raft_multiplier` 1. */
const STEP_MS = 60_000;
const WRITES = 12;
const VALUE = "x";

/** Runs the world until simulated time `end`, or until `done`. */
export type Until = (end: number, done?: () => boolean) => Promise<void>;

export async function restoreEarlierState(
  world: World,
  leader: SimServer,
  members: readonly SimServer[],
  until: Until,
): Promise<void> {
  const { checker, clock, multiplier } = world;
  const driver = leader.driver!;
  const settled = async <T>(what: string, work: Promise<T>): Promise<T> => {
    let outcome: { readonly value: T } | { readonly error: Error } | undefined;
    work.then(
      (value) => {
        outcome = { value };
      },
      (error: Error) => {
        outcome = { error };
      },
    );
    // In small steps: between them promises have their turn.
    const start = clock.now();
    for (let ms = 0; outcome === undefined && ms < STEP_MS * multiplier; ms += 5) {
      await until(start + ms);
      await settle();
    }
    if (outcome === undefined) throw new Violation(`user restore: ${what} does not end`);
    if ("error" in outcome) throw new Violation(`user restore: ${what}: ${outcome.error.message}`);
    return outcome.value;
  };
  const write = (key: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const data = setCommand(key, VALUE);
      driver.propose({ type: LOG_TYPE.command, data, extensions: null }, 0, (error, applied) =>
        error === undefined ? resolve(applied.index) : reject(error),
      );
    });

  await settled("a write before", write("restore/kept"));
  await settled("the snapshot", driver.takeSnapshot());
  const { meta, bytes } = leader.disk.snapshots[0]!;
  for (let i = 0; i < WRITES; i++) await settled("a write between", write(`restore/lost/${i}`));

  checker.onUserRestore(crc32(bytes));
  const pieces = (async function* () {
    for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
  })();
  await settled("the restore", driver.restore(pieces, meta.index, bytes.length));
  if (leader.fsm.stateSum() !== crc32(bytes)) checker.fail("user restore: the leader holds another state");
  const last = await settled("a write after", write("restore/after"));
  if (last <= meta.index) checker.fail(`user restore: the log went back to ${last}`);

  const has = (s: SimServer, key: string): boolean => s.fsm.get(key).value === VALUE;
  const right = (s: SimServer): boolean =>
    has(s, "restore/after") &&
    has(s, "restore/kept") &&
    !has(s, "restore/lost/0") &&
    !has(s, `restore/lost/${WRITES - 1}`);
  await until(clock.now() + STEP_MS * multiplier, () => members.every(right));
  const wrong = members.filter((s) => !right(s));
  if (wrong.length > 0)
    checker.fail(`user restore: ${wrong.map((s) => s.self.id).join(", ")} did not take the restored state`);
}
