/**
 * What TLS checks trust and show: the roots of Node and of the system, and with `enable_agent_tls_for_checks` the agent's own
 * authorities and certificate instead.
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { getCACertificates, type SecureContextOptions } from "node:tls";
import type { TlsConfig } from "./config/runtime-config.ts";

/** Options of Node's TLS client. */
export interface CheckTls {
  readonly ca: readonly string[];
  readonly cert?: string;
  readonly key?: string;
}

let common: CheckTls | undefined;

/** Roots of Node and of the system; read once, at the first TLS check. */
export function commonTrust(): CheckTls {
  common ??= { ca: [...new Set([...getCACertificates("default"), ...getCACertificates("system")])] };
  return common;
}

/** undefined: {@link commonTrust}. Rejects when a file cannot be read. */
export async function agentTls(config: TlsConfig): Promise<CheckTls | undefined> {
  if (!config.useForChecks) return undefined;
  const text = (path: string): Promise<string> => readFile(path, "utf8");
  const ca: string[] = [];
  if (config.caFile !== "") ca.push(await text(config.caFile));
  else if (config.caPath !== "")
    for (const name of (await readdir(config.caPath)).sort()) ca.push(await text(join(config.caPath, name)));
  return {
    ca: ca.length > 0 ? ca : commonTrust().ca,
    ...(config.certFile === "" ? {} : { cert: await text(config.certFile) }),
    ...(config.keyFile === "" ? {} : { key: await text(config.keyFile) }),
  };
}

/** Options of Node's TLS client for one check. */
export function tlsClientOptions(
  trust: CheckTls | undefined,
  skipVerify: boolean,
  serverName: string,
): SecureContextOptions & { readonly rejectUnauthorized: boolean; readonly servername?: string } {
  const { ca, cert, key } = trust ?? commonTrust();
  return {
    ca: [...ca],
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    rejectUnauthorized: !skipVerify,
    ...(serverName === "" ? {} : { servername: serverName }),
  };
}

/** A certificate that is not trusted, with Go's word before it; undefined for every other failure. */
export function certificateErrorText(error: unknown): string | undefined {
  const { code, syscall, message } = error as NodeJS.ErrnoException;
  const isCertificate = syscall === undefined && code !== undefined && /CERT|SIGNATURE|ALTNAME/.test(code);
  return isCertificate ? `x509: ${message}` : undefined;
}
