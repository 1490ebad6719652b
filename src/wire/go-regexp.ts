/**
 * Regular expressions as Go's regexp package reads them (RE2 syntax), tested in time linear in the input: peers and users send
 * expressions that a backtracking matcher could be made to hang on.
 *
 * Method: Thompson's construction, simulated on sets of states, with captures as Pike does it (Thompson 1968; Cox, "Regular
 * Expression Matching Can Be Simple And Fast" and "Regular Expression Matching: the Virtual Machine Approach").
 */

/** An expression that Go would refuse, with Go's message. */
export class GoRegExpError extends Error {
  override readonly name = "GoRegExpError";
}

/** Characters of an expression, instructions of its program, and largest count of a repetition (RE2's own limit). */
const EXPRESSION_CHARS_MAX = 16 * 1024;
const PROGRAM_MAX = 20_000;
const REPEAT_MAX = 1000;
const NESTING_MAX = 250;

type CharTest = (code: number) => boolean;
type Assertion = "line-start" | "line-end" | "text-start" | "text-end" | "word" | "not-word";

type Node =
  | { readonly kind: "empty" }
  | { readonly kind: "char"; readonly test: CharTest }
  | { readonly kind: "assert"; readonly what: Assertion }
  | { readonly kind: "concat" | "alternate"; readonly of: readonly Node[] }
  | { readonly kind: "group"; readonly of: Node; readonly index: number }
  | {
      readonly kind: "repeat";
      readonly of: Node;
      readonly min: number;
      readonly max: number;
      readonly lazy: boolean;
    };

interface Flags {
  i: boolean;
  m: boolean;
  s: boolean;
  U: boolean;
}

const quote = (text: string): string => `\`${text}\``;
const fail = (what: string, text: string): never => {
  throw new GoRegExpError(`error parsing regexp: ${what}: ${quote(text)}`);
};

const isDigit: CharTest = (c) => c >= 48 && c <= 57;
const isWord: CharTest = (c) => isDigit(c) || (c >= 65 && c <= 90) || (c >= 97 && c <= 122) || c === 95;
const isSpace: CharTest = (c) => c === 32 || c === 9 || c === 10 || c === 12 || c === 13;
const negated =
  (test: CharTest): CharTest =>
  (c) =>
    !test(c);
const PERL: Readonly<Record<string, CharTest>> = {
  d: isDigit,
  D: negated(isDigit),
  w: isWord,
  W: negated(isWord),
  s: isSpace,
  S: negated(isSpace),
};

const posix = (re: RegExp): CharTest => {
  return (c) => c < 128 && re.test(String.fromCharCode(c));
};
const POSIX: Readonly<Record<string, CharTest>> = {
  alnum: posix(/[0-9A-Za-z]/),
  alpha: posix(/[A-Za-z]/),
  ascii: (c) => c < 128,
  blank: posix(/[\t ]/),
  cntrl: (c) => c < 32 || c === 127,
  digit: isDigit,
  graph: (c) => c > 32 && c < 127,
  lower: posix(/[a-z]/),
  print: (c) => c >= 32 && c < 127,
  punct: posix(/[!-/:-@[-`{-~]/),
  space: posix(/[\t\n\v\f\r ]/),
  upper: posix(/[A-Z]/),
  word: isWord,
  xdigit: posix(/[0-9A-Fa-f]/),
};

const ESCAPES: Readonly<Record<string, number>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 };

/** Other cases of a character, for (?i). */
function folded(test: CharTest): CharTest {
  return (c) => {
    if (test(c)) return true;
    const s = String.fromCodePoint(c);
    const lower = s.toLowerCase();
    const upper = s.toUpperCase();
    return (
      (lower !== s && [...lower].length === 1 && test(lower.codePointAt(0)!)) ||
      (upper !== s && [...upper].length === 1 && test(upper.codePointAt(0)!))
    );
  };
}

class Parser {
  readonly #text: string;
  readonly #chars: readonly string[];
  #at = 0;
  #depth = 0;
  /** Capturing groups so far. */
  groups = 0;

  constructor(text: string) {
    this.#text = text;
    this.#chars = [...text];
  }

  parse(): Node {
    const node = this.#alternate({ i: false, m: false, s: false, U: false });
    if (this.#at < this.#chars.length) fail("unexpected )", this.#text);
    return node;
  }

  #peek(): string | undefined {
    return this.#chars[this.#at];
  }

  #rest(n: number): string {
    return this.#chars.slice(this.#at, this.#at + n).join("");
  }

  #alternate(flags: Flags): Node {
    if (++this.#depth > NESTING_MAX) fail("expression nests too deeply", this.#text);
    const of: Node[] = [];
    for (;;) {
      of.push(this.#concat(flags));
      if (this.#peek() !== "|") break;
      this.#at++;
    }
    this.#depth--;
    return of.length === 1 ? of[0]! : { kind: "alternate", of };
  }

  #concat(flags: Flags): Node {
    const of: Node[] = [];
    for (;;) {
      const c = this.#peek();
      if (c === undefined || c === "|" || c === ")") return of.length === 1 ? of[0]! : { kind: "concat", of };
      if (this.#rest(2) === "\\Q") {
        this.#at += 2;
        while (this.#at < this.#chars.length && this.#rest(2) !== "\\E")
          of.push(literal(this.#chars[this.#at++]!, flags));
        if (this.#rest(2) === "\\E") this.#at += 2;
        continue;
      }
      const start = this.#at;
      const atom = this.#atom(flags);
      if (atom !== undefined) of.push(this.#repeated(atom, start, flags));
    }
  }

  #repeated(atom: Node, start: number, flags: Flags): Node {
    let node = atom;
    for (let operators = 0; ; operators++) {
      const c = this.#peek();
      const from = this.#at;
      let bounds: readonly [number, number] | undefined;
      if (c === "*") bounds = [0, Number.POSITIVE_INFINITY];
      else if (c === "+") bounds = [1, Number.POSITIVE_INFINITY];
      else if (c === "?") bounds = [0, 1];
      else if (c === "{") bounds = this.#counts();
      if (bounds === undefined) return node;
      if (c !== "{") this.#at++;
      const lazy = (this.#peek() === "?") !== flags.U;
      if (this.#peek() === "?") this.#at++;
      const operator = this.#chars.slice(from, this.#at).join("");
      if (operators > 0)
        fail(
          "invalid nested repetition operator",
          this.#chars.slice(start + 1, this.#at).join("") || operator,
        );
      const [min, max] = bounds;
      if (min > REPEAT_MAX || (max !== Number.POSITIVE_INFINITY && (max > REPEAT_MAX || min > max)))
        fail("invalid repeat count", operator);
      node = { kind: "repeat", of: node, min, max, lazy };
    }
  }

  /** `{n}`, `{n,}`, `{n,m}`; anything else in braces is literal text. */
  #counts(): readonly [number, number] | undefined {
    const m = /^\{(\d+)(?:(,)(\d*))?\}/.exec(this.#rest(24));
    if (m === null) return undefined;
    this.#at += m[0].length;
    const min = Number(m[1]);
    return [min, m[2] === undefined ? min : m[3] === "" ? Number.POSITIVE_INFINITY : Number(m[3])];
  }

  #atom(flags: Flags): Node | undefined {
    const c = this.#chars[this.#at]!;
    switch (c) {
      case "(":
        return this.#group(flags);
      case "[":
        return this.#class(flags);
      case ".":
        this.#at++;
        return { kind: "char", test: flags.s ? () => true : (code) => code !== 10 };
      case "^":
        this.#at++;
        return { kind: "assert", what: flags.m ? "line-start" : "text-start" };
      case "$":
        this.#at++;
        return { kind: "assert", what: flags.m ? "line-end" : "text-end" };
      case "*":
      case "+":
      case "?":
        return fail("missing argument to repetition operator", c);
      case "\\":
        return this.#escape(flags);
      default:
        this.#at++;
        return literal(c, flags);
    }
  }

  #group(flags: Flags): Node | undefined {
    const open = this.#at++;
    let inner: Flags = flags;
    let index: number | undefined;
    if (this.#peek() === "?") {
      const rest = this.#chars.slice(this.#at).join("");
      const named = /^\?P?<([A-Za-z0-9_]+)>/.exec(rest);
      if (named !== null) {
        this.#at += [...named[0]].length;
        index = ++this.groups;
      } else {
        const m = /^\?([imsU]*(?:-[imsU]+)?)([:)])/.exec(rest);
        if (m === null)
          return fail("invalid or unsupported Perl syntax", this.#chars.slice(open, open + 3).join(""));
        this.#at += m[0].length;
        const [on, off = ""] = m[1]!.split("-");
        inner = { ...flags };
        for (const f of ["i", "m", "s", "U"] as const) {
          if (on!.includes(f)) inner[f] = true;
          if (off.includes(f)) inner[f] = false;
        }
        if (m[2] === ")") {
          // Holds to the end of the enclosing group.
          Object.assign(flags, inner);
          return undefined;
        }
      }
    } else index = ++this.groups;
    const of = this.#alternate({ ...inner });
    if (this.#peek() !== ")") return fail("missing closing )", this.#text);
    this.#at++;
    return index === undefined ? of : { kind: "group", of, index };
  }

  #escape(flags: Flags): Node {
    const c = this.#chars[this.#at + 1];
    if (c === undefined) return fail("trailing backslash at end of expression", "");
    if (c === "A" || c === "z" || c === "b" || c === "B") {
      this.#at += 2;
      const what = { A: "text-start", z: "text-end", b: "word", B: "not-word" } as const;
      return { kind: "assert", what: what[c] };
    }
    const set = this.#escapedSet();
    if (set !== undefined) return { kind: "char", test: flags.i ? folded(set) : set };
    const code = this.#escapedChar();
    return literal(String.fromCodePoint(code), flags);
  }

  /** `\d`, `\pL`, `\P{Greek}` and the like; undefined for other escapes. */
  #escapedSet(): CharTest | undefined {
    const c = this.#chars[this.#at + 1]!;
    if (Object.hasOwn(PERL, c)) {
      this.#at += 2;
      return PERL[c]!;
    }
    if (c !== "p" && c !== "P") return undefined;
    const m = /^\\[pP](?:\{(\^?)([A-Za-z_]+)\}|([A-Z]))/.exec(this.#rest(64));
    const name = m?.[2] ?? m?.[3];
    if (m === null || name === undefined) return fail("invalid character class range", this.#rest(2));
    const property = unicodeProperty(name);
    if (property === undefined) return fail("invalid character class range", m[0]);
    this.#at += m[0].length;
    return (c === "P") !== (m[1] === "^") ? negated(property) : property;
  }

  #escapedChar(): number {
    const text = this.#rest(16);
    const hex = /^\\x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]+)\})/.exec(text);
    const octal = /^\\([1-7][0-7]{1,2}|0[0-7]{0,2})/.exec(text);
    const c = this.#chars[this.#at + 1]!;
    if (hex !== null) {
      const code = Number.parseInt((hex[1] ?? hex[2])!, 16);
      if (code > 0x10ffff) fail("invalid escape sequence", hex[0]);
      this.#at += hex[0].length;
      return code;
    }
    if (octal !== null) {
      this.#at += octal[0].length;
      return Number.parseInt(octal[1]!, 8);
    }
    if (Object.hasOwn(ESCAPES, c)) {
      this.#at += 2;
      return ESCAPES[c]!;
    }
    const code = c.codePointAt(0)!;
    if (code < 128 && !isWord(code)) {
      this.#at += 2;
      return code;
    }
    return fail("invalid escape sequence", `\\${c}`);
  }

  #class(flags: Flags): Node {
    const open = this.#at++;
    const invert = this.#peek() === "^";
    if (invert) this.#at++;
    const tests: CharTest[] = [];
    for (let first = true; first || this.#peek() !== "]"; first = false) {
      const c = this.#peek();
      if (c === undefined) return fail("missing closing ]", this.#chars.slice(open).join(""));
      const named = /^\[:(\^?)([a-z]+):\]/.exec(this.#rest(16));
      if (named !== null) {
        const test = Object.hasOwn(POSIX, named[2]!)
          ? POSIX[named[2]!]!
          : fail("invalid character class range", named[0]);
        tests.push(named[1] === "^" ? negated(test) : test);
        this.#at += named[0].length;
        continue;
      }
      if (c === "\\") {
        if (this.#at + 1 >= this.#chars.length)
          return fail("missing closing ]", this.#chars.slice(open).join(""));
        const set = this.#escapedSet();
        if (set !== undefined) {
          tests.push(set);
          continue;
        }
      }
      const from = this.#at;
      const low = this.#classChar();
      let high = low;
      if (
        this.#peek() === "-" &&
        this.#chars[this.#at + 1] !== undefined &&
        this.#chars[this.#at + 1] !== "]"
      ) {
        this.#at++;
        high = this.#classChar();
        if (high < low)
          return fail("invalid character class range", this.#chars.slice(from, this.#at).join(""));
      }
      tests.push((code) => code >= low && code <= high);
    }
    this.#at++;
    const any: CharTest = (code) => tests.some((t) => t(code));
    const test = flags.i ? folded(any) : any;
    return { kind: "char", test: invert ? negated(test) : test };
  }

  #classChar(): number {
    const c = this.#peek();
    if (c === "\\" && this.#chars[this.#at + 1] !== undefined) return this.#escapedChar();
    this.#at++;
    return c === undefined ? fail("missing closing ]", this.#text) : c.codePointAt(0)!;
  }
}

function literal(c: string, flags: Flags): Node {
  const code = c.codePointAt(0)!;
  const same: CharTest = (x) => x === code;
  return { kind: "char", test: flags.i ? folded(same) : same };
}

/** A general category or script by its Unicode name. */
function unicodeProperty(name: string): CharTest | undefined {
  for (const form of [`\\p{${name}}`, `\\p{Script=${name}}`])
    try {
      const re = new RegExp(form, "u");
      return (c) => re.test(String.fromCodePoint(c));
    } catch {
      // Not a name of this kind.
    }
  return undefined;
}

type Instruction =
  | { readonly kind: "char"; readonly test: CharTest }
  | { readonly kind: "assert"; readonly what: Assertion }
  /** Goes on at each place, the first preferred. */
  | { readonly kind: "split"; readonly to: number[] }
  /** Notes the position: 2n where group n begins, 2n+1 where it ends. */
  | { readonly kind: "save"; readonly slot: number }
  | { readonly kind: "match" };

class Program {
  readonly code: Instruction[] = [];

  constructor(node: Node, source: string) {
    this.#emit(node, source);
    this.code.push({ kind: "match" });
  }

  #push(instruction: Instruction, source: string): void {
    if (this.code.length >= PROGRAM_MAX) fail("expression too large", source);
    this.code.push(instruction);
  }

  #emit(node: Node, source: string): void {
    switch (node.kind) {
      case "empty":
        return;
      case "char":
      case "assert":
        this.#push(node, source);
        return;
      case "concat":
        for (const part of node.of) this.#emit(part, source);
        return;
      case "alternate": {
        const jumps: number[][] = [];
        for (const [i, part] of node.of.entries()) {
          const last = i === node.of.length - 1;
          const split: number[] = [];
          if (!last) {
            split.push(this.code.length + 1);
            this.#push({ kind: "split", to: split }, source);
          }
          this.#emit(part, source);
          if (!last) {
            const jump: number[] = [];
            this.#push({ kind: "split", to: jump }, source);
            jumps.push(jump);
            split.push(this.code.length);
          }
        }
        for (const jump of jumps) jump.push(this.code.length);
        return;
      }
      case "group":
        this.#push({ kind: "save", slot: node.index * 2 }, source);
        this.#emit(node.of, source);
        this.#push({ kind: "save", slot: node.index * 2 + 1 }, source);
        return;
      case "repeat": {
        for (let i = 0; i < node.min; i++) this.#emit(node.of, source);
        const leave = (split: number[]): void => {
          if (node.lazy) split.unshift(this.code.length);
          else split.push(this.code.length);
        };
        if (node.max === Number.POSITIVE_INFINITY) {
          const at = this.code.length;
          const split = [at + 1];
          this.#push({ kind: "split", to: split }, source);
          this.#emit(node.of, source);
          this.#push({ kind: "split", to: [at] }, source);
          leave(split);
          return;
        }
        const skips: number[][] = [];
        for (let i = node.min; i < node.max; i++) {
          const split = [this.code.length + 1];
          this.#push({ kind: "split", to: split }, source);
          skips.push(split);
          this.#emit(node.of, source);
        }
        for (const split of skips) leave(split);
        return;
      }
      default:
        node satisfies never;
    }
  }
}

/** A compiled expression. */
export class GoRegExp {
  readonly source: string;
  /** Number of capturing groups. */
  readonly groups: number;
  readonly #code: readonly Instruction[];

  /** Throws {@link GoRegExpError}. */
  constructor(source: string) {
    if (source.length > EXPRESSION_CHARS_MAX) fail("expression too large", source.slice(0, 64));
    this.source = source;
    const parser = new Parser(source);
    this.#code = new Program(parser.parse(), source).code;
    this.groups = parser.groups;
  }

  /** Whether the expression matches anywhere in `text`. */
  test(text: string): boolean {
    const chars = Array.from(text, (c) => c.codePointAt(0)!);
    let current = new Set<number>();
    for (let at = 0; ; at++) {
      // Unanchored: a new attempt begins at every position.
      if (this.#follow(0, chars, at, current)) return true;
      if (at >= chars.length) return false;
      const next = new Set<number>();
      for (const pc of current) {
        const instruction = this.#code[pc]!;
        if (
          instruction.kind === "char" &&
          instruction.test(chars[at]!) &&
          this.#follow(pc + 1, chars, at + 1, next)
        )
          return true;
      }
      current = next;
    }
  }

  /**
   * The leftmost match with its groups (whole match first, undefined for a group that took no part), as Go's FindStringSubmatch;
   * undefined when there is none.
   */
  exec(text: string): readonly (string | undefined)[] | undefined {
    const chars = Array.from(text, (c) => c.codePointAt(0)!);
    let current: Thread[] = [];
    let matched: readonly (number | undefined)[] | undefined;
    for (let at = 0; ; at++) {
      const seen = new Set<number>();
      const runnable: Thread[] = [];
      for (const thread of current) this.#spread(thread, chars, at, seen, runnable);
      // A later start is of lower rank than all that began before, and none follows a match.
      if (matched === undefined) this.#spread({ pc: 0, slots: [at] }, chars, at, seen, runnable);
      const next: Thread[] = [];
      for (const { pc, slots } of runnable) {
        const instruction = this.#code[pc]!;
        if (instruction.kind === "match") {
          matched = [slots[0], at, ...slots.slice(2)];
          // What ranks below a match is cut off; what ranks above it may still find a better one.
          break;
        }
        if (instruction.kind === "char" && at < chars.length && instruction.test(chars[at]!))
          next.push({ pc: pc + 1, slots });
      }
      current = next;
      if (at >= chars.length || (matched !== undefined && current.length === 0)) break;
    }
    if (matched === undefined) return undefined;
    const groups: (string | undefined)[] = [];
    for (let g = 0; g <= this.groups; g++) {
      const [from, to] = [matched[g * 2], matched[g * 2 + 1]];
      groups.push(
        from === undefined || to === undefined ? undefined : String.fromCodePoint(...chars.slice(from, to)),
      );
    }
    return groups;
  }

  /** Adds to `into` the threads that follow from one without a character, in order of preference. */
  #spread(thread: Thread, chars: readonly number[], at: number, seen: Set<number>, into: Thread[]): void {
    const stack: Thread[] = [thread];
    for (let t = stack.pop(); t !== undefined; t = stack.pop()) {
      if (seen.has(t.pc)) continue;
      seen.add(t.pc);
      const instruction = this.#code[t.pc]!;
      switch (instruction.kind) {
        case "split":
          for (const pc of instruction.to.toReversed()) stack.push({ pc, slots: t.slots });
          break;
        case "save": {
          const slots = [...t.slots];
          slots[instruction.slot] = at;
          stack.push({ pc: t.pc + 1, slots });
          break;
        }
        case "assert":
          if (holds(instruction.what, chars, at)) stack.push({ pc: t.pc + 1, slots: t.slots });
          break;
        case "char":
        case "match":
          into.push(t);
          break;
        default:
          instruction satisfies never;
      }
    }
  }

  /** Adds what can be reached from `start` without a character; true when that is the end. */
  #follow(start: number, chars: readonly number[], at: number, into: Set<number>): boolean {
    const stack = [start];
    for (let pc = stack.pop(); pc !== undefined; pc = stack.pop()) {
      if (into.has(pc)) continue;
      into.add(pc);
      const instruction = this.#code[pc]!;
      switch (instruction.kind) {
        case "match":
          return true;
        case "split":
          stack.push(...instruction.to);
          break;
        case "save":
          stack.push(pc + 1);
          break;
        case "assert":
          if (holds(instruction.what, chars, at)) stack.push(pc + 1);
          break;
        case "char":
          break;
        default:
          instruction satisfies never;
      }
    }
    return false;
  }
}

/** A state with the positions of its groups. */
interface Thread {
  readonly pc: number;
  readonly slots: readonly (number | undefined)[];
}

function holds(what: Assertion, chars: readonly number[], at: number): boolean {
  const before = at > 0 && isWord(chars[at - 1]!);
  const after = at < chars.length && isWord(chars[at]!);
  switch (what) {
    case "text-start":
      return at === 0;
    case "text-end":
      return at === chars.length;
    case "line-start":
      return at === 0 || chars[at - 1] === 10;
    case "line-end":
      return at === chars.length || chars[at] === 10;
    case "word":
      return before !== after;
    case "not-word":
      return before === after;
    default:
      return what satisfies never;
  }
}
