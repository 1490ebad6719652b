/** Which events a stream asks for, in serf's form: `*`, or a list as `member-join,user:deploy`. Pure. */
import { decodeUserEvent, USER_EVENT_PREFIX } from "../agent/user-event-message.ts";
import type { Member, SerfEvent } from "../gossip/contract.ts";

const KINDS = new Set([
  "*",
  "user",
  "query",
  "member-join",
  "member-leave",
  "member-failed",
  "member-update",
  "member-reap",
]);

export type Selected =
  | { readonly kind: "members"; readonly event: string; readonly members: readonly Member[] }
  | {
      readonly kind: "user";
      readonly ltime: bigint;
      readonly name: string;
      readonly payload: Uint8Array;
      readonly coalesce: boolean;
    };

interface Filter {
  readonly kind: string;
  /** Of a user event; "" is any. */
  readonly name: string;
}

export class EventFilters {
  readonly #filters: readonly Filter[];

  private constructor(filters: readonly Filter[]) {
    this.#filters = filters;
  }

  /** Undefined for a text that is no filter. "" is `*`. */
  static parse(text: string): EventFilters | undefined {
    const filters: Filter[] = [];
    for (const part of (text === "" ? "*" : text).split(",")) {
      const colon = part.indexOf(":");
      const kind = colon < 0 ? part : part.slice(0, colon);
      if (!KINDS.has(kind) || (colon >= 0 && kind !== "user" && kind !== "query")) return undefined;
      filters.push({ kind, name: colon < 0 ? "" : part.slice(colon + 1) });
    }
    return new EventFilters(filters);
  }

  /** What to send of an event, or undefined. User events are Consul's, under their Consul names; queries are never sent. */
  select(event: SerfEvent): Selected | undefined {
    switch (event.kind) {
      case "query":
        return undefined;
      case "user": {
        if (!event.name.startsWith(USER_EVENT_PREFIX)) return undefined;
        const name = event.name.slice(USER_EVENT_PREFIX.length);
        if (!this.#wants("user", name)) return undefined;
        return {
          kind: "user",
          ltime: event.ltime,
          name,
          payload: payloadOf(event.payload),
          coalesce: event.coalesce,
        };
      }
      default:
        return this.#wants(event.kind, "")
          ? { kind: "members", event: event.kind, members: event.members }
          : undefined;
    }
  }

  #wants(kind: string, name: string): boolean {
    return this.#filters.some(
      (f) => f.kind === "*" || (f.kind === kind && (f.name === "" || f.name === name)),
    );
  }
}

/** What the sender put in; the bytes themselves when they are not in Consul's form. */
function payloadOf(bytes: Uint8Array): Uint8Array {
  try {
    return decodeUserEvent(bytes).payload ?? new Uint8Array();
  } catch {
    return bytes;
  }
}
