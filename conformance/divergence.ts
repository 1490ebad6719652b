/**
 * The intended differences: the rows of docs/DIVERGENCE.md between the marks `conformance-differences` and `/conformance-differences`. A row's
 * first cell is a case's ID in backquotes; a `*` stands for any text. `field NAME` takes a field of that name out of every JSON body.
 */

export interface Divergence {
  readonly pattern: string;
  readonly reason: string;
  matches(id: string): boolean;
}

const BEGIN = "<!-- conformance-differences -->";
const END = "<!-- /conformance-differences -->";

export function parseDivergences(markdown: string): readonly Divergence[] {
  const from = markdown.indexOf(BEGIN);
  const to = markdown.indexOf(END);
  if (from < 0 || to < from) return [];
  const out: Divergence[] = [];
  for (const line of markdown.slice(from + BEGIN.length, to).split("\n")) {
    const row = /^\|\s*`([^`]+)`\s*\|\s*(.+?)\s*\|\s*$/.exec(line);
    if (row === null) continue;
    const pattern = row[1]!.replaceAll("\\|", "|");
    const regexp = new RegExp(
      `^${pattern
        .split("*")
        .map((part) => RegExp.escape(part))
        .join(".*")}$`,
      "s",
    );
    out.push({ pattern, reason: row[2]!, matches: (id) => regexp.test(id) });
  }
  return out;
}

/** Names of fields that are not compared anywhere. */
export const ignoredFields = (divergences: readonly Divergence[]): readonly string[] =>
  divergences.flatMap((d) => /^field (\S+)$/.exec(d.pattern)?.[1] ?? []);
