/**
 * JSON text to values the way Go's encoding/json reads a stream: the first value counts and what follows it is ignored,
 * integers keep all their digits, names that come twice are both kept in order. Error texts are Go's, because clients
 * show them; the offset says where.
 */
import { JSON_DEPTH_MAX } from "../limits.ts";

/** An object's members in the order written; a name may come twice. */
export class JsonObject {
  readonly members: readonly (readonly [string, JsonValue])[];
  constructor(members: readonly (readonly [string, JsonValue])[]) {
    this.members = members;
  }
}

/** A parsed value. Integers outside the safe range are bigints. */
export type JsonValue = null | boolean | number | bigint | string | readonly JsonValue[] | JsonObject;

export class JsonSyntaxError extends Error {
  override readonly name = "JsonSyntaxError";
  /** Characters before the one that is wrong. */
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/** The first value of `text`. Throws {@link JsonSyntaxError} with Go's message ("EOF" for nothing at all). */
export function parseGoJson(text: string): JsonValue {
  const p = new Parser(text);
  p.space();
  if (p.at >= text.length) throw new JsonSyntaxError("EOF", p.at);
  return p.value(0);
}

/** Go's picture of a character in an error: 'x', '\n', '\u00e9' printable as itself. */
function quoteChar(c: string): string {
  if (c === "'") return `'\\''`;
  if (c === '"') return `'"'`;
  const escaped: Readonly<Record<string, string>> = {
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\b": "\\b",
    "\f": "\\f",
    "\v": "\\v",
    "\x07": "\\a",
    "\\": "\\\\",
  };
  const known = escaped[c];
  if (known !== undefined) return `'${known}'`;
  const code = c.codePointAt(0)!;
  return code < 0x20 || code === 0x7f ? `'\\x${code.toString(16).padStart(2, "0")}'` : `'${c}'`;
}

const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;

class Parser {
  readonly text: string;
  at = 0;
  constructor(text: string) {
    this.text = text;
  }

  space(): void {
    for (;;) {
      const c = this.text.charCodeAt(this.at);
      if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return;
      this.at++;
    }
  }

  fail(context: string): never {
    const { text, at } = this;
    if (at >= text.length) throw new JsonSyntaxError("unexpected EOF", at);
    const c = String.fromCodePoint(text.codePointAt(at)!);
    throw new JsonSyntaxError(`invalid character ${quoteChar(c)} ${context}`, at);
  }

  value(depth: number): JsonValue {
    if (depth > JSON_DEPTH_MAX) throw new JsonSyntaxError("exceeded max depth", this.at);
    switch (this.text.charCodeAt(this.at)) {
      case 0x7b:
        return this.object(depth);
      case 0x5b:
        return this.array(depth);
      case 0x22:
        return this.string();
      case 0x74:
        return this.literal("true", true);
      case 0x66:
        return this.literal("false", false);
      case 0x6e:
        return this.literal("null", null);
      default: {
        const c = this.text.charCodeAt(this.at);
        if (c === 0x2d || (c >= 0x30 && c <= 0x39)) return this.number();
        return this.fail("looking for beginning of value");
      }
    }
  }

  literal<T>(word: string, value: T): T {
    for (let i = 0; i < word.length; i++, this.at++)
      if (this.text[this.at] !== word[i]) {
        if (i === 0) return this.fail("looking for beginning of value");
        return this.fail(`in literal ${word} (expecting '${word[i]}')`);
      }
    return value;
  }

  number(): number | bigint {
    NUMBER.lastIndex = this.at;
    const m = NUMBER.exec(this.text);
    if (m === null) {
      this.at++;
      return this.fail("in numeric literal");
    }
    this.at += m[0].length;
    const next = this.text[this.at];
    if (m[1] === undefined && m[2] === undefined && next === ".") {
      this.at++;
      return this.fail("after decimal point in numeric literal");
    }
    if (m[2] === undefined && (next === "e" || next === "E")) {
      this.at++;
      if (this.text[this.at] === "+" || this.text[this.at] === "-") this.at++;
      return this.fail("in exponent of numeric literal");
    }
    const n = Number(m[0]);
    return m[1] === undefined && m[2] === undefined && !Number.isSafeInteger(n) ? BigInt(m[0]) : n;
  }

  string(): string {
    const { text } = this;
    const start = ++this.at;
    let out = "";
    let from = start;
    for (;;) {
      const c = text.charCodeAt(this.at);
      if (Number.isNaN(c)) return this.fail("");
      if (c === 0x22) {
        out += text.slice(from, this.at++);
        return out.toWellFormed();
      }
      if (c < 0x20) return this.fail("in string literal");
      if (c !== 0x5c) {
        this.at++;
        continue;
      }
      out += text.slice(from, this.at++);
      const e = text[this.at];
      const plain = e === undefined ? undefined : ESCAPES.get(e);
      if (plain !== undefined) {
        out += plain;
        this.at++;
      } else if (e === "u") {
        this.at++;
        for (let i = 0; i < 4; i++)
          if (!/[0-9a-fA-F]/.test(text[this.at + i] ?? "")) {
            this.at += i;
            return this.fail("in \\u hexadecimal character escape");
          }
        out += String.fromCharCode(Number.parseInt(text.slice(this.at, this.at + 4), 16));
        this.at += 4;
      } else return this.fail("in string escape code");
      from = this.at;
    }
  }

  array(depth: number): readonly JsonValue[] {
    const out: JsonValue[] = [];
    this.at++;
    this.space();
    if (this.text[this.at] === "]") {
      this.at++;
      return out;
    }
    for (;;) {
      this.space();
      out.push(this.value(depth + 1));
      this.space();
      const c = this.text[this.at];
      if (c === ",") this.at++;
      else if (c === "]") {
        this.at++;
        return out;
      } else return this.fail("after array element");
    }
  }

  object(depth: number): JsonObject {
    const members: (readonly [string, JsonValue])[] = [];
    this.at++;
    this.space();
    if (this.text[this.at] === "}") {
      this.at++;
      return new JsonObject(members);
    }
    for (;;) {
      this.space();
      if (this.text[this.at] !== '"') return this.fail("looking for beginning of object key string");
      const name = this.string();
      this.space();
      if (this.text[this.at] !== ":") return this.fail("after object key");
      this.at++;
      this.space();
      members.push([name, this.value(depth + 1)]);
      this.space();
      const c = this.text[this.at];
      if (c === ",") this.at++;
      else if (c === "}") {
        this.at++;
        return new JsonObject(members);
      } else return this.fail("after object key:value pair");
    }
  }
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ["\\", "\\"],
  ["/", "/"],
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
]);

/** Line and column (both from 1) of an offset. */
export function positionOf(text: string, offset: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, offset);
  const line = before.split("\n").length;
  return { line, column: offset - before.lastIndexOf("\n") };
}
