/** Errors of the gossip layer: bytes that cannot be read, and refusals whose text clients see. */

export type GossipDecodeCode =
  | "empty"
  | "truncated"
  | "msgpack"
  | "unknown-type"
  | "unknown-compression"
  | "compression"
  | "crc"
  | "label"
  | "encryption-version"
  | "decrypt"
  | "not-encrypted"
  | "not-configured"
  | "too-large"
  | "too-deep"
  | "bad-value";

/** Bytes from the network that are not what the protocol allows. `code` says in which way. */
export class GossipDecodeError extends Error {
  override readonly name = "GossipDecodeError";
  readonly code: GossipDecodeCode;
  constructor(code: GossipDecodeCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** An operation that serf or memberlist refuses. The message is the original's text where it has one. */
export class GossipError extends Error {
  override readonly name = "GossipError";
}

/** What a peer answered instead of its state (message type 13). */
export class GossipRemoteError extends GossipError {
  constructor(text: string) {
    super(`remote error: ${text}`);
  }
}

/** The sentence of anything that was thrown. */
export const errorText = (error: unknown): string => (error instanceof Error ? error.message : String(error));
