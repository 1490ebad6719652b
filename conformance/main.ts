/**
 * `npm run conformance -- --against consul|tribune|both [text...]`: plays the cases whose ID starts with
 * one of the texts (a text with a blank: contains it).
 *
 * - `both` (without `--against`): both programs at once, compared with each other.
 * - `tribune`: ours, compared with what the original answered when it was recorded (`testdata/`); needs no original.
 * - `consul`: the original, compared with its own recording: what differs then is an answer that is not always the same.
 *
 * `--record` (with both or consul) writes what the original answers; `--write-results` (with both or tribune) writes results.json;
 * `--subnets 127.12.1,127.12.2` chooses the loopback addresses of the original's agents and of ours, so that runs can be side by side;
 * `--keep` leaves the agents' folders; `--list` prints the IDs; `--all` shows explained differences as well.
 *
 * Exits 1 when a difference has no reason in docs/DIVERGENCE.md or a reason explains nothing, 2 for a wrong command line.
 */
import { readFileSync, rmSync } from "node:fs";
import { constants } from "node:os";
import process from "node:process";
import { parseArgs } from "node:util";
import { type Case, caseId, type Family } from "./case.ts";
import { families } from "./cases/families.ts";
import { ignoredFields, parseDivergences } from "./divergence.ts";
import { firstKept, play } from "./play.ts";
import { readRecording, writeRecording } from "./recording.ts";
import { differs, idleRows, mergeResults, type Result, readResults, writeResults } from "./results.ts";
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
/** A case that takes longer is told: it waits for something that does not come. */
const SLOW_S = 20;
/** Cases of a family that do not build on each other are played so many at once. */
const AT_ONCE = 6;
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

/** A family is played whole when one of its cases is asked for: later cases build on earlier ones. */
async function playFamily(
  f: Family,
  worlds: readonly World[],
  recorded: ReadonlyMap<string, string>,
): Promise<readonly Result[]> {
  const kept = worlds.map(firstKept);
  const playCase = async (c: Case): Promise<Result> => {
    const id = caseId(f, c);
    const from = performance.now();
    const texts = await Promise.all(worlds.map((w, i) => play(w, c, kept[i]!, ignored)));
    const seconds = (performance.now() - from) / 1000;
    if (seconds > SLOW_S) console.log(`${id}: took ${seconds.toFixed(0)} s`);
    return worlds.length === 2
      ? { id, family: f.name, theirs: texts[0], ours: texts[1]! }
      : { id, family: f.name, theirs: recorded.get(id), ours: texts[0]! };
  };
  const out: Result[] = [];
  const step = f.independent ? AT_ONCE : 1;
  for (let i = 0; i < f.cases.length; i += step)
    out.push(...(await Promise.all(f.cases.slice(i, i + step).map(playCase))));
  return out.filter((r) => picked(r.id));
}

/** The original needs no reasons to agree with itself. */
const reasonOf = (r: Result): string | undefined =>
  against === "consul" ? undefined : rows.find((d) => d.matches(r.id))?.reason;
const [left, right] = against === "both" ? ["consul", "tribune"] : ["recorded", against];

function show(r: Result): void {
  const reason = reasonOf(r);
  if (reason !== undefined && !values.all) return;
  console.log(`\n${r.id}${reason === undefined ? "" : `\n  reason: ${reason}`}\n  ${left} | ${right}`);
  console.log(r.theirs === undefined ? `  not recorded\n  > ${r.ours}` : sideBySide(r.theirs, r.ours));
}

const onlyRecords = against === "consul" && values.record;
const started = performance.now();
const names: readonly ProgramName[] = against === "both" ? PROGRAMS : [against as ProgramName];
const worlds = names.map((name) => new World(name, subnets[PROGRAMS.indexOf(name)]));
const rows = parseDivergences(readFileSync(new URL("../docs/DIVERGENCE.md", import.meta.url), "utf8"));
const ignored = ignoredFields(rows);
const results: Result[] = [];
let failure: unknown;
// Agents and commands end with this process (`leash.ts`); what is on disk is left to clear away.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.once(signal, () => {
    for (const w of worlds) {
      void w.close(true);
      rmSync(w.folder, { recursive: true, force: true, maxRetries: 5 });
    }
    process.exit(128 + constants.signals[signal]);
  });
try {
  await Promise.all(worlds.map((w) => w.start()));
  console.log(`${names.join(" and ")} ready after ${((performance.now() - started) / 1000).toFixed(1)} s`);
  const lastAsked = families.findLastIndex((f) => f.cases.some((c) => picked(caseId(f, c))));
  for (const f of families.slice(0, lastAsked + 1)) {
    // Later families find what earlier ones leave, so these are played as well, without a word.
    const asked = f.cases.some((c) => picked(caseId(f, c)));
    if (!asked && f.traceless) continue;
    const from = performance.now();
    const played = await playFamily(f, worlds, against === "both" ? new Map() : readRecording(f.name));
    if (!asked) continue;
    results.push(...played);
    const same = played.filter((r) => !differs(r)).length;
    console.log(
      `${f.name}: ${same} of ${played.length} the same (${((performance.now() - from) / 1000).toFixed(1)} s)`,
    );
    if (!onlyRecords) for (const r of played.filter(differs)) show(r);
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
const open = other.filter((r) => reasonOf(r) === undefined);
const ids = families.flatMap((f) => f.cases.map((c) => caseId(f, c)));
const idle = against === "consul" ? [] : idleRows(rows, ids, results);
for (const d of idle) console.log(`docs/DIVERGENCE.md: nothing differs (any more) for ${d.pattern}`);

const seconds = ((performance.now() - started) / 1000).toFixed(0);
console.log(
  against === "consul"
    ? `\n${results.length} cases: ${results.length - other.length} as recorded, ${other.length} otherwise (${seconds} s)`
    : `\n${results.length} cases: ${results.length - other.length} the same, ${other.length - open.length} differ for a reason in docs/DIVERGENCE.md, ${open.length} differ without one (${seconds} s)`,
);
if (values["write-results"] && against !== "consul")
  writeResults(mergeResults(readResults(), families, results));
process.exit((open.length > 0 && !onlyRecords) || idle.length > 0 ? 1 : 0);
