/**
 * JSON text to values without losing a bit of an integer: whole numbers beyond 2^53 come as bigint, everything else as
 * JSON.parse gives it. For replies of trusted shape; bodies from users go through the HTTP door's own decoder, which
 * also knows Go's error texts.
 */

/** Sixteen digits in a row is the shortest integer that may exceed 2^53. */
const LONG_INTEGER = /\d{16}/;
const WHOLE = /^-?\d+$/;

type SourceReviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;

const keepIntegers: SourceReviver = (_key, value, context) => {
  if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
  const source = context.source;
  return source !== undefined && WHOLE.test(source) ? BigInt(source) : value;
};

/** The value of `text`. Throws SyntaxError. */
export function parseJson(text: string): unknown {
  if (!LONG_INTEGER.test(text)) return JSON.parse(text);
  return JSON.parse(text, keepIntegers as (key: string, value: unknown) => unknown);
}

/** A number or bigint of parsed JSON as bigint; 0n for anything else. */
export function toBigint(v: unknown): bigint {
  if (typeof v === "bigint") return v;
  return typeof v === "number" && Number.isFinite(v) ? BigInt(Math.trunc(v)) : 0n;
}

/** JSON text of plain values; bigints are written as integers. */
export function stringifyJson(v: unknown): string {
  return JSON.stringify(v, (_key, x) =>
    typeof x === "bigint" ? (JSON as RawJson).rawJSON(x.toString()) : x,
  );
}

/** JSON.rawJSON came with source access in reviver; not yet in the type library. */
interface RawJson extends JSON {
  rawJSON(text: string): unknown;
}
