/** Writing a reply: headers in one go, gzip where it pays, indentation where it is asked for. */
import { constants, gzip, gzipSync } from "node:zlib";
import { indentJson } from "../wire/schema.ts";
import type { Exchange } from "./exchange.ts";
import { GZIP_BYTES_MIN } from "./limits.ts";

export const JSON_TYPE = "application/json";
export const TEXT_TYPE = "text/plain; charset=utf-8";
export const HTML_TYPE = "text/html; charset=utf-8";

/** Bodies up to here are compressed at once; larger ones in a thread of the pool, so that they hold nobody up. */
const GZIP_SYNC_BYTES_MAX = 16 << 10;

/** Quick compression: the network between an agent and its clients is seldom the slow part. */
const GZIP_OPTIONS = { level: constants.Z_BEST_SPEED };

export const acceptsGzip = (exchange: Exchange): boolean => {
  const accept = exchange.header("accept-encoding");
  return (
    accept !== undefined && /(?:^|,)\s*(?:gzip|\*)\s*(?:;\s*q=(?!0(?:\.0*)?\s*(?:,|$))|,|$)/i.test(accept)
  );
};

/** Sends a whole reply. `headers` is name and value in turn; length and encoding are added. */
export function respond(
  exchange: Exchange,
  status: number,
  headers: string[],
  body: string | Uint8Array,
): void {
  if (exchange.over) return;
  const length = typeof body === "string" ? Buffer.byteLength(body) : body.byteLength;
  if (length < GZIP_BYTES_MIN || !acceptsGzip(exchange)) return exchange.send(status, headers, body, length);
  const done = (zipped: Uint8Array): void => {
    headers.push("Content-Encoding", "gzip");
    exchange.send(status, headers, zipped, zipped.byteLength);
  };
  if (length <= GZIP_SYNC_BYTES_MAX) return done(gzipSync(body, GZIP_OPTIONS));
  gzip(body, GZIP_OPTIONS, (error, zipped) =>
    error === null ? done(zipped) : exchange.send(status, headers, body, length),
  );
}

/** JSON as `?pretty` shows it. */
export const prettyJson = (text: string): string => `${indentJson(text)}\n`;
