/**
 * Watches all servers of a simulated cluster for the promises of the paper's figure 3: election safety, log matching, leader
 * completeness, state machine safety; and that an acknowledged write stays at its index.
 */
import { crc32 } from "node:zlib";
import type { LogEntry } from "../../src/raft/contract.ts";
import type { CoreState } from "../../src/raft/core/state.ts";
import { Violation } from "./violation.ts";

interface SeenEntry {
  readonly sum: number;
  readonly prevTerm: number;
}

const sumOf = (e: LogEntry): number => crc32(e.data, e.type);

interface AppliedEntry {
  readonly term: number;
  readonly sum: number;
  readonly digest: number;
  readonly by: string;
  /** Term of the first server to apply it, so it was committed in this term or before. */
  readonly inTerm: number;
}

export class Checker {
  readonly #leaders = new Map<number, string>();
  /** By index and term: what the entry is and which term came before it. Equal for all servers means equal logs before it. */
  readonly #entries = new Map<number, SeenEntry>();
  /** Term and state digest by applied index. */
  readonly #applied: (AppliedEntry | undefined)[] = [];
  /** Checksums of states as bytes, by index of the last command in them. */
  readonly #snapshots = new Map<number, { readonly sum: number; readonly by: string }>();
  /** Checksum of what an operator restores. */
  #userRestore: number | undefined;
  /** The first broken promise: also one that somebody's catch has swallowed ends the run. */
  violation: Violation | undefined;
  elections = 0;
  appliedMax = 0;

  fail(text: string): never {
    this.violation ??= new Violation(text);
    throw this.violation;
  }

  /** A server became leader. */
  onLeader(server: string, s: CoreState): void {
    const other = this.#leaders.get(s.term);
    if (other === undefined) {
      this.#leaders.set(s.term, server);
      this.elections++;
    } else if (other !== server)
      return this.fail(`election safety: two leaders in term ${s.term} (${other}, ${server})`);
    // Only what was committed in an earlier term must be there: a leader may be elected late in a term that has passed.
    let index = this.appliedMax;
    while (index > 0 && (this.#applied[index]?.inTerm ?? s.term) >= s.term) index--;
    const committed = this.#applied[index];
    if (committed === undefined || index <= s.log.snapshotIndex) return;
    const term = s.log.termAt(index);
    if (term !== committed.term)
      return this.fail(
        `leader completeness: ${server} leads term ${s.term} without entry ${index} of term ${committed.term}, applied by ${committed.by} in term ${committed.inTerm} (has term ${term ?? "none"}, last ${s.log.last})`,
      );
  }

  /** A server wrote an entry behind one of `prevTerm` (undefined: unknown, behind a snapshot). */
  onAppend(entry: LogEntry, prevTerm: number | undefined): void {
    // Terms stay far below 2^20 in a run.
    const key = entry.index * 2 ** 20 + entry.term;
    const seen = this.#entries.get(key);
    const sum = sumOf(entry);
    if (seen === undefined) {
      if (prevTerm !== undefined) this.#entries.set(key, { sum, prevTerm });
      return;
    }
    if (seen.sum !== sum || (prevTerm !== undefined && seen.prevTerm !== prevTerm))
      return this.fail(
        `log matching: entry ${entry.index} of term ${entry.term} is not the same on all servers, or does not follow the same entry`,
      );
  }

  /** A server applied an entry, its state now has this digest. */
  onApply(server: string, inTerm: number, index: number, term: number, sum: number, digest: number): void {
    const seen = this.#applied[index];
    if (seen === undefined) {
      this.#applied[index] = { term, sum, digest, by: server, inTerm };
      if (index > this.appliedMax) this.appliedMax = index;
      return;
    }
    if (seen.sum !== sum || seen.digest !== digest || seen.term !== term)
      return this.fail(
        `state machine safety: ${server} applied another entry at ${index} (term ${term}) than ${seen.by} (term ${seen.term}), or after another history`,
      );
  }

  /** A server has written its state after the command at `index` as bytes with this checksum. */
  onSnapshot(server: string, index: number, sum: number): void {
    const seen = this.#snapshots.get(index);
    if (seen === undefined) this.#snapshots.set(index, { sum, by: server });
    else if (seen.sum !== sum)
      return this.fail(
        `state machine safety: the states of ${server} and ${seen.by} after ${index} have different bytes`,
      );
  }

  /** An operator is about to restore bytes with this checksum. */
  onUserRestore(sum: number): void {
    this.#userRestore = sum;
  }

  /**
   * A server restored bytes of a snapshot up to `through`, of an entry of `term`. Returns the last command in them, and the digest up
   * to it. A user's restore stands for a command at its index, which the first server to hold it, the leader, makes known.
   */
  onRestore(
    server: string,
    through: number,
    term: number,
    sum: number,
  ): { readonly index: number; readonly digest: number } {
    if (this.#userRestore === sum && this.#applied[through] === undefined && through > this.appliedMax) {
      this.#userRestore = undefined;
      this.#applied[through] = { term, sum, digest: sum, by: server, inTerm: term };
      this.#snapshots.set(through, { sum, by: server });
      this.appliedMax = through;
    }
    let index = through;
    while (index > 0 && this.#applied[index] === undefined) index--;
    if (this.#snapshots.get(index)?.sum !== sum)
      return this.fail(`${server} restored a state up to ${through} that no server has written`);
    return { index, digest: this.#applied[index]?.digest ?? 0 };
  }

  /** A client was told that its command took effect at `index`. */
  onAcknowledged(index: number, sum: number): void {
    const seen = this.#applied[index];
    if (seen === undefined || seen.sum !== sum)
      return this.fail(`acknowledged write at ${index} is not what was applied there`);
  }

  readonly sumOf = sumOf;
}
