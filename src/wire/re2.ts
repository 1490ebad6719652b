/**
 * Regular expressions as Go's regexp package (RE2 syntax) understands them, matched in time linear in the text: patterns come
 * from peers and users, and JavaScript's own engine may take exponential time on a hostile one.
 *
 * Only "does it match somewhere in the text" is answered; captures are parsed and ignored.
 * Source: https://golang.org/s/re2syntax; the simulation is Thompson's (CACM 1968), as told by Cox (swtch.com/~rsc/regexp).
 */

import {
  inRanges,
  type Look,
  type Node,
  type Ranges,
  Re2Parser,
  Re2SyntaxError,
  WORD,
} from "./re2-parser.ts";

/** Instructions of one program: what nested repetitions may multiply to. */
const PROGRAM_MAX = 20_000;

type Instruction =
  | { readonly op: "set"; readonly ranges: Ranges; readonly fold: boolean; next: number }
  | { readonly op: "look"; readonly look: Look; next: number }
  | { readonly op: "split"; next: number; other: number }
  | { readonly op: "match" };

/** Appends `node`'s instructions; each ends by going to the instruction that comes next. */
function emit(node: Node, program: Instruction[]): void {
  if (program.length > PROGRAM_MAX) throw new Re2SyntaxError();
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

const isWord = (c: number): boolean => c >= 0 && inRanges(WORD, c);

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
  if (inRanges(i.ranges, c)) return true;
  if (!i.fold) return false;
  const text = String.fromCodePoint(c);
  const lower = text.toLowerCase();
  const upper = text.toUpperCase();
  return (
    (lower !== text && [...lower].length === 1 && inRanges(i.ranges, lower.codePointAt(0)!)) ||
    (upper !== text && [...upper].length === 1 && inRanges(i.ranges, upper.codePointAt(0)!))
  );
}

/** A test whether a text holds a match of `pattern` anywhere; undefined when the pattern is not RE2 syntax. */
export function compileRe2(pattern: string): ((text: string) => boolean) | undefined {
  const program: Instruction[] = [];
  try {
    emit(new Re2Parser(pattern).parse(), program);
  } catch (error) {
    if (error instanceof Re2SyntaxError) return undefined;
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
