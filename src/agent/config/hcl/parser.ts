/**
 * HCL version 1 to a positioned document: members, labels, blocks, lists. The mapping to data is HCL1's: a block is always a
 * list of objects, repeated blocks append, a repeated scalar replaces. Observed in Consul 1.8.7; unlike it, a file that is cut
 * off after `=` is an error and never silently shortened.
 */
import { ConfigError, diagnosticAt } from "../diagnostic.ts";
import {
  type DocMember,
  type DocObject,
  type DocValue,
  lineColumn,
  type Source,
  type Span,
} from "../document.ts";
import { CONFIG_DEPTH_MAX } from "../limits.ts";
import { HclLexer, HclSyntaxError, type HclToken, type HclTokenKind } from "./lexer.ts";

/** Throws ConfigError with the original's `At L:C: ...`. */
export function parseHcl(source: Source): DocObject {
  try {
    return new Parser(source.text).file();
  } catch (error) {
    if (!(error instanceof HclSyntaxError)) throw error;
    const { line, column } = lineColumn(source.text, error.offset);
    const where = error.message.startsWith("strconv.") ? "" : `At ${line}:${column}: `;
    throw new ConfigError(`failed to parse ${source.name}: ${where}${error.message}`, [
      diagnosticAt(source, error.offset, error.expected, { hint: error.hint }),
    ]);
  }
}

const PLAIN: Partial<Record<HclTokenKind, string>> = {
  LBRACE: "'{'",
  RBRACE: "'}'",
  LBRACK: "'['",
  RBRACK: "']'",
  COMMA: "','",
  ASSIGN: "'='",
  ADD: "'+'",
  SUB: "'-'",
  PERIOD: "'.'",
  EOF: "the end of the file",
};
const plainToken = (t: HclToken): string => PLAIN[t.kind] ?? t.text.split("\n")[0]!;

class Parser {
  readonly #lexer: HclLexer;
  readonly #text: string;
  #token: HclToken;
  #lastEnd = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
    this.#lexer = new HclLexer(text);
    this.#token = this.#lexer.next();
  }

  file(): DocObject {
    const members = this.#members(undefined);
    return { kind: "object", members, span: { start: 0, end: this.#text.length } };
  }

  #advance(): HclToken {
    const token = this.#token;
    this.#lastEnd = token.span.end;
    this.#token = this.#lexer.next();
    return token;
  }

  /** Members up to the closing brace of `open` (taken too), or up to the end of the file. */
  #members(open: HclToken | undefined): DocMember[] {
    const folded = new Map<string, DocMember>();
    for (;;) {
      const t = this.#token;
      if (open !== undefined && t.kind === "RBRACE") {
        this.#advance();
        break;
      }
      if (t.kind === "EOF") {
        if (open === undefined) break;
        const { line } = lineColumn(this.#text, open.span.start);
        throw new HclSyntaxError(
          "object expected closing RBRACE got: EOF",
          this.#lastEnd,
          "expected '}' before the end of the file",
          `the block opened with '{' in line ${line} is still open`,
        );
      }
      const member = this.#member();
      const before = folded.get(member.key);
      folded.set(member.key, before === undefined ? member : this.#fold(before, member));
      if (this.#token.kind === "COMMA") this.#advance();
    }
    return [...folded.values()];
  }

  #member(): DocMember {
    const keys: HclToken[] = [];
    while (this.#token.kind === "IDENT" || this.#token.kind === "STRING") keys.push(this.#advance());
    const t = this.#token;
    const written = keys.map((k) => k.text).join(" ");
    const first = keys[0];
    if (first === undefined) {
      if (t.kind === "ASSIGN")
        throw new HclSyntaxError("no object keys found!", t.span.start, "expected a key before '='");
      const hint =
        t.kind === "RBRACE" || t.kind === "RBRACK"
          ? `there is one ${plainToken(t)} too many`
          : t.kind === "COMMA"
            ? "there is one comma too many"
            : t.kind === "LBRACE"
              ? "a block needs a name before '{'"
              : "";
      throw new HclSyntaxError(
        `expected: IDENT | STRING | ASSIGN | LBRACE got: ${t.kind}`,
        t.span.start,
        `expected a key, found ${plainToken(t)}`,
        hint,
      );
    }
    if (t.kind === "LBRACE") return nest(keys, this.#value());
    if (t.kind === "ASSIGN") {
      if (keys.length > 1)
        throw new HclSyntaxError(
          "nested object expected: LBRACE got: ASSIGN",
          t.span.start,
          `expected '{' after the labels ${written}`,
          this.#text.slice(first.span.end, keys.at(-1)!.span.start).includes("\n")
            ? `did you forget '=' after ${first.text}?`
            : "only a block takes several names; write one key before '='",
        );
      this.#advance();
      return nest(keys, this.#value());
    }
    if (t.kind === "EOF" || t.kind === "RBRACE" || keys.length > 1 || this.#onLaterLine(t))
      throw new HclSyntaxError(
        `key '${written}' expected start of object ('{') or assignment ('=')`,
        keys.length > 1 && t.kind !== "EOF" && t.kind !== "RBRACE" ? first.span.start : this.#lastEnd,
        `expected '=' and a value, or '{', after ${written}`,
        keys.length > 1 ? `did you forget '=' after ${first.text}?` : "text needs double quotes",
      );
    throw new HclSyntaxError(
      `expected: IDENT | STRING | ASSIGN | LBRACE got: ${t.kind}`,
      t.span.start,
      `expected '=' or '{' after ${written}, found ${plainToken(t)}`,
      `did you forget '=' after ${first.text}?`,
    );
  }

  #onLaterLine(t: HclToken): boolean {
    return this.#text.slice(this.#lastEnd, t.span.start).includes("\n");
  }

  #value(): DocValue {
    const t = this.#token;
    switch (t.kind) {
      case "LBRACE":
        return this.#object();
      case "LBRACK":
        return this.#list();
      case "STRING":
      case "HEREDOC":
        this.#advance();
        return { kind: "string", value: t.value, span: t.span };
      case "NUMBER":
      case "FLOAT":
        this.#advance();
        return number(t);
      case "BOOL":
        this.#advance();
        return { kind: "bool", value: t.text === "true", span: t.span };
      default: {
        if (t.kind === "EOF")
          throw new HclSyntaxError(
            "Unknown token: EOF",
            this.#lastEnd,
            "expected a value before the end of the file",
            "write the value, or remove the key",
          );
        const { line, column } = lineColumn(this.#text, t.span.start);
        const word = t.kind === "IDENT" ? t.text : "";
        const hint = /^(true|yes|on)$/i.test(word)
          ? "did you mean true?"
          : /^(false|no|off)$/i.test(word)
            ? "did you mean false?"
            : /^(null|nil|none)$/i.test(word)
              ? "HCL has no null; leave the key out"
              : this.#onLaterLine(t)
                ? "did you forget the value?"
                : word !== ""
                  ? `text needs double quotes: "${word}"`
                  : "";
        throw new HclSyntaxError(
          `Unknown token: ${line}:${column} ${t.kind} ${t.text}`,
          t.span.start,
          `expected a value, found ${plainToken(t)}`,
          hint,
        );
      }
    }
  }

  #deeper(t: HclToken): void {
    if (++this.#depth > CONFIG_DEPTH_MAX)
      throw new HclSyntaxError(
        "exceeded max depth",
        t.span.start,
        `at most ${CONFIG_DEPTH_MAX} levels of nesting`,
      );
  }

  #object(): DocObject {
    const open = this.#advance();
    this.#deeper(open);
    const members = this.#members(open);
    this.#depth--;
    return { kind: "object", members, span: { start: open.span.start, end: this.#lastEnd } };
  }

  #list(): DocValue {
    const open = this.#advance();
    this.#deeper(open);
    const items: DocValue[] = [];
    let comma = true;
    for (;;) {
      const t = this.#token;
      if (t.kind === "RBRACK") break;
      if (t.kind === "COMMA") {
        this.#advance();
        comma = true;
        continue;
      }
      if (!comma || t.kind === "EOF") {
        const found = t.kind === "EOF" ? "before the end of the file" : "here";
        throw new HclSyntaxError(
          `error parsing list, expected comma or list end, got: ${t.kind}`,
          this.#lastEnd,
          `expected ',' or ']' ${found}`,
          t.kind === "EOF" || t.kind === "ASSIGN" || t.kind === "RBRACE"
            ? `the list opened in line ${lineColumn(this.#text, open.span.start).line} is still open`
            : "did you forget a comma?",
        );
      }
      if (t.kind === "IDENT")
        throw new HclSyntaxError(
          `unexpected token while parsing list: ${t.kind}`,
          t.span.start,
          `expected a value, found ${t.text}`,
          `text needs double quotes: "${t.text}"`,
        );
      items.push(this.#value());
      comma = false;
    }
    this.#advance();
    this.#depth--;
    return { kind: "list", items, blocks: false, span: { start: open.span.start, end: this.#lastEnd } };
  }

  /** Two members of one key: lists and blocks append, a scalar replaces, a mixture is an error. */
  #fold(before: DocMember, after: DocMember): DocMember {
    const a = before.value;
    const b = after.value;
    if (a.kind === "list" && b.kind === "list") {
      const value: DocValue = {
        kind: "list",
        items: [...a.items, ...b.items],
        blocks: a.blocks || b.blocks,
        span: { start: a.span.start, end: b.span.end },
      };
      return { ...before, value };
    }
    if (a.kind === "list" || b.kind === "list") {
      const { line } = lineColumn(this.#text, before.keySpan.start);
      const what = (v: DocValue): string =>
        v.kind !== "list" ? "one value" : v.blocks ? "a block" : "a list";
      const sentence =
        a.kind === "list"
          ? "unknown slice type: *ast.LiteralType"
          : `root.${before.key}: unknown type ${b.kind === "list" && b.blocks ? "*ast.ObjectType" : "*ast.ListType"}`;
      throw new HclSyntaxError(
        sentence,
        after.keySpan.start,
        `'${before.key}' is ${what(b)} here but ${what(a)} in line ${line}`,
        "write both the same way, or remove one",
      );
    }
    return after;
  }
}

/** `b "l" "k" {x=1}` is b = [{l: [{k: [{x: 1}]}]}]. */
function nest(keys: readonly HclToken[], value: DocValue): DocMember {
  let wrapped: DocValue = value.kind === "object" ? block(value) : value;
  for (let i = keys.length - 1; i > 0; i--) {
    const key = keys[i]!;
    const members: DocMember[] = [{ key: nameOf(key), keySpan: key.span, value: wrapped }];
    wrapped = block({ kind: "object", members, span: wrapped.span });
  }
  const key = keys[0]!;
  return { key: nameOf(key), keySpan: key.span, value: wrapped };
}

const block = (value: DocObject): DocValue => ({
  kind: "list",
  items: [value],
  blocks: true,
  span: value.span,
});
const nameOf = (key: HclToken): string => (key.kind === "STRING" ? key.value : key.text);

function number(t: HclToken): DocValue {
  const span: Span = t.span;
  if (t.kind === "FLOAT")
    return { kind: "number", value: Number.parseFloat(t.text), exact: undefined, integer: false, span };
  const negative = t.text.startsWith("-");
  const digits = t.text.replace(/^-/, "");
  const magnitude = BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits);
  if (magnitude > (negative ? 0x8000_0000_0000_0000n : 0x7fff_ffff_ffff_ffffn))
    throw new HclSyntaxError(
      `strconv.ParseInt: parsing "${t.text}": value out of range`,
      span.start,
      "whole numbers have at most 64 bits",
    );
  const exact = negative ? -magnitude : magnitude;
  const value = Number(exact);
  return {
    kind: "number",
    value,
    exact: Number.isSafeInteger(value) ? undefined : exact,
    integer: true,
    span,
  };
}
