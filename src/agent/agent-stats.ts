/** The sections of `info` that every agent has, around those of its server or client. Keys as observed in Consul 1.8.7. */
import { availableParallelism } from "node:os";
import { COMPATIBLE_VERSION, REVISION } from "./version.ts";

/** Go's names for what Node calls otherwise. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386" };

export function agentStats(
  counts: {
    readonly monitors: number;
    readonly ttls: number;
    readonly checks: number;
    readonly services: number;
  },
  delegate: ReadonlyMap<string, ReadonlyMap<string, string>>,
): ReadonlyMap<string, ReadonlyMap<string, string>> {
  const cpus = String(availableParallelism());
  return new Map<string, ReadonlyMap<string, string>>([
    [
      "agent",
      new Map([
        ["check_monitors", String(counts.monitors)],
        ["check_ttls", String(counts.ttls)],
        ["checks", String(counts.checks)],
        ["services", String(counts.services)],
      ]),
    ],
    [
      "build",
      new Map([
        ["prerelease", ""],
        ["revision", REVISION],
        ["version", COMPATIBLE_VERSION],
      ]),
    ],
    ...delegate,
    [
      "runtime",
      new Map([
        ["arch", ARCHITECTURES[process.arch] ?? process.arch],
        ["cpu_count", cpus],
        // What keeps the program running: timers, sockets, child processes.
        ["goroutines", String(process.getActiveResourcesInfo().length)],
        ["max_procs", cpus],
        ["os", process.platform === "win32" ? "windows" : process.platform],
        ["version", `node ${process.version}`],
      ]),
    ],
  ]);
}
