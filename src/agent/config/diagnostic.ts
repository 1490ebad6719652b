/**
 * What is wrong with a configuration, as data: where it stands, what was expected there and what would fix it; and its text
 * form. The first line of the text is the original's own sentence, so that scripts that look for it find it; the lines after
 * it are for people: file:line:column, the source line, a caret, the fix.
 */
import { lineColumn, type Source, type Span } from "./document.ts";
import { DIAGNOSTICS_MAX, EXCERPT_CHARS_MAX } from "./limits.ts";

export interface Diagnostic {
  readonly file: string;
  /** One-based; 0 where the mistake has no place in a file. */
  readonly line: number;
  readonly column: number;
  readonly lineText: string;
  /** What was expected at the caret, as a short sentence without a final stop. */
  readonly expected: string;
  /** How to fix it, or "". */
  readonly hint: string;
  /** Documentation of the option concerned, or "". */
  readonly doc: string;
}

export function diagnosticAt(
  source: Source,
  span: Span | number,
  expected: string,
  extra: { readonly hint?: string; readonly doc?: string } = {},
): Diagnostic {
  const { line, column, lineText } = lineColumn(source.text, typeof span === "number" ? span : span.start);
  return {
    file: source.name,
    line,
    column,
    lineText,
    expected,
    hint: extra.hint ?? "",
    doc: extra.doc ?? "",
  };
}

/** Four-space-indented block that shows one diagnostic, without a final line feed. */
export function renderDiagnostic(d: Diagnostic): string {
  const out: string[] = [];
  if (d.line > 0) {
    const gutter = String(d.line);
    const { text, caret } = excerpt(d.lineText, d.column);
    out.push(`    ${d.file}:${d.line}:${d.column}`);
    out.push(`    ${gutter} | ${text}`);
    out.push(`    ${" ".repeat(gutter.length)} | ${caret}^ ${d.expected}`);
  } else {
    out.push(`    ${d.file === "" ? "" : `${d.file}: `}${d.expected}`);
  }
  if (d.hint !== "") out.push(`    ${d.hint}`);
  if (d.doc !== "") out.push(`    ${d.doc}`);
  return out.join("\n");
}

/** The line cut to a window, and the blanks (tabs kept, so that the caret stays under its character) before the caret. */
function excerpt(lineText: string, column: number): { readonly text: string; readonly caret: string } {
  let chars = [...lineText].map((c) => (c === "\t" ? c : printable(c)));
  let at = column - 1;
  if (chars.length > EXCERPT_CHARS_MAX) {
    const from = Math.max(0, Math.min(at - EXCERPT_CHARS_MAX / 2, chars.length - EXCERPT_CHARS_MAX));
    chars = chars.slice(from, from + EXCERPT_CHARS_MAX);
    at -= from;
  }
  const caret = chars
    .slice(0, at)
    .map((c) => (c === "\t" ? "\t" : isWide(c) ? "  " : " "))
    .join("");
  return { text: chars.join(""), caret: caret + " ".repeat(Math.max(0, at - chars.length)) };
}

/** Control characters would move the terminal's cursor or worse. */
const printable = (c: string): string => {
  const code = c.codePointAt(0)!;
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code === 0xfeff ? "\ufffd" : c;
};

/** East Asian wide characters take two terminal cells. */
const isWide = (c: string): boolean =>
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/.test(c);

/**
 * A configuration that cannot be used. `message` is the original's sentence (it may span lines, as Go's multi-errors do);
 * `explain()` adds the places.
 */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly diagnostics: readonly Diagnostic[];

  constructor(message: string, diagnostics: readonly Diagnostic[] = []) {
    super(message);
    this.diagnostics = diagnostics;
  }

  /** The sentence, then one block for each diagnostic; no final line feed. */
  explain(): string {
    const shown = this.diagnostics.slice(0, DIAGNOSTICS_MAX).map(renderDiagnostic);
    const rest = this.diagnostics.length - shown.length;
    if (rest > 0) shown.push(`    ... and ${rest} more of this kind`);
    return [this.message.trimEnd(), ...shown].join("\n");
  }
}

/** Go's multierror text: `1 error occurred:\n\t* a\n\n`. */
export function multiError(texts: readonly string[]): string {
  const head = texts.length === 1 ? "1 error occurred:" : `${texts.length} errors occurred:`;
  return `${head}\n${texts.map((t) => `\t* ${t}\n`).join("")}\n`;
}
