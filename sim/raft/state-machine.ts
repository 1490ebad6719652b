/**
 * The simulated cluster's state machine: the real StateStore and StateFsm, watched. Each applied command goes to the checker
 * with a digest over everything applied so far; each snapshot's bytes must be what every other server's snapshot of the same
 * state is, and a restored state must give the very bytes that it was restored from.
 */
import assert from "node:assert/strict";
import { crc32 } from "node:zlib";
import { DirEntry, KVSRequest } from "../../src/model/kv.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { Fsm, LogEntry } from "../../src/raft/contract.ts";
import { encodeCommand } from "../../src/state/commands.ts";
import { StateFsm } from "../../src/state/fsm.ts";
import { kvGet } from "../../src/state/kv.ts";
import { StateStore } from "../../src/state/state-store.ts";
import type { Checker } from "./checker.ts";
import { SnapshotStream } from "./disk.ts";
import { INITIAL } from "./linearizability.ts";

/** A key as a client sees it: {@link INITIAL} and 0 when there is none. */
export interface Seen {
  readonly value: string;
  readonly modifyIndex: number;
}
const NOTHING: Seen = { value: INITIAL, modifyIndex: 0 };

/** Setting {@link INITIAL} is a deletion. */
export function setCommand(key: string, value: string): Buffer {
  const entry =
    value === INITIAL ? { Key: key } : { Key: key, Value: Buffer.from(value), Flags: BigInt(value.length) };
  return encodeCommand(
    "kvs",
    KVSRequest.make({ Op: value === INITIAL ? "delete" : "set", DirEnt: DirEntry.make(entry) }),
  );
}

export const casCommand = (key: string, value: string, expect: Seen): Buffer =>
  encodeCommand(
    "kvs",
    KVSRequest.make({
      Op: "cas",
      DirEnt: DirEntry.make({ Key: key, Value: Buffer.from(value), ModifyIndex: expect.modifyIndex }),
    }),
  );

export class SimFsm implements Fsm {
  readonly #server: string;
  readonly #checker: Checker;
  readonly #store: StateStore;
  readonly #fsm: StateFsm;
  readonly #term: () => number;
  #digest = 0;
  /** Index of the last command in the state. */
  #index = 0;

  /** `term`: the server's present one. */
  constructor(server: string, checker: Checker, clock: Clock, term: () => number) {
    this.#server = server;
    this.#checker = checker;
    this.#store = new StateStore({ clock });
    this.#fsm = new StateFsm(this.#store);
    this.#term = term;
  }

  get digest(): number {
    return this.#digest;
  }

  get(key: string): Seen {
    const { value: entry } = this.#store.peek((view) => kvGet(view, key));
    if (entry === undefined) return NOTHING;
    return { value: Buffer.from(entry.Value ?? "").toString(), modifyIndex: entry.ModifyIndex };
  }

  apply(entry: LogEntry): unknown {
    const result = this.#fsm.apply(entry);
    const sum = this.#checker.sumOf(entry);
    this.#digest = mix(mix(mix(this.#digest, entry.index), entry.term), sum ^ (result === true ? 1 : 0));
    this.#index = entry.index;
    this.#checker.onApply(this.#server, this.#term(), entry.index, entry.term, sum, this.#digest);
    return result;
  }

  *snapshot(): Generator<Uint8Array> {
    const index = this.#index;
    let sum = 0;
    for (const chunk of this.#fsm.snapshot()) {
      sum = crc32(chunk, sum);
      yield chunk;
    }
    this.#checker.onSnapshot(this.#server, index, sum);
  }

  async restore(stream: AsyncIterable<Uint8Array>): Promise<void> {
    assert(stream instanceof SnapshotStream, "a simulated state machine restores what simulated disks hold");
    let read = 0;
    await this.#fsm.restore(
      (async function* () {
        for await (const chunk of stream) {
          read = crc32(chunk, read);
          yield chunk;
        }
      })(),
    );
    const written = this.stateSum();
    if (written !== read)
      this.#checker.fail(`state stream: ${this.#server} restored other bytes than it would write now`);
    const { index, digest } = this.#checker.onRestore(this.#server, stream.index, stream.term, read);
    this.#index = index;
    this.#digest = digest;
  }

  /** Checksum of the whole state as bytes. */
  stateSum(): number {
    let sum = 0;
    for (const chunk of this.#fsm.snapshot()) sum = crc32(chunk, sum);
    return sum;
  }
}

const mix = (digest: number, n: number): number => {
  const x = Math.imul(digest ^ n, 0x9e3779b1);
  return (x ^ (x >>> 15) ^ digest) >>> 0;
};
