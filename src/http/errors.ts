/**
 * What a request can be refused with, and which status an error from deeper down gets. Texts are what clients match on, so
 * they are data (observed in Consul 1.8.7).
 */
import { AgentError } from "../agent/contract.ts";
import { BodyError } from "./decode/decode-body.ts";
import { JsonSyntaxError } from "./decode/json-parser.ts";

/** A refusal with its status and text. */
export class HttpError extends Error {
  override readonly name = "HttpError";
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** What 1.8 puts before the texts of one class of refusals; releases from about 1.12 on have none. */
const BAD_REQUEST_PREFIX = "Bad request: ";

/** 400 with the prefix that the original's "bad request" errors carry. */
export const badRequest = (text: string): HttpError => new HttpError(400, `${BAD_REQUEST_PREFIX}${text}`);

/** 400 with the bare text, as the original writes it where the handler answers by itself. */
export const plainBadRequest = (text: string): HttpError => new HttpError(400, text);

/** What a decoder threw, behind its endpoint's prefix; any other error unchanged. */
export function decodeFailure(
  error: unknown,
  prefix: string,
  make: (text: string) => HttpError = plainBadRequest,
): unknown {
  if (error instanceof BodyError || error instanceof JsonSyntaxError)
    return make(`${prefix}${error.message}`);
  return error;
}

export const REFUSALS = {
  aclDisabled: "ACL support disabled",
  coordinateDisabled: "Coordinate support disabled",
  accessRestricted: "Access is restricted",
  endpointBlocked: "Endpoint is blocked by agent configuration",
  staleAndConsistent: "Cannot specify ?stale with ?consistent, conflicting semantics.",
  cachedAndConsistent: "Cannot specify ?cached with ?consistent, conflicting semantics.",
  cacheControl: "Invalid Cache-Control header.",
  waitTime: "Invalid wait time",
  index: "Invalid index",
  tooManyConnections: "Your IP is issuing too many concurrent connections, please rate limit your calls",
  queryNotFound: "Query not found",
} as const;

export const namespaceParameter = (name: string): HttpError =>
  badRequest(`Invalid query parameter: "${name}" - Namespaces are a Consul Enterprise feature`);
export const namespaceHeader = (name: string): HttpError =>
  badRequest(`Invalid header: "${name}" - Namespaces are a Consul Enterprise feature`);

/** Status and text of whatever a handler threw. Errors of servers come as text only, often with a prefix: matched by part. */
export function statusOf(error: unknown): { readonly status: number; readonly text: string } {
  if (error instanceof HttpError) return { status: error.status, text: error.message };
  const text = error instanceof Error ? error.message : String(error);
  if (text.includes("Permission denied") || text.includes("ACL not found")) return { status: 403, text };
  if (error instanceof AgentError) return { status: error.httpStatus, text };
  if (text.includes("rate limit exceeded") || text.includes("rate limit reached, try again later"))
    return { status: 429, text };
  return { status: 500, text };
}
