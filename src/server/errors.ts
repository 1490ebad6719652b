/**
 * Errors that servers answer with. Clients and agents match on substrings of these texts (observed in Consul 1.8.7), so a text
 * is data: change none.
 */

/** Texts without variable parts, by what they mean. */
export const ERROR_TEXT = {
  noLeader: "No cluster leader",
  notReadyForConsistentReads: "Not ready to serve consistent reads",
  noDcPath: "No path to datacenter",
  dcUnreachable: "Remote DC has no server currently reachable",
  noServers: "No known Consul servers",
  aclDisabled: "ACL support disabled",
  aclNotFound: "ACL not found",
  permissionDenied: "Permission denied",
  queryNotFound: "Query not found",
  segments: "Network segments are not supported in this version of Consul",
  connectDisabled: "Connect must be enabled in order to use this endpoint",
  autoEncryptDisabled: "AutoEncrypt.AllowTLS must be enabled in order to use this endpoint",
  autoConfigDisabled: "Auto Config is disabled",
  tagFiltering: "Tag filtering is not supported",
  mustProvideNode: "Must provide node",
  mustProvideServiceName: "Must provide service name",
  staleRestore: "stale not allowed for restore",
} as const;

export type ErrorCode = keyof typeof ERROR_TEXT;

/** A refusal with a text of {@link ERROR_TEXT}. */
export class ServerError extends Error {
  override readonly name = "ServerError";
  readonly code: ErrorCode;
  constructor(code: ErrorCode) {
    super(ERROR_TEXT[code]);
    this.code = code;
  }
}

/** A request that is wrong in itself; the message is the original's text. */
export class InvalidRequestError extends Error {
  override readonly name = "InvalidRequestError";
}

/** The text of whatever was thrown. */
export const errorText = (error: unknown): string => (error instanceof Error ? error.message : String(error));
