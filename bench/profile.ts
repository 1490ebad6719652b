/** `npm run bench -- --profile ROW`: one row under V8's CPU profiler, run from source; the functions that cost most by themselves. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CpuProfile, selfTimeLines } from "./cpu-profile.ts";
import { fill } from "./fixture.ts";
import { closeConnections } from "./http-driver.ts";
import { atRest } from "./process-facts.ts";
import { fromSource, type Program, usualClient, usualServer } from "./programs.ts";
import type { Row, Scale } from "./row.ts";

const TOP = 25;
/** A profile of a short load shows the compiler more than the program. */
const SECONDS = 5;

/** Tribune from source, each agent with a profile of its main thread in its folder (the log thread ends too suddenly for one). */
const PROFILED: Program = {
  name: "tribune",
  path: process.execPath,
  before: (folder) => fromSource("src/main.ts", "--cpu-prof", `--cpu-prof-dir=${join(folder, "profile")}`),
};

const monotonicUs = (): number => Number(process.hrtime.bigint() / 1000n);

function show(name: string, folder: string, window: Parameters<typeof selfTimeLines>[1]): void {
  for (const file of readdirSync(folder).filter((f) => f.endsWith(".cpuprofile"))) {
    const profile = JSON.parse(readFileSync(join(folder, file), "utf8")) as CpuProfile;
    console.log(`\n${name}, ${file}`);
    for (const line of selfTimeLines(profile, window, TOP)) console.log(line);
  }
}

/** A row of the usual cluster: what both agents did while it was measured. */
export async function profileRow(row: Row, base: Scale): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "tribune-bench-profile-"));
  const scale: Scale = { ...base, seconds: SECONDS, warmUpSeconds: 2 };
  const server = usualServer(PROFILED, folder);
  const agents = [server];
  try {
    await server.ready();
    const client = usualClient(PROFILED, folder, server);
    agents.push(client);
    await client.ready();
    await fill(server.http);
    const bench = { program: PROFILED, server, client, folder, scale };
    // Once for the compiler, once for the profile.
    await row.measure(bench);
    await atRest(agents.map((a) => a.pid));
    const from = monotonicUs();
    const sample = await row.measure({ ...bench, scale: { ...scale, warmUpSeconds: 0 } });
    const window = { from, to: monotonicUs() };
    console.log(
      `${row.title}: ${sample.value.toFixed(1)} ${row.unit}${sample.cpuUs === undefined ? "" : `, ${sample.cpuUs.toFixed(1)} us CPU an operation`} (from source and under the profiler: slower than the executable)`,
    );
    closeConnections();
    // The profile is written at an orderly end; the client first, while it still has a server to leave.
    for (const agent of [client, server]) await agent.stop("SIGINT");
    show("server", join(folder, "server", "profile"), window);
    show("client agent", join(folder, "client", "profile"), window);
  } finally {
    for (const agent of agents) if (!agent.ended) await agent.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Rows with clusters of their own end their agents by force, which leaves no profile: told instead of shown empty. */
export const notProfiled = (id: string): string =>
  `${id} has no profile here: --profile takes the rows of the usual cluster (KV, catalog, health, DNS, registrations)`;
