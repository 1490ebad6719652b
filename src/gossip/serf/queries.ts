/**
 * Queries: a question told to the whole pool, answered straight to the asker. Ours are collected here; those of others are
 * filtered, acknowledged, delivered and answered here.
 *
 * Source: observed in serf 0.9.4.
 */

import { GoRegExp, GoRegExpError } from "../../wire/go-regexp.ts";
import { ipText } from "../address.ts";
import type { QueryHandlers, QueryOptions } from "../contract.ts";
import type { Deadline } from "../deadlines.ts";
import { GossipDecodeError, GossipError } from "../errors.ts";
import {
  EVENT_SLOTS,
  EVENTS_PER_SLOT_MAX,
  FILTER_EXPRESSION_BYTES_MAX,
  QUERIES_OPEN_MAX,
  QUERY_BYTES_MAX,
  QUERY_RESPONSE_BYTES_MAX,
} from "../limits.ts";
import { queryTimeoutMs } from "../memberlist/scaling.ts";
import { NO_BYTES, type SerfContext } from "./context.ts";
import { LamportClock } from "./lamport.ts";
import type { MemberRecord, Members } from "./members.ts";
import {
  decodeFilter,
  encodeNodeFilter,
  encodeRelay,
  encodeSerf,
  encodeTagFilter,
  QUERY_FLAG,
  type QueryMessage,
  type QueryResponse,
  query,
  queryResponse,
  SERF_MESSAGE,
} from "./messages.ts";

const NS_PER_MS = 1_000_000;
/** Longest time that a query may stay open, ms; a peer's larger wish is cut. */
const TIMEOUT_MS_MAX = 24 * 3_600_000;

/** A query that arrived and may be answered once, until its deadline. */
export interface PendingQuery {
  readonly ltime: number;
  readonly id: number;
  readonly name: string;
  readonly payload: Buffer;
  readonly sourceNode: string;
  readonly host: string;
  readonly port: number;
  readonly addr: Buffer;
  readonly relayFactor: number;
  /** Monotonic ms. */
  readonly deadline: number;
  answered: boolean;
}

interface Collector {
  readonly ltime: number;
  readonly id: number;
  readonly handlers: QueryHandlers;
  readonly acks: Set<string>;
  readonly responses: Set<string>;
  /** Of each at most as many as members were alive. */
  readonly most: number;
  readonly expiry: Deadline;
}

export class Queries {
  readonly clock: LamportClock = new LamportClock();
  readonly #context: SerfContext;
  readonly #members: Members;
  readonly #aliveNodes: () => number;
  readonly #seen: ({ readonly ltime: number; readonly ids: Set<number> } | undefined)[] = new Array<
    { readonly ltime: number; readonly ids: Set<number> } | undefined
  >(EVENT_SLOTS).fill(undefined);
  readonly #collectors = new Map<number, Collector>();
  #minTime = 0;

  /** `aliveNodes`: how many nodes memberlist holds for alive or suspect, self included. */
  constructor(context: SerfContext, members: Members, aliveNodes: () => number) {
    this.#context = context;
    this.#members = members;
    this.#aliveNodes = aliveNodes;
  }

  ignoreBefore(ltime: number): void {
    this.#minTime = Math.max(this.#minTime, ltime);
  }

  get defaultTimeoutMs(): number {
    return queryTimeoutMs(this.#context.timings, this.#aliveNodes());
  }

  /** Asks the pool. Returns the message to broadcast and the way to stop listening. Throws {@link GossipError}. */
  create(
    name: string,
    payload: Uint8Array,
    options: QueryOptions,
    handlers: QueryHandlers,
    own: MemberRecord,
    now: number,
  ): { readonly message: Buffer; readonly close: () => void } {
    const timeoutMs = options.timeoutMs ?? this.defaultTimeoutMs;
    const filters: Buffer[] = [];
    if (options.filterNodes !== undefined && options.filterNodes.length > 0)
      filters.push(encodeNodeFilter(options.filterNodes));
    for (const [tag, expr] of options.filterTags ?? [])
      filters.push(encodeTagFilter({ Tag: tag, Expr: expr }));
    const q: QueryMessage = {
      LTime: this.clock.time,
      ID: this.#context.random.int(0x8000_0000),
      Addr: own.addr,
      Port: own.port,
      SourceNode: own.name,
      Filters: filters.length > 0 ? filters : null,
      Flags: options.requestAck === true ? QUERY_FLAG.ack : 0,
      RelayFactor: options.relayFactor ?? 0,
      Timeout: BigInt(Math.round(timeoutMs * NS_PER_MS)),
      Name: name,
      Payload: payload.length > 0 ? Buffer.from(payload) : null,
    };
    const message = encodeSerf(SERF_MESSAGE.query, query, q);
    if (message.length > QUERY_BYTES_MAX)
      throw new GossipError(`query exceeds limit of ${QUERY_BYTES_MAX} bytes`);
    if (this.#collectors.size >= QUERIES_OPEN_MAX)
      throw new GossipError(`${QUERIES_OPEN_MAX} queries are open already`);
    const collector: Collector = {
      ltime: q.LTime,
      id: q.ID,
      handlers,
      acks: new Set(),
      responses: new Set(),
      most: this.#aliveNodes(),
      expiry: this.#context.deadlines.add(now + timeoutMs, () => this.#close(collector)),
    };
    // Two queries never share a time: handling one below moves the clock on.
    this.#collectors.set(q.LTime, collector);
    this.onQuery(q, now);
    return { message, close: () => this.#close(collector) };
  }

  #close(c: Collector): void {
    if (this.#collectors.get(c.ltime) !== c) return;
    this.#collectors.delete(c.ltime);
    c.expiry.cancel();
    this.#context.emit({ kind: "query-done", handlers: c.handlers });
  }

  /** Ends all own queries, at shutdown. */
  closeAll(): void {
    for (const c of [...this.#collectors.values()]) this.#close(c);
  }

  /** Whether it is to be told to others: yes for news, also when it is not for us. */
  onQuery(q: QueryMessage, now: number): boolean {
    const { log, metrics, emit } = this.#context;
    this.clock.witness(q.LTime);
    if (q.LTime < this.#minTime) return false;
    const time = this.clock.time;
    if (time > EVENT_SLOTS && q.LTime < time - EVENT_SLOTS) {
      log.warn(`Received old query ${q.Name} from time ${q.LTime} (current: ${time})`);
      return false;
    }
    let slot = this.#seen[q.LTime % EVENT_SLOTS];
    if (slot === undefined || slot.ltime !== q.LTime) {
      slot = { ltime: q.LTime, ids: new Set() };
      this.#seen[q.LTime % EVENT_SLOTS] = slot;
    } else if (slot.ids.has(q.ID)) return false;
    if (slot.ids.size >= EVENTS_PER_SLOT_MAX) {
      metrics.count("serf.queries.dropped");
      return false;
    }
    slot.ids.add(q.ID);
    metrics.count("serf.queries");
    const tell = (q.Flags & QUERY_FLAG.noBroadcast) === 0;
    if (!this.#matches(q.Filters ?? [])) return tell;
    const addr = q.Addr ?? NO_BYTES;
    if (addr.length !== 4 && addr.length !== 16) {
      log.warn("Received a query without an address to answer to", { query: q.Name, from: q.SourceNode });
      return tell;
    }
    const timeoutMs = Math.min(Math.max(0, Number(q.Timeout) / NS_PER_MS), TIMEOUT_MS_MAX);
    const pending: PendingQuery = {
      ltime: q.LTime,
      id: q.ID,
      name: q.Name,
      payload: Buffer.from(q.Payload ?? NO_BYTES),
      sourceNode: q.SourceNode,
      addr: Buffer.from(addr),
      host: ipText(addr),
      port: q.Port,
      relayFactor: q.RelayFactor,
      deadline: now + timeoutMs,
      answered: false,
    };
    if ((q.Flags & QUERY_FLAG.ack) !== 0) this.#send(pending, QUERY_FLAG.ack, null);
    emit({ kind: "query", query: pending });
    return tell;
  }

  #matches(filters: readonly (Buffer | null)[]): boolean {
    const own = this.#members.get(this.#context.name);
    return filters.every((bytes) => {
      try {
        const filter = decodeFilter(bytes ?? NO_BYTES);
        if (filter === undefined) {
          this.#context.log.warn("Query has a filter of unknown kind");
          return false;
        }
        if (filter.kind === "node") return filter.names.includes(this.#context.name);
        if (Buffer.byteLength(filter.expr) > FILTER_EXPRESSION_BYTES_MAX) return false;
        return new GoRegExp(filter.expr).test(own?.tags.get(filter.tag) ?? "");
      } catch (error) {
        if (error instanceof GoRegExpError) {
          this.#context.log.warn("Query filter is not a regular expression", { error: error.message });
          return false;
        }
        if (!(error instanceof GossipDecodeError)) throw error;
        this.#context.log.warn("Query filter is damaged", { error: error.message });
        return false;
      }
    });
  }

  /** Answers a query. Throws {@link GossipError} when it is late, answered already or the payload too large. */
  respond(q: PendingQuery, payload: Uint8Array, now: number): void {
    if (q.answered) throw new GossipError("response already sent");
    if (now > q.deadline) throw new GossipError("response is past the deadline");
    this.#send(q, 0, Buffer.from(payload));
    q.answered = true;
  }

  /** Bytes of a response with this payload: list-keys fits its answer by it. */
  responseSize(q: PendingQuery, payload: Buffer): number {
    return this.#encodeResponse(q, 0, payload).length;
  }

  #encodeResponse(q: PendingQuery, flags: number, payload: Buffer | null): Buffer {
    return encodeSerf(SERF_MESSAGE.queryResponse, queryResponse, {
      LTime: q.ltime,
      ID: q.id,
      From: this.#context.name,
      Flags: flags,
      Payload: payload,
    });
  }

  #send(q: PendingQuery, flags: number, payload: Buffer | null): void {
    const message = this.#encodeResponse(q, flags, payload);
    if (message.length > QUERY_RESPONSE_BYTES_MAX)
      throw new GossipError(`response exceeds limit of ${QUERY_RESPONSE_BYTES_MAX} bytes`);
    this.#context.emit({ kind: "send", host: q.host, port: q.port, message });
    this.#relay(q, message);
  }

  /** Sends copies by way of other members: a path around a broken link. */
  #relay(q: PendingQuery, message: Buffer): void {
    if (q.relayFactor === 0 || this.#members.size < q.relayFactor + 1) return;
    const relay = encodeRelay(
      { DestAddr: { IP: q.addr, Port: q.port, Zone: "" }, DestName: q.sourceNode },
      message,
    );
    if (relay.length > QUERY_RESPONSE_BYTES_MAX) {
      this.#context.log.warn(`Relayed response exceeds limit of ${QUERY_RESPONSE_BYTES_MAX} bytes`, {
        query: q.name,
      });
      return;
    }
    const candidates = [...this.#members.all()].filter(
      (m) => m.status === "alive" && (m.vsn[1] ?? 0) >= 5 && m.name !== this.#context.name,
    );
    for (let i = 0; i < q.relayFactor && candidates.length > 0; i++) {
      const [m] = candidates.splice(this.#context.random.int(candidates.length), 1);
      this.#context.emit({ kind: "send", host: m!.host, port: m!.port, message: relay });
    }
  }

  onResponse(r: QueryResponse): void {
    const c = this.#collectors.get(r.LTime);
    if (c === undefined || c.id !== r.ID) {
      this.#context.log.debug("Response to a query that is not open", { from: r.From, ltime: r.LTime });
      return;
    }
    const ack = (r.Flags & QUERY_FLAG.ack) !== 0;
    const known = ack ? c.acks : c.responses;
    if (known.has(r.From)) {
      this.#context.metrics.count(ack ? "serf.query_duplicate_acks" : "serf.query_duplicate_responses");
      return;
    }
    if (known.size >= c.most) {
      this.#context.metrics.count("serf.query.dropped");
      return;
    }
    known.add(r.From);
    this.#context.metrics.count(ack ? "serf.query_acks" : "serf.query_responses");
    if (ack) this.#context.emit({ kind: "query-ack", handlers: c.handlers, from: r.From });
    else
      this.#context.emit({
        kind: "query-response",
        handlers: c.handlers,
        from: r.From,
        payload: Buffer.from(r.Payload ?? NO_BYTES),
      });
  }
}
