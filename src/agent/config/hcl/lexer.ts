/**
 * Tokens of HCL version 1: comments, identifiers (with `.` and `-` inside), numbers, strings with escapes and `${...}` kept as
 * written, heredocs, punctuation. Rules and error sentences observed in Consul 1.8.7; positions are offsets into the text.
 */
import type { Span } from "../document.ts";

export type HclTokenKind =
  | "IDENT"
  | "NUMBER"
  | "FLOAT"
  | "BOOL"
  | "STRING"
  | "HEREDOC"
  | "LBRACE"
  | "RBRACE"
  | "LBRACK"
  | "RBRACK"
  | "COMMA"
  | "ASSIGN"
  | "ADD"
  | "SUB"
  | "PERIOD"
  | "EOF";

export interface HclToken {
  readonly kind: HclTokenKind;
  /** As written. */
  readonly text: string;
  /** STRING and HEREDOC: decoded. */
  readonly value: string;
  readonly span: Span;
}

export class HclSyntaxError extends Error {
  override readonly name = "HclSyntaxError";
  /** Where to point. */
  readonly offset: number;
  readonly expected: string;
  readonly hint: string;

  /** `message` is the original's sentence without `At L:C: `. */
  constructor(message: string, offset: number, expected: string, hint = "") {
    super(message);
    this.offset = offset;
    this.expected = expected;
    this.hint = hint;
  }
}

const PUNCTUATION: Readonly<Record<string, HclTokenKind>> = {
  "{": "LBRACE",
  "}": "RBRACE",
  "[": "LBRACK",
  "]": "RBRACK",
  ",": "COMMA",
  "=": "ASSIGN",
  "+": "ADD",
};

const LETTER = /[\p{L}_]/u;
const WORD = /[\p{L}\p{Nd}_.-]/u;
const DIGIT = /[0-9]/;

export class HclLexer {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  next(): HclToken {
    this.#skipBlank();
    const start = this.#at;
    const c = this.#char();
    if (c === undefined) return this.#token("EOF", start);
    if (LETTER.test(c)) {
      for (let w = this.#char(); w !== undefined && WORD.test(w); w = this.#char()) this.#at += w.length;
      const word = this.#text.slice(start, this.#at);
      return this.#token(word === "true" || word === "false" ? "BOOL" : "IDENT", start);
    }
    if (DIGIT.test(c)) return this.#number(start);
    if (c === "-") {
      this.#at++;
      const after = this.#text[this.#at] ?? "";
      if (DIGIT.test(after) || (after === "." && DIGIT.test(this.#text[this.#at + 1] ?? "")))
        return this.#number(start);
      return this.#token("SUB", start);
    }
    if (c === ".") {
      if (DIGIT.test(this.#text[this.#at + 1] ?? "")) return this.#number(start);
      this.#at++;
      return this.#token("PERIOD", start);
    }
    if (c === '"') return this.#string(start);
    if (c === "<") return this.#heredoc(start);
    const kind = PUNCTUATION[c];
    if (kind === undefined) throw this.#illegal(c, start);
    this.#at++;
    return this.#token(kind, start);
  }

  #illegal(c: string, start: number): HclSyntaxError {
    const hints: Readonly<Record<string, string>> = {
      "'": "strings take double quotes, not single ones",
      ":": "in HCL a key and its value are separated by '=' (only a file that is one JSON object takes ':')",
      ";": "members are separated by a line feed or a comma",
      "\ufeff": "the file starts with a byte order mark; save it as UTF-8 without BOM",
    };
    return new HclSyntaxError(
      c === "\ufffd" ? "illegal UTF-8 encoding" : "illegal char",
      start,
      `the character '${c}' has no meaning here`,
      hints[c] ?? (/[\u2018-\u201f]/.test(c) ? "this is a typographic quote; type a plain one" : ""),
    );
  }

  #token(kind: HclTokenKind, start: number, value = ""): HclToken {
    return { kind, text: this.#text.slice(start, this.#at), value, span: { start, end: this.#at } };
  }

  #char(): string | undefined {
    const code = this.#text.codePointAt(this.#at);
    return code === undefined ? undefined : String.fromCodePoint(code);
  }

  #skipBlank(): void {
    for (;;) {
      const c = this.#text[this.#at];
      if (c === " " || c === "\t" || c === "\n" || c === "\r") this.#at++;
      else if (c === "#" || (c === "/" && this.#text[this.#at + 1] === "/")) {
        const end = this.#text.indexOf("\n", this.#at);
        this.#at = end === -1 ? this.#text.length : end;
      } else if (c === "/" && this.#text[this.#at + 1] === "*") {
        const end = this.#text.indexOf("*/", this.#at + 2);
        if (end === -1)
          throw new HclSyntaxError(
            "comment not terminated",
            this.#at,
            "this comment is never closed",
            "expected '*/'",
          );
        this.#at = end + 2;
      } else if (c === "/")
        throw new HclSyntaxError("expected '/' for comment", this.#at, "expected '//' or '/*' for a comment");
      else return;
    }
  }

  #number(start: number): HclToken {
    const digits = (): void => {
      while (DIGIT.test(this.#text[this.#at] ?? "")) this.#at++;
    };
    if (this.#text[this.#at] === "0" && /[xX]/.test(this.#text[this.#at + 1] ?? "")) {
      this.#at += 2;
      const from = this.#at;
      while (/[0-9a-fA-F]/.test(this.#text[this.#at] ?? "")) this.#at++;
      if (this.#at === from)
        throw new HclSyntaxError("illegal hexadecimal number", start, "expected hexadecimal digits after 0x");
      return this.#token("NUMBER", start);
    }
    digits();
    let kind: HclTokenKind = "NUMBER";
    if (this.#text[this.#at] === ".") {
      kind = "FLOAT";
      this.#at++;
      digits();
    }
    if (/[eE]/.test(this.#text[this.#at] ?? "")) {
      kind = "FLOAT";
      this.#at++;
      if (/[-+]/.test(this.#text[this.#at] ?? "")) this.#at++;
      const from = this.#at;
      digits();
      if (this.#at === from)
        throw new HclSyntaxError(
          `strconv.ParseFloat: parsing "${this.#text.slice(start, this.#at)}": invalid syntax`,
          start,
          "expected digits in the exponent",
        );
    }
    const text = this.#text.slice(start, this.#at);
    if (kind === "NUMBER" && /^-?0[0-9]+$/.test(text) && !/^-?0[0-7]+$/.test(text))
      throw new HclSyntaxError(
        `strconv.ParseInt: parsing "${text}": invalid syntax`,
        start,
        "a number with a leading zero is octal and has the digits 0 to 7 only",
        "remove the leading zero",
      );
    return this.#token(kind, start);
  }

  #string(start: number): HclToken {
    this.#at++;
    let value = "";
    let braces = 0;
    for (;;) {
      const c = this.#char();
      if (c === undefined || (c === "\n" && braces === 0))
        throw new HclSyntaxError(
          "literal not terminated",
          start,
          "this string is not closed before the end of the line",
          `did you forget the closing '"'? (text of several lines goes into a heredoc: <<EOF)`,
        );
      if (c === "\ufffd")
        throw new HclSyntaxError("illegal UTF-8 encoding", this.#at, "this byte is not UTF-8");
      if (braces === 0 && c === "$" && this.#text[this.#at + 1] === "{") {
        braces = 1;
        value += "${";
        this.#at += 2;
        continue;
      }
      if (braces > 0) {
        // An interpolation is kept as written; only its braces count.
        if (c === "{") braces++;
        if (c === "}") braces--;
        value += c;
        this.#at += c.length;
        continue;
      }
      if (c === '"') break;
      if (c === "\\") value += this.#escape();
      else {
        value += c;
        this.#at += c.length;
      }
    }
    this.#at++;
    return this.#token("STRING", start, value);
  }

  #escape(): string {
    const start = this.#at;
    const rest = this.#text.slice(start, start + 10);
    const simple = /^\\([abfnrtv\\"])/.exec(rest);
    if (simple !== null) {
      this.#at += 2;
      return { a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v", "\\": "\\", '"': '"' }[
        simple[1]!
      ]!;
    }
    const numeric =
      /^\\([0-3][0-7]{2})/.exec(rest) ??
      /^\\x([0-9a-fA-F]{2})/.exec(rest) ??
      /^\\u([0-9a-fA-F]{4})/.exec(rest) ??
      /^\\U([0-9a-fA-F]{8})/.exec(rest);
    if (numeric !== null) {
      const code = Number.parseInt(numeric[1]!, /^\\[0-7]/.test(rest) ? 8 : 16);
      if (code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff)) {
        this.#at += numeric[0].length;
        return String.fromCodePoint(code);
      }
    }
    throw new HclSyntaxError(
      "illegal char escape",
      start,
      'expected one of \\" \\\\ \\n \\r \\t \\a \\b \\f \\v, \\ooo, \\xhh, \\uhhhh, \\Uhhhhhhhh',
      "a backslash of the text itself is written \\\\",
    );
  }

  #heredoc(start: number): HclToken {
    const head = /^<<(-?)([\p{L}\p{Nd}_]+)[ \t]*\r?\n/u.exec(this.#text.slice(start, start + 300));
    if (head === null)
      throw new HclSyntaxError(
        this.#text.startsWith("<<", start) ? "heredoc not terminated" : "illegal char",
        start,
        "expected <<NAME and a line feed",
        "the name of a heredoc has no quotes",
      );
    const [opening, dash, name] = head as unknown as [string, string, string];
    const lines: string[] = [];
    let at = start + opening.length;
    for (;;) {
      if (at >= this.#text.length)
        throw new HclSyntaxError(
          "heredoc not terminated",
          start,
          "this heredoc is never closed",
          `expected a line with just ${name}`,
        );
      const lf = this.#text.indexOf("\n", at);
      const end = lf === -1 ? this.#text.length : lf;
      const line = this.#text.slice(at, end).replace(/\r$/, "");
      const closing = /^([ \t]*)(.*)$/.exec(line)!;
      if (closing[2] === name) {
        this.#at = end;
        return this.#token("HEREDOC", start, heredocText(lines, dash === "-" ? closing[1]! : ""));
      }
      lines.push(line);
      at = lf === -1 ? this.#text.length : lf + 1;
    }
  }
}

/** `<<-` removes the closing line's indent when every line has it. */
function heredocText(lines: readonly string[], indent: string): string {
  const strip = indent !== "" && lines.every((l) => l.startsWith(indent));
  return lines.map((l) => `${strip ? l.slice(indent.length) : l}\n`).join("");
}
