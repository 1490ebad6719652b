/**
 * `npm run bench`: Consul 1.8.7 and Tribune in turn, pair by pair, on the same machine with the same configuration and load.
 *
 *   npm run bench                    five pairs of every row; within an hour
 *   npm run bench -- --quick         two pairs, fewer rows; within five minutes
 *   npm run bench -- --only=dns      rows whose id contains the word (with commas: any of them; also growth, sim)
 *   npm run bench -- --pairs=9 --seconds=3 --out=name --note="what the table should say of this run"
 *   npm run bench -- --list          the rows' ids
 *   npm run bench -- --plan          the schedule only
 *   npm run bench -- --profile ROW   one row under the CPU profiler
 *   npm run bench -- --soak [--minutes 60] [--program=tribune|consul]
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type CompareOptions, compare, type Outcome, planFor, ROWS, SCALES, wants } from "./compare.ts";
import { simTable } from "./gossip-sim.ts";
import { growthCharts, growthTable } from "./growth.ts";
import { planText } from "./plan.ts";
import { notProfiled, profileRow } from "./profile.ts";
import { missing, PROGRAMS, type Program } from "./programs.ts";
import { machine, plot, table, wallRatio } from "./report.ts";
import { soak } from "./soak.ts";
import { charts } from "./svg.ts";

const RESULTS = resolve(import.meta.dirname, "results");

const { values: flags } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    pairs: { type: "string" },
    seconds: { type: "string" },
    out: { type: "string" },
    note: { type: "string", default: "" },
    list: { type: "boolean", default: false },
    plan: { type: "boolean", default: false },
    profile: { type: "string" },
    soak: { type: "boolean", default: false },
    minutes: { type: "string", default: "60" },
    program: { type: "string", default: "tribune" },
  },
});

const commit = (): string => {
  const head = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  const changed = execFileSync("git", ["status", "--porcelain", "--", "src", "scripts"], {
    encoding: "utf8",
  });
  return changed === "" ? head : `${head} with changes`;
};
const today = (): string => new Date().toISOString().slice(0, 10);
const note = flags.note === "" ? "" : `, ${flags.note}`;

/** Writes a file of results and says so. */
function write(name: string, text: string): void {
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, name), text);
  console.log(`==> ${join(RESULTS, name)}`);
}

function report(outcome: Outcome, words: readonly string[]): void {
  const { results, growth, sim, syncs, pairs, minutes } = outcome;
  const facts = `${pairs} pairs${flags.quick ? ", quick" : ""}, commit ${commit()}, ${today()}, ${minutes.toFixed(1)} min${note}`;
  const here = machine();
  const parts = [
    table(results, [
      "# Tribune against Consul 1.8.7",
      "",
      `${facts}. ${here}.`,
      "",
      "Ratios are of pairs side by side in time. The load tool runs on the same machine and takes its share of it: where a program",
      "is cheaper per operation, its wall ratio may be held back by the tool. CPU per operation (user and system time of the program,",
      "all threads; with a client agent, of both agents) hardly depends on what else the machine does.",
      ...(syncs.length === 0 ? [] : ["", `Durability under strace, one client: ${syncs.join("; ")}.`]),
      ...(outcome.left === undefined
        ? []
        : ["", `**Left out, for want of time or by a failure**: ${outcome.left}.`]),
    ]),
  ];
  if (sim !== undefined) parts.push(`\n## Gossip, simulated\n\n${simTable(sim).lines.join("\n")}\n`);
  if (growth !== undefined)
    parts.push(
      `\n## Growth\n\nBoth programs filled side by side, loaded in turn; medians. Data: 100 keys, 100 nodes, 100 services, 300 instances of one, times 1, 10, 100.\n\n${growthTable(growth).join("\n")}\n`,
    );
  const text = parts.join("");
  console.log(`\n${text}`);
  const name = flags.out ?? (words.length > 0 ? undefined : flags.quick ? "quick" : "whole");
  if (name === undefined) return;
  write(`${name}.md`, text);
  write(`${name}.svg`, plot(results, `${facts}; ${here}`));
  if (growth !== undefined)
    write(`${name}-growth.svg`, charts("Cost over data", `${facts}; ${here}`, growthCharts(growth)));
}

async function main(): Promise<void> {
  if (flags.list) {
    for (const row of ROWS) console.log(`${row.id.padEnd(28)} ${row.title}`);
    return;
  }
  const words = flags.only.split(",").filter((w) => w !== "");
  const options: CompareOptions = {
    quick: flags.quick,
    wanted: wants(words, flags.quick),
    pairs: flags.pairs === undefined ? undefined : Number(flags.pairs),
    seconds: flags.seconds === undefined ? undefined : Number(flags.seconds),
  };
  if (flags.plan) {
    for (const line of planText(planFor(options).plan)) console.log(line);
    return;
  }
  const lack = missing();
  if (lack !== undefined) {
    console.error(lack);
    process.exitCode = 1;
    return;
  }
  const base = flags.quick ? SCALES.quick : SCALES.whole;
  if (flags.profile !== undefined) {
    const row = ROWS.find((r) => r.id === flags.profile);
    if (row === undefined || !("measure" in row)) {
      console.error(row === undefined ? `no row ${flags.profile}: see --list` : notProfiled(row.id));
      process.exitCode = 1;
      return;
    }
    return profileRow(row, base);
  }
  // A copy: a build beside a run must not change what is measured.
  const folder = mkdtempSync(join(tmpdir(), "tribune-bench-"));
  // At the very end, an interrupted one as well.
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const tribune: Program = { name: "tribune", path: join(folder, "tribune") };
  copyFileSync(PROGRAMS.tribune.path, tribune.path);
  const programs = { consul: PROGRAMS.consul, tribune };
  if (flags.soak) {
    const which = flags.program === "consul" ? programs.consul : programs.tribune;
    const done = await soak(which, folder, 60 * Number(flags.minutes));
    const facts = `${which.name}, commit ${commit()}, ${today()}, ${flags.minutes} min${note}`;
    const text = [`# Soak: ${facts}`, "", `${machine()}.`, "", ...done.lines].join("\n");
    console.log(`\n${text}`);
    const name = flags.out ?? `soak${which.name === "tribune" ? "" : `-${which.name}`}`;
    write(`${name}.md`, `${text}\n`);
    write(`${name}.svg`, charts("Soak", `${facts}; ${machine()}`, done.charts));
    if (!done.ok) process.exitCode = 1;
    return;
  }
  const outcome = await compare(programs, folder, options);
  report(outcome, words);
  for (const r of outcome.results) if (Number.isNaN(wallRatio(r).median)) process.exitCode = 1;
  if (outcome.sim !== undefined && !simTable(outcome.sim).ok) process.exitCode = 1;
}

await main();
