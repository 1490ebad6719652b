/** The comparison: which rows, in what order, how long; visits to the two programs in turn. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Answer, difference } from "./answers.ts";
import { fill } from "./fixture.ts";
import type { SimFigures } from "./gossip-sim.ts";
import { GROWTH_IDS, GROWTH_LOADS, SCALES as GROWTH_SCALES, type GrowthResult, growth } from "./growth.ts";
import { closeConnections } from "./http-driver.ts";
import { wrk } from "./load-tools.ts";
import { clockText, fits, makePlan, type Part, type Plan, partSeconds, planText } from "./plan.ts";
import { atRest } from "./process-facts.ts";
import {
  type BenchAgent,
  fromSource,
  type Program,
  type Programs,
  usualClient,
  usualServer,
} from "./programs.ts";
import type { Result } from "./report.ts";
import type { Bench, Described, Row, Sample, Scale, Take, Visit } from "./row.ts";
import {
  FAILOVER,
  PUT_THREE,
  RESTART,
  RESTART_MEMORY,
  Restarted,
  START,
  threeServers,
} from "./rows/clusters.ts";
import { dnsRows } from "./rows/dns.ts";
import { gossipPool, POOL_ROWS, poolSize } from "./rows/gossip.ts";
import { commandRows, idleRows, loadedRows } from "./rows/process.ts";
import { readRows, wideReadRows } from "./rows/reads.ts";
import { LAST_REPLY, WAITER_MEMORY, waiting } from "./rows/waiting.ts";
import { writeRows } from "./rows/writes.ts";
import { syncsOf, syncsText } from "./syncs.ts";

const run = promisify(execFile);

export const SCALES = {
  quick: {
    seconds: 1,
    warmUpSeconds: 0,
    registrations: 300,
    idleSeconds: 1,
    commandRuns: 3,
    waiters: 1_000,
    waiterRounds: 1,
    restartKeys: 20_000,
    restartInstances: 2_000,
    poolAgents: 10,
    poolSeconds: 5,
    poolKills: 1,
    simNodes: 100,
  },
  whole: {
    seconds: 1,
    warmUpSeconds: 1,
    registrations: 2_000,
    idleSeconds: 4,
    commandRuns: 7,
    waiters: 10_000,
    waiterRounds: 2,
    restartKeys: 500_000,
    restartInstances: 50_000,
    poolAgents: poolSize(),
    poolSeconds: 15,
    poolKills: 1,
    simNodes: 1_000,
  },
} as const satisfies Record<string, Scale>;

/** Seconds: what a run aims at, and after which nothing new begins. Promised are 5 and 60 minutes. */
const BUDGET = { quick: { plan: 240, end: 280 }, whole: { plan: 55 * 60, end: 57 * 60 } } as const;
const PAIRS = { quick: 2, whole: 5 } as const;

/** One row after the other on a filled cluster of a server and a client agent, in this order. */
const CLUSTER_ROWS: readonly Row[] = [
  ...idleRows,
  ...commandRows,
  ...readRows,
  ...dnsRows,
  ...writeRows,
  ...wideReadRows,
  ...loadedRows,
];
const THREE_ROWS = [PUT_THREE, FAILOVER] as const;
const WAITING_ROWS = [LAST_REPLY, WAITER_MEMORY] as const;
const RESTART_ROWS = [RESTART, RESTART_MEMORY] as const;
const described = (id: string, title: string): Described => ({
  id,
  title,
  unit: "",
  better: "less",
  target: 1,
  long: true,
});
/** Not rows of the table: tables of their own. */
const GROWTH_ROWS = GROWTH_IDS.map((id) =>
  described(`growth-${id}`, `${id}: the cost at 1, 10 and 100 times the data`),
);
const SIM = { ...described("sim", "a gossip pool simulated, beside its rules"), long: false };

export const ROWS: readonly (Row | Described)[] = [
  START,
  ...CLUSTER_ROWS,
  ...THREE_ROWS,
  ...WAITING_ROWS,
  ...POOL_ROWS,
  ...RESTART_ROWS,
  ...GROWTH_ROWS,
  SIM,
];

/** Which rows are wanted: of each word the row of that id, else those that it is part of; without words all, or all not long. */
export const wants =
  (words: readonly string[], quick: boolean) =>
  (row: Described): boolean =>
    words.length === 0
      ? !(quick && row.long === true)
      : words.some((w) => (ROWS.some((r) => r.id === w) ? row.id === w : row.id.includes(w)));

export interface CompareOptions {
  readonly quick: boolean;
  readonly wanted: (row: Described) => boolean;
  readonly pairs?: number | undefined;
  readonly seconds?: number | undefined;
}

export interface Outcome {
  readonly results: readonly Result[];
  readonly growth?: readonly GrowthResult[];
  readonly sim?: SimFigures;
  readonly syncs: readonly string[];
  readonly pairs: number;
  readonly minutes: number;
  /** What there was no time for. */
  readonly left?: string;
}

/** The parts of a run with what they cost on a quiet machine of two cores. */
function partsOf(wanted: CompareOptions["wanted"], pairs: number, quick: boolean): Record<string, Part> {
  const rows = CLUSTER_ROWS.filter(wanted);
  const any = (some: readonly Described[]): boolean => some.some(wanted);
  const part = (
    name: string,
    is: boolean,
    p: {
      readonly loads?: number;
      readonly warmUps?: number;
      readonly overhead: number;
      readonly once?: number;
      readonly pairs?: number;
    },
  ): Part => ({
    name,
    pairs: is ? (p.pairs ?? pairs) : 0,
    loads: is ? (p.loads ?? 0) : 0,
    warmUps: is ? (p.warmUps ?? 0) : 0,
    overhead: p.overhead,
    once: is ? (p.once ?? 0) : 0,
  });
  const count = (kind: Row["load"]): number => rows.filter((r) => r.load === kind).length;
  return {
    rows: part("a server and a client agent", rows.length > 0 || wanted(START), {
      loads: count("warm") + count("cold"),
      warmUps: count("warm"),
      overhead: quick ? 10 : 22,
    }),
    three: part("three servers", any(THREE_ROWS), { loads: 1, warmUps: 1, overhead: 8 }),
    waiting: part("blocking queries", any(WAITING_ROWS), {
      overhead: quick ? 15 : 26,
      pairs: quick ? 1 : pairs,
    }),
    pool: part("pool of real agents", any(POOL_ROWS), { overhead: quick ? 35 : 55 }),
    restart: part("restart with much data", any(RESTART_ROWS), {
      overhead: quick ? 3 : 12,
      once: quick ? 40 : 170,
    }),
    growth: part("growth", any(GROWTH_ROWS), {
      loads: GROWTH_LOADS * GROWTH_SCALES.length,
      overhead: 12,
      once: 90,
    }),
    sim: part("simulated gossip", wanted(SIM), { overhead: 0, once: quick ? 8 : 150 }),
    syncs: part("durability under strace", true, { overhead: 0, once: 10 }),
  };
}

class Samples {
  readonly #of = new Map<string, { row: Described; consul: Sample[]; tribune: Sample[] }>();
  readonly #wanted: CompareOptions["wanted"];
  readonly #label: () => string;

  constructor(wanted: CompareOptions["wanted"], label: () => string) {
    this.#wanted = wanted;
    this.#label = label;
  }

  take(program: Program, row: Described, sample: Sample): void {
    if (!this.#wanted(row)) return;
    let of = this.#of.get(row.id);
    if (of === undefined) {
      of = { row, consul: [], tribune: [] };
      this.#of.set(row.id, of);
    }
    of[program.name].push(sample);
    const cpu = sample.cpuUs === undefined ? "" : `  ${sample.cpuUs.toFixed(0)} us CPU`;
    const errors = (sample.errors ?? 0) > 0 ? `  ${sample.errors} ERRORS` : "";
    console.log(
      `${this.#label()} ${program.name.padEnd(8)} ${row.title.padEnd(60)} ${sample.value.toFixed(1).padStart(10)} ${row.unit}${cpu}${errors}`,
    );
  }

  results(): readonly Result[] {
    return ROWS.map((row) => this.#of.get(row.id)).filter(
      (r) => r !== undefined && r.consul.length > 0 && r.tribune.length > 0,
    ) as Result[];
  }
}

const FAILED: Sample = { value: Number.NaN };

/** The schedule of the rows wanted. */
export function planFor(options: CompareOptions): {
  readonly plan: Plan;
  readonly parts: Readonly<Record<string, Part>>;
  readonly pairs: number;
} {
  const kind = options.quick ? "quick" : "whole";
  const pairs = options.pairs ?? PAIRS[kind];
  const parts = partsOf(options.wanted, pairs, options.quick);
  const some = Object.values(parts).filter((p) => p.pairs > 0);
  const chosen = makePlan(some, BUDGET[kind].plan, !options.quick);
  if (options.seconds === undefined) return { plan: chosen, parts, pairs };
  const { seconds } = options;
  const expected = some.reduce((sum, p) => sum + partSeconds(p, seconds, chosen.warmUpSeconds), 0);
  return { plan: { ...chosen, seconds, expected }, parts, pairs };
}

export async function compare(programs: Programs, folder: string, options: CompareOptions): Promise<Outcome> {
  const { quick, wanted } = options;
  const kind = quick ? "quick" : "whole";
  const { plan, parts, pairs } = planFor(options);
  const { seconds } = plan;
  for (const line of planText(plan)) console.log(line);
  const scale: Scale = { ...SCALES[kind], seconds };
  const cost = (name: string): number => {
    const part = parts[name]!;
    return part.pairs === 0 ? 0 : partSeconds(part, seconds, plan.warmUpSeconds);
  };

  const began = performance.now();
  const spent = (): number => (performance.now() - began) / 1000;
  const clock = (): string => clockText(spent());
  let doing = "";
  const samples = new Samples(wanted, () => `${clock()} ${doing}`);
  const left: string[] = [];

  const syncs: string[] = [];
  for (const program of [programs.consul, programs.tribune]) {
    const seen = await syncsOf(program, folder).catch((error: Error) => {
      left.push(`${program.name}'s durability: ${error.message}`);
      return undefined;
    });
    const text = syncsText(program.name, seen);
    syncs.push(text);
    console.log(text);
  }

  const later = cost("restart") + cost("growth") + cost("sim");
  const answers = new Map<string, Answer>();
  let done = 0;
  let last = 0;
  const visits = cost("rows") + cost("three") + cost("waiting") + cost("pool") > 0;
  if (visits)
    for (; done < pairs; done++) {
      if (done > 0 && !fits(spent(), last, later, BUDGET[kind].end)) {
        left.push(`${pairs - done} of ${pairs} pairs`);
        break;
      }
      const start = spent();
      doing = `${done + 1}/${pairs}`;
      // Quick runs wait for blocking queries once: their memory is looked at after long rests.
      const here = (row: Described): boolean =>
        wanted(row) && !(quick && done > 0 && WAITING_ROWS.some((r) => r === row));
      for (const program of [programs.consul, programs.tribune])
        await visit(program, folder, scale, here, samples, done === 0 ? answers : undefined);
      last = spent() - start - (quick && done === 0 ? cost("waiting") : 0);
    }

  if (RESTART_ROWS.some(wanted)) {
    doing = "restart";
    const both = [programs.consul, programs.tribune].map(
      (program) => new Restarted({ program, folder, scale }),
    );
    for (const r of both) {
      console.log(`${clock()} filling ${r.program.name} for its restarts`);
      await r.fill().catch((error: Error) => left.push(`restarts of ${r.program.name}: ${error.message}`));
      closeConnections();
    }
    for (let pair = 0; pair < pairs; pair++)
      for (const r of both) {
        await r
          .restart((row, sample) => samples.take(r.program, row, sample))
          .catch((error: Error) => failed(RESTART_ROWS, r.program, samples, error));
        closeConnections();
      }
  }
  let grown: readonly GrowthResult[] | undefined;
  if (GROWTH_ROWS.some(wanted)) {
    // All its pairs or fewer, but each scale: a slope needs three points.
    const room = BUDGET[kind].end - spent() - cost("sim");
    const fit = Math.max(1, Math.min(pairs, Math.floor((pairs * room) / cost("growth"))));
    if (fit < pairs) left.push(`${pairs - fit} of ${pairs} pairs of growth`);
    grown = await growth(programs, folder, {
      pairs: fit,
      seconds: 1,
      wanted: (id) => GROWTH_ROWS.some((row) => row.id === `growth-${id}` && wanted(row)),
    }).catch((error: Error) => {
      left.push(`growth: ${error.message}`);
      return undefined;
    });
  }
  let sim: SimFigures | undefined;
  if (wanted(SIM)) {
    const nodes = spent() + cost("sim") <= BUDGET[kind].end ? scale.simNodes : SCALES.quick.simNodes;
    if (nodes < scale.simNodes) left.push(`a simulated pool of ${scale.simNodes}: ${nodes} instead`);
    console.log(`${clock()} simulating a gossip pool of ${nodes}`);
    sim = await simulated(nodes).catch((error: Error) => {
      left.push(`simulated gossip: ${error.message}`);
      return undefined;
    });
  }
  return {
    results: samples.results(),
    ...(grown === undefined ? {} : { growth: grown }),
    ...(sim === undefined ? {} : { sim }),
    syncs,
    pairs: visits ? done : pairs,
    minutes: spent() / 60,
    ...(left.length === 0 ? {} : { left: left.join("; ") }),
  };
}

/** A row that fails is a finding: it is shown as such and the others go on. */
function failed(rows: readonly Described[], program: Program, samples: Samples, error: Error): void {
  console.error(`${program.name}, ${rows.map((r) => r.id).join(", ")}: ${error.message}`);
  for (const row of rows) samples.take(program, row, FAILED);
}

async function visit(
  program: Program,
  base: string,
  scale: Scale,
  wanted: CompareOptions["wanted"],
  samples: Samples,
  answers: Map<string, Answer> | undefined,
): Promise<void> {
  const folder = mkdtempSync(join(base, `${program.name}-`));
  const take: Take = (row, sample) => samples.take(program, row, sample);
  const v: Visit = { program, folder, scale };
  const some = async (
    rows: readonly Described[],
    part: (v: Visit, take: Take) => Promise<void>,
  ): Promise<void> => {
    if (!rows.some(wanted)) return;
    const taken = new Set<Described>();
    await part(v, (row, sample) => {
      taken.add(row);
      take(row, sample);
    }).catch((error: Error) =>
      failed(
        rows.filter((r) => !taken.has(r)),
        program,
        samples,
        error,
      ),
    );
    closeConnections();
  };
  try {
    await cluster(v, wanted, take, answers);
    await some(THREE_ROWS, threeServers);
    await some(WAITING_ROWS, waiting);
    await some(POOL_ROWS, gossipPool);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The rows of a server and a client agent. */
async function cluster(
  v: Visit,
  wanted: CompareOptions["wanted"],
  take: Take,
  answers: Map<string, Answer> | undefined,
): Promise<void> {
  const { program, folder, scale } = v;
  const rows = CLUSTER_ROWS.filter(wanted);
  if (rows.length === 0 && !wanted(START)) return;
  const agents: BenchAgent[] = [];
  try {
    const started = performance.now();
    const server = usualServer(program, folder);
    agents.push(server);
    await server.ready();
    take(START, { value: performance.now() - started });
    if (rows.length === 0) return;
    const client = usualClient(program, folder, server);
    agents.push(client);
    await client.ready();
    await fill(server.http);
    const bench = { program, server, client, folder, scale };
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
      take(row, await measured(row, bench, answers));
    }
  } finally {
    for (const agent of agents) await agent.stop();
    closeConnections();
  }
}

/** A row whose answer is not the other program's fails as one that cannot be measured. */
async function measured(row: Row, bench: Bench, answers: Map<string, Answer> | undefined): Promise<Sample> {
  try {
    const differs = answers === undefined ? undefined : await compared(row, bench, answers);
    if (differs !== undefined) throw new Error(differs);
    return await row.measure(bench);
  } catch (error) {
    console.error(`${row.title}: ${(error as Error).message}`);
    return FAILED;
  }
}

/** Keeps the first program's answer; tells how the second one's differs. */
async function compared(row: Row, bench: Bench, answers: Map<string, Answer>): Promise<string | undefined> {
  const mine = await row.answer?.(bench);
  if (mine === undefined) return undefined;
  const theirs = answers.get(row.id);
  answers.set(row.id, mine);
  return theirs === undefined ? undefined : difference(theirs, mine);
}

/** In a process of its own: its heap is no part of the tools that measure. */
async function simulated(nodes: number): Promise<SimFigures> {
  const { stdout } = await run(
    process.execPath,
    [...fromSource("bench/gossip-sim.ts"), `--nodes=${nodes}`, "--json"],
    { maxBuffer: 16 << 20 },
  ).catch((error: Error & { stdout?: string }) => {
    // Exit code 1: a figure outside of the rules, told in the table.
    if (error.stdout?.startsWith("{") !== true) throw error;
    return { stdout: error.stdout };
  });
  return JSON.parse(stdout) as SimFigures;
}
