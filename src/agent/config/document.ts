/**
 * A parsed configuration document: JSON or HCL, as values that know where in the source they stand. Both parsers make this
 * tree, the decoder reads it, so that every later complaint can point at its place.
 */

/** Offsets in UTF-16 units into the source text; `end` is exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface DocMember {
  readonly key: string;
  readonly keySpan: Span;
  readonly value: DocValue;
}

export type DocValue =
  | { readonly kind: "object"; readonly members: readonly DocMember[]; readonly span: Span }
  /** `blocks`: the list came from HCL blocks, where one element stands for the object itself. */
  | {
      readonly kind: "list";
      readonly items: readonly DocValue[];
      readonly blocks: boolean;
      readonly span: Span;
    }
  | { readonly kind: "string"; readonly value: string; readonly span: Span }
  /** `integer`: written without fraction and exponent (HCL tells Go ints from floats; JSON has floats only). */
  | {
      readonly kind: "number";
      readonly value: number;
      /** Exact where the value is an integer that a double cannot hold. */
      readonly exact: bigint | undefined;
      readonly integer: boolean;
      readonly span: Span;
    }
  | { readonly kind: "bool"; readonly value: boolean; readonly span: Span }
  | { readonly kind: "null"; readonly span: Span };

export type DocObject = Extract<DocValue, { kind: "object" }>;

export interface Source {
  /** The path, or "flags-0.hcl" and the like. */
  readonly name: string;
  readonly text: string;
  readonly format: "json" | "hcl";
}

/** One-based line and column (in characters, as editors count them) of an offset. */
export function lineColumn(
  text: string,
  offset: number,
): { readonly line: number; readonly column: number; readonly lineText: string } {
  const at = Math.max(0, Math.min(offset, text.length));
  let line = 1;
  let lineStart = 0;
  for (let i = text.indexOf("\n"); i !== -1 && i < at; i = text.indexOf("\n", i + 1)) {
    line++;
    lineStart = i + 1;
  }
  let lineEnd = text.indexOf("\n", lineStart);
  if (lineEnd === -1) lineEnd = text.length;
  const lineText = text.slice(lineStart, lineEnd).replace(/\r$/, "");
  return { line, column: [...text.slice(lineStart, at)].length + 1, lineText };
}

/** The plain value (objects as null-prototype records, blocks unwrapped): for free-form maps such as `config` and `ca_config`. */
export function plain(value: DocValue): unknown {
  switch (value.kind) {
    case "object": {
      const out = Object.create(null) as Record<string, unknown>;
      for (const m of value.members) out[m.key] = plain(m.value);
      return out;
    }
    case "list": {
      if (value.blocks && value.items.length === 1) return plain(value.items[0]!);
      return value.items.map(plain);
    }
    case "number":
      return value.exact ?? value.value;
    case "null":
      return null;
    default:
      return value.value;
  }
}
