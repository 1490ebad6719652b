/**
 * Two nodes with one name: ours asks the pool where it believes the name to be, and gives way to a majority.
 * Source: observed in serf 0.9.4 (query `_serf_conflict`).
 */
import type { QueryHandlers, QueryOptions } from "../contract.ts";
import type { SerfContext } from "./context.ts";
import { CONFLICT_QUERY } from "./internal-queries.ts";
import type { MemberRecord } from "./members.ts";
import { conflictResponse, decodeSerf, SERF_MESSAGE } from "./messages.ts";

interface Asker {
  readonly self: MemberRecord;
  query(
    name: string,
    payload: Uint8Array,
    options: QueryOptions,
    handlers: QueryHandlers,
    now: number,
  ): { readonly close: () => void };
}

export class NameConflict {
  readonly #context: SerfContext;
  readonly #serf: Asker;
  #asking = false;

  constructor(context: SerfContext, serf: Asker) {
    this.#context = context;
    this.#serf = serf;
  }

  /** Asks, unless a question is open already; a lost vote becomes the effect `name-lost`. */
  resolve(now: number): void {
    if (this.#asking) return;
    this.#asking = true;
    const { addr, port, name } = this.#serf.self;
    let responses = 0;
    let matching = 0;
    const handlers: QueryHandlers = {
      onResponse: (_from, payload) => {
        const bytes = Buffer.from(payload);
        if (bytes[0] !== SERF_MESSAGE.conflictResponse) return;
        try {
          const m = decodeSerf("conflict response", conflictResponse, bytes);
          responses++;
          if (m?.Addr?.equals(addr) === true && m.Port === port) matching++;
        } catch {
          this.#context.log.warn("Failed to decode a conflict response");
        }
      },
      onDone: () => {
        this.#asking = false;
        const majority = Math.floor(responses / 2) + 1;
        if (matching >= majority) {
          this.#context.log.info("majority in name conflict resolution", { matching, responses });
          return;
        }
        this.#context.log.warn("minority in name conflict resolution, quitting", { matching, responses });
        this.#context.emit({ kind: "name-lost", responses, matching });
      },
    };
    this.#serf.query(CONFLICT_QUERY, Buffer.from(name), {}, handlers, now);
  }
}
