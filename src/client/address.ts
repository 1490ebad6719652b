/**
 * Where the agent is and how to speak to it: options over environment over defaults, as Consul's own client and command
 * line do it.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ClientConfigError, parseGoBool } from "./errors.ts";

export interface TlsOptions {
  /** PEM file with the authorities to trust. */
  readonly caFile?: string;
  /** Directory of such files. */
  readonly caPath?: string;
  /** PEM files of the client's certificate and key. */
  readonly certFile?: string;
  readonly keyFile?: string;
  /** Name to expect in the server's certificate. */
  readonly serverName?: string;
  /** Whether to check the server's certificate. Default true. */
  readonly verify?: boolean;
}

export interface ClientOptions {
  /** `host:port`, `http://host:port`, `https://host:port` or `unix:///path`. Default 127.0.0.1:8500. */
  readonly address?: string;
  readonly token?: string;
  /** File that holds the token; wins over `token`. */
  readonly tokenFile?: string;
  /** `user:password`, or `user`. */
  readonly basicAuth?: string;
  /** Datacenter for every request that names none. */
  readonly datacenter?: string;
  readonly tls?: TlsOptions;
  /** Milliseconds to wait for a connection. Default 30 s. */
  readonly connectTimeoutMs?: number;
  /** Where CONSUL_HTTP_ADDR and its companions are looked up. Default process.env; `{}` for none. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Told about an environment value that cannot be used. Default: console.error. */
  readonly warn?: (message: string) => void;
}

/** A resolved target. */
export interface Target {
  readonly scheme: "http" | "https";
  /** Host part of URLs in messages and in the Host header. */
  readonly urlHost: string;
  readonly host: string;
  readonly port: number;
  readonly socketPath: string | undefined;
  readonly token: string;
  readonly authorization: string | undefined;
  readonly datacenter: string;
  readonly connectTimeoutMs: number;
  readonly tls: ResolvedTls;
}

export interface ResolvedTls {
  readonly ca: readonly string[] | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly serverName: string | undefined;
  readonly verify: boolean;
}

const CONNECT_TIMEOUT_MS = 30_000;

/** Throws {@link ClientConfigError} with the text that belongs behind "Error connecting to Consul agent: ". */
export function resolveTarget(options: ClientOptions): Target {
  const env = options.env ?? process.env;
  const get = (name: string): string | undefined => env[name] || undefined;
  const warn = options.warn ?? ((m: string) => console.error(m));
  const flag = (name: string): boolean | undefined => {
    const text = get(name);
    if (text === undefined) return undefined;
    const value = parseGoBool(text);
    if (value === undefined)
      warn(`could not parse ${name}: error="strconv.ParseBool: parsing "${text}": invalid syntax"`);
    return value;
  };

  let scheme: "http" | "https" = flag("CONSUL_HTTP_SSL") ? "https" : "http";
  const verifyFromEnv = flag("CONSUL_HTTP_SSL_VERIFY");
  let rest = options.address || get("CONSUL_HTTP_ADDR") || "127.0.0.1:8500";
  let socketPath: string | undefined;
  const at = rest.indexOf("://");
  if (at >= 0) {
    const named = rest.slice(0, at);
    rest = rest.slice(at + 3);
    if (named === "http") scheme = "http";
    else if (named === "https") scheme = "https";
    else if (named === "unix") socketPath = rest;
    else throw new ClientConfigError(`Unknown protocol scheme: ${named}`);
    if (socketPath === undefined) rest = rest.replace(/\/+$/, "");
  }
  const { host, port } =
    socketPath === undefined
      ? splitHostPort(rest, scheme === "https" ? 443 : 80)
      : { host: "localhost", port: 0 };

  const tokenFile = options.tokenFile || (options.token ? undefined : get("CONSUL_HTTP_TOKEN_FILE"));
  let token = options.token ?? get("CONSUL_HTTP_TOKEN") ?? "";
  if (tokenFile !== undefined) {
    token = read(tokenFile, "Error loading token file").trim();
    if (token === "") throw new ClientConfigError(`Error loading token file: ${tokenFile} holds no token`);
  }
  const basicAuth = options.basicAuth ?? get("CONSUL_HTTP_AUTH");

  return {
    scheme,
    urlHost: rest.replaceAll("/", "%2F"),
    host,
    port,
    socketPath,
    token,
    authorization:
      basicAuth === undefined
        ? undefined
        : `Basic ${Buffer.from(basicAuth.includes(":") ? basicAuth : `${basicAuth}:`).toString("base64")}`,
    datacenter: options.datacenter ?? "",
    connectTimeoutMs: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    tls: resolveTls(options.tls ?? {}, get, verifyFromEnv),
  };
}

function resolveTls(
  tls: TlsOptions,
  get: (name: string) => string | undefined,
  verifyFromEnv: boolean | undefined,
): ResolvedTls {
  const caFile = tls.caFile || get("CONSUL_CACERT");
  const caPath = tls.caPath || get("CONSUL_CAPATH");
  const certFile = tls.certFile || get("CONSUL_CLIENT_CERT");
  const keyFile = tls.keyFile || get("CONSUL_CLIENT_KEY");
  const ca: string[] = [];
  if (caFile !== undefined) ca.push(read(caFile, "Error loading CA File"));
  else if (caPath !== undefined) {
    let names: string[];
    try {
      names = readdirSync(caPath).sort();
    } catch (e) {
      throw new ClientConfigError(`Error loading CA Path: open ${caPath}: ${fileReason(e)}`, { cause: e });
    }
    for (const name of names) ca.push(read(join(caPath, name), "Error loading CA File"));
  }
  if ((certFile === undefined) !== (keyFile === undefined))
    throw new ClientConfigError(
      "Client cert and client key must both be provided: give -client-cert and -client-key together",
    );
  return {
    ca: ca.length === 0 ? undefined : ca,
    cert: certFile === undefined ? undefined : read(certFile, "Error loading client certificate"),
    key: keyFile === undefined ? undefined : read(keyFile, "Error loading client key"),
    serverName: tls.serverName || get("CONSUL_TLS_SERVER_NAME"),
    verify: tls.verify ?? verifyFromEnv ?? true,
  };
}

function splitHostPort(text: string, defaultPort: number): { host: string; port: number } {
  const bracketed = /^\[([^\]]*)\](?::(\d+))?$/.exec(text);
  if (bracketed)
    return { host: bracketed[1]!, port: bracketed[2] === undefined ? defaultPort : Number(bracketed[2]) };
  const colon = text.lastIndexOf(":");
  if (colon >= 0 && text.indexOf(":") === colon) {
    const port = text.slice(colon + 1);
    if (/^\d+$/.test(port) && Number(port) <= 65535)
      return { host: text.slice(0, colon) || "127.0.0.1", port: Number(port) };
  }
  return { host: text, port: defaultPort };
}

function read(path: string, what: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (e) {
    throw new ClientConfigError(`${what}: open ${path}: ${fileReason(e)}`, { cause: e });
  }
}

function fileReason(e: unknown): string {
  const code = (e as NodeJS.ErrnoException).code;
  if (code === "ENOENT") return "no such file or directory";
  if (code === "EACCES") return "permission denied";
  if (code === "EISDIR") return "is a directory";
  return (e as Error).message;
}
