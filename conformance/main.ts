/**
 * `npm run conformance -- --against consul|tribune|both [text...]`: plays the cases whose ID starts with
 * one of the texts (a text with a blank: contains it).
 *
 * - `both` (without `--against`): both programs at once, compared with each other.
 * - `consul`, `tribune`: one program, compared with what the original answered when it was recorded (`testdata/`).
 *
 * `--record` (with both or consul) writes what the original answers; `--write-results` writes results.json; `--keep` leaves the agents' folders;
 * `--subnets 127.12.1,127.12.2` chooses the loopback addresses of the original's agents and of ours, so that runs can be side by side;
 * `--list` prints the IDs; `--all` shows explained differences as well. Exits 1 when a difference has no reason in docs/DIVERGENCE.md.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import { caseId, type Family } from "./case.ts";
import { families } from "./cases/families.ts";
import { ignoredFields, parseDivergences } from "./divergence.ts";
import { type Kept, play } from "./play.ts";
import { readRecording, writeRecording } from "./recording.ts";
import { sideBySide } from "./side-by-side.ts";
import { PROGRAMS, type ProgramName, SUBNETS, World } from "./world.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    against: { type: "string", default: "both" },
    record: { type: "boolean", default: false },
    "write-results": { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
    list: { type: "boolean", default: false },
    all: { type: "boolean", default: false },
    subnets: { type: "string", default: PROGRAMS.map((p) => SUBNETS[p]).join() },
  },
});

const against = values.against;
if (against !== "both" && !PROGRAMS.includes(against as ProgramName)) {
  process.stderr.write(`--against ${against}: want one of ${[...PROGRAMS, "both"].join(", ")}\n`);
  process.exit(2);
}
const subnets = values.subnets.split(",");
if (subnets.length !== PROGRAMS.length || !subnets.every((s) => /^127\.\d+\.\d+$/.test(s))) {
  process.stderr.write(
    `--subnets ${values.subnets}: want the first three numbers of two loopback networks, as in 127.12.1,127.12.2\n`,
  );
  process.exit(2);
}
const picked = (id: string): boolean =>
  positionals.length === 0 || positionals.some((p) => (p.includes(" ") ? id.includes(p) : id.startsWith(p)));

if (values.list) {
  for (const f of families) for (const c of f.cases) if (picked(caseId(f, c))) console.log(caseId(f, c));
  process.exit(0);
}

interface Result {
  readonly id: string;
  readonly family: string;
  readonly theirs: string | undefined;
  readonly ours: string;
}

/** A family is played whole when one of its cases is asked for: later cases build on earlier ones. */
async function playFamily(
  f: Family,
  worlds: readonly World[],
  recorded: ReadonlyMap<string, string>,
): Promise<readonly Result[]> {
  const kept = worlds.map((): Kept => new Map());
  const out: Result[] = [];
  for (const c of f.cases) {
    const id = caseId(f, c);
    const texts = await Promise.all(worlds.map((w, i) => play(w, c, kept[i]!, ignored)));
    if (picked(id))
      out.push(
        worlds.length === 2
          ? { id, family: f.name, theirs: texts[0], ours: texts[1]! }
          : { id, family: f.name, theirs: recorded.get(id), ours: texts[0]! },
      );
  }
  return out;
}

const differs = (r: Result): boolean => r.theirs !== r.ours && !(against === "consul" && values.record);
const reasonOf = (r: Result): string | undefined => reasons.find((d) => d.matches(r.id))?.reason;
const [left, right] = against === "both" ? ["consul", "tribune"] : ["recorded", against];

function show(r: Result): void {
  const reason = reasonOf(r);
  if (reason !== undefined && !values.all) return;
  console.log(`\n${r.id}${reason === undefined ? "" : `\n  reason: ${reason}`}\n  ${left} | ${right}`);
  console.log(r.theirs === undefined ? `  not recorded\n  > ${r.ours}` : sideBySide(r.theirs, r.ours));
}

interface FamilyCount {
  readonly cases: number;
  readonly same: number;
  readonly explained: number;
  readonly unexplained: number;
}
interface ResultsFile {
  readonly original: string;
  readonly families: Readonly<Record<string, FamilyCount>>;
  readonly differences: readonly { readonly id: string; readonly reason: string | null }[];
}

/** This run's results in place of the earlier ones of the families that were played whole. */
function mergedResults(before: ResultsFile | undefined): ResultsFile {
  const counts: Record<string, FamilyCount> = {};
  const differences: { readonly id: string; readonly reason: string | null }[] = [];
  for (const f of families) {
    const played = results.filter((r) => r.family === f.name);
    const earlier = before?.families[f.name];
    if (played.length < f.cases.length) {
      if (earlier === undefined) continue;
      counts[f.name] = earlier;
      differences.push(...(before?.differences ?? []).filter((d) => d.id.startsWith(`${f.name}/`)));
      continue;
    }
    const other = played.filter(differs);
    const explained = other.filter((r) => reasonOf(r) !== undefined).length;
    counts[f.name] = {
      cases: played.length,
      same: played.length - other.length,
      explained,
      unexplained: other.length - explained,
    };
    differences.push(...other.map((r) => ({ id: r.id, reason: reasonOf(r) ?? null })));
  }
  return { original: "Consul 1.8.7", families: counts, differences };
}

const started = performance.now();
const names: readonly ProgramName[] = against === "both" ? PROGRAMS : [against as ProgramName];
const worlds = names.map((name) => new World(name, subnets[PROGRAMS.indexOf(name)]));
const page = new URL("../docs/DIVERGENCE.md", import.meta.url);
const reasons = existsSync(page) ? parseDivergences(readFileSync(page, "utf8")) : [];
const ignored = ignoredFields(reasons);
const results: Result[] = [];
let failure: unknown;
try {
  await Promise.all(worlds.map((w) => w.start()));
  console.log(`${names.join(" and ")} ready after ${((performance.now() - started) / 1000).toFixed(1)} s`);
  for (const f of families) {
    if (!f.cases.some((c) => picked(caseId(f, c)))) continue;
    const from = performance.now();
    const played = await playFamily(f, worlds, against === "both" ? new Map() : readRecording(f.name));
    results.push(...played);
    const same = played.filter((r) => r.theirs === r.ours).length;
    console.log(
      `${f.name}: ${same} of ${played.length} the same (${((performance.now() - from) / 1000).toFixed(1)} s)`,
    );
    for (const r of played.filter(differs)) show(r);
    if (values.record && against !== "tribune" && played.length === f.cases.length)
      writeRecording(f.name, new Map(played.map((r) => [r.id, against === "both" ? r.theirs! : r.ours])));
  }
} catch (e) {
  failure = e;
} finally {
  await Promise.all(worlds.map((w) => w.close(values.keep || failure !== undefined)));
}
if (failure !== undefined) throw failure;

const other = results.filter(differs);
const explained = other.filter((r) => reasonOf(r) !== undefined);
const open = other.filter((r) => reasonOf(r) === undefined);
const unused =
  positionals.length > 0 || against === "consul"
    ? []
    : reasons.filter((d) => !d.pattern.startsWith("field ") && !other.some((r) => d.matches(r.id)));
for (const d of unused) console.log(`docs/DIVERGENCE.md: nothing differs any more for ${d.pattern}`);

const count = {
  cases: results.length,
  same: results.length - other.length,
  explained: explained.length,
  unexplained: open.length,
};
console.log(
  `\n${count.cases} cases: ${count.same} the same, ${count.explained} differ for a reason in docs/DIVERGENCE.md, ${count.unexplained} differ without one (${((performance.now() - started) / 1000).toFixed(0)} s)`,
);
if (values["write-results"]) {
  const at = new URL("results.json", import.meta.url);
  const before = existsSync(at) ? (JSON.parse(readFileSync(at, "utf8")) as ResultsFile) : undefined;
  writeFileSync(at, `${JSON.stringify(mergedResults(before), null, 2)}\n`);
}
process.exit(open.length > 0 || unused.length > 0 ? 1 : 0);
