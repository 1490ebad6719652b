/** The processes themselves: memory at rest and after load, and the command line. */
import { execFile } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { memoryMb } from "../process-facts.ts";
import type { Bench, Row } from "../row.ts";
import { median } from "../statistics.ts";

const run = promisify(execFile);

async function command(b: Bench, args: readonly string[]): Promise<{ value: number }> {
  const times: number[] = [];
  for (let i = 0; i < b.scale.commandRuns; i++) {
    const started = performance.now();
    await run(b.program.path, [...(b.program.before?.(b.folder) ?? []), ...args]);
    times.push(performance.now() - started);
  }
  return { value: median(times) };
}

const memory = (at: "server" | "client", when: "idle" | "loaded"): Row => ({
  id: `memory-${at}-${when}`,
  title: `memory of a ${at === "server" ? "server" : "client agent"}, ${when === "idle" ? "idle" : "after the load of all rows"}`,
  unit: "MB RSS",
  better: "less",
  target: 1,
  measure: async (b) => {
    // Both agents rest together: the second row need not wait again.
    if (at === "server") await sleep(1000 * b.scale.idleSeconds);
    return { value: memoryMb(b[at].pid, "VmRSS") };
  },
});

/** Before any load. */
export const idleRows: readonly Row[] = [memory("server", "idle"), memory("client", "idle")];
/** After all load. */
export const loadedRows: readonly Row[] = [memory("server", "loaded"), memory("client", "loaded")];

const cli = (id: string, title: string, args: (b: Bench) => readonly string[]): Row => ({
  id,
  title: `command: ${title}`,
  unit: "ms",
  better: "less",
  target: 1.5,
  measure: (b) => command(b, args(b)),
});

export const commandRows: readonly Row[] = [
  cli("cli-version", "version", () => ["version"]),
  cli("cli-members", "members", (b) => ["members", `-http-addr=${b.server.ip}:8500`]),
  cli("cli-kv-get", "kv get", (b) => ["kv", "get", `-http-addr=${b.server.ip}:8500`, "bench/one"]),
];
