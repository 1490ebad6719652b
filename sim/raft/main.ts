/**
 * `npm run sim -- raft`: simulated clusters of servers under faults, each drawn from a seed.
 *
 *   --budget-seconds N   new seeds for N seconds of real time (or --minutes M; one minute when nothing is said)
 *   --hours H            new seeds until H cluster-hours are simulated
 *   --seed N             one seed, or with a goal the first one; also SIM_SEED
 *   --breakages          how many seeds it takes to find each deliberate breakage of the core
 *   --workers W          threads (1)
 *   --servers 3|5|7  --fault-seconds S  --danger 0..1  --old none|some|all  --multiplier M  --wire 0..1
 *   --wild-clocks yes|no  --breakage NAME  --verbose
 *
 * A failing run prints its seed and the line that replays it, and the exit code is 1.
 */
import { parseArgs } from "node:util";
import { huntBreakages } from "./breakage-hunt.ts";
import { breakages } from "./breakages.ts";
import { runCampaign } from "./campaign.ts";
import { replayLine, runTask, type SeedOutcome, type SeedTask, SIZES, sizeFor } from "./seed-task.ts";

const FAULT_SECONDS = 300;
const PROGRESS_MS = 30_000;

const optional = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : Number(text);

export async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: "string" },
      servers: { type: "string" },
      "budget-seconds": { type: "string" },
      minutes: { type: "string" },
      hours: { type: "string" },
      workers: { type: "string", default: "1" },
      breakages: { type: "boolean" },
      breakage: { type: "string" },
      old: { type: "string" },
      danger: { type: "string" },
      multiplier: { type: "string" },
      wire: { type: "string" },
      "wild-clocks": { type: "string" },
      "fault-seconds": { type: "string" },
      verbose: { type: "boolean" },
    },
  });
  const wrong = complaint(values);
  if (wrong !== undefined) {
    console.error(wrong);
    return 1;
  }
  const workers = Number(values.workers);
  const given = values.seed ?? process.env.SIM_SEED;
  const first = given === undefined ? Date.now() % 1_000_000_000 : Number(given);
  if (values.breakages) return huntBreakages(first, workers);

  const base = {
    faultMs: 1000 * Number(values["fault-seconds"] ?? FAULT_SECONDS),
    breakage: values.breakage,
    old: values.old as SeedTask["old"],
    danger: optional(values.danger),
    multiplier: optional(values.multiplier),
    wire: optional(values.wire),
    wildClocks: values["wild-clocks"] === undefined ? undefined : values["wild-clocks"] === "yes",
  };
  const taskFor = (seed: number): SeedTask => ({
    ...base,
    seed,
    servers: optional(values.servers) ?? sizeFor(seed),
  });
  const seconds =
    optional(values["budget-seconds"]) ??
    (values.minutes === undefined ? undefined : 60 * Number(values.minutes));
  if (given !== undefined && seconds === undefined && values.hours === undefined)
    return replay(taskFor(first), values.verbose === true);
  return explore(taskFor, first, workers, {
    ms: values.hours === undefined ? 1000 * (seconds ?? 60) : Number.POSITIVE_INFINITY,
    hours: optional(values.hours) ?? Number.POSITIVE_INFINITY,
  });
}

function complaint(values: Readonly<Record<string, string | boolean | undefined>>): string | undefined {
  const numbers = [
    "seed",
    "servers",
    "budget-seconds",
    "minutes",
    "hours",
    "workers",
    "danger",
    "multiplier",
    "wire",
  ];
  for (const name of numbers) {
    const text = values[name];
    if (text !== undefined && !(Number(text) >= 0)) return `--${name} ${text}: want a number`;
  }
  if (values.servers !== undefined && !SIZES.some((n) => String(n) === values.servers))
    return `--servers ${values.servers}: want ${SIZES.join(", ")}`;
  if (values.breakage !== undefined && !breakages.some((b) => b.name === values.breakage))
    return `no breakage "${values.breakage}"; there are: ${breakages.map((b) => b.name).join(", ")}`;
  return undefined;
}

async function replay(task: SeedTask, verbose: boolean): Promise<number> {
  const totals = new Totals(task.seed);
  const outcome = await runTask(
    task,
    verbose
      ? (atMs, server, level, message) =>
          console.log(`${atMs.toFixed(1).padStart(10)} ${server} [${level}] ${message}`)
      : undefined,
  );
  totals.add(outcome);
  if (outcome.violation === undefined) console.log(`fingerprint ${outcome.fingerprint}`);
  else printFailure(outcome);
  console.log(totals.line());
  return outcome.violation === undefined ? 0 : 1;
}

interface Goal {
  readonly ms: number;
  readonly hours: number;
}

async function explore(
  taskFor: (seed: number) => SeedTask,
  first: number,
  workers: number,
  goal: Goal,
): Promise<number> {
  console.log(`seeds from ${first} on, ${workers} ${workers === 1 ? "thread" : "threads"}`);
  const totals = new Totals(first);
  let seed = first;
  let told = performance.now();
  await runCampaign({
    workers,
    next: () =>
      totals.failed || totals.ms >= goal.ms || totals.hours >= goal.hours ? undefined : taskFor(seed++),
    onOutcome: (outcome) => {
      totals.add(outcome);
      if (outcome.violation !== undefined) printFailure(outcome);
      else if (performance.now() - told > PROGRESS_MS) {
        told = performance.now();
        console.log(`  ${totals.line()}`);
      }
      return outcome.violation === undefined;
    },
  });
  console.log(totals.line());
  return totals.failed ? 1 : 0;
}

function printFailure({ task, violation, simulatedMs }: SeedOutcome): void {
  console.log(`FAIL ${violation}`);
  console.log(`     seed ${task.seed}, ${task.servers} servers, at ${Math.round(simulatedMs)} ms`);
  console.log(`     replay: ${replayLine(task)}`);
}

const SUMMED = ["simulatedMs", "events", "elections", "acknowledged", "reads", "faults"] as const;

class Totals {
  readonly #first: number;
  readonly #started = performance.now();
  readonly #sums = { simulatedMs: 0, events: 0, elections: 0, acknowledged: 0, reads: 0, faults: 0 };
  readonly #msByMultiplier = new Map<number, number>();
  #seeds = 0;
  failed = false;

  constructor(first: number) {
    this.#first = first;
  }

  add(outcome: SeedOutcome): void {
    this.#seeds++;
    for (const key of SUMMED) this.#sums[key] += outcome[key];
    const { multiplier, simulatedMs } = outcome;
    this.#msByMultiplier.set(multiplier, (this.#msByMultiplier.get(multiplier) ?? 0) + simulatedMs);
    if (outcome.violation !== undefined) this.failed = true;
  }

  get ms(): number {
    return performance.now() - this.#started;
  }
  get hours(): number {
    return this.#sums.simulatedMs / 3_600_000;
  }

  line(): string {
    const { events, elections, faults, acknowledged, reads } = this.#sums;
    const seconds = this.ms / 1000;
    const n = (x: number): string => x.toLocaleString("en");
    const shares = [...this.#msByMultiplier]
      .sort(([a], [b]) => a - b)
      .map(([m, ms]) => `${(ms / 3_600_000).toFixed(1)} h at raft_multiplier ${m}`);
    return (
      `${this.failed ? "FAIL" : "ok"}: ${n(this.#seeds)} seeds from ${this.#first}, ${this.hours.toFixed(1)} cluster-hours in ${seconds.toFixed(0)} s ` +
      `(${(this.hours / seconds).toFixed(2)} hours a second; ${shares.join(", ")}), ${n(events)} events, ${n(elections)} elections, ` +
      `${n(faults)} faults, ${n(acknowledged)} writes acknowledged, ${n(reads)} reads`
    );
  }
}
