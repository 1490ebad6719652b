/** What a request can fail with. Texts are those of Consul's Go client: scripts and people search for them. */

/** Every error of this client. */
export class ClientError extends Error {
  override readonly name: string = "ClientError";
}

/** The address, token file or certificate given cannot be used. */
export class ClientConfigError extends ClientError {
  override readonly name = "ClientConfigError";
}

/** No reply came: refused, reset, timed out. `code` is Node's ("ECONNREFUSED") where there is one. */
export class RequestError extends ClientError {
  override readonly name = "RequestError";
  readonly code: string | undefined;
  constructor(
    method: string,
    url: string,
    reason: string,
    options: { readonly code?: string | undefined; readonly cause?: unknown } = {},
  ) {
    super(`${goMethod(method)} "${url}": ${reason}`, { cause: options.cause });
    this.code = options.code;
  }
}

/** The agent answered with a status that is not success. */
export class UnexpectedResponseError extends ClientError {
  override readonly name = "UnexpectedResponseError";
  readonly statusCode: number;
  /** The reply's text as it came. */
  readonly body: string;
  constructor(statusCode: number, body: string) {
    super(`Unexpected response code: ${statusCode} (${body})`);
    this.statusCode = statusCode;
    this.body = body;
  }
}

/** The reply was not what the endpoint answers: broken JSON, missing header. */
export class ReplyError extends ClientError {
  override readonly name = "ReplyError";
}

const goMethod = (method: string): string => method.charAt(0) + method.slice(1).toLowerCase();

/** Node's error as Go's net package words it. `network` and `address` as dialled. */
export function dialReason(
  error: unknown,
  target: { readonly socketPath?: string | undefined; readonly host: string; readonly port: number },
): string {
  const e = error as NodeJS.ErrnoException & { readonly hostname?: string };
  const where =
    target.socketPath === undefined
      ? `tcp ${hostPort(target.host, target.port)}`
      : `unix ${target.socketPath}`;
  if (e.syscall === "getaddrinfo") return `dial tcp: lookup ${target.host}: no such host`;
  const said = ERRNO_TEXT[e.code ?? ""];
  if (e.syscall === "connect") return `dial ${where}: connect: ${said ?? e.message}`;
  if (e.code === "ETIMEDOUT") return `dial ${where}: i/o timeout`;
  if (e.code === "ECONNRESET" && e.message === "socket hang up") return "EOF";
  if (said !== undefined) return `read ${where}: ${e.syscall === "write" ? "write" : "read"}: ${said}`;
  if (e.code === "EPROTO" || e.code?.startsWith("ERR_SSL_"))
    return /wrong version number|packet length too long/i.test(e.message)
      ? "http: server gave HTTP response to HTTPS client"
      : `tls: ${e.message}`;
  if (e.code !== undefined && TLS_CODES.has(e.code)) return `x509: ${e.message}`;
  return e.message;
}

/** strerror texts, as Go prints them. */
const ERRNO_TEXT: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset by peer",
  EPIPE: "broken pipe",
  EHOSTUNREACH: "no route to host",
  ENETUNREACH: "network is unreachable",
  ENOENT: "no such file or directory",
  EACCES: "permission denied",
  EADDRNOTAVAIL: "cannot assign requested address",
  EMFILE: "too many open files",
};

const TLS_CODES: ReadonlySet<string> = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "CERT_SIGNATURE_FAILURE",
  "ERR_TLS_CERT_ALTNAME_INVALID",
]);

const hostPort = (host: string, port: number): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;

/** strconv.ParseBool: undefined for what it refuses. */
export function parseGoBool(text: string): boolean | undefined {
  if (/^(1|t|T|TRUE|true|True)$/.test(text)) return true;
  if (/^(0|f|F|FALSE|false|False)$/.test(text)) return false;
  return undefined;
}
