/** The simulated cluster's state machine: registers, and a digest over everything that was ever applied. */
import { crc32 } from "node:zlib";
import type { Fsm, LogEntry } from "../../src/raft/contract.ts";
import type { Checker } from "./checker.ts";

export type KvCommand =
  | { readonly kind: "write"; readonly key: string; readonly value: string }
  | { readonly kind: "cas"; readonly key: string; readonly expect: string; readonly value: string };

const SEPARATOR = "\u0001";
export const encodeCommand = (c: KvCommand): Buffer =>
  Buffer.from(
    c.kind === "write"
      ? ["w", c.key, c.value].join(SEPARATOR)
      : ["c", c.key, c.value, c.expect].join(SEPARATOR),
  );

export class KvFsm implements Fsm {
  readonly #server: string;
  readonly #checker: Checker;
  #data = new Map<string, string>();
  #digest = 0;

  readonly #term: () => number;

  /** `term`: the server's present one. */
  constructor(server: string, checker: Checker, term: () => number) {
    this.#server = server;
    this.#term = term;
    this.#checker = checker;
  }

  get digest(): number {
    return this.#digest;
  }

  get(key: string): string {
    return this.#data.get(key) ?? "";
  }

  apply(entry: LogEntry): unknown {
    const sum = this.#checker.sumOf(entry);
    this.#digest = crc32(`${entry.index}/${entry.term}/${sum}`, this.#digest);
    this.#checker.onApply(this.#server, this.#term(), entry.index, entry.term, sum, this.#digest);
    const [kind, key, value, expect] = Buffer.from(entry.data).toString().split(SEPARATOR);
    if (kind === "c" && this.get(key!) !== expect) return false;
    this.#data.set(key!, value!);
    return true;
  }

  snapshot(): Iterable<Uint8Array> {
    return [Buffer.from(JSON.stringify({ digest: this.#digest, data: [...this.#data] }))];
  }

  async restore(stream: AsyncIterable<Uint8Array>): Promise<void> {
    const chunks: Uint8Array[] = [];
    for await (const c of stream) chunks.push(c);
    const { digest, data } = JSON.parse(Buffer.concat(chunks).toString()) as {
      digest: number;
      data: [string, string][];
    };
    this.#digest = digest;
    this.#data = new Map(data);
  }
}
