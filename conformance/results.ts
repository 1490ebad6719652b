/**
 * What a run found, as a file that is kept (`results.json`): how many cases of each family were the same, and which were not. Reasons are
 * in docs/DIVERGENCE.md alone. From this file the compatibility table is made.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { caseId, type Family } from "./case.ts";
import type { Divergence } from "./divergence.ts";

/** One case as it was played: what the original answered (undefined: it was never recorded), and the program under test. */
export interface Result {
  readonly id: string;
  readonly family: string;
  readonly theirs: string | undefined;
  readonly ours: string;
}

export const differs = (r: Result): boolean => r.theirs !== r.ours;

export interface FamilyResult {
  readonly cases: number;
  readonly same: number;
  /** Digest of the IDs that were played: tells when cases have come or gone since. */
  readonly ids: string;
}

export interface Results {
  readonly original: string;
  readonly families: Readonly<Record<string, FamilyResult>>;
  /** IDs of the cases that differ. */
  readonly differences: readonly string[];
}

const FILE = new URL("results.json", import.meta.url);
const NONE: Results = { original: "Consul 1.8.7", families: {}, differences: [] };

export const readResults = (): Results =>
  existsSync(FILE) ? (JSON.parse(readFileSync(FILE, "utf8")) as Results) : NONE;

export const writeResults = (results: Results): void =>
  writeFileSync(FILE, `${JSON.stringify(results, null, 2)}\n`);

export const idsDigest = (family: Family): string =>
  createHash("sha256")
    .update(
      family.cases
        .map((c) => caseId(family, c))
        .sort()
        .join("\n"),
    )
    .digest("hex")
    .slice(0, 16);

/** A run's results in place of the earlier ones, for the families that were played whole; families that are no more go. */
export function mergeResults(
  before: Results,
  families: readonly Family[],
  played: readonly Result[],
): Results {
  const counts: Record<string, FamilyResult> = {};
  const differences: string[] = [];
  for (const f of families) {
    const results = played.filter((r) => r.family === f.name);
    const earlier = before.families[f.name];
    if (results.length === f.cases.length) {
      const other = results.filter(differs);
      counts[f.name] = { cases: results.length, same: results.length - other.length, ids: idsDigest(f) };
      differences.push(...other.map((r) => r.id));
    } else if (earlier !== undefined) {
      counts[f.name] = earlier;
      differences.push(...before.differences.filter((id) => id.startsWith(`${f.name}/`)));
    }
  }
  return { original: before.original, families: counts, differences };
}

/** Rows of docs/DIVERGENCE.md whose cases were all played and do not differ (any more), or that name no case at all. */
export function idleRows(
  rows: readonly Divergence[],
  ids: readonly string[],
  played: readonly Result[],
): readonly Divergence[] {
  const at = new Map(played.map((r) => [r.id, r]));
  return rows.filter((row) => {
    if (row.pattern.startsWith("field ")) return false;
    return ids.filter(row.matches).every((id) => {
      const result = at.get(id);
      return result !== undefined && !differs(result);
    });
  });
}
