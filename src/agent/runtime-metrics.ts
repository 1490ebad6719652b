/**
 * Figures of the process itself: memory, collections of garbage, and how late the event loop is. Where Consul 1.8.7 has a figure of
 * the same meaning the name is the same (`runtime.alloc_bytes`, `runtime.sys_bytes`, `runtime.gc_pause_ns`); `num_goroutines` counts
 * what keeps this program busy in their place: sockets, timers, requests. Numbers of objects have no counterpart.
 */
import { PerformanceObserver, performance } from "node:perf_hooks";
import type { Clock } from "../ports/clock.ts";
import type { Metrics } from "../ports/metrics.ts";

/** Between two looks at the loop: often enough for ten samples in an interval of the sink, too seldom to cost anything. */
const LOOK_MS = 1_000;

export interface RuntimeFacts {
  /** Bytes: in use on the JavaScript heap, and resident of the whole process. */
  memory(): { readonly heapUsed: number; readonly rss: number };
  /** Share of time since the last call that the event loop was not idle, 0 to 1. */
  busy(): number;
  /** Nanoseconds of each pause since the last call. */
  gcPausesNs(): readonly number[];
  /** Sockets, timers and requests that are open. */
  resources(): number;
  /** Ends the looking. */
  end(): void;
}

export function processFacts(): RuntimeFacts {
  let last = performance.eventLoopUtilization();
  let pauses: number[] = [];
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) pauses.push(Math.round(duration * 1e6));
  });
  observer.observe({ entryTypes: ["gc"] });
  return {
    gcPausesNs: () => {
      const out = pauses;
      pauses = [];
      return out;
    },
    resources: () => process.getActiveResourcesInfo().length,
    end: () => observer.disconnect(),
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
  let gcRuns = 0;
  let gcPauseNs = 0;
  const look = (due: number): void => {
    const late = Math.max(0, clock.now() - due);
    metrics.sample("runtime.loop_delay_ms", late);
    metrics.gauge("runtime.loop_busy", facts.busy());
    const { heapUsed, rss } = facts.memory();
    metrics.gauge("runtime.alloc_bytes", heapUsed);
    metrics.gauge("runtime.sys_bytes", rss);
    metrics.gauge("runtime.num_goroutines", facts.resources());
    for (const ns of facts.gcPausesNs()) {
      gcRuns++;
      gcPauseNs += ns;
      metrics.sample("runtime.gc_pause_ns", ns);
    }
    metrics.gauge("runtime.total_gc_runs", gcRuns);
    metrics.gauge("runtime.total_gc_pause_ns", gcPauseNs);
    arm();
  };
  const arm = (): void => {
    const due = clock.now() + LOOK_MS;
    timer = clock.timer(LOOK_MS, () => look(due));
  };
  let timer: ReturnType<Clock["timer"]>;
  arm();
  return () => {
    timer.cancel();
    facts.end();
  };
}
