/** Records profiles of this process through V8's inspector, whose door to the outside stays closed. */
import type { NodeTracing } from "node:inspector";
import { Session } from "node:inspector/promises";
import type { Clock } from "../../ports/clock.ts";
import { sleep } from "../../ports/clock.ts";
import type { StackProfile } from "./stack-profile.ts";
import { cpuProfile, heapProfile, resourceProfile } from "./v8-profiles.ts";

/** Microseconds: a hundred looks a second, as Go's profiler. */
const CPU_INTERVAL_US = 10_000;
/** Bytes between two sampled allocations, as Go's. */
const HEAP_INTERVAL_BYTES = 512 * 1024;
const TRACE_CATEGORIES = ["node", "node.async_hooks", "node.perf", "v8", "disabled-by-default-v8.gc"];

/** Another recording of the kind runs. The text is Go's. */
export class BusyError extends Error {
  override readonly name = "BusyError";
}

export class Profiler {
  readonly #clock: Clock;
  #session: Session | undefined;
  #heapSinceMs: number | undefined;
  #cpuRuns = false;
  #traceRuns = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Where time goes, for as long as asked, or until `signal`. */
  async cpu(seconds: number, signal: AbortSignal): Promise<StackProfile> {
    if (this.#cpuRuns) throw new BusyError("Could not enable CPU profiling: cpu profiling already in use");
    this.#cpuRuns = true;
    const session = this.#connected();
    try {
      await session.post("Profiler.enable");
      await session.post("Profiler.setSamplingInterval", { interval: CPU_INTERVAL_US });
      const takenMs = this.#clock.wall();
      await session.post("Profiler.start");
      await this.#wait(seconds, signal);
      const { profile } = await session.post("Profiler.stop");
      return cpuProfile(profile, CPU_INTERVAL_US, takenMs);
    } finally {
      this.#cpuRuns = false;
      // A closed session has ended its profiler.
      await session.post("Profiler.disable").catch(() => {});
    }
  }

  /** What of the memory taken since the first such request (which looks on for `seconds`) is still in use. */
  async heap(seconds: number, signal: AbortSignal): Promise<StackProfile> {
    const session = this.#connected();
    const first = this.#heapSinceMs === undefined;
    if (first) {
      this.#heapSinceMs = this.#clock.now();
      await session.post("HeapProfiler.enable");
      await session.post("HeapProfiler.startSampling", { samplingInterval: HEAP_INTERVAL_BYTES });
    }
    if (first || seconds > 1) await this.#wait(seconds, signal);
    const { profile } = await session.post("HeapProfiler.getSamplingProfile");
    const durationMs = this.#clock.now() - (this.#heapSinceMs ?? 0);
    return heapProfile(profile, HEAP_INTERVAL_BYTES, { takenMs: this.#clock.wall(), durationMs });
  }

  resources(): StackProfile {
    return resourceProfile(process.getActiveResourcesInfo(), this.#clock.wall());
  }

  /** What Node and V8 do, event by event: JSON of the Trace Event Format, for Perfetto and Chrome's viewer. */
  async trace(seconds: number, signal: AbortSignal): Promise<string> {
    if (this.#traceRuns) throw new BusyError("Could not enable tracing: tracing is already enabled");
    this.#traceRuns = true;
    // A session of its own: its end ends the tracing.
    const session = new Session();
    session.connect();
    try {
      const events: object[] = [];
      session.on("NodeTracing.dataCollected", ({ params }) => {
        for (const event of (params as NodeTracing.DataCollectedEventDataType).value) events.push(event);
      });
      const complete = new Promise<void>((resolve) =>
        session.once("NodeTracing.tracingComplete", () => resolve()),
      );
      await session.post("NodeTracing.start", { traceConfig: { includedCategories: TRACE_CATEGORIES } });
      await this.#wait(seconds, signal);
      await session.post("NodeTracing.stop");
      await complete;
      return JSON.stringify({ traceEvents: events });
    } finally {
      this.#traceRuns = false;
      session.disconnect();
    }
  }

  /** Ends the sampling. */
  close(): void {
    this.#session?.disconnect();
    this.#session = undefined;
    this.#heapSinceMs = undefined;
  }

  #connected(): Session {
    if (this.#session === undefined) {
      this.#session = new Session();
      this.#session.connect();
    }
    return this.#session;
  }

  /** A recording that is broken off is still one. */
  async #wait(seconds: number, signal: AbortSignal): Promise<void> {
    await sleep(this.#clock, seconds * 1_000, { signal }).catch(() => {});
  }
}
