/** Errors of the server RPC layer. The texts are the wire: agents of Consul 1.8 match on parts of them. */
import type { MsgpackError } from "../wire/msgpack.ts";

export class RpcError extends Error {
  override readonly name: string = "RpcError";
}

/** The error text that a server answered, with the pool's prefix: `rpc error making call: No cluster leader`. */
export class RpcRemoteError extends RpcError {
  override readonly name = "RpcRemoteError";
  /** As the server wrote it, without the prefix. */
  readonly remoteText: string;
  constructor(remoteText: string) {
    super(`rpc error making call: ${remoteText}`);
    this.remoteText = remoteText;
  }
}

/**
 * No answer: the server could not be reached (`stage` "dial": nothing was sent), or the connection ended during the call
 * (`stage` "call": it may have been carried out).
 */
export class RpcConnectionError extends RpcError {
  override readonly name = "RpcConnectionError";
  readonly stage: "dial" | "call";
  constructor(stage: "dial" | "call", message: string) {
    super(message);
    this.stage = stage;
  }
}

/** The call's own time limit passed. */
export class RpcTimeoutError extends RpcError {
  override readonly name = "RpcTimeoutError";
  constructor(method: string, timeoutMs: number) {
    super(`rpc error making call: ${method} was not answered within ${timeoutMs} ms`);
  }
}

/** A handler throws this for a method it does not have; 1.8 agents fall back to older methods by this text. */
export class MethodMissingError extends RpcError {
  override readonly name = "MethodMissingError";
  constructor(method: string) {
    super(`rpc: can't find method ${method}`);
  }
}

/** Refusals before a handler is asked; the server ends the stream after them (observed in Consul 1.8.7). */
export const requestRefusal = {
  illFormed: (method: string): string => `rpc: service/method request ill-formed: ${method}`,
  service: (method: string): string => `rpc: can't find service ${method}`,
  method: (method: string): string => `rpc: can't find method ${method}`,
  body: (error: MsgpackError): string =>
    error.message.startsWith("codec.decoder: ") ? error.message : `codec.decoder: ${error.message}`,
} as const;

const DIAL_TEXT: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connect: connection refused",
  ECONNRESET: "connect: connection reset by peer",
  EHOSTUNREACH: "connect: no route to host",
  ENETUNREACH: "connect: network is unreachable",
  ETIMEDOUT: "connect: connection timed out",
  EADDRNOTAVAIL: "connect: cannot assign requested address",
};

/** The text of Go's net package for a failed dial; users and scripts know it. */
export function dialText(address: string, error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return `dial tcp ${address}: ${(code !== undefined && DIAL_TEXT[code]) || message}`;
}
