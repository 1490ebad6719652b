/** Where a collector of figures listens. */
import { isIPv6 } from "node:net";
import { splitHostPort } from "../core/go-text.ts";

export interface CollectorAddress {
  /** "statsd", for the log. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

/** `host:port`, `1.2.3.4:8125`, `[::1]:8125`, `:8125` for this host; undefined for anything else. */
export function parseCollectorAddress(
  text: string,
): { readonly host: string; readonly port: number } | undefined {
  const at = splitHostPort(text);
  if (typeof at === "string" || (text.startsWith("[") && !isIPv6(at.host))) return undefined;
  return { host: at.host || "localhost", port: at.port };
}
