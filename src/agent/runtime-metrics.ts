/**
 * Figures of the process itself: memory and how late the event loop is. Consul 1.8.7 names the first two alike
 * (`runtime.alloc_bytes`, `runtime.sys_bytes`); the event loop is what stands here in the place of its goroutines.
 */
import { performance } from "node:perf_hooks";
import type { Clock } from "../ports/clock.ts";
import type { Metrics } from "../ports/metrics.ts";

/** Between two looks at the loop: often enough for ten samples in an interval of the sink, too seldom to cost anything. */
const LOOK_MS = 1_000;

export interface RuntimeFacts {
  /** Bytes: in use on the JavaScript heap, and resident of the whole process. */
  memory(): { readonly heapUsed: number; readonly rss: number };
  /** Share of time since the last call that the event loop was not idle, 0 to 1. */
  busy(): number;
}

export function processFacts(): RuntimeFacts {
  let last = performance.eventLoopUtilization();
  return {
    memory: () => process.memoryUsage(),
    busy: () => {
      const now = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(now, last);
      last = now;
      return utilization;
    },
  };
}

/** Reports from now on; the returned function ends it. */
export function watchRuntime(
  ports: { readonly clock: Clock; readonly metrics: Metrics },
  facts: RuntimeFacts = processFacts(),
): () => void {
  const { clock, metrics } = ports;
  const look = (due: number): void => {
    const late = Math.max(0, clock.now() - due);
    metrics.sample("runtime.loop_delay_ms", late);
    metrics.gauge("runtime.loop_busy", facts.busy());
    const { heapUsed, rss } = facts.memory();
    metrics.gauge("runtime.alloc_bytes", heapUsed);
    metrics.gauge("runtime.sys_bytes", rss);
    arm();
  };
  const arm = (): void => {
    const due = clock.now() + LOOK_MS;
    timer = clock.timer(LOOK_MS, () => look(due));
  };
  let timer: ReturnType<Clock["timer"]>;
  arm();
  return () => timer.cancel();
}
