/** RE2 syntax (https://golang.org/s/re2syntax) as a tree. Captures are read and forgotten; lazy and greedy are one. */

/** Largest repetition count, as RE2 allows. */
const REPEAT_MAX = 1000;
const NESTING_MAX = 200;
const CODE_POINT_MAX = 0x10ffff;

export type Ranges = readonly (readonly [number, number])[];
export type Look = "line-start" | "line-end" | "text-start" | "text-end" | "word" | "no-word";

export type Node =
  | { readonly kind: "empty" }
  | { readonly kind: "set"; readonly ranges: Ranges; readonly fold: boolean }
  | { readonly kind: "look"; readonly look: Look }
  | { readonly kind: "cat" | "alt"; readonly of: readonly Node[] }
  | { readonly kind: "repeat"; readonly of: Node; readonly min: number; readonly max: number };

/** The pattern is not RE2 syntax, or larger than its limits. */
export class Re2SyntaxError extends Error {
  override readonly name = "Re2SyntaxError";
}

interface Flags {
  readonly i: boolean;
  readonly m: boolean;
  readonly s: boolean;
}

const DIGIT: Ranges = [[0x30, 0x39]];
export const WORD: Ranges = [
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
];
const SPACE: Ranges = [
  [0x09, 0x0a],
  [0x0c, 0x0d],
  [0x20, 0x20],
];
const POSIX: Readonly<Record<string, Ranges>> = {
  alnum: [
    [0x30, 0x39],
    [0x41, 0x5a],
    [0x61, 0x7a],
  ],
  alpha: [
    [0x41, 0x5a],
    [0x61, 0x7a],
  ],
  ascii: [[0, 0x7f]],
  blank: [
    [0x09, 0x09],
    [0x20, 0x20],
  ],
  cntrl: [
    [0, 0x1f],
    [0x7f, 0x7f],
  ],
  digit: DIGIT,
  graph: [[0x21, 0x7e]],
  lower: [[0x61, 0x7a]],
  print: [[0x20, 0x7e]],
  punct: [
    [0x21, 0x2f],
    [0x3a, 0x40],
    [0x5b, 0x60],
    [0x7b, 0x7e],
  ],
  space: [
    [0x09, 0x0d],
    [0x20, 0x20],
  ],
  upper: [[0x41, 0x5a]],
  word: WORD,
  xdigit: [
    [0x30, 0x39],
    [0x41, 0x46],
    [0x61, 0x66],
  ],
};

function negate(ranges: Ranges): Ranges {
  const sorted = [...ranges].sort((a, b) => a[0] - b[0]);
  const out: [number, number][] = [];
  let from = 0;
  for (const [lo, hi] of sorted) {
    if (lo > from) out.push([from, lo - 1]);
    from = Math.max(from, hi + 1);
  }
  if (from <= CODE_POINT_MAX) out.push([from, CODE_POINT_MAX]);
  return out;
}

export const inRanges = (ranges: Ranges, c: number): boolean => {
  for (const [lo, hi] of ranges) if (c >= lo && c <= hi) return true;
  return false;
};

const unicodeClasses = new Map<string, Ranges>();
/** Code points of a general category or script, as the runtime knows them. */
function unicodeClass(name: string): Ranges {
  const known = unicodeClasses.get(name);
  if (known !== undefined) return known;
  let test: RegExp | undefined;
  if (!/^[A-Za-z_]{1,40}$/.test(name)) throw new Re2SyntaxError();
  for (const property of [name, `Script=${name}`]) {
    try {
      test = new RegExp(`^\\p{${property}}$`, "u");
      break;
    } catch {
      // Not this kind of property.
    }
  }
  if (test === undefined) throw new Re2SyntaxError();
  const out: [number, number][] = [];
  for (let c = 0; c <= CODE_POINT_MAX; c++) {
    if (!test.test(String.fromCodePoint(c))) continue;
    const last = out[out.length - 1];
    if (last !== undefined && last[1] === c - 1) last[1] = c;
    else out.push([c, c]);
  }
  unicodeClasses.set(name, out);
  return out;
}

/** Reads a pattern once, by recursive descent. */
export class Re2Parser {
  readonly #chars: readonly string[];
  #at = 0;
  #depth = 0;

  constructor(pattern: string) {
    this.#chars = [...pattern];
  }

  parse(): Node {
    const node = this.#alternation({ i: false, m: false, s: false });
    if (this.#at < this.#chars.length) throw new Re2SyntaxError();
    return node;
  }

  #peek(n: number = 0): string | undefined {
    return this.#chars[this.#at + n];
  }

  #eat(text: string): boolean {
    for (let i = 0; i < text.length; i++) if (this.#peek(i) !== text[i]) return false;
    this.#at += text.length;
    return true;
  }

  #next(): string {
    const c = this.#chars[this.#at++];
    if (c === undefined) throw new Re2SyntaxError();
    return c;
  }

  #alternation(start: Flags): Node {
    if (++this.#depth > NESTING_MAX) throw new Re2SyntaxError();
    let flags = start;
    const alternatives: Node[] = [];
    let items: Node[] = [];
    for (;;) {
      const c = this.#peek();
      if (c === undefined || c === ")") break;
      if (this.#eat("|")) {
        alternatives.push({ kind: "cat", of: items });
        items = [];
        continue;
      }
      if (c === "(" && this.#peek(1) === "?") {
        const group = this.#flagGroup(flags);
        if (group.node === undefined) flags = group.flags;
        else items.push(this.#repeats(group.node));
        continue;
      }
      if (this.#eat("\\Q")) {
        while (this.#peek() !== undefined && !this.#eat("\\E")) items.push(literal(this.#next(), flags));
        const last = items.pop();
        if (last !== undefined) items.push(this.#repeats(last));
        continue;
      }
      items.push(this.#repeats(this.#atom(flags)));
    }
    this.#depth--;
    alternatives.push({ kind: "cat", of: items });
    return alternatives.length === 1 ? alternatives[0]! : { kind: "alt", of: alternatives };
  }

  /** `(?...`: a named or plain group, or flags, for a group or for what follows. */
  #flagGroup(flags: Flags): { readonly node?: Node; readonly flags: Flags } {
    this.#at += 2;
    if (
      this.#eat("P<") ||
      (this.#peek() === "<" && this.#peek(1) !== "=" && this.#peek(1) !== "!" && this.#eat("<"))
    ) {
      let name = "";
      for (let c = this.#next(); c !== ">"; c = this.#next()) name += c;
      if (!/^\w+$/.test(name)) throw new Re2SyntaxError();
      return { node: this.#closeGroup(flags), flags };
    }
    const next: { i: boolean; m: boolean; s: boolean } = { ...flags };
    let on = true;
    for (;;) {
      const c = this.#next();
      if (c === ":") return { node: this.#closeGroup(next), flags };
      if (c === ")") return { flags: next };
      if (c === "-" && on) on = false;
      else if (c === "i" || c === "m" || c === "s") next[c] = on;
      // U swaps greedy and lazy, which does not change whether there is a match.
      else if (c !== "U") throw new Re2SyntaxError();
    }
  }

  #closeGroup(flags: Flags): Node {
    const node = this.#alternation(flags);
    if (!this.#eat(")")) throw new Re2SyntaxError();
    return node;
  }

  #repeats(atom: Node): Node {
    let node = atom;
    let repeated = false;
    for (;;) {
      let min: number;
      let max: number;
      if (this.#eat("*")) [min, max] = [0, Number.POSITIVE_INFINITY];
      else if (this.#eat("+")) [min, max] = [1, Number.POSITIVE_INFINITY];
      else if (this.#eat("?")) [min, max] = [0, 1];
      else {
        const counts = this.#counts();
        if (counts === undefined) return node;
        [min, max] = counts;
      }
      // RE2 refuses `a**`.
      if (repeated) throw new Re2SyntaxError();
      repeated = true;
      this.#eat("?");
      node = { kind: "repeat", of: node, min, max };
    }
  }

  /** `{n}`, `{n,}`, `{n,m}`; anything else in braces is literal. */
  #counts(): readonly [number, number] | undefined {
    if (this.#peek() !== "{") return undefined;
    const m = /^\{(\d{1,4})(,(\d{0,4}))?\}/.exec(this.#chars.slice(this.#at, this.#at + 12).join(""));
    if (m === null) return undefined;
    const min = Number(m[1]);
    const max = m[2] === undefined ? min : m[3] === "" ? Number.POSITIVE_INFINITY : Number(m[3]);
    if (min > REPEAT_MAX || (max !== Number.POSITIVE_INFINITY && max > REPEAT_MAX) || max < min)
      throw new Re2SyntaxError();
    this.#at += m[0].length;
    return [min, max];
  }

  #atom(flags: Flags): Node {
    const c = this.#next();
    switch (c) {
      case "(":
        return this.#closeGroup(flags);
      case ".":
        return { kind: "set", ranges: flags.s ? [[0, CODE_POINT_MAX]] : negate([[0x0a, 0x0a]]), fold: false };
      case "^":
        return { kind: "look", look: flags.m ? "line-start" : "text-start" };
      case "$":
        return { kind: "look", look: flags.m ? "line-end" : "text-end" };
      case "[":
        return { kind: "set", ranges: this.#class(), fold: flags.i };
      case "\\":
        return this.#escape(flags);
      case "*":
      case "+":
      case "?":
      case ")":
        throw new Re2SyntaxError();
      default:
        return literal(c, flags);
    }
  }

  #escape(flags: Flags): Node {
    const c = this.#peek();
    const look = { A: "text-start", z: "text-end", b: "word", B: "no-word" } as const;
    if (c !== undefined && Object.hasOwn(look, c)) {
      this.#at++;
      return { kind: "look", look: look[c as keyof typeof look] };
    }
    const ranges = this.#classEscape();
    if (ranges !== undefined) return { kind: "set", ranges, fold: flags.i };
    const point = this.#escapedPoint();
    return { kind: "set", ranges: [[point, point]], fold: flags.i };
  }

  /** `d`, `W`, `pL`, `p{Greek}`, ...: the backslash has been read. */
  #classEscape(): Ranges | undefined {
    const c = this.#peek();
    const perl = { d: DIGIT, w: WORD, s: SPACE };
    const lower = c?.toLowerCase();
    if (c === undefined || lower === undefined) return undefined;
    if (Object.hasOwn(perl, lower)) {
      this.#at++;
      const ranges = perl[lower as keyof typeof perl];
      return c === lower ? ranges : negate(ranges);
    }
    if (lower !== "p") return undefined;
    this.#at++;
    let negated = c === "P";
    let name = this.#next();
    if (name === "{") {
      name = "";
      for (let n = this.#next(); n !== "}"; n = this.#next()) name += n;
      if (name.startsWith("^")) {
        negated = !negated;
        name = name.slice(1);
      }
    }
    const ranges = unicodeClass(name);
    return negated ? negate(ranges) : ranges;
  }

  #escapedPoint(): number {
    const c = this.#next();
    const control: Readonly<Record<string, number>> = { a: 7, f: 12, t: 9, n: 10, r: 13, v: 11 };
    if (Object.hasOwn(control, c)) return control[c]!;
    if (c === "x") {
      let digits = "";
      if (this.#eat("{")) for (let d = this.#next(); d !== "}"; d = this.#next()) digits += d;
      else digits = this.#next() + this.#next();
      const value = /^[0-9a-fA-F]{1,8}$/.test(digits) ? Number.parseInt(digits, 16) : Number.NaN;
      if (!(value <= CODE_POINT_MAX)) throw new Re2SyntaxError();
      return value;
    }
    if (/[0-7]/.test(c)) {
      // A digit alone would be a back reference, which RE2 does not have; \0 and \123 are octal.
      let digits = c;
      while (digits.length < 3 && /[0-7]/.test(this.#peek() ?? "")) digits += this.#next();
      if (c !== "0" && digits.length === 1) throw new Re2SyntaxError();
      return Number.parseInt(digits, 8);
    }
    if (/[A-Za-z0-9]/.test(c)) throw new Re2SyntaxError();
    return c.codePointAt(0)!;
  }

  /** A bracketed class; the bracket has been read. */
  #class(): Ranges {
    const negated = this.#eat("^");
    const out: (readonly [number, number])[] = [];
    for (let first = true; ; first = false) {
      if (!first && this.#eat("]")) break;
      if (this.#peek() === "[" && this.#peek(1) === ":") {
        const end = this.#chars.indexOf("]", this.#at);
        const m = /^\[:(\^?)([a-z]+):\]$/.exec(this.#chars.slice(this.#at, end + 1).join(""));
        const named = m === null ? undefined : POSIX[m[2]!];
        if (m === null || named === undefined) throw new Re2SyntaxError();
        this.#at = end + 1;
        out.push(...(m[1] === "^" ? negate(named) : named));
        continue;
      }
      if (this.#peek() === "\\") {
        this.#at++;
        const set = this.#classEscape();
        if (set !== undefined) {
          out.push(...set);
          continue;
        }
        this.#at--;
      }
      const lo = this.#classPoint();
      if (this.#peek() === "-" && this.#peek(1) !== "]" && this.#peek(1) !== undefined) {
        this.#at++;
        const hi = this.#classPoint();
        if (hi < lo) throw new Re2SyntaxError();
        out.push([lo, hi]);
      } else out.push([lo, lo]);
    }
    return negated ? negate(out) : out;
  }

  #classPoint(): number {
    const c = this.#next();
    return c === "\\" ? this.#escapedPoint() : c.codePointAt(0)!;
  }
}

function literal(c: string, flags: Flags): Node {
  const point = c.codePointAt(0)!;
  return { kind: "set", ranges: [[point, point]], fold: flags.i };
}
