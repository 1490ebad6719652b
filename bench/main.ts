/**
 * `npm run bench`: Consul 1.8.7 and Tribune in turn, pair by pair, on the same machine with the same configuration and load.
 *
 *   npm run bench                    five pairs, all rows
 *   npm run bench -- --quick         three pairs, shorter, fewer rows; within five minutes
 *   npm run bench -- --only=dns      rows whose id contains the word (with commas: any of them)
 *   npm run bench -- --pairs=9 --seconds=3 --out=name
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { fill } from "./fixture.ts";
import { closeConnections } from "./http-driver.ts";
import { wrk } from "./load-tools.ts";
import { atRest } from "./process-facts.ts";
import { BenchAgent, missing, PROGRAMS, type Program } from "./programs.ts";
import { type Described, machine, plot, type Result, table, wallRatio } from "./report.ts";
import type { Row, Sample, Scale } from "./row.ts";
import { FAILOVER, PUT_THREE, RESTART, restart, START, threeServers } from "./rows/clusters.ts";
import { dnsRows } from "./rows/dns.ts";
import { commandRows, idleRows, loadedRows } from "./rows/process.ts";
import { readRows, wideReadRows } from "./rows/reads.ts";
import { LAST_REPLY, WAITER_MEMORY, waiting } from "./rows/waiting.ts";
import { writeRows } from "./rows/writes.ts";

const QUICK: Scale = {
  seconds: 1,
  warmUpSeconds: 0,
  registrations: 300,
  idleSeconds: 1,
  commandRuns: 3,
  waiters: 1_000,
  restartKeys: 0,
  restartInstances: 0,
};
const WHOLE: Scale = {
  seconds: 2,
  warmUpSeconds: 1,
  registrations: 2_000,
  idleSeconds: 5,
  commandRuns: 7,
  waiters: 10_000,
  restartKeys: 500_000,
  restartInstances: 50_000,
};

const { values: flags } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    pairs: { type: "string" },
    seconds: { type: "string" },
    out: { type: "string" },
  },
});
const quick = flags.quick;
const pairs = Number(flags.pairs ?? (quick ? 3 : 5));
const base = quick ? QUICK : WHOLE;
const scale: Scale = { ...base, seconds: Number(flags.seconds ?? base.seconds) };
const words = flags.only.split(",").filter((w) => w !== "");
const wanted = (row: Described): boolean =>
  words.length === 0 ? !(quick && row.long) : words.some((w) => row.id.includes(w));

const samples = new Map<string, { row: Described; consul: Sample[]; tribune: Sample[] }>();

/** One row after the other on a filled cluster of a server and a client agent, in the order of the list. */
const rows: readonly Row[] = [
  ...idleRows,
  ...commandRows,
  ...readRows,
  ...dnsRows,
  ...writeRows,
  ...wideReadRows,
  ...loadedRows,
].filter(wanted);

async function visit(program: Program, pair: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), `tribune-bench-${program.name}-`));
  const take = (row: Described, sample: Sample): void => {
    if (!wanted(row)) return;
    let of = samples.get(row.id);
    if (of === undefined) {
      of = { row, consul: [], tribune: [] };
      samples.set(row.id, of);
    }
    of[program.name].push(sample);
    const cpu = sample.cpuUs === undefined ? "" : `  ${sample.cpuUs.toFixed(0)} us CPU`;
    console.log(
      `${pair + 1} ${program.name.padEnd(8)} ${row.title.padEnd(58)} ${sample.value.toFixed(1).padStart(10)} ${row.unit}${cpu}`,
    );
  };
  const agents: BenchAgent[] = [];
  try {
    if (rows.length > 0 || wanted(START)) {
      const started = performance.now();
      const server = new BenchAgent({
        program,
        ip: "127.14.1.1",
        name: "server",
        folder: join(folder, "server"),
        servers: 1,
      });
      agents.push(server);
      await server.ready();
      take(START, { value: performance.now() - started });
      if (rows.length > 0) {
        const client = new BenchAgent({
          program,
          ip: "127.14.2.1",
          name: "client",
          folder: join(folder, "client"),
          servers: 0,
          join: ["127.14.1.1"],
        });
        agents.push(client);
        await client.ready();
        await fill(server.http);
        let warm = false;
        for (const row of rows) {
          // Both get the same chance to compile or to grow their heaps before the first figure under load.
          if (!warm && !idleRows.includes(row)) {
            warm = true;
            for (const agent of [server, client])
              for (const path of ["/v1/kv/bench/one", "/v1/health/service/few"])
                await wrk(agent.http + path, { connections: 32, seconds: 1 });
          }
          await atRest([server.pid, client.pid]);
          // A row that fails is a finding: it is shown as such and the others go on.
          const sample = await row
            .measure({ program, server, client, folder, scale })
            .catch((error: Error): Sample => {
              console.error(`${row.title}: ${error.message}`);
              return { value: Number.NaN };
            });
          take(row, sample);
        }
      }
      for (const agent of agents.splice(0)) await agent.stop();
      closeConnections();
    }
    if (wanted(PUT_THREE) || wanted(FAILOVER)) {
      await threeServers({ program, folder, scale }, take);
      closeConnections();
    }
    // Once is enough for what takes long.
    if ((wanted(LAST_REPLY) || wanted(WAITER_MEMORY)) && (pair === 0 || !quick)) {
      await waiting({ program, folder, scale }, take);
      closeConnections();
    }
    if (wanted(RESTART) && pair === 0) {
      await restart(
        {
          program,
          folder,
          scale: {
            ...scale,
            restartKeys: scale.restartKeys || 20_000,
            restartInstances: scale.restartInstances || 2_000,
          },
        },
        take,
      );
      closeConnections();
    }
  } finally {
    for (const agent of agents) await agent.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function main(): Promise<void> {
  const lack = missing();
  if (lack !== undefined) {
    console.error(lack);
    process.exitCode = 1;
    return;
  }
  const began = performance.now();
  // A copy: a build beside a run must not change what is measured.
  const folder = mkdtempSync(join(tmpdir(), "tribune-bench-"));
  const tribune: Program = { name: "tribune", path: join(folder, "tribune") };
  copyFileSync(PROGRAMS.tribune.path, tribune.path);
  try {
    for (let pair = 0; pair < pairs; pair++) {
      await visit(PROGRAMS.consul, pair);
      await visit(tribune, pair);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  const minutes = ((performance.now() - began) / 60_000).toFixed(1);
  const facts = `${pairs} pairs${quick ? ", quick" : ""}, commit ${commit}, ${new Date().toISOString().slice(0, 10)}, ${minutes} min`;
  const results: Result[] = [...samples.values()].filter((r) => r.consul.length > 0 && r.tribune.length > 0);
  const text = table(results, [
    `# Tribune against Consul 1.8.7`,
    "",
    `${facts}. ${machine()}.`,
    "",
    "Ratios are of pairs side by side in time. The load tool runs on the same machine and takes its share of it: where a program",
    "is cheaper per operation, its wall ratio may be held back by the tool. CPU per operation (user and system time of the program,",
    "all threads; with a client agent, of both agents) hardly depends on what else the machine does.",
  ]);
  console.log(`\n${text}`);
  const out = resolve(import.meta.dirname, "results");
  mkdirSync(out, { recursive: true });
  const name = flags.out ?? (words.length > 0 ? undefined : quick ? "quick" : "whole");
  if (name !== undefined) {
    writeFileSync(join(out, `${name}.md`), text);
    writeFileSync(join(out, `${name}.svg`), plot(results, `${facts}; ${machine()}`));
    console.log(`==> ${join(out, name)}.md and .svg`);
  }
  for (const r of results) if (Number.isNaN(wallRatio(r).median)) process.exitCode = 1;
}

await main();
