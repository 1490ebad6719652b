/** "Did you mean": the known name nearest to one that was written. */

/** Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b` (restricted Damerau-Levenshtein). */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      let best = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, before[j - 2]! + 1);
      row.push(best);
    }
    before = last;
    last = row;
  }
  return last[b.length]!;
}

/** Names longer than this are nobody's typing error and would cost quadratic time. */
const NAME_CHARS_MAX = 64;

/** The nearest of `known`, compared without case, `_` and `-`; undefined when none is near enough to be meant. */
export function nearest(written: string, known: Iterable<string>): string | undefined {
  if (written.length > NAME_CHARS_MAX) return undefined;
  const fold = (s: string): string => s.toLowerCase().replace(/[_-]/g, "");
  const w = fold(written);
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const name of known) {
    const k = fold(name);
    // A cut-off or grown name ("recursor", "log") is meant more often than its distance says.
    const prefix = w.length >= 3 && (k.startsWith(w) || w.startsWith(k)) && k.length >= 3;
    const distance = Math.min(editDistance(w, k), prefix ? 2 : Number.POSITIVE_INFINITY);
    if (distance < bestDistance) {
      best = name;
      bestDistance = distance;
    }
  }
  return bestDistance <= Math.max(1, Math.floor(w.length / 3)) ? best : undefined;
}
