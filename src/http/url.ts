/** Request targets: path and query as Go's net/url and ServeMux read them. */

/** Query parameters in the order given. */
export class Query {
  readonly #pairs: readonly (readonly [string, string])[];
  constructor(pairs: readonly (readonly [string, string])[]) {
    this.#pairs = pairs;
  }

  /** First value, or "" when the parameter is absent. */
  get(name: string): string {
    for (const [k, v] of this.#pairs) if (k === name) return v;
    return "";
  }
  has(name: string): boolean {
    for (const [k] of this.#pairs) if (k === name) return true;
    return false;
  }
  all(name: string): readonly string[] {
    const out: string[] = [];
    for (const [k, v] of this.#pairs) if (k === name) out.push(v);
    return out;
  }
  get size(): number {
    return this.#pairs.length;
  }
  /** Sorted by name, as Go's Values.Encode. */
  encode(): string {
    return [...this.#pairs]
      .sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0))
      .map(([k, v]) => `${queryEscape(k)}=${queryEscape(v)}`)
      .join("&");
  }
}

export const NO_QUERY: Query = new Query([]);

/** The parameters of a query string, or undefined when an escape in it is broken. Both `&` and `;` separate. */
export function parseQuery(text: string): Query | undefined {
  if (text === "") return NO_QUERY;
  const pairs: [string, string][] = [];
  for (const part of text.split(/[&;]/)) {
    if (part === "") continue;
    const eq = part.indexOf("=");
    const name = queryUnescape(eq < 0 ? part : part.slice(0, eq));
    const value = eq < 0 ? "" : queryUnescape(part.slice(eq + 1));
    if (name === undefined || value === undefined) return undefined;
    pairs.push([name, value]);
  }
  return new Query(pairs);
}

function queryUnescape(s: string): string | undefined {
  if (!s.includes("%") && !s.includes("+")) return s;
  return percentDecode(s.replaceAll("+", " "));
}

const queryEscape = (s: string): string =>
  encodeURIComponent(s.toWellFormed())
    .replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll("%20", "+");

/** Percent-decoded text; undefined for a broken escape. Bytes that are no UTF-8 become U+FFFD. */
export function percentDecode(s: string): string | undefined {
  if (!s.includes("%")) return s;
  try {
    return decodeURIComponent(s);
  } catch {
    if (/%(?![0-9a-fA-F]{2})/.test(s)) return undefined;
    const bytes: number[] = [];
    for (const part of s.split(/(%[0-9a-fA-F]{2})/)) {
      if (part.startsWith("%")) bytes.push(Number.parseInt(part.slice(1), 16));
      else bytes.push(...Buffer.from(part, "utf8"));
    }
    return Buffer.from(bytes).toString("utf8");
  }
}

/** `path` escaped for a Location header. */
export const escapePath = (path: string): string =>
  encodeURIComponent(path.toWellFormed())
    .replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
    .replace(/%(24|26|2B|2C|2F|3A|3B|3D|40)/g, (c) => decodeURIComponent(c));

const UNCLEAN = /\/\/|\/\.{1,2}(?:\/|$)/;

/** The path without empty, `.` and `..` segments; the same string when it has none. */
export function cleanPath(path: string): string {
  if (!UNCLEAN.test(path)) return path;
  const out: string[] = [];
  for (const segment of path.split("/")) {
    if (segment === "" || segment === ".") continue;
    if (segment === "..") out.pop();
    else out.push(segment);
  }
  const cleaned = `/${out.join("/")}`;
  return path.endsWith("/") && cleaned !== "/" ? `${cleaned}/` : cleaned;
}

// Go's unicode.IsPrint: letters, marks, numbers, punctuation, symbols and the ASCII blank.
const UNPRINTABLE = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u;
const PLAIN_ASCII = /^[\x20-\x7e]*$/;

/** Whether a decoded path holds a character that may not be printed. */
export const hasUnprintable = (path: string): boolean => !PLAIN_ASCII.test(path) && UNPRINTABLE.test(path);
