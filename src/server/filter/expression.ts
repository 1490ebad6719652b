/**
 * Filter expressions (`?filter=Service.Port == 80 and "web" in Tags`): text to tree. Grammar as Consul 1.8.7 accepts it; words are
 * lower case, `not` binds before `and` before `or`.
 */

/** Characters of one expression; it is parsed once a request. */
export const FILTER_LENGTH_MAX = 64 * 1024;
/** Depth of parentheses and `not`s. */
export const FILTER_DEPTH_MAX = 128;

export const MATCH_OPERATORS = [
  "Equal",
  "Not Equal",
  "In",
  "Not In",
  "Is Empty",
  "Is Not Empty",
  "Matches",
  "Not Matches",
] as const;
export type MatchOperator = (typeof MATCH_OPERATORS)[number];

export type FilterNode =
  | { readonly kind: "and" | "or"; readonly left: FilterNode; readonly right: FilterNode }
  | { readonly kind: "not"; readonly of: FilterNode }
  | {
      readonly kind: "match";
      readonly selector: readonly string[];
      readonly operator: MatchOperator;
      readonly value: string | undefined;
    };

/** An expression that cannot be read, or does not fit what it is applied to. The text follows a fixed prefix in answers. */
export class FilterError extends Error {
  override readonly name = "FilterError";
}

/** A selector as errors show it. */
export const selectorText = (selector: readonly string[]): string => selector.join(".");

const BLANK = /[ \t\r\n]/;
const IDENT = /[a-zA-Z][a-zA-Z0-9_]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?/y;

class Parser {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): FilterNode {
    this.#blanks();
    const node = this.#or();
    this.#blanks();
    if (this.#at < this.#text.length) throw this.#expected('"and", "or", [ \\t\\r\\n] or EOF');
    return node;
  }

  #or(): FilterNode {
    const left = this.#and();
    return this.#word("or", true) ? { kind: "or", left, right: this.#or() } : left;
  }

  #and(): FilterNode {
    const left = this.#not();
    return this.#word("and", true) ? { kind: "and", left, right: this.#and() } : left;
  }

  #not(): FilterNode {
    if (++this.#depth > FILTER_DEPTH_MAX)
      throw new FilterError(`filter nested deeper than ${FILTER_DEPTH_MAX}`);
    try {
      if (this.#word("not", false)) return { kind: "not", of: this.#not() };
      if (this.#text[this.#at] !== "(") return this.#match();
      const open = this.#at++;
      this.#blanks();
      const inner = this.#or();
      this.#blanks();
      if (this.#text[this.#at] !== ")") throw this.#rule(open, "grouping", "Unmatched parentheses");
      this.#at++;
      return inner;
    } finally {
      this.#depth--;
    }
  }

  #match(): FilterNode {
    const start = this.#at;
    const { text, selector } = this.#value();
    const afterValue = this.#at;
    const blank = this.#blanks();
    if (blank) {
      // value [not] in selector
      if (this.#word("in", false)) return this.#inSelector(text, "In");
      const mark = this.#at;
      if (this.#word("not", false) && this.#word("in", false)) return this.#inSelector(text, "Not In");
      this.#at = mark;
    }
    if (selector === undefined) throw this.#expected('"in", "not" or [ \\t\\r\\n]');
    const equality = this.#text.startsWith("==", this.#at)
      ? "Equal"
      : this.#text.startsWith("!=", this.#at)
        ? "Not Equal"
        : undefined;
    if (equality !== undefined) {
      this.#at += 2;
      this.#blanks();
      return { kind: "match", selector, operator: equality, value: this.#value().text };
    }
    if (blank) {
      if (this.#word("contains", false)) return this.#withValue(selector, "In");
      if (this.#word("matches", false)) return this.#withValue(selector, "Matches");
      if (this.#word("is", false)) {
        const negated = this.#word("not", false);
        if (this.#endWord("empty"))
          return {
            kind: "match",
            selector,
            operator: negated ? "Is Not Empty" : "Is Empty",
            value: undefined,
          };
        throw this.#expected('"empty", "not" or [ \\t\\r\\n]');
      }
      if (this.#word("not", false)) {
        if (this.#word("contains", false)) return this.#withValue(selector, "Not In");
        if (this.#word("matches", false)) return this.#withValue(selector, "Not Matches");
        throw this.#expected('"contains", "in", "matches" or [ \\t\\r\\n]');
      }
      throw this.#expected('"!=", "==", "contains", "in", "is", "matches", "not" or [ \\t\\r\\n]');
    }
    this.#at = afterValue;
    if (start === this.#at)
      throw this.#expected('"(", "-", "0", "\\"", "`", "not", [ \\t\\r\\n], [1-9] or [a-zA-Z]');
    throw this.#expected('"!=", ".", "==", "[", [ \\t\\r\\n] or [a-zA-Z0-9_]');
  }

  #withValue(selector: readonly string[], operator: MatchOperator): FilterNode {
    return { kind: "match", selector, operator, value: this.#value().text };
  }

  #inSelector(value: string, operator: MatchOperator): FilterNode {
    const at = this.#at;
    const selector = this.#selector();
    if (selector === undefined) throw this.#rule(at, "match", "Invalid selector");
    return { kind: "match", selector, operator, value };
  }

  /** A bare word, number or string; a bare word can be a selector too. */
  #value(): { readonly text: string; readonly selector: readonly string[] | undefined } {
    const c = this.#text[this.#at];
    if (c === '"' || c === "`") return { text: this.#string(), selector: undefined };
    const start = this.#at;
    const selector = this.#selector();
    if (selector !== undefined) return { text: selectorText(selector), selector };
    NUMBER.lastIndex = start;
    const m = NUMBER.exec(this.#text);
    if (m !== null) {
      this.#at = NUMBER.lastIndex;
      const next = this.#text[this.#at];
      if (next !== undefined && next !== ")" && !BLANK.test(next))
        throw this.#rule(start, "number", "Invalid number literal");
      return { text: m[0], selector: undefined };
    }
    throw this.#expected('"-", "0", "\\"", "`", [ \\t\\r\\n], [1-9] or [a-zA-Z]');
  }

  #selector(): readonly string[] | undefined {
    const first = this.#ident();
    if (first === undefined) return undefined;
    const parts = [first];
    for (;;) {
      if (this.#text[this.#at] === ".") {
        const mark = this.#at++;
        const next = this.#ident();
        if (next === undefined) {
          this.#at = mark;
          return parts;
        }
        parts.push(next);
      } else if (this.#text[this.#at] === "[") {
        const open = this.#at++;
        this.#blanks();
        const c = this.#text[this.#at];
        if (c !== '"' && c !== "`") throw this.#rule(open, "index", "Invalid index");
        parts.push(this.#string());
        this.#blanks();
        if (this.#text[this.#at] !== "]") throw this.#rule(open, "index", "Unclosed index expression");
        this.#at++;
      } else return parts;
    }
  }

  #ident(): string | undefined {
    IDENT.lastIndex = this.#at;
    const m = IDENT.exec(this.#text);
    if (m === null) return undefined;
    this.#at = IDENT.lastIndex;
    return m[0];
  }

  #string(): string {
    const start = this.#at;
    const quote = this.#text[start]!;
    const end = this.#text.indexOf(quote, start + 1);
    if (end < 0) throw this.#rule(start, "string", "Unterminated string literal");
    this.#at = end + 1;
    const raw = this.#text.slice(start + 1, end);
    if (quote === "`") return raw;
    const value = unescapeGo(raw);
    if (value === undefined) throw this.#rule(start, "string", "invalid syntax");
    return value;
  }

  /** A key word followed by a blank; `leading`: with a blank before it. Nothing is taken when it is not there. */
  #word(word: string, leading: boolean): boolean {
    const mark = this.#at;
    if ((!leading || this.#blanks()) && this.#text.startsWith(word, this.#at)) {
      this.#at += word.length;
      if (this.#blanks()) return true;
    }
    this.#at = mark;
    return false;
  }

  /** A key word that may end the expression. */
  #endWord(word: string): boolean {
    if (!this.#text.startsWith(word, this.#at)) return false;
    this.#at += word.length;
    return true;
  }

  #blanks(): boolean {
    const start = this.#at;
    while (this.#at < this.#text.length && BLANK.test(this.#text[this.#at]!)) this.#at++;
    return this.#at > start;
  }

  #position(at: number): string {
    const before = this.#text.slice(0, at);
    const line = before.split("\n").length;
    return `${line}:${at - before.lastIndexOf("\n")} (${Buffer.byteLength(before)})`;
  }

  #expected(list: string): FilterError {
    return new FilterError(`${this.#position(this.#at)}: no match found, expected: ${list}`);
  }

  #rule(at: number, rule: string, text: string): FilterError {
    return new FilterError(`${this.#position(at)}: rule ${JSON.stringify(rule)}: ${text}`);
  }
}

const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  a: "\u0007",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
};

/** Go's escapes inside double quotes; undefined for a bad one. */
function unescapeGo(raw: string): string | undefined {
  let out = "";
  for (let i = 0; i < raw.length; i++) {
    const c = raw[i]!;
    if (c === "\n") return undefined;
    if (c !== "\\") {
      out += c;
      continue;
    }
    const m = /^(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3}))/.exec(
      raw.slice(i + 1, i + 10),
    );
    if (m !== null) {
      const code =
        m[4] !== undefined ? Number.parseInt(m[4], 8) : Number.parseInt((m[1] ?? m[2] ?? m[3])!, 16);
      if (code > 0x10ffff || (m[4] !== undefined && code > 255)) return undefined;
      out += String.fromCodePoint(code);
      i += m[0].length;
      continue;
    }
    const simple = SIMPLE_ESCAPES[raw[++i] ?? ""];
    if (simple === undefined) return undefined;
    out += simple;
  }
  return out;
}

/** The tree of an expression. Throws {@link FilterError}. */
export function parseFilter(text: string): FilterNode {
  if (text.length > FILTER_LENGTH_MAX)
    throw new FilterError(`filter longer than ${FILTER_LENGTH_MAX} characters`);
  return new Parser(text).parse();
}
