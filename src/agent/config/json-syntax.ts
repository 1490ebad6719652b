/**
 * Finds the first syntax error of a JSON text and says it in Go's words ("invalid character '"' after object key:value pair"),
 * because scripts and people search for those, with the place and the probable fix beside it. RFC 8259 grammar; sentences
 * observed in Consul 1.8.7.
 */
import { CONFIG_DEPTH_MAX } from "./limits.ts";

export interface JsonSyntaxError {
  /** Go's sentence. */
  readonly sentence: string;
  /** Where to point: where something is missing, else at the offending character. */
  readonly offset: number;
  readonly expected: string;
  readonly hint: string;
}

type Container = { readonly kind: "object" | "list"; readonly open: number };

/** The first error, or undefined for a valid text. */
export function findJsonSyntaxError(text: string): JsonSyntaxError | undefined {
  return new Scan(text).run();
}

/** A character as Go's quoteChar prints the first byte of its UTF-8 form. */
function quoted(c: string): string {
  if (c === "'") return "'\\''";
  if (c === '"') return "'\"'";
  const code = c.codePointAt(0)!;
  const byte = code < 0x80 ? code : Buffer.from(c)[0]!;
  if (byte === 0x5c) return "'\\\\'";
  const named: Record<number, string> = {
    7: "\\a",
    8: "\\b",
    9: "\\t",
    10: "\\n",
    11: "\\v",
    12: "\\f",
    13: "\\r",
  };
  if (named[byte] !== undefined) return `'${named[byte]}'`;
  if (byte < 0x20 || byte === 0x7f) return `'\\x${byte.toString(16).padStart(2, "0")}'`;
  if (byte >= 0x80 && byte < 0xa1) return `'\\u00${byte.toString(16)}'`;
  if (byte === 0xad) return "'\\u00ad'";
  return `'${String.fromCharCode(byte)}'`;
}

class Scan {
  readonly #text: string;
  #at = 0;
  readonly #stack: Container[] = [];
  /** End of the last whole value or key, where a missing comma or colon belongs. */
  #lastEnd = 0;
  #lastStart = 0;
  #error: JsonSyntaxError | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  run(): JsonSyntaxError | undefined {
    let state: "value" | "value-or-close" | "key" | "key-or-close" | "after-value" = "value";
    while (this.#error === undefined) {
      this.#blank();
      const c = this.#char();
      if (c === undefined) {
        if (state === "after-value" && this.#stack.length === 0) return undefined;
        return this.#cutOff();
      }
      switch (state) {
        case "value":
        case "value-or-close":
          if (c === "]" && state === "value-or-close") {
            this.#close();
            state = "after-value";
          } else if (c === "{" || c === "[") {
            if (this.#stack.length >= CONFIG_DEPTH_MAX)
              return this.#fail(
                "exceeded max depth",
                this.#at,
                `at most ${CONFIG_DEPTH_MAX} levels of nesting`,
                "",
              );
            this.#stack.push({ kind: c === "{" ? "object" : "list", open: this.#at });
            this.#at++;
            state = c === "{" ? "key-or-close" : "value-or-close";
          } else {
            this.#scalar(c);
            state = "after-value";
          }
          break;
        case "key":
        case "key-or-close":
          if (c === "}" && state === "key-or-close") {
            this.#close();
            state = "after-value";
          } else if (c === '"') {
            this.#string();
            if (this.#error !== undefined) break;
            this.#blank();
            const colon = this.#char();
            if (colon === undefined) return this.#cutOff();
            if (colon !== ":") {
              const key = this.#text.slice(this.#lastStart, this.#lastEnd);
              return this.#fail(
                `invalid character ${quoted(colon)} after object key`,
                this.#lastEnd,
                "expected ':' here",
                colon === "="
                  ? "in JSON a key and its value are separated by ':'"
                  : `did you forget a colon after ${key}?`,
              );
            }
            this.#at++;
            state = "value";
          } else return this.#badKey(c, state === "key");
          break;
        case "after-value": {
          const top = this.#stack.at(-1);
          if (top === undefined) return this.#trailing(c);
          if (c === ",") {
            this.#at++;
            state = top.kind === "object" ? "key" : "value";
          } else if (c === (top.kind === "object" ? "}" : "]")) this.#close();
          else return this.#noComma(c, top);
          break;
        }
      }
    }
    return this.#error;
  }

  #char(): string | undefined {
    const code = this.#text.codePointAt(this.#at);
    return code === undefined ? undefined : String.fromCodePoint(code);
  }

  #blank(): void {
    while (this.#at < this.#text.length && " \t\r\n".includes(this.#text[this.#at]!)) this.#at++;
  }

  #close(): void {
    this.#lastStart = this.#stack.pop()!.open;
    this.#at++;
    this.#lastEnd = this.#at;
  }

  #fail(sentence: string, offset: number, expected: string, hint: string): JsonSyntaxError {
    this.#error ??= { sentence, offset, expected, hint };
    return this.#error;
  }

  #cutOff(): JsonSyntaxError {
    const top = this.#stack.at(-1);
    const what = top === undefined ? "expected a value" : `expected '${top.kind === "object" ? "}" : "]"}'`;
    let hint = "";
    if (top !== undefined) {
      const line = this.#text.slice(0, top.open).split("\n").length;
      hint = `the file ends inside the ${top.kind} that was opened with '${this.#text[top.open]}' in line ${line}`;
    }
    const end = Math.max(this.#text.trimEnd().length, 0);
    return this.#fail("unexpected end of JSON input", end, `${what} before the end of the file`, hint);
  }

  #badKey(c: string, afterComma: boolean): JsonSyntaxError {
    const sentence = `invalid character ${quoted(c)} looking for beginning of object key string`;
    if (c === "}" && afterComma)
      return this.#fail(
        sentence,
        this.#text.lastIndexOf(",", this.#at),
        "JSON allows no comma before '}'",
        "remove this trailing comma",
      );
    return this.#fail(sentence, this.#at, 'expected a key in double quotes, as "name"', this.#wordHint(c));
  }

  /** What people carry over from other formats. */
  #wordHint(c: string): string {
    if (c === "/" || c === "#") return "JSON has no comments; remove it, or use an .hcl file";
    if (c === "'") return "JSON strings take double quotes, not single ones";
    if (c === ",") return "there is one comma too many";
    if (/[\u2018-\u201f]/.test(c)) return "this is a typographic quote; type a plain one";
    if (c === "\u3000" || c === "\u00a0") return "this is a wide or non-breaking blank; type a plain one";
    if (c === "\ufeff") return "the file starts with a byte order mark; save it as UTF-8 without BOM";
    return "";
  }

  #trailing(c: string): JsonSyntaxError {
    const hint =
      c === "}" || c === "]"
        ? `there is one '${c}' too many`
        : c === "," || c === '"' || c === "{"
          ? "a file holds one object: is a '}' above closing it too early?"
          : this.#wordHint(c);
    return this.#fail(
      `invalid character ${quoted(c)} after top-level value`,
      this.#at,
      "expected the end of the file",
      hint,
    );
  }

  #noComma(c: string, top: Container): JsonSyntaxError {
    const where = top.kind === "object" ? "after object key:value pair" : "after array element";
    const sentence = `invalid character ${quoted(c)} ${where}`;
    const close = top.kind === "object" ? "}" : "]";
    if (c === '"' || c === "{" || c === "[" || /[-0-9tfn]/.test(c)) {
      const value = this.#lastPair(top);
      const leadingZero = /[0-9]/.test(c) && this.#lastEnd === this.#at;
      return this.#fail(
        sentence,
        this.#lastEnd,
        `expected ',' or '${close}' here`,
        leadingZero ? "numbers take no leading zero" : `did you forget a comma after ${value}?`,
      );
    }
    if (c === "}" || c === "]")
      return this.#fail(
        sentence,
        this.#at,
        `expected ',' or '${close}', found '${c}'`,
        `the ${top.kind} opened in line ${this.#text.slice(0, top.open).split("\n").length} is still open`,
      );
    return this.#fail(sentence, this.#at, `expected ',' or '${close}' here`, this.#wordHint(c));
  }

  /** `"port": 80`: the member (or element) just read, short enough for a sentence. */
  #lastPair(top: Container): string {
    const value = this.#text.slice(this.#lastStart, this.#lastEnd);
    if (/[{[]/.test(value[0] ?? "") || value.length > 40)
      return `the ${value.startsWith("{") ? "'}'" : value.startsWith("[") ? "']'" : "value"} before`;
    if (top.kind === "list") return value;
    const key = /"(?:[^"\\\n]|\\.)*"\s*:\s*$/.exec(
      this.#text.slice(Math.max(0, this.#lastStart - 200), this.#lastStart),
    );
    return key === null ? value : `${key[0].replace(/\s*:\s*$/, "")}: ${value}`;
  }

  #scalar(c: string): void {
    const start = this.#at;
    if (c === '"') return this.#string();
    if (c === "-" || /[0-9]/.test(c)) this.#number();
    else if (c === "t") this.#literal("true");
    else if (c === "f") this.#literal("false");
    else if (c === "n") this.#literal("null");
    else {
      const hint =
        c === "]" || c === "}"
          ? "remove the comma before, or write a value"
          : /[TFN]/.test(c)
            ? "true, false and null are written in small letters"
            : this.#wordHint(c);
      this.#fail(
        `invalid character ${quoted(c)} looking for beginning of value`,
        start,
        "expected a value: a string in double quotes, a number, true, false, null, '{' or '['",
        hint,
      );
    }
    this.#lastStart = start;
    this.#lastEnd = this.#at;
  }

  #literal(word: string): void {
    for (let i = 1; i < word.length; i++) {
      const c = this.#text[this.#at + i];
      if (c === word[i]) continue;
      if (c === undefined) this.#cutOff();
      else
        this.#fail(
          `invalid character ${quoted(c)} in literal ${word} (expecting '${word[i]}')`,
          this.#at,
          `expected the word ${word}`,
          "text needs double quotes",
        );
      return;
    }
    this.#at += word.length;
  }

  #number(): void {
    const start = this.#at;
    const bad = (where: string): void => {
      const c = this.#char();
      if (c === undefined) this.#cutOff();
      else
        this.#fail(
          `invalid character ${quoted(c)} ${where}`,
          this.#at,
          "expected a digit",
          `the number begins as ${this.#text.slice(start, this.#at)}`,
        );
    };
    const digits = (): boolean => {
      const from = this.#at;
      while (/[0-9]/.test(this.#text[this.#at] ?? "")) this.#at++;
      return this.#at > from;
    };
    if (this.#text[this.#at] === "-") this.#at++;
    if (this.#text[this.#at] === "0") this.#at++;
    else if (!digits()) return bad("in numeric literal");
    if (this.#text[this.#at] === ".") {
      this.#at++;
      if (!digits()) return bad("after decimal point in numeric literal");
    }
    if (/[eE]/.test(this.#text[this.#at] ?? "")) {
      this.#at++;
      if (/[-+]/.test(this.#text[this.#at] ?? "")) this.#at++;
      if (!digits()) return bad("in exponent of numeric literal");
    }
  }

  #string(): void {
    const start = this.#at;
    this.#at++;
    for (;;) {
      const c = this.#char();
      if (c === undefined) {
        this.#fail("unexpected end of JSON input", start, "this string is never closed", `expected '"'`);
        return;
      }
      if (c === '"') break;
      if (c.codePointAt(0)! < 0x20) {
        const lineEnd = c === "\n" || c === "\r";
        this.#fail(
          `invalid character ${quoted(c)} in string literal`,
          lineEnd ? start : this.#at,
          lineEnd
            ? "this string is not closed before the end of the line"
            : "control characters are written as \\u00XX",
          lineEnd ? `did you forget the closing '"'?` : c === "\t" ? "a tab in a string is written \\t" : "",
        );
        return;
      }
      if (c === "\\") {
        this.#at++;
        const e = this.#char();
        if (e === undefined) {
          this.#fail("unexpected end of JSON input", start, "this string is never closed", `expected '"'`);
          return;
        }
        if (e === "u") {
          for (let i = 1; i <= 4; i++) {
            const h = this.#text[this.#at + i];
            if (h !== undefined && /[0-9a-fA-F]/.test(h)) continue;
            this.#fail(
              h === undefined
                ? "unexpected end of JSON input"
                : `invalid character ${quoted(h)} in \\u hexadecimal character escape`,
              this.#at + i,
              "expected four hexadecimal digits after \\u",
              "",
            );
            return;
          }
          this.#at += 4;
        } else if (!'"\\/bfnrt'.includes(e)) {
          this.#fail(
            `invalid character ${quoted(e)} in string escape code`,
            this.#at - 1,
            'expected one of \\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX',
            "a backslash of the text itself is written \\\\",
          );
          return;
        }
      }
      this.#at += this.#char()!.length;
    }
    this.#at++;
    this.#lastStart = start;
    this.#lastEnd = this.#at;
  }
}
