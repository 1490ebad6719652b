/**
 * Strict JSON to a positioned document. Trees come from jsonc-parser; the words of the first syntax error from json-syntax.ts;
 * jsonc-parser's recovery finds the mistakes after it, so that one run shows them all.
 */
import { type Node, type ParseError, parseTree, printParseErrorCode } from "jsonc-parser";
import { ConfigError, type Diagnostic, diagnosticAt } from "./diagnostic.ts";
import type { DocMember, DocObject, DocValue, Source, Span } from "./document.ts";
import { findJsonSyntaxError } from "./json-syntax.ts";
import { DIAGNOSTICS_MAX } from "./limits.ts";

const STRICT = { disallowComments: true, allowTrailingComma: false, allowEmptyContent: false } as const;

/** A key that stands twice in one object: Go keeps the last, and so do we, but a person should know. */
export interface DuplicateKey {
  readonly key: string;
  readonly span: Span;
}

export interface JsonDocument {
  readonly root: DocObject;
  readonly duplicates: readonly DuplicateKey[];
}

/** Throws ConfigError with Go's sentence. `null` is an empty object, as for Go. */
export function parseJson(source: Source): JsonDocument {
  const syntax = findJsonSyntaxError(source.text);
  const errors: ParseError[] = [];
  if (syntax !== undefined) {
    const first = diagnosticAt(source, syntax.offset, syntax.expected, { hint: syntax.hint });
    const all = syntax.sentence === "exceeded max depth" ? [first] : [first, ...further(source, first)];
    throw new ConfigError(`failed to parse ${source.name}: ${syntax.sentence}`, all);
  }
  const tree = parseTree(source.text, errors, STRICT);
  if (tree === undefined || errors.length > 0)
    throw new ConfigError(`failed to parse ${source.name}: unexpected end of JSON input`, [
      diagnosticAt(source, errors[0]?.offset ?? 0, "expected a JSON object"),
    ]);
  if (tree.type === "null")
    return { root: { kind: "object", members: [], span: spanOf(tree) }, duplicates: [] };
  if (tree.type !== "object") {
    const type = tree.type === "boolean" ? "bool" : tree.type;
    throw new ConfigError(
      `failed to parse ${source.name}: json: cannot unmarshal ${type} into Go value of type map[string]interface {}`,
      [diagnosticAt(source, tree.offset, "expected an object: '{' ... '}'")],
    );
  }
  const duplicates: DuplicateKey[] = [];
  const root = convert(tree, source.text, duplicates) as DocObject;
  return { root, duplicates };
}

const spanOf = (node: Node): Span => ({ start: node.offset, end: node.offset + node.length });

function convert(node: Node, text: string, duplicates: DuplicateKey[]): DocValue {
  const span = spanOf(node);
  switch (node.type) {
    case "object": {
      const members = new Map<string, DocMember>();
      for (const property of node.children ?? []) {
        const [keyNode, valueNode] = property.children ?? [];
        if (keyNode === undefined || valueNode === undefined) continue;
        const key = String(keyNode.value);
        if (members.has(key)) duplicates.push({ key, span: spanOf(keyNode) });
        members.delete(key);
        members.set(key, { key, keySpan: spanOf(keyNode), value: convert(valueNode, text, duplicates) });
      }
      return { kind: "object", members: [...members.values()], span };
    }
    case "array":
      return {
        kind: "list",
        items: (node.children ?? []).map((c) => convert(c, text, duplicates)),
        blocks: false,
        span,
      };
    case "string":
      return { kind: "string", value: String(node.value), span };
    case "number": {
      const written = text.slice(span.start, span.end);
      const whole = /^-?[0-9]+$/.test(written);
      const value = Number(written);
      return {
        kind: "number",
        value,
        exact: whole && !Number.isSafeInteger(value) ? BigInt(written) : undefined,
        integer: false,
        span,
      };
    }
    case "boolean":
      return { kind: "bool", value: node.value === true, span };
    default:
      return { kind: "null", span };
  }
}

const WORDS: Readonly<Record<string, string>> = {
  CommaExpected: "expected ',' here: did you forget a comma?",
  ColonExpected: "expected ':' after the key",
  ValueExpected: "expected a value",
  PropertyNameExpected: "expected a key in double quotes",
  CloseBraceExpected: "expected '}'",
  CloseBracketExpected: "expected ']'",
  InvalidCommentToken: "JSON has no comments",
  UnexpectedEndOfString: "this string is not closed",
  InvalidSymbol: "expected a value: text needs double quotes",
};

/** Mistakes in later lines; in the line of the first one they are usually its echo. */
function further(source: Source, first: Diagnostic): Diagnostic[] {
  const errors: ParseError[] = [];
  parseTree(source.text, errors, STRICT);
  const out: Diagnostic[] = [];
  const lines = new Set([first.line, first.line + 1]);
  for (const error of errors) {
    if (out.length >= DIAGNOSTICS_MAX) break;
    const name = printParseErrorCode(error.error);
    if (name === "CommaExpected") {
      const before = source.text.slice(0, error.offset).trimEnd().length;
      const d = diagnosticAt(source, before, WORDS["CommaExpected"]!);
      if (lines.has(d.line)) continue;
      lines.add(d.line);
      out.push(d);
    } else if (
      name === "CloseBraceExpected" ||
      name === "CloseBracketExpected" ||
      name === "EndOfFileExpected"
    ) {
      // Recovery from an earlier mistake ends in these; only the first sentence is sure about them.
    } else {
      const d = diagnosticAt(source, error.offset, WORDS[name] ?? name);
      if (lines.has(d.line)) continue;
      lines.add(d.line);
      out.push(d);
    }
  }
  return out;
}
