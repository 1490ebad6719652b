/**
 * User events of this agent: the newest 256 that were meant for it, each id once. Events come by gossip from any server;
 * firing asks a server to send one. Rules as observed in Consul 1.8.7.
 */
import { EventFireRequest } from "../model/coordinate.ts";
import type { RpcCaller } from "../model/methods.ts";
import type { Logger } from "../ports/log.ts";
import { type Random, uuid } from "../ports/random.ts";
import { GoRegExp, GoRegExpError } from "../wire/go-regexp.ts";
import { AgentError, type UserEvent, type UserEvents } from "./contract.ts";
import type { LocalRecords } from "./core/local-records.ts";
import { USER_EVENTS_KEPT } from "./limits.ts";
import {
  decodeUserEvent,
  encodeUserEvent,
  USER_EVENT_PREFIX,
  USER_EVENT_VERSION,
  type UserEventMessage,
} from "./user-event-message.ts";

export const REMOTE_EXEC_EVENT = "_rexec";

export interface UserEventsOptions {
  readonly node: string;
  readonly datacenter: string;
  /** Takes remote commands instead of the ring. */
  readonly onRemoteExec: (event: UserEvent) => void;
}

export interface UserEventsPorts {
  readonly random: Random;
  readonly log: Logger;
  readonly rpc: RpcCaller;
  readonly records: LocalRecords;
}

/** A filter; a text says what is wrong with it. Peers send these: they are matched in linear time. */
function compiled(pattern: string): GoRegExp | string {
  try {
    return new GoRegExp(pattern);
  } catch (error) {
    if (error instanceof GoRegExpError) return error.message;
    throw error;
  }
}

export class AgentUserEvents implements UserEvents {
  readonly #options: UserEventsOptions;
  readonly #ports: UserEventsPorts;
  readonly #ring: UserEvent[] = [];
  /** Ids of the newest events, remote commands among them. */
  readonly #seen = new Set<string>();
  readonly #watchers = new Set<() => void>();
  readonly onChange: UserEvents["onChange"];

  constructor(options: UserEventsOptions, ports: UserEventsPorts) {
    this.#options = options;
    this.#ports = ports;
    this.onChange = (wake) => {
      const own = (): void => wake();
      this.#watchers.add(own);
      return () => this.#watchers.delete(own);
    };
  }

  list(): readonly UserEvent[] {
    return [...this.#ring];
  }

  async fire(event: {
    readonly name: string;
    readonly payload: Uint8Array | null;
    readonly nodeFilter: string;
    readonly serviceFilter: string;
    readonly tagFilter: string;
    readonly datacenter: string;
    readonly token: string;
  }): Promise<UserEvent> {
    if (event.name === "") throw new AgentError(400, "Missing name");
    for (const [what, pattern] of [
      ["node", event.nodeFilter],
      ["service", event.serviceFilter],
      ["tag", event.tagFilter],
    ] as const) {
      const filter = compiled(pattern);
      if (typeof filter === "string") throw new AgentError(500, `Invalid ${what} filter: ${filter}`);
    }
    if (event.tagFilter !== "" && event.serviceFilter === "")
      throw new AgentError(500, "Cannot provide tag filter without service filter");
    const message: UserEventMessage = {
      id: uuid(this.#ports.random),
      name: event.name,
      payload: event.payload,
      nodeFilter: event.nodeFilter,
      serviceFilter: event.serviceFilter,
      tagFilter: event.tagFilter,
      version: USER_EVENT_VERSION,
    };
    const request = EventFireRequest.make({
      Datacenter: event.datacenter || this.#options.datacenter,
      Name: event.name,
      Payload: encodeUserEvent(message),
      Token: event.token,
      // Any server can send it: the pool is one for all.
      AllowStale: true,
    });
    await this.#ports.rpc.rpc("Internal.EventFire", request);
    // The time comes with the event itself, by gossip.
    return asUserEvent(message, 0n);
  }

  /** One of serf's user events. Others than ours are left alone. */
  onSerfEvent(event: { readonly name: string; readonly payload: Uint8Array; readonly ltime: bigint }): void {
    if (!event.name.startsWith(USER_EVENT_PREFIX)) return;
    const { log } = this.#ports;
    let message: UserEventMessage;
    try {
      message = decodeUserEvent(event.payload);
    } catch (error) {
      log.error(`Failed to decode event: ${(error as Error).message}`, { event: event.name });
      return;
    }
    if (message.version > USER_EVENT_VERSION)
      log.warn("Event version may have unsupported features", {
        event: message.name,
        version: message.version,
      });
    if (this.#seen.has(message.id) || !this.#isForUs(message)) return;
    this.#seen.add(message.id);
    if (this.#seen.size > USER_EVENTS_KEPT) this.#seen.delete(this.#seen.values().next().value!);
    const received = asUserEvent(message, event.ltime);
    if (message.name === REMOTE_EXEC_EVENT) {
      this.#options.onRemoteExec(received);
      return;
    }
    log.debug("new event", { event_name: message.name, event_id: message.id });
    this.#ring.push(received);
    if (this.#ring.length > USER_EVENTS_KEPT) this.#ring.shift();
    for (const wake of [...this.#watchers]) wake();
  }

  #isForUs(message: UserEventMessage): boolean {
    const { log, records } = this.#ports;
    const { nodeFilter, serviceFilter, tagFilter } = message;
    const patterns = [nodeFilter, serviceFilter, tagFilter].map(compiled);
    const [node, service, tag] = patterns;
    if (!(node instanceof GoRegExp && service instanceof GoRegExp && tag instanceof GoRegExp)) {
      log.error("Failed to parse a filter of an event", { event: message.name, event_id: message.id });
      return false;
    }
    if (nodeFilter !== "" && !node.test(this.#options.node)) return false;
    if (serviceFilter === "") return true;
    for (const s of records.services().values())
      if (service.test(s.Service) && (tagFilter === "" || (s.Tags ?? []).some((t) => tag.test(t))))
        return true;
    return false;
  }
}

const asUserEvent = (m: UserEventMessage, ltime: bigint): UserEvent => ({
  ID: m.id,
  Name: m.name,
  Payload: m.payload,
  NodeFilter: m.nodeFilter,
  ServiceFilter: m.serviceFilter,
  TagFilter: m.tagFilter,
  Version: m.version,
  LTime: ltime,
});
