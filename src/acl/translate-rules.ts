/**
 * Rules of before 1.4 in their present form: `key "a"` meant every key that begins with "a", which is now called `key_prefix`.
 * The text is laid out anew as the original does it (observed in Consul 1.8.7): one setting a line, two blanks a level, comments kept.
 */

/** Rules that are neither HCL nor JSON; the text names line and column. */
export class RulesError extends Error {
  override readonly name = "RulesError";
}

/** Names whose meaning was a prefix. */
const PREFIXED: ReadonlySet<string> = new Set([
  "agent",
  "event",
  "key",
  "node",
  "query",
  "service",
  "session",
]);
/** Blocks in blocks; rules need two levels. */
const DEPTH_MAX = 64;

interface Item {
  readonly line: number;
  readonly keys: readonly string[];
  /** A setting's value as written, or a block. */
  readonly value: string | readonly Item[];
  readonly lead: readonly string[];
  readonly tail: string;
}

/** The rules with prefixes named as such, without a final line feed. Throws RulesError. */
export function translateRules(text: string): string {
  const items = /^\s*\{/.test(text) ? jsonItems(text) : new Reader(text).items();
  return items
    .map(({ keys, ...rest }) => {
      const name = (keys[0] ?? "").replace(/^"(.*)"$/, "$1");
      const prefixed = PREFIXED.has(name) && typeof rest.value !== "string";
      return shown({ ...rest, keys: prefixed ? [`${name}_prefix`, ...keys.slice(1)] : keys }).join("\n");
    })
    .join("\n\n");
}

function shown(item: Item): readonly string[] {
  const tail = item.tail === "" ? "" : ` ${item.tail}`;
  const keys = item.keys.join(" ");
  if (typeof item.value === "string") return [...item.lead, `${keys} = ${item.value}${tail}`];
  if (item.value.length === 0) return [...item.lead, `${keys} {}${tail}`];
  return [...item.lead, `${keys} {`, ...body(item.value).map((l) => (l === "" ? "" : `  ${l}`)), `}${tail}`];
}

/** Settings on neighbouring lines stand together, their values aligned; everything else is set apart by a blank line. */
function body(items: readonly Item[]): readonly string[] {
  const plain = (i: Item | undefined): i is Item =>
    i !== undefined && typeof i.value === "string" && !i.value.includes("\n");
  const groups: Item[][] = [];
  for (const item of items) {
    const before = groups.at(-1)?.at(-1);
    if (plain(before) && plain(item) && item.line - item.lead.length === before.line + 1)
      groups.at(-1)!.push(item);
    else groups.push([item]);
  }
  return groups.flatMap((group, i) => {
    const width = group.length === 1 ? 0 : Math.max(...group.map((x) => x.keys.join(" ").length));
    const lines = group.flatMap((x) => shown({ ...x, keys: [x.keys.join(" ").padEnd(width)] }));
    return i === 0 ? lines : ["", ...lines];
  });
}

function jsonItems(text: string): readonly Item[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new RulesError(`Failed to parse rules: ${(error as Error).message}`);
  }
  const object = (v: unknown): v is Readonly<Record<string, unknown>> =>
    typeof v === "object" && v !== null && !Array.isArray(v);
  const items = (of: Readonly<Record<string, unknown>>, depth: number): readonly Item[] =>
    Object.entries(of).flatMap(([key, v]): readonly Item[] => {
      if (depth > DEPTH_MAX) throw new RulesError(`Failed to parse rules: nested deeper than ${DEPTH_MAX}`);
      const at = { line: 0, lead: [], tail: "" };
      if (!object(v))
        return [{ ...at, keys: [depth === 0 ? JSON.stringify(key) : key], value: JSON.stringify(v) }];
      // {"key": {"a": {...}}} is one block for each name.
      if (depth === 0)
        return Object.entries(v).map(([name, rule]) => ({
          ...at,
          keys: [key, JSON.stringify(name)],
          value: object(rule) ? items(rule, depth + 1) : JSON.stringify(rule),
        }));
      return [{ ...at, keys: [key], value: items(v, depth + 1) }];
    });
  return items(value as Readonly<Record<string, unknown>>, 0);
}

type Token = {
  readonly kind: "word" | "text" | "sign" | "comment" | "end";
  readonly text: string;
  readonly line: number;
  readonly column: number;
};

const TOKEN =
  /(?<space>\s+)|(?<comment>(?:#|\/\/)[^\n]*|\/\*[\s\S]*?\*\/)|(?<text>"(?:[^"\\\n]|\\.)*"|<<-?(?<mark>\w+)\n[\s\S]*?\n[ \t]*\k<mark>(?=\n|$))|(?<word>[\p{L}_][\p{L}\p{N}_.-]*|-?\d[\w.]*)|(?<sign>[={}[\],])/uy;

class Reader {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(text: string) {
    this.#tokens = tokens(text);
  }

  items(): readonly Item[] {
    const out = this.#items(0);
    const next = this.#next();
    if (next.kind !== "end") throw wrong(next, `unexpected ${JSON.stringify(next.text)}`);
    return out;
  }

  #peek(): Token {
    return this.#tokens[this.#at]!;
  }
  #next(): Token {
    const token = this.#peek();
    if (token.kind !== "end") this.#at++;
    return token;
  }

  #items(depth: number): readonly Item[] {
    if (depth > DEPTH_MAX) throw wrong(this.#peek(), `nested deeper than ${DEPTH_MAX}`);
    const out: Item[] = [];
    for (;;) {
      const lead: string[] = [];
      while (this.#peek().kind === "comment") lead.push(this.#next().text);
      const first = this.#peek();
      if (first.kind === "end" || first.text === "}") return out;
      const keys: string[] = [];
      while (this.#peek().kind === "word" || this.#peek().kind === "text") keys.push(this.#next().text);
      const sign = this.#next();
      if (keys.length === 0 || (sign.text !== "=" && sign.text !== "{"))
        throw wrong(sign, `expected "=" or "{" behind a name, got: ${sign.text || "EOF"}`);
      const value =
        sign.text === "{" || this.#peek().text === "{" ? this.#block(sign, depth) : this.#value(depth);
      const last = this.#tokens[this.#at - 1]!;
      if (this.#peek().text === ",") this.#next();
      const behind = this.#peek();
      const tail = behind.kind === "comment" && behind.line === last.line ? this.#next().text : "";
      out.push({ line: first.line, keys, value, lead, tail });
    }
  }

  #block(sign: Token, depth: number): readonly Item[] {
    if (sign.text === "=") this.#next();
    const items = this.#items(depth + 1);
    const close = this.#next();
    if (close.text !== "}") throw wrong(close, `object expected closing RBRACE got: ${close.text || "EOF"}`);
    return items;
  }

  #value(depth: number): string {
    const token = this.#next();
    if (token.kind === "word" || token.kind === "text") return token.text;
    if (token.text !== "[" || depth > DEPTH_MAX)
      throw wrong(token, `expected a value, got: ${token.text || "EOF"}`);
    const values: string[] = [];
    while (this.#peek().text !== "]") {
      values.push(this.#value(depth + 1));
      if (this.#peek().text === ",") this.#next();
    }
    this.#next();
    return `[${values.join(", ")}]`;
  }
}

const wrong = (at: Token, text: string): RulesError =>
  new RulesError(`Failed to parse rules: At ${at.line}:${at.column}: ${text}`);

function tokens(text: string): readonly Token[] {
  const out: Token[] = [];
  let line = 1;
  let start = 0;
  TOKEN.lastIndex = 0;
  for (let at = 0; at < text.length; ) {
    const match = TOKEN.exec(text);
    const column = at - start + 1;
    if (match === null)
      throw new RulesError(`Failed to parse rules: At ${line}:${column}: illegal character`);
    const groups = match.groups!;
    const found = match[0];
    for (const kind of ["comment", "text", "word", "sign"] as const)
      if (groups[kind] !== undefined) out.push({ kind, text: found.trimEnd(), line, column });
    at += found.length;
    TOKEN.lastIndex = at;
    const feeds = found.split("\n").length - 1;
    if (feeds > 0) {
      line += feeds;
      start = at - (found.length - found.lastIndexOf("\n") - 1);
    }
  }
  out.push({ kind: "end", text: "", line, column: text.length - start + 2 });
  return out;
}
