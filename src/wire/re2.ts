/**
 * Regular expressions as Go's regexp package (RE2 syntax) understands them, matched in time linear in the text: patterns come
 * from peers and users, and JavaScript's own engine may take exponential time on a hostile one.
 *
 * Only "does it match somewhere in the text" is answered; captures are parsed and ignored.
 * Source: https://golang.org/s/re2syntax; the simulation is Thompson's (CACM 1968), as told by Cox (swtch.com/~rsc/regexp).
 */

/** Largest repetition count, as RE2 allows. */
const REPEAT_MAX = 1000;
/** Instructions of one program: what nested repetitions may multiply to. */
const PROGRAM_MAX = 20_000;
const NESTING_MAX = 200;
const CODE_POINT_MAX = 0x10ffff;

type Ranges = readonly (readonly [number, number])[];
type Look = "line-start" | "line-end" | "text-start" | "text-end" | "word" | "no-word";

type Node =
  | { readonly kind: "empty" }
  | { readonly kind: "set"; readonly ranges: Ranges; readonly fold: boolean }
  | { readonly kind: "look"; readonly look: Look }
  | { readonly kind: "cat" | "alt"; readonly of: readonly Node[] }
  | { readonly kind: "repeat"; readonly of: Node; readonly min: number; readonly max: number };

type Instruction =
  | { readonly op: "set"; readonly ranges: Ranges; readonly fold: boolean; next: number }
  | { readonly op: "look"; readonly look: Look; next: number }
  | { readonly op: "split"; next: number; other: number }
  | { readonly op: "match" };

class SyntaxFailure extends Error {}

interface Flags {
  readonly i: boolean;
  readonly m: boolean;
  readonly s: boolean;
}

const DIGIT: Ranges = [[0x30, 0x39]];
const WORD: Ranges = [
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

const has = (ranges: Ranges, c: number): boolean => {
  for (const [lo, hi] of ranges) if (c >= lo && c <= hi) return true;
  return false;
};

const unicodeClasses = new Map<string, Ranges>();
/** Code points of a general category or script, as the runtime knows them. */
function unicodeClass(name: string): Ranges {
  const known = unicodeClasses.get(name);
  if (known !== undefined) return known;
  let test: RegExp | undefined;
  if (!/^[A-Za-z_]{1,40}$/.test(name)) throw new SyntaxFailure();
  for (const property of [name, `Script=${name}`]) {
    try {
      test = new RegExp(`^\\p{${property}}$`, "u");
      break;
    } catch {
      // Not this kind of property.
    }
  }
  if (test === undefined) throw new SyntaxFailure();
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

class Parser {
  readonly #chars: readonly string[];
  #at = 0;
  #depth = 0;

  constructor(pattern: string) {
    this.#chars = [...pattern];
  }

  parse(): Node {
    const node = this.#alternation({ i: false, m: false, s: false });
    if (this.#at < this.#chars.length) throw new SyntaxFailure();
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
    if (c === undefined) throw new SyntaxFailure();
    return c;
  }

  #alternation(start: Flags): Node {
    if (++this.#depth > NESTING_MAX) throw new SyntaxFailure();
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
      if (!/^\w+$/.test(name)) throw new SyntaxFailure();
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
      else if (c !== "U") throw new SyntaxFailure();
    }
  }

  #closeGroup(flags: Flags): Node {
    const node = this.#alternation(flags);
    if (!this.#eat(")")) throw new SyntaxFailure();
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
      if (repeated) throw new SyntaxFailure();
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
      throw new SyntaxFailure();
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
        throw new SyntaxFailure();
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
      if (!(value <= CODE_POINT_MAX)) throw new SyntaxFailure();
      return value;
    }
    if (/[0-7]/.test(c)) {
      // A digit alone would be a back reference, which RE2 does not have; \0 and \123 are octal.
      let digits = c;
      while (digits.length < 3 && /[0-7]/.test(this.#peek() ?? "")) digits += this.#next();
      if (c !== "0" && digits.length === 1) throw new SyntaxFailure();
      return Number.parseInt(digits, 8);
    }
    if (/[A-Za-z0-9]/.test(c)) throw new SyntaxFailure();
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
        if (m === null || named === undefined) throw new SyntaxFailure();
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
        if (hi < lo) throw new SyntaxFailure();
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

/** Appends `node`'s instructions; each ends by going to the instruction that comes next. */
function emit(node: Node, program: Instruction[]): void {
  if (program.length > PROGRAM_MAX) throw new SyntaxFailure();
  const here = (): number => program.length;
  const split = (): Extract<Instruction, { op: "split" }> => {
    const s: Extract<Instruction, { op: "split" }> = { op: "split", next: here() + 1, other: here() + 1 };
    program.push(s);
    return s;
  };
  switch (node.kind) {
    case "empty":
      return;
    case "set":
      program.push({ op: "set", ranges: node.ranges, fold: node.fold, next: here() + 1 });
      return;
    case "look":
      program.push({ op: "look", look: node.look, next: here() + 1 });
      return;
    case "cat":
      for (const n of node.of) emit(n, program);
      return;
    case "alt": {
      const ends: Extract<Instruction, { op: "split" }>[] = [];
      for (const [i, n] of node.of.entries()) {
        const s = i < node.of.length - 1 ? split() : undefined;
        emit(n, program);
        if (s === undefined) break;
        ends.push(split());
        s.other = here();
      }
      for (const e of ends) {
        e.next = here();
        e.other = here();
      }
      return;
    }
    case "repeat": {
      for (let i = 0; i < node.min; i++) emit(node.of, program);
      if (node.max === Number.POSITIVE_INFINITY) {
        const loop = split();
        const start = program.indexOf(loop);
        emit(node.of, program);
        const back = split();
        back.next = start;
        back.other = start;
        loop.other = here();
        return;
      }
      const skips: Extract<Instruction, { op: "split" }>[] = [];
      for (let i = node.min; i < node.max; i++) {
        skips.push(split());
        emit(node.of, program);
      }
      for (const s of skips) s.other = here();
      return;
    }
    default:
      node satisfies never;
  }
}

const isWord = (c: number): boolean => c >= 0 && has(WORD, c);

function holds(look: Look, before: number, after: number): boolean {
  switch (look) {
    case "text-start":
      return before < 0;
    case "text-end":
      return after < 0;
    case "line-start":
      return before < 0 || before === 0x0a;
    case "line-end":
      return after < 0 || after === 0x0a;
    case "word":
      return isWord(before) !== isWord(after);
    case "no-word":
      return isWord(before) === isWord(after);
    default:
      return look satisfies never;
  }
}

function accepts(i: Extract<Instruction, { op: "set" }>, c: number): boolean {
  if (has(i.ranges, c)) return true;
  if (!i.fold) return false;
  const text = String.fromCodePoint(c);
  const lower = text.toLowerCase();
  const upper = text.toUpperCase();
  return (
    (lower !== text && [...lower].length === 1 && has(i.ranges, lower.codePointAt(0)!)) ||
    (upper !== text && [...upper].length === 1 && has(i.ranges, upper.codePointAt(0)!))
  );
}

/** A test whether a text holds a match of `pattern` anywhere; undefined when the pattern is not RE2 syntax. */
export function compileRe2(pattern: string): ((text: string) => boolean) | undefined {
  const program: Instruction[] = [];
  try {
    emit(new Parser(pattern).parse(), program);
  } catch (error) {
    if (error instanceof SyntaxFailure) return undefined;
    throw error;
  }
  program.push({ op: "match" });
  return (text) => search(program, text);
}

function search(program: readonly Instruction[], text: string): boolean {
  const points = [...text].map((c) => c.codePointAt(0)!);
  /** Step at which an instruction was last reached, plus one. */
  const reached = new Int32Array(program.length);
  let current: number[] = [];
  const stack: number[] = [];
  for (let at = 0; at <= points.length; at++) {
    const before = at > 0 ? points[at - 1]! : -1;
    const after = at < points.length ? points[at]! : -1;
    const next: number[] = [];
    // A match may begin anywhere.
    current.push(0);
    for (const start of current) {
      stack.push(start);
      while (stack.length > 0) {
        const pc = stack.pop()!;
        if (reached[pc] === at + 1) continue;
        reached[pc] = at + 1;
        const i = program[pc]!;
        switch (i.op) {
          case "match":
            return true;
          case "split":
            stack.push(i.other, i.next);
            break;
          case "look":
            if (holds(i.look, before, after)) stack.push(i.next);
            break;
          case "set":
            if (after >= 0 && accepts(i, after)) next.push(i.next);
            break;
          default:
            i satisfies never;
        }
      }
    }
    current = next;
  }
  return false;
}
