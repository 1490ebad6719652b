/** What clients asked and heard, key by key, and whether one register per key could have answered so. Pure. */
import { isLinearizable, type Operation, type RegisterOp } from "../sim/raft/linearizability.ts";

/** How a read was asked: plain, or with `?consistent`. */
export type ReadMode = "default" | "consistent";

export interface Recorded extends Operation {
  readonly mode: ReadMode | undefined;
  /** Who was asked, for people. */
  readonly at: string;
}

export interface Verdict {
  readonly keys: number;
  readonly operations: number;
  readonly unknown: number;
  /** Keys whose writes, compare-and-sets and consistent reads no register could have given. */
  readonly strict: readonly string[];
  /** Keys whose writes, compare-and-sets and default reads no register could have given. */
  readonly byDefault: readonly string[];
}

const uncertain = (o: Operation): boolean => o.return === Number.POSITIVE_INFINITY;

export class History {
  readonly #keys = new Map<string, Recorded[]>();

  /** `ended`: undefined when nobody knows whether it took effect. */
  record(
    key: string,
    at: string,
    op: RegisterOp,
    call: number,
    ended: number | undefined,
    mode?: ReadMode,
  ): void {
    let list = this.#keys.get(key);
    if (list === undefined) {
      list = [];
      this.#keys.set(key, list);
    }
    list.push({ op, call, return: ended ?? Number.POSITIVE_INFINITY, mode, at });
  }

  get keys(): IterableIterator<string> {
    return this.#keys.keys();
  }

  judge(): Verdict {
    const strict: string[] = [];
    const byDefault: string[] = [];
    let operations = 0;
    let unknown = 0;
    for (const [key, list] of this.#keys) {
      operations += list.length;
      unknown += list.filter(uncertain).length;
      if (!explained(list.filter((o) => o.mode !== "default"))) strict.push(key);
      if (!explained(list.filter((o) => o.mode !== "consistent"))) byDefault.push(key);
    }
    return { keys: this.#keys.size, operations, unknown, strict, byDefault };
  }

  /** One key's operations in order of their calls, for people. */
  text(key: string): string {
    return [...(this.#keys.get(key) ?? [])]
      .sort((a, b) => a.call - b.call)
      .map(
        (o) =>
          `  ${o.call.toFixed(1)} .. ${o.return.toFixed(1)} ${o.at} ${o.mode ?? ""} ${JSON.stringify(o.op)}`,
      )
      .join("\n");
  }
}

/**
 * Linearizable? First without the writes of unknown outcome that nothing else mentions: if the rest has an explanation, so has the
 * whole (they never happened), and the search is far shorter.
 */
export function explained(history: readonly Operation[]): boolean {
  const mentioned = new Set<string>();
  for (const { op } of history) {
    if (op.kind === "read") mentioned.add(op.result);
    else if (op.kind === "cas" && op.result !== false) mentioned.add(op.expect);
  }
  const needed = history.filter((o) => !uncertain(o) || o.op.kind === "read" || mentioned.has(o.op.value));
  if (isLinearizable(needed)) return true;
  return needed.length < history.length && isLinearizable(history);
}
