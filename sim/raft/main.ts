/**
 * `npm run sim -- raft [--seed N] [--servers 3|5|7] [--minutes M] [--breakage NAME] [--danger 0..1] [--old none|some|all] [--fault-seconds S] [--verbose]`: new seeds
 * for M minutes of real time (default 1), or one seed. A failing run prints its seed and the line that replays it.
 */
import { parseArgs } from "node:util";
import { breakages } from "./breakages.ts";
import { run } from "./cluster.ts";

const SIZES = [3, 5, 7] as const;
const FAULT_SECONDS = 300;

export async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: "string" },
      servers: { type: "string" },
      minutes: { type: "string" },
      breakage: { type: "string" },
      old: { type: "string" },
      danger: { type: "string" },
      "fault-seconds": { type: "string" },
      verbose: { type: "boolean" },
    },
  });
  const breakage = breakages.find((b) => b.name === values.breakage);
  if (values.breakage !== undefined && breakage === undefined) {
    console.error(`no breakage "${values.breakage}"; there are: ${breakages.map((b) => b.name).join(", ")}`);
    return 1;
  }
  const danger = values.danger === undefined ? undefined : Number(values.danger);
  const old = values.old as "none" | "some" | "all" | undefined;
  const faultMs = 1000 * Number(values["fault-seconds"] ?? FAULT_SECONDS);
  const given = values.seed ?? process.env.SIM_SEED;
  const single = given !== undefined && values.minutes === undefined;
  const end = performance.now() + 60_000 * Number(values.minutes ?? 1);
  const started = performance.now();
  let seed = given === undefined ? Date.now() % 1_000_000_000 : Number(given);
  const first = seed;
  const total = { seeds: 0, simulatedMs: 0, events: 0, elections: 0, acknowledged: 0, reads: 0, faults: 0 };
  let failed = false;
  do {
    const servers = values.servers === undefined ? SIZES[seed % SIZES.length]! : Number(values.servers);
    const log = values.verbose
      ? (atMs: number, server: string, level: string, message: string): void =>
          console.log(`${atMs.toFixed(1).padStart(10)} ${server} [${level}] ${message}`)
      : undefined;
    const result = await run({ seed, servers, faultMs, breakage, log, danger, old });
    total.seeds++;
    for (const key of ["simulatedMs", "events", "elections", "acknowledged", "reads", "faults"] as const)
      total[key] += result[key];
    if (result.violation !== undefined) {
      failed = true;
      const more = [
        old === undefined ? "" : ` --old ${old}`,
        danger === undefined ? "" : ` --danger ${danger}`,
        values["fault-seconds"] === undefined ? "" : ` --fault-seconds ${values["fault-seconds"]}`,
        breakage === undefined ? "" : ` --breakage ${breakage.name}`,
      ].join("");
      console.log(`FAIL ${result.violation.message}`);
      console.log(
        `     at ${Math.round(result.simulatedMs).toLocaleString("en")} ms, ${servers} servers     replay: SIM_SEED=${seed} npm run sim -- raft --servers ${servers}${more}`,
      );
    } else if (single) console.log(`fingerprint ${result.fingerprint}`);
    seed++;
  } while (!single && !failed && performance.now() < end);
  const hours = total.simulatedMs / 3_600_000;
  const seconds = (performance.now() - started) / 1000;
  console.log(
    `${failed ? "FAIL" : "ok"}: ${total.seeds} seeds from ${first}, ${hours.toFixed(1)} cluster-hours in ${seconds.toFixed(0)} s (${(hours / seconds).toFixed(2)} hours a second), ` +
      `${total.events} events, ${total.elections} elections, ${total.faults} faults, ${total.acknowledged} writes acknowledged, ${total.reads} reads`,
  );
  return failed ? 1 : 0;
}
