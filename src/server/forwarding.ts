/**
 * Who answers a request, and whether a failed one may be sent again. Pure: the rules as Consul 1.8.7 shows them on the wire.
 */
import type { MethodScope } from "../model/methods.ts";
import type { Random } from "../ports/random.ts";
import { RpcConnectionError } from "../rpc/errors.ts";
import { ERROR_TEXT, errorText } from "./errors.ts";
import { RETRY_JITTER_FRACTION } from "./limits.ts";

/** What of a request the decision looks at. */
export interface Routed {
  /** undefined: the request has no such field. */
  readonly Datacenter?: string;
  /** Where a request goes whose `Datacenter` is what it asks about (federation states). */
  readonly TargetDatacenter?: string;
  readonly AllowStale?: boolean;
}

export interface RoutingState {
  readonly datacenter: string;
  readonly isLeader: boolean;
  readonly leaving: boolean;
  /** Whether another server is known to lead. */
  readonly knownLeader: boolean;
  /** This server has ever led or heard a leader; before that it has nothing to serve. */
  readonly hadLeader: boolean;
}

export type Route =
  | { readonly kind: "local" }
  | { readonly kind: "datacenter"; readonly datacenter: string }
  | { readonly kind: "leader" }
  /** Wait for a leader and decide again. */
  | { readonly kind: "hold" }
  | { readonly kind: "no-leader" };

/** Decision for a request that is of `scope`; `primary` requests have their datacenter rewritten before. */
export function route(scope: MethodScope, request: Routed, state: RoutingState): Route {
  if (scope === "local") return { kind: "local" };
  // An empty datacenter is foreign to forwarded methods (agents always fill it), but ours to Status.*.
  const wanted = request.TargetDatacenter ?? request.Datacenter;
  const foreign = scope === "dc" && wanted === "" ? false : wanted !== state.datacenter;
  if (foreign && wanted !== undefined) return { kind: "datacenter", datacenter: wanted };
  if (scope === "dc") return { kind: "local" };
  if (request.AllowStale === true && state.hadLeader) return { kind: "local" };
  if (state.leaving) return { kind: "no-leader" };
  if (state.isLeader) return { kind: "local" };
  return state.knownLeader ? { kind: "leader" } : { kind: "hold" };
}

/**
 * Whether a call may be repeated without doing anything twice: nobody has taken it up (no leader there, or the connection could not
 * be made), or it is a read. Consul 1.8.7 returns an error for a refused connection, and "EOF" even for reads, at once; waiting for the
 * next leader instead is what its callers want.
 */
export function mayRetry(error: unknown, isRead: boolean): boolean {
  const text = errorText(error);
  if (text.includes(ERROR_TEXT.noLeader)) return true;
  if (error instanceof RpcConnectionError) return error.stage === "dial" || isRead;
  return isRead && (text.includes("stream closed") || text.includes("session shutdown"));
}

/** Milliseconds to wait before the next try. */
export const retryDelayMs = (random: Random, holdTimeoutMs: number): number =>
  (random.float() * holdTimeoutMs) / RETRY_JITTER_FRACTION;
