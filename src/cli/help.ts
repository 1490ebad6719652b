/** Help texts from data: usage, description, then the flags of each group in the original's layout. */
import { type FlagGroup, metavar } from "./flags.ts";

const WIDTH = 72;
const INDENT = "     ";

/** `text` broken at blanks into lines of at most `width` characters. */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  for (const paragraph of text.split("\n")) {
    let line = "";
    for (const word of paragraph.split(" ")) {
      if (line !== "" && line.length + 1 + word.length > width) {
        lines.push(line);
        line = word;
      } else line = line === "" ? word : `${line} ${word}`;
    }
    lines.push(line);
  }
  return lines;
}

/** The flags of the groups; "" for none. Starts with a section title. */
export function flagSections(groups: readonly FlagGroup[]): string {
  const sections: string[] = [];
  for (const title of ["HTTP API Options", "Command Options"] as const) {
    const flags = groups
      .filter((g) => g.title === title)
      .flatMap((g) => g.flags)
      .filter((f) => !f.hidden)
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    if (flags.length === 0) continue;
    const blocks = flags.map((f) => {
      const head = f.kind === "bool" ? `  -${f.name}` : `  -${f.name}=<${metavar(f)}>`;
      return [head, ...wrap(f.usage, WIDTH - INDENT.length).map((l) => INDENT + l)].join("\n");
    });
    sections.push(`${title}\n\n${blocks.join("\n\n")}`);
  }
  return sections.join("\n\n");
}

/** Two columns: names padded to the longest, four blanks on the left and between. */
export function nameList(entries: readonly (readonly [name: string, synopsis: string])[]): string {
  const width = Math.max(...entries.map(([n]) => n.length));
  return entries.map(([n, s]) => `    ${n.padEnd(width)}    ${s}`).join("\n");
}
