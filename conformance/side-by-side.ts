/** Two texts beside each other: the lines that differ, with a little of what is around them. */

/** Lines kept and changed, by the longest common subsequence. */
function diff(
  a: readonly string[],
  b: readonly string[],
): readonly (readonly [string | undefined, string | undefined])[] {
  // Ends that agree are cut first: what is left is small.
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a.at(-1 - tail) === b.at(-1 - tail)) tail++;
  const [x, y] = [a.slice(head, a.length - tail), b.slice(head, b.length - tail)];
  const same = (lines: readonly string[]): [string, string][] => lines.map((l) => [l, l]);
  const middle: [string | undefined, string | undefined][] = [];
  if (x.length * y.length > 4_000_000) {
    for (let i = 0; i < Math.max(x.length, y.length); i++) middle.push([x[i], y[i]]);
  } else {
    const length = Array.from({ length: x.length + 1 }, () => new Uint32Array(y.length + 1));
    for (let i = x.length - 1; i >= 0; i--)
      for (let j = y.length - 1; j >= 0; j--)
        length[i]![j] =
          x[i] === y[j] ? length[i + 1]![j + 1]! + 1 : Math.max(length[i + 1]![j]!, length[i]![j + 1]!);
    let [i, j] = [0, 0];
    while (i < x.length || j < y.length) {
      if (i < x.length && j < y.length && x[i] === y[j]) middle.push([x[i++], y[j++]]);
      else if (i < x.length && (j >= y.length || length[i + 1]![j]! >= length[i]![j + 1]!))
        middle.push([x[i++], undefined]);
      else middle.push([undefined, y[j++]]);
    }
  }
  return [...same(a.slice(0, head)), ...middle, ...same(a.slice(a.length - tail))];
}

/** Rows `left | right`, marked `<` `>` where they differ, with `around` lines kept before and after. */
export function sideBySide(left: string, right: string, width: number = 70, around: number = 2): string {
  const rows = diff(left.split("\n"), right.split("\n"));
  // A line that went and one that came at the same place stand in one row.
  const paired: [string | undefined, string | undefined][] = [];
  for (const [l, r] of rows) {
    const open = l === undefined ? paired.findLastIndex(([, pr]) => pr !== undefined) + 1 : -1;
    if (l === undefined && open < paired.length) paired[open] = [paired[open]![0], r];
    else paired.push([l, r]);
  }
  const changed = paired.map(([l, r]) => l !== r);
  const out: string[] = [];
  let skipped = false;
  for (const [i, [l, r]] of paired.entries()) {
    if (!changed.slice(Math.max(0, i - around), i + around + 1).some(Boolean)) {
      skipped = true;
      continue;
    }
    if (skipped) out.push("  ...");
    skipped = false;
    const mark = l === r ? " | " : l === undefined ? " > " : r === undefined ? " < " : " ! ";
    const cut = (text: string): string => (text.length > 1_000 ? `${text.slice(0, 1_000)}...` : text);
    // Long lines do not fit beside each other: one below the other.
    if (mark !== " | " && ((l?.length ?? 0) > width || (r?.length ?? 0) > width)) {
      if (l !== undefined) out.push(`  < ${cut(l)}`);
      if (r !== undefined) out.push(`  > ${cut(r)}`);
    } else out.push(`  ${(l ?? "").slice(0, width).padEnd(width)}${mark}${(r ?? "").slice(0, width)}`);
  }
  return out.join("\n");
}
