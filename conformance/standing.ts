/** How each endpoint, command and form of DNS question stands: cases, and how many of them differ (`results.json`). */
import { caseId, type Family } from "./case.ts";
import type { Divergence } from "./divergence.ts";
import type { Results } from "./results.ts";
import { type Subject, subjectsOf } from "./subject.ts";

export interface Standing {
  readonly cases: number;
  /** Of these: differ for a reason, and without one. */
  readonly explained: number;
  readonly open: number;
}

export function standings(
  families: readonly Family[],
  results: Results,
  reasons: readonly Divergence[],
): ReadonlyMap<Subject, Standing> {
  const different = new Set(results.differences);
  const out = new Map<Subject, Standing>();
  for (const f of families)
    for (const c of f.cases) {
      const id = caseId(f, c);
      const reasoned = reasons.some((d) => d.matches(id));
      for (const subject of subjectsOf(c)) {
        const { cases, explained, open } = out.get(subject) ?? { cases: 0, explained: 0, open: 0 };
        out.set(subject, {
          cases: cases + 1,
          explained: explained + (different.has(id) && reasoned ? 1 : 0),
          open: open + (different.has(id) && !reasoned ? 1 : 0),
        });
      }
    }
  return out;
}

/** "12", "12, 2 differ", "12, 2 differ, 1 unexplained"; nothing without cases. */
export function standingText(s: Standing | undefined): string {
  if (s === undefined) return "";
  const { cases, explained, open } = s;
  const different = explained + open;
  return [
    String(cases),
    ...(different === 0 ? [] : [`${different} ${different === 1 ? "differs" : "differ"}`]),
    ...(open === 0 ? [] : [`${open} unexplained`]),
  ].join(", ");
}
