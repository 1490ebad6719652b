/** What the families share: a request, its status checked, its JSON decoded. */
import { parseJson } from "../wire/json.ts";
import { ReplyError, UnexpectedResponseError } from "./errors.ts";
import {
  type QueryOptions,
  type QueryReply,
  queryParams,
  queryReply,
  type RequestOptions,
  writeParams,
} from "./query.ts";
import type { Body, Method, RawReply, RawRequest, RawStream, Transport } from "./transport.ts";
import { type WatchOptions, watch } from "./watch.ts";

/** Bytes of an error's body that are kept for its message. */
const ERROR_BODY_MAX = 1 << 20;

export class Requester {
  readonly transport: Transport;
  constructor(transport: Transport) {
    this.transport = transport;
  }

  /** The client's own datacenter where the call names none. */
  withDatacenter<T extends RequestOptions>(o: T): T {
    const { datacenter } = this.transport.target;
    return datacenter === "" || o.datacenter !== undefined ? o : { ...o, datacenter };
  }

  /** A read. `missing` is the value of a 404; without it a 404 is an error. `map` makes the value of the parsed JSON. */
  async read<T>(
    path: string,
    options: QueryOptions = {},
    shape: { readonly missing?: () => T; readonly map?: (v: unknown) => T } = {},
  ): Promise<QueryReply<T>> {
    const o = this.withDatacenter(options);
    const reply = await this.transport.send("GET", path, {
      params: queryParams(o),
      token: o.token,
      signal: o.signal,
    });
    if (reply.statusCode === 404 && shape.missing !== undefined)
      return queryReply(reply.headers, shape.missing());
    const parsed = jsonOf(expectOk(reply), path);
    // The endpoint's documented shape: the agent is trusted to keep it.
    return queryReply(reply.headers, shape.map === undefined ? (parsed as T) : shape.map(parsed));
  }

  /** A read's value alone, for endpoints without an index. */
  async get<T>(path: string, options: RequestOptions = {}): Promise<T> {
    const reply = await this.transport.send("GET", path, {
      params: writeParams(this.withDatacenter(options)),
      token: options.token,
      signal: options.signal,
    });
    return jsonOf(expectOk(reply), path) as T;
  }

  /** A write whose reply is JSON. */
  async write<T>(method: Method, path: string, options: RequestOptions = {}, body?: Body): Promise<T> {
    return jsonOf(await this.send(method, path, options, body), path) as T;
  }

  /** A write whose reply is empty or not looked at. */
  async send(method: Method, path: string, options: RequestOptions = {}, body?: Body): Promise<RawReply> {
    const o = this.withDatacenter(options);
    return expectOk(
      await this.transport.send(method, path, {
        params: writeParams(o),
        token: o.token,
        signal: o.signal,
        body,
      }),
    );
  }

  /** A reply read as it comes. Anything but 200 is an error with the body as text. */
  async stream(method: Method, path: string, request: RawRequest): Promise<RawStream> {
    const reply = await this.transport.stream(method, path, request);
    if (reply.statusCode === 200) return reply;
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of reply.stream) {
      size += (chunk as Buffer).length;
      if (size > ERROR_BODY_MAX) break;
      chunks.push(chunk as Buffer);
    }
    throw new UnexpectedResponseError(reply.statusCode, Buffer.concat(chunks).toString("utf8"));
  }

  /** A blocking read again and again: see {@link watch}. */
  watch<T>(
    read: (options: QueryOptions) => Promise<QueryReply<T>>,
    options: WatchOptions,
  ): AsyncGenerator<QueryReply<T>, void, undefined> {
    return watch(read, options);
  }
}

export function expectOk(reply: RawReply): RawReply {
  if (reply.statusCode !== 200)
    throw new UnexpectedResponseError(reply.statusCode, reply.body.toString("utf8"));
  return reply;
}

export function jsonOf(reply: RawReply, path: string): unknown {
  try {
    return parseJson(reply.body.toString("utf8"));
  } catch (e) {
    throw new ReplyError(`reply of ${path} is not JSON: ${(e as Error).message}`, { cause: e });
  }
}
