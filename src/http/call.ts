/** One request on its way through a handler: what was asked, who asks, what the reply's headers will say. */
import type { CacheKind } from "../agent/answer-cache.ts";
import type { AgentApi } from "../agent/contract.ts";
import type { MethodName, MethodReply, MethodRequest } from "../model/methods.ts";
import type { QueryMeta, QueryOptions, QuerySource } from "../model/query.ts";
import { type NowOrLater, whenReady } from "../ports/now-or-later.ts";
import type { Type } from "../wire/schema.ts";
import { type DecodeOptions, decodeValue } from "./decode/decode-body.ts";
import { type JsonValue, parseGoJson } from "./decode/json-parser.ts";
import { decodeFailure, type HttpError, namespaceHeader, namespaceParameter } from "./errors.ts";
import type { Exchange, NodeExchange } from "./exchange.ts";
import { JSON_BODY_BYTES_MAX } from "./limits.ts";
import { parseReadOptions, type ReadOptions } from "./query-options.ts";
import type { Query } from "./url.ts";

/** Requests that wait; the door ends them when it closes. */
export type Waiting = Set<AbortController>;

const NO_META: QueryMeta = { Index: 0, LastContact: 0n, KnownLeader: false, ConsistencyLevel: "" };

export class Call {
  readonly agent: AgentApi;
  readonly exchange: Exchange;
  /** Percent-decoded. */
  readonly path: string;
  /** The rest of the path behind the pattern's prefix. */
  readonly rest: string;
  readonly query: Query;
  /** Further reply headers, name and value in turn. */
  readonly headers: string[] = [];
  /** A failed read still tells "no index, no leader" once its options were read. */
  #metaOnError = false;
  #metaSent = false;
  readonly #waiting: Waiting;
  #abort: AbortController | undefined;

  constructor(
    agent: AgentApi,
    exchange: Exchange,
    target: { readonly path: string; readonly rest: string; readonly query: Query },
    waiting: Waiting,
  ) {
    this.agent = agent;
    this.exchange = exchange;
    this.path = target.path;
    this.rest = target.rest;
    this.query = target.query;
    this.#waiting = waiting;
  }

  /** Secret of the request: parameter, header, bearer; "" leaves it to the agent. */
  get token(): string {
    const named = this.query.get("token");
    if (named !== "") return named;
    const own = this.exchange.header("x-consul-token");
    if (own !== undefined && own !== "") return own;
    const bearer = this.exchange.header("authorization");
    if (bearer === undefined) return "";
    const parts = bearer.trim().split(/\s+/);
    return parts.length > 1 && parts[0]!.toLowerCase() === "bearer" ? parts[1]! : "";
  }

  /** `?dc=`, or the agent's own. */
  get datacenter(): string {
    return this.query.get("dc") || this.agent.config.datacenter;
  }

  /** IP of the peer, as text without IPv4-in-IPv6 dress; "" on a unix socket. */
  get remoteIp(): string {
    return plainIp(this.exchange.remoteAddress ?? "");
  }

  /** Aborted when the client goes away or the door closes. Only made for requests that may wait. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      const abort = new AbortController();
      this.#abort = abort;
      this.#waiting.add(abort);
      this.exchange.onOver((sent) => {
        this.#waiting.delete(abort);
        if (!sent) abort.abort(new Error("client went away"));
      });
    }
    return this.#abort.signal;
  }

  header(name: string, value: string): void {
    this.headers.push(name, value);
  }

  /** Whole read options. Refuses bad ones; from here on an error carries query headers. */
  readOptions(): ReadOptions {
    const o = parseReadOptions(this);
    this.#metaOnError = true;
    return o;
  }

  /** From here on an error carries query headers again. */
  metaOnError(): void {
    this.#metaOnError = true;
  }

  /** Errors after `readOptions` without query headers (KV). */
  noMetaOnError(): void {
    this.#metaOnError = false;
  }

  /** `near`: sort by distance from a node, "_agent" being this one. */
  get source(): QuerySource {
    const near = this.query.get("near");
    const { config } = this.agent;
    if (near === "") return { Datacenter: "", Segment: "", Node: "", Ip: "" };
    return {
      Datacenter: config.datacenter,
      Segment: "",
      Node: near === "_agent" ? config.nodeName : near,
      Ip: "",
    };
  }

  /** `node-meta=key:value`, all of them; null for none. */
  get nodeMeta(): ReadonlyMap<string, string> | null {
    const all = this.query.all("node-meta");
    if (all.length === 0) return null;
    return new Map(
      all.map((pair) => {
        const colon = pair.indexOf(":");
        return colon < 0 ? [pair, ""] : [pair.slice(0, colon), pair.slice(colon + 1)];
      }),
    );
  }

  /** An RPC that does not wait. */
  rpc<M extends MethodName>(method: M, request: MethodRequest<M>): Promise<MethodReply<M>> {
    return this.agent.rpc(method, request);
  }

  /**
   * A read: waits if it asks to, tells its metadata in the reply's headers, and is done again on the leader when a stale
   * answer is older than the request allows. `level`: the header that names the consistency is sent too.
   */
  read<M extends MethodName>(
    method: M,
    request: MethodRequest<M> & QueryOptions,
    options: { readonly level?: boolean; readonly cache?: CacheKind } = {},
  ): NowOrLater<MethodReply<M> & QueryMeta> {
    if (options.cache !== undefined && request.UseCache && this.agent.config.httpUseCache)
      return this.cached(options.cache, method, request).then((reply) => {
        const out = reply as MethodReply<M> & QueryMeta;
        this.meta(out, options.level ? consistencyLevel(request) : undefined);
        return out;
      });
    if (request.MaxStaleDuration > 0n || this.agent.answer === undefined)
      return this.#readLater(method, request, options);
    const told = (reply: unknown): MethodReply<M> & QueryMeta => {
      const out = reply as MethodReply<M> & QueryMeta;
      this.meta(out, options.level ? consistencyLevel(request) : undefined);
      return out;
    };
    const waits = request.MinQueryIndex > 0 ? { signal: this.signal } : undefined;
    return whenReady(this.agent.answer(method, request, waits) as NowOrLater<unknown>, told);
  }

  async #readLater<M extends MethodName>(
    method: M,
    request: MethodRequest<M> & QueryOptions,
    options: { readonly level?: boolean },
  ): Promise<MethodReply<M> & QueryMeta> {
    // Replies of these methods all carry the metadata; the method table does not say so in types.
    let out = (await this.agent.rpc(
      method,
      request,
      request.MinQueryIndex > 0 ? { signal: this.signal } : undefined,
    )) as MethodReply<M> & QueryMeta;
    let effective: QueryOptions = request;
    if (request.MaxStaleDuration > 0n && out.LastContact > request.MaxStaleDuration) {
      effective = { ...request, AllowStale: false, MaxStaleDuration: 0n };
      out = (await this.agent.rpc(method, effective as typeof request, {
        signal: this.signal,
      })) as MethodReply<M> & QueryMeta;
    }
    this.meta(out, options.level ? consistencyLevel(effective) : undefined);
    return out;
  }

  /** An answer of the agent's cache, its origin and age told in headers. */
  async cached<M extends MethodName>(
    kind: CacheKind,
    method: M,
    request: MethodRequest<M> & QueryOptions,
  ): Promise<MethodReply<M>> {
    const waits = kind === "refreshed" && request.MinQueryIndex > 0;
    const out = await this.agent.cache.get(kind, method, request, waits ? this.signal : undefined);
    this.header("X-Cache", out.hit ? "HIT" : "MISS");
    if (out.hit) this.header("Age", String(out.ageS));
    return out.value;
  }

  /** Tells a reply's metadata in headers. Once: a later call changes nothing. */
  meta(meta: QueryMeta, level?: string): void {
    if (this.#metaSent) return;
    this.#metaSent = true;
    if (level !== undefined) this.headers.push("X-Consul-Effective-Consistency", level);
    this.headers.push(
      "X-Consul-Index",
      meta.Index === 0 ? "1" : String(meta.Index),
      "X-Consul-Knownleader",
      meta.KnownLeader ? "true" : "false",
      "X-Consul-Lastcontact",
      String(meta.LastContact / 1_000_000n),
    );
  }

  /** What an error reply tells where a read would have told its metadata. */
  metaOfError(): void {
    if (this.#metaOnError) this.meta(NO_META);
  }

  /** Refuses what only the enterprise edition knows. */
  refuseNamespace(): void {
    if (this.query.get("ns") !== "") throw namespaceParameter("ns");
    const header = this.exchange.header("x-consul-namespace");
    if (header !== undefined && header !== "") throw namespaceHeader("X-Consul-Namespace");
  }

  /** The request and its reply as streams; only for routes that say `streams`. */
  streams(): NodeExchange {
    const node = this.exchange.asNode();
    if (node === undefined) throw new Error(`the route of ${this.path} does not say that it streams`);
    return node;
  }

  /** The body's bytes. Rejects with 413 and `tooLarge` beyond `max`. */
  body(max: number = JSON_BODY_BYTES_MAX, tooLarge?: (size: number) => HttpError): Promise<Buffer> {
    return this.exchange.body(max, tooLarge);
  }

  /** The body as a declared type; errors get `prefix` before them. */
  async decode<T>(
    type: Type<T>,
    prefix: string,
    options: DecodeOptions = {},
    make?: (text: string) => HttpError,
  ): Promise<T> {
    const text = (await this.body()).toString("utf8");
    try {
      return decodeValue(type, parseGoJson(text), options);
    } catch (e) {
      throw decodeFailure(e, prefix, make);
    }
  }

  /** The body parsed, or undefined when there is none. */
  async json(prefix: string, make?: (text: string) => HttpError): Promise<JsonValue | undefined> {
    const text = (await this.body()).toString("utf8");
    if (text === "") return undefined;
    try {
      return parseGoJson(text);
    } catch (e) {
      throw decodeFailure(e, prefix, make);
    }
  }

  /** A parsed body, or a part of it, as a declared type. */
  decodeValue<T>(
    type: Type<T>,
    value: JsonValue,
    prefix: string,
    options: DecodeOptions = {},
    make?: (text: string) => HttpError,
  ): T {
    try {
      return decodeValue(type, value, options);
    } catch (e) {
      throw decodeFailure(e, prefix, make);
    }
  }
}

/** As the header names it. */
export const consistencyLevel = (o: {
  readonly AllowStale: boolean;
  readonly RequireConsistent: boolean;
}): string => (o.RequireConsistent ? "consistent" : o.AllowStale ? "stale" : "leader");

/** An address without the dress that a dual-stack socket puts on IPv4. */
export const plainIp = (ip: string): string =>
  ip.startsWith("::ffff:") && ip.includes(".") ? ip.slice(7) : ip;
