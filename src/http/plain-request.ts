/**
 * Reads a plain request: whole in the bytes at hand, with nothing about it that two readers of HTTP could understand in two
 * ways. Everything else, well-formed or not, is node:http's to read and to refuse (RFC 9112 sections 3, 5 and 6).
 */
import { PLAIN_BODY_BYTES_MAX, PLAIN_HEAD_BYTES_MAX } from "./limits.ts";

export interface PlainRequest {
  readonly method: string;
  readonly target: string;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** Index of the body's first byte. */
  readonly bodyAt: number;
  /** Index of the first byte behind the request. */
  readonly end: number;
}

/** The header lines of a connection's last request, which its next one mostly repeats. */
export interface LastHeaders {
  text: string;
  headers: ReadonlyMap<string, string>;
  bodyLength: number;
}

export const noHeaders = (): LastHeaders => ({ text: "", headers: new Map(), bodyLength: 0 });

// HEAD and OPTIONS are rare. A target with a fragment or in absolute form is none of a plain client.
const REQUEST_LINE = /^(GET|PUT|POST|DELETE) (\/[!"$-~]*) HTTP\/1\.1$/;
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const UNUSUAL_BYTE = /[^\t\x20-\x7e]/;
const LENGTH = /^(?:0|[1-9][0-9]{0,6})$/;

/** Headers that change how the connection or the body is read. */
const CHANGES_READING: ReadonlySet<string> = new Set([
  "transfer-encoding",
  "upgrade",
  "expect",
  "trailer",
  "te",
  "keep-alive",
  "proxy-connection",
  "http2-settings",
]);

/** The request that starts at `at`; undefined when it is not plain or not whole. `last` is read and brought up to date. */
export function readPlainRequest(bytes: Buffer, at: number, last: LastHeaders): PlainRequest | undefined {
  const text = bytes.toString("latin1", at, Math.min(bytes.length, at + PLAIN_HEAD_BYTES_MAX));
  const headEnd = text.indexOf("\r\n\r\n");
  const lineEnd = text.indexOf("\r\n");
  if (headEnd < 0 || lineEnd === headEnd) return undefined;
  const line = REQUEST_LINE.exec(text.slice(0, lineEnd));
  if (line === null) return undefined;
  const block = text.slice(lineEnd + 2, headEnd);
  if (block !== last.text && !readHeaders(block, last)) return undefined;
  const bodyAt = at + headEnd + 4;
  const end = bodyAt + last.bodyLength;
  if (end > bytes.length) return undefined;
  return { method: line[1]!, target: line[2]!, headers: last.headers, bodyAt, end };
}

/** Reads header lines into `last`; false, and nothing changed, when one of them is not plain. */
function readHeaders(block: string, last: LastHeaders): boolean {
  const headers = new Map<string, string>();
  for (const line of block.split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon <= 0 || UNUSUAL_BYTE.test(line)) return false;
    const spelled = line.slice(0, colon);
    if (!NAME.test(spelled)) return false;
    const name = spelled.toLowerCase();
    if (CHANGES_READING.has(name) || headers.has(name)) return false;
    headers.set(name, withoutBlanks(line, colon + 1));
  }
  if (!headers.has("host")) return false;
  const connection = headers.get("connection");
  if (connection !== undefined && connection.toLowerCase() !== "keep-alive") return false;
  const length = headers.get("content-length");
  if (length !== undefined && !LENGTH.test(length)) return false;
  const bodyLength = length === undefined ? 0 : Number(length);
  if (bodyLength > PLAIN_BODY_BYTES_MAX) return false;
  last.text = block;
  last.headers = headers;
  last.bodyLength = bodyLength;
  return true;
}

const isBlank = (code: number): boolean => code === 0x20 || code === 0x09;

/** `text` from `from` on, without blanks and tabs at its ends. */
function withoutBlanks(text: string, from: number): string {
  let start = from;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}
