/** What a command is, what it may use of its connection, and what it answers. */
import type { AgentApi } from "../agent/contract.ts";
import type { Logger } from "../ports/log.ts";
import type { Type } from "../wire/schema.ts";

/** Texts of refusals; clients show them. */
export const REFUSAL = {
  handshakeRequired: "Handshake required",
  unsupportedCommand: "Unsupported command",
} as const;

/** A client's mistake after which the connection is closed without an answer, as Consul 0.6 does. */
export class ConnectionFault extends Error {
  override readonly name = "ConnectionFault";
}

export interface Answer {
  /** "" is success. */
  readonly error: string;
  readonly body?: { readonly type: Type<unknown>; readonly value: unknown };
  /** Called once the answer has been written. */
  readonly afterwards?: () => void;
}

/** The connection as a command sees it. */
export interface CommandContext {
  readonly agent: AgentApi;
  readonly log: Logger;
  handshaken: boolean;
  /** The token of the request being served. */
  readonly token: string;
  /** Seq of a monitor or stream to the way to stop it. */
  readonly streams: Map<bigint, { readonly kind: "monitor" | "stream"; readonly stop: () => void }>;
  /** Writes a record of a stream, or queues it; drops it when the client reads too slowly. Never blocks the agent. */
  record<T>(seq: bigint, type: Type<T>, value: T): void;
  /** Resolves once what was written has been handed to the system, or the connection is gone. */
  written(): Promise<void>;
}

export interface Command {
  readonly beforeHandshake?: boolean;
  /** What follows the header; absent: nothing does. */
  readonly body?: Type<unknown>;
  readonly run: (session: CommandContext, body: unknown, seq: bigint) => Promise<Answer> | Answer;
}
