/** /v1/event: user events over gossip. */
import { toBigint } from "../wire/json.ts";
import { pathEscape, type QueryOptions, type QueryReply, type WriteOptions } from "./query.ts";
import type { Requester } from "./requester.ts";
import type { Body } from "./transport.ts";
import type { UserEvent } from "./types.ts";
import type { WatchOptions } from "./watch.ts";

export interface FireOptions extends WriteOptions {
  /** Regular expressions that receivers must match. */
  readonly nodeFilter?: string | undefined;
  readonly serviceFilter?: string | undefined;
  readonly tagFilter?: string | undefined;
}

export class Events {
  readonly #r: Requester;
  constructor(requester: Requester) {
    this.#r = requester;
  }

  async fire(name: string, payload?: Body, options: FireOptions = {}): Promise<UserEvent> {
    const params = {
      node: options.nodeFilter || undefined,
      service: options.serviceFilter || undefined,
      tag: options.tagFilter || undefined,
      ...options.params,
    };
    return toEvent(
      await this.#r.write("PUT", `/v1/event/fire/${pathEscape(name)}`, { ...options, params }, payload),
    );
  }

  /** Events that this agent has seen, oldest first. */
  list(
    options: QueryOptions & { readonly name?: string | undefined } = {},
  ): Promise<QueryReply<readonly UserEvent[]>> {
    const params = { name: options.name || undefined, ...options.params };
    return this.#r.read(
      "/v1/event/list",
      { ...options, params },
      { map: (v) => ((v ?? []) as unknown[]).map(toEvent) },
    );
  }

  watch(
    options: WatchOptions & { readonly name?: string | undefined } = {},
  ): AsyncGenerator<QueryReply<readonly UserEvent[]>, void, undefined> {
    return this.#r.watch((o) => this.list({ name: options.name, ...o }), { ...options, ordered: false });
  }
}

/** The index under which an event appears in `X-Consul-Index`: both halves of its ID, combined. */
export function eventIndex(id: string): bigint {
  const hex = id.replaceAll("-", "");
  return BigInt(`0x${hex.slice(0, 16)}`) ^ BigInt(`0x${hex.slice(16, 32)}`);
}

function toEvent(v: unknown): UserEvent {
  const e = v as UserEvent & { readonly Payload: unknown };
  return {
    ...e,
    Payload: typeof e.Payload === "string" ? Buffer.from(e.Payload, "base64") : null,
    LTime: toBigint(e.LTime),
  };
}
