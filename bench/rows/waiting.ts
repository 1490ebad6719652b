/** Many blocking queries on one service, as `blocking.ts` measures them in a process of its own. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { fromSource } from "../programs.ts";
import type { Described, Take, Visit } from "../row.ts";
import { median } from "../statistics.ts";

const run = promisify(execFile);

export const LAST_REPLY: Described = {
  id: "blocking-last",
  title: "blocking queries on one service: from a change to the last reply",
  unit: "ms",
  better: "less",
  target: 0.5,
};
export const WAITER_MEMORY: Described = {
  id: "blocking-memory",
  title: "blocking queries: memory of a waiter with its connection",
  unit: "KB RSS",
  better: "less",
  target: 0.5,
};

export async function waiting(v: Visit, take: Take): Promise<void> {
  const { stdout } = await run(process.execPath, [
    ...fromSource("bench/blocking.ts"),
    `--program=${v.program.name}`,
    `--waiters=${v.scale.waiters}`,
    "--others=100",
    `--rounds=${v.scale.waiterRounds}`,
    "--brief",
  ]);
  const figures = (pattern: RegExp): number[] => [...stdout.matchAll(pattern)].map((m) => Number(m[1]));
  const cpuUs = median(figures(/CPU ([\d.]+) us a reply/g));
  take(LAST_REPLY, { value: median(figures(/, last ([\d.]+);/g)), cpuUs });
  const open = figures(/KB a connection: (-?[\d.]+)/g)[0] ?? Number.NaN;
  const waits = figures(/KB a waiter beside it: (-?[\d.]+)/g)[0] ?? Number.NaN;
  take(WAITER_MEMORY, { value: open + waits });
}
