/** One seed's run as plain data, so that it can be handed to another thread. */
import { breakages } from "./breakages.ts";
import { type RunOptions, type RunResult, run } from "./cluster.ts";

export interface SeedTask extends Omit<RunOptions, "breakage" | "log"> {
  readonly breakage?: string | undefined;
}
export interface SeedOutcome extends Omit<RunResult, "violation"> {
  readonly task: SeedTask;
  readonly violation: string | undefined;
}

export async function runTask(task: SeedTask, log?: RunOptions["log"]): Promise<SeedOutcome> {
  const breakage = breakages.find((b) => b.name === task.breakage);
  const { violation, ...result } = await run({ ...task, breakage, log });
  return { ...result, task, violation: violation?.message };
}

/** Sizes of clusters that a campaign goes through, by seed. */
export const SIZES = [3, 5, 7] as const;
export const sizeFor = (seed: number): number => SIZES[seed % SIZES.length]!;

/** The command that runs a task again. */
export function replayLine(task: SeedTask): string {
  const options: Readonly<Record<string, string | number | boolean | undefined>> = {
    servers: task.servers,
    "fault-seconds": task.faultMs / 1000,
    old: task.old,
    danger: task.danger,
    multiplier: task.multiplier,
    wire: task.wire,
    "wild-clocks": task.wildClocks === undefined ? undefined : task.wildClocks ? "yes" : "no",
    breakage: task.breakage,
  };
  const text = Object.entries(options).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name} ${value}`],
  );
  return `npm run sim -- raft --seed ${task.seed} ${text.join(" ")}`;
}
