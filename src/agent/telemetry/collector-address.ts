/** Where a collector of figures listens. */

export interface CollectorAddress {
  /** "statsd", for the log. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

/** `host:port`, `1.2.3.4:8125`, `[::1]:8125`; undefined for anything else. */
export function parseCollectorAddress(
  text: string,
): { readonly host: string; readonly port: number } | undefined {
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  if (match === null || Number(match[3]) > 65_535) return undefined;
  return { host: match[1] ?? (match[2] || "localhost"), port: Number(match[3]) };
}
