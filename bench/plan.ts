/**
 * The schedule of a run, before it starts: how many seconds each load may take so that all of it ends in time. Pure: numbers in,
 * numbers out; what a part costs beside its loads is measured on a quiet machine of two cores.
 */

export interface Part {
  readonly name: string;
  /** Times that the part is gone through by each program. */
  readonly pairs: number;
  /** Rows with a load of chosen length, and those of them that are warmed up before. */
  readonly loads: number;
  readonly warmUps: number;
  /** Seconds a program and pair beside the loads: starts, fills, rests, fixed work. */
  readonly overhead: number;
  /** Seconds once for the part, both programs together. */
  readonly once: number;
}

export interface Plan {
  readonly parts: readonly Part[];
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** Seconds that all is expected to take. */
  readonly expected: number;
  readonly budget: number;
}

/** wrk takes whole seconds; longer than this a load does not get better. */
const LOAD_SECONDS_MAX = 5;
/** A load's own start and end, and the rest before it. */
export const BETWEEN_LOADS_SECONDS = 0.6;

export function partSeconds(part: Part, seconds: number, warmUpSeconds: number): number {
  const visit = part.loads * (seconds + BETWEEN_LOADS_SECONDS) + part.warmUps * warmUpSeconds + part.overhead;
  return part.once + 2 * part.pairs * visit;
}

/** The longest loads that fit `budget` seconds; one second when none does: then `expected` is above `budget`. */
export function makePlan(parts: readonly Part[], budget: number, warmUp: boolean): Plan {
  const warmUpSeconds = warmUp ? 1 : 0;
  const total = (seconds: number): number =>
    parts.reduce((sum, part) => sum + partSeconds(part, seconds, warmUpSeconds), 0);
  let seconds = 1;
  while (seconds < LOAD_SECONDS_MAX && total(seconds + 1) <= budget) seconds++;
  return { parts, seconds, warmUpSeconds, expected: total(seconds), budget };
}

/** Minutes and seconds: `7:05`. */
export function clockText(seconds: number): string {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** The plan in words, a line a part. */
export function planText(plan: Plan): readonly string[] {
  const { parts, seconds, warmUpSeconds, expected, budget } = plan;
  return [
    `plan: loads of ${seconds} s${warmUpSeconds > 0 ? `, ${warmUpSeconds} s of warm-up before new ones` : ""}; about ${clockText(expected)} of ${clockText(budget)} min on a quiet machine`,
    ...parts.map(
      (part) =>
        `  ${part.name.padEnd(44)} ${String(part.pairs).padStart(2)} pairs, ${String(part.loads).padStart(2)} loads  ${clockText(partSeconds(part, seconds, warmUpSeconds)).padStart(6)}`,
    ),
  ];
}

/**
 * Whether one more pair fits: `spent` seconds are gone, the last pair took `last`, what comes after needs `later`. Run on a
 * machine that is slower than planned, pairs are left out at the end, and the table tells how many there were.
 */
export const fits = (spent: number, last: number, later: number, budget: number): boolean =>
  spent + last + later <= budget;
