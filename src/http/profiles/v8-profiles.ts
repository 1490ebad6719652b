/** V8's own profiles as stack profiles. */
import type { HeapProfiler, Profiler, Runtime } from "node:inspector";
import type { Frame, StackProfile, StackSample } from "./stack-profile.ts";

const frameOf = ({ functionName, url, lineNumber }: Runtime.CallFrame): Frame => ({
  name: functionName,
  file: url,
  line: lineNumber + 1,
});

/** A sampler that has nothing to sample says so; a profile is of what was done. */
const IDLE = "(idle)";
const ROOT = "(root)";

/** Times by stack. `intervalUs`: between two samples. */
export function cpuProfile(v8: Profiler.Profile, intervalUs: number, takenMs: number): StackProfile {
  const byId = new Map(v8.nodes.map((n) => [n.id, n]));
  const parents = new Map<number, number>();
  for (const n of v8.nodes) for (const child of n.children ?? []) parents.set(child, n.id);
  const counts = new Map<number, { samples: number; us: number }>();
  (v8.samples ?? []).forEach((id, i) => {
    let c = counts.get(id);
    if (c === undefined) {
      c = { samples: 0, us: 0 };
      counts.set(id, c);
    }
    c.samples++;
    c.us += Math.max(0, v8.timeDeltas?.[i] ?? 0);
  });
  const samples: StackSample[] = [];
  for (const [id, { samples: count, us }] of counts) {
    const stack: Frame[] = [];
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const frame = byId.get(at)!.callFrame;
      if (frame.functionName !== ROOT) stack.push(frameOf(frame));
    }
    if (stack.length > 0 && stack[0]!.name !== IDLE) samples.push({ stack, values: [count, us * 1_000] });
  }
  return {
    types: [
      { type: "samples", unit: "count" },
      { type: "cpu", unit: "nanoseconds" },
    ],
    samples,
    period: { type: "cpu", unit: "nanoseconds", value: intervalUs * 1_000 },
    takenMs,
    durationMs: (v8.endTime - v8.startTime) / 1_000,
  };
}

/** Bytes that live, by the stack that asked for them. */
export function heapProfile(
  v8: HeapProfiler.SamplingHeapProfile,
  intervalBytes: number,
  taken: { readonly takenMs: number; readonly durationMs: number },
): StackProfile {
  const samples: StackSample[] = [];
  const open: { readonly node: HeapProfiler.SamplingHeapProfileNode; readonly outer: readonly Frame[] }[] = [
    { node: v8.head, outer: [] },
  ];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { node, outer } = next;
    const stack = node.callFrame.functionName === ROOT ? outer : [frameOf(node.callFrame), ...outer];
    if (node.selfSize > 0 && stack.length > 0) samples.push({ stack, values: [node.selfSize] });
    for (const child of node.children) open.push({ node: child, outer: stack });
  }
  return {
    types: [{ type: "inuse_space", unit: "bytes" }],
    samples,
    period: { type: "space", unit: "bytes", value: intervalBytes },
    ...taken,
  };
}

/** What is open and keeps the process busy, by kind: this program's counterpart of goroutines. */
export function resourceProfile(kinds: readonly string[], takenMs: number): StackProfile {
  const counts = new Map<string, number>();
  for (const kind of kinds) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return {
    types: [{ type: "goroutine", unit: "count" }],
    samples: [...counts].map(([name, count]) => ({ stack: [{ name, file: "", line: 0 }], values: [count] })),
    period: { type: "goroutine", unit: "count", value: 1 },
    takenMs,
    durationMs: 0,
  };
}
