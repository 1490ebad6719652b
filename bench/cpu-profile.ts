/** Reading of V8's CPU profiles (`--cpu-prof`): self time of functions within a window of time. Pure. */

export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: {
      readonly functionName: string;
      readonly url: string;
      /** From 0; -1 for what has no source. */
      readonly lineNumber: number;
    };
  }[];
  /** Microseconds of the monotonic clock (`process.hrtime`). */
  readonly startTime: number;
  readonly endTime: number;
  /** The node at each sample, and microseconds from the sample before. */
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

export interface SelfTime {
  readonly name: string;
  readonly where: string;
  readonly ms: number;
  /** Of the time that the thread was not idle. */
  readonly share: number;
}

const IDLE = new Set(["(idle)", "(root)"]);

/** Functions by self time, dearest first; `window` in microseconds of the monotonic clock. */
export function selfTimes(
  profile: CpuProfile,
  window: { readonly from: number; readonly to: number } = { from: 0, to: Number.POSITIVE_INFINITY },
): { readonly busyMs: number; readonly functions: readonly SelfTime[] } {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node.callFrame]));
  const us = new Map<string, { name: string; where: string; us: number }>();
  let at = profile.startTime;
  let busy = 0;
  profile.samples.forEach((id, i) => {
    // The delta behind a sample is the time until the next one: what the sampled function ran for.
    at += profile.timeDeltas[i] ?? 0;
    const took = profile.timeDeltas[i + 1] ?? 0;
    const frame = nodes.get(id);
    if (frame === undefined || at < window.from || at > window.to || IDLE.has(frame.functionName)) return;
    busy += took;
    const name = frame.functionName === "" ? "(anonymous)" : frame.functionName;
    const where =
      frame.url === ""
        ? ""
        : `${frame.url.replace(/^.*\/(?=src\/|node_modules\/)/, "")}:${frame.lineNumber + 1}`;
    const key = `${name} ${where}`;
    const entry = us.get(key) ?? { name, where, us: 0 };
    entry.us += took;
    us.set(key, entry);
  });
  return {
    busyMs: busy / 1000,
    functions: [...us.values()]
      .sort((a, b) => b.us - a.us)
      .map((e) => ({ name: e.name, where: e.where, ms: e.us / 1000, share: busy === 0 ? 0 : e.us / busy })),
  };
}

export function selfTimeLines(
  profile: CpuProfile,
  window: Parameters<typeof selfTimes>[1],
  top: number,
): readonly string[] {
  const { busyMs, functions } = selfTimes(profile, window);
  return [
    `busy ${busyMs.toFixed(0)} ms`,
    ...functions
      .slice(0, top)
      .map(
        (f) =>
          `${(100 * f.share).toFixed(1).padStart(5)} %  ${f.ms.toFixed(1).padStart(8)} ms  ${f.name}  ${f.where}`,
      ),
  ];
}
