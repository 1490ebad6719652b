/**
 * Routes as data: the door mounts them, the API description and the coverage test read them.
 *
 * A pattern is a path, or a path with one `{name}`: the rest of the request's path from there on, slashes and all (`/v1/kv/{key}`).
 * A suffix after it (`/v1/query/{id}/execute`) picks among routes that share the part before it.
 */
import type { Readable } from "node:stream";
import type { Call } from "./call.ts";

export type HttpMethod = "GET" | "PUT" | "POST" | "DELETE";

/** A reply that is not plain JSON. Without `body`: empty, and no Content-Type. */
export interface Reply {
  readonly status: number;
  readonly type?: string;
  readonly body?: string | Uint8Array;
  /** Sent as it comes; nothing is added to it. */
  readonly stream?: Readable;
}

/** What a handler gives back: JSON text with status 200, nothing (200, empty), or a whole reply. */
export type Answer = string | undefined | Reply;
export type Handler = (call: Call) => Answer | Promise<Answer>;

export interface RouteInfo {
  /** One sentence for the API description. */
  readonly summary: string;
  /** What a token must allow; "none" when the endpoint asks for nothing. */
  readonly acl: string;
  /** Query parameters of its own, name to meaning (those of `options` are known). */
  readonly params?: Readonly<Record<string, string>>;
  /** Groups of parameters that are read: "query" is dc, stale, consistent, cached, index, wait, filter...; "dc" only that. */
  readonly options?: "query" | "dc";
  readonly blocking?: boolean;
  readonly filter?: boolean;
  /** What the request's body is. */
  readonly body?: string;
  /** A verb that clients of 0.6 send as GET: accepted, but not named in Allow. */
  readonly alsoGet?: boolean;
  /** Body or reply is a stream. */
  readonly streams?: boolean;
  /** Refuses `ns` and its header, which are of the enterprise edition. */
  readonly namespaced?: boolean;
}

export interface Route extends RouteInfo {
  readonly method: HttpMethod;
  /** As written: `/v1/kv/{key}`. */
  readonly pattern: string;
  readonly handler: Handler;
}

/** One endpoint. */
export const route = (method: HttpMethod, pattern: string, info: RouteInfo, handler: Handler): Route => ({
  method,
  pattern,
  handler,
  ...info,
});
