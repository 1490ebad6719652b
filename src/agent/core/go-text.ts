/** Network errors as Go's net package prints them, and its forms of addresses. Users and their scripts read these. */

export const nsOfMs = (ms: number): bigint => BigInt(Math.round(ms * 1e6));
export const msOfNs = (ns: bigint): number => Number(ns) / 1e6;

/** What Go says for the system's error codes. */
const ERRNO_TEXT: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset by peer",
  EHOSTUNREACH: "no route to host",
  ENETUNREACH: "network is unreachable",
  EADDRINUSE: "address already in use",
  EADDRNOTAVAIL: "cannot assign requested address",
  EACCES: "permission denied",
  EPERM: "operation not permitted",
  ENOENT: "no such file or directory",
  EPIPE: "broken pipe",
  ENOTDIR: "not a directory",
  EISDIR: "is a directory",
  ENOEXEC: "exec format error",
  E2BIG: "argument list too long",
  EMFILE: "too many open files",
  ENOMEM: "cannot allocate memory",
  EAGAIN: "resource temporarily unavailable",
};

interface SystemError {
  readonly code?: string;
  readonly syscall?: string;
  readonly hostname?: string;
  readonly address?: string;
  readonly port?: number;
  readonly message: string;
  readonly errors?: readonly SystemError[];
}

export const errnoText = (code: string): string | undefined => ERRNO_TEXT[code];

/**
 * A failed connection as Go's dialler tells it: `dial tcp 127.0.0.1:1: connect: connection refused`. `target` (host:port)
 * stands in when the error names no address.
 */
export function dialErrorText(error: unknown, network: "tcp" | "udp" | "unix", target: string): string {
  const e = (error as SystemError).errors?.[0] ?? (error as SystemError);
  if (e.code === "ENOTFOUND") return `dial ${network}: lookup ${e.hostname ?? target}: no such host`;
  if (e.code === "EAI_AGAIN")
    return `dial ${network}: lookup ${e.hostname ?? target}: temporary failure in name resolution`;
  if (e.code === "ETIMEDOUT") return `dial ${network} ${addressOf(e, target)}: i/o timeout`;
  const text = e.code === undefined ? undefined : ERRNO_TEXT[e.code];
  if (text === undefined) return `dial ${network} ${addressOf(e, target)}: ${e.message}`;
  return `dial ${network} ${addressOf(e, target)}: ${e.syscall ?? "connect"}: ${text}`;
}

function addressOf(e: SystemError, target: string): string {
  if (e.address === undefined || e.port === undefined) return e.address ?? target;
  return joinHostPort(e.address, e.port);
}

/** `host:port`, with brackets around an IPv6 address. */
export const joinHostPort = (host: string, port: number | string): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;

/** Host and port of `host:port` or `[v6]:port`; Go's complaint when it is neither. */
export function splitHostPort(text: string): { readonly host: string; readonly port: number } | string {
  const m = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d*)$/.exec(text);
  if (m === null) {
    if (!text.includes(":")) return `address ${text}: missing port in address`;
    return `address ${text}: ${/^\[.*\]$/.test(text) ? "missing port in address" : "too many colons in address"}`;
  }
  const port = Number(m[3]);
  if (m[3] === "" || port > 65_535) return `address ${m[3]}: invalid port`;
  return { host: m[1] ?? m[2]!, port };
}

/** Several errors as one text, the way Consul's multi-errors print. */
export function multiErrorText(texts: readonly string[]): string {
  const head = texts.length === 1 ? "1 error occurred:" : `${texts.length} errors occurred:`;
  return `${head}\n${texts.map((t) => `\t* ${t}\n`).join("")}\n`;
}
