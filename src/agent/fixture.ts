/** For tests: a whole agent in this process, on loopback, configured as a user would do it. */

import { systemClock } from "../ports/clock.ts";
import { realDisk } from "../ports/disk.ts";
import { formatLogLine, LogHub, type LogLevel } from "../ports/log.ts";
import { noMetrics } from "../ports/metrics.ts";
import type { Random } from "../ports/random.ts";
import { systemRandom } from "../ports/random.ts";
import { type AgentHooks, type RunningAgent, startAgent } from "./agent.ts";
import { buildConfig } from "./config/build-config.ts";
import { NO_FLAGS } from "./config/flags.ts";
import { realConfigHost } from "./config/host.ts";
import type { RuntimeConfig } from "./config/runtime-config.ts";

/** The configuration of an HCL text. Throws what a user would see. */
export function configOf(hcl: string, options: { readonly dev?: boolean } = {}): RuntimeConfig {
  const built = buildConfig({ ...NO_FLAGS, dev: options.dev ?? false, hcl: [hcl] }, realConfigHost());
  if (built instanceof Error) throw built;
  return built.config;
}

export interface TestAgent {
  readonly agent: RunningAgent;
  /** Log lines without their time, from `level` on. */
  readonly lines: readonly string[];
}

export async function startTestAgent(
  hcl: string,
  options: {
    readonly dev?: boolean;
    readonly level?: LogLevel;
    readonly hooks?: AgentHooks;
    readonly random?: Random;
  } = {},
): Promise<TestAgent> {
  const logHub = new LogHub(systemClock);
  const lines: string[] = [];
  logHub.attach((line) => lines.push(formatLogLine(line).slice(20)), options.level ?? "info");
  const ports = {
    clock: systemClock,
    random: options.random ?? systemRandom,
    logHub,
    metrics: noMetrics,
    disk: realDisk,
  };
  const agent = await startAgent(configOf(hcl, options), ports, options.hooks ?? {});
  return { agent, lines };
}

/** Waits until `probe` gives something, looking again also after an error; fails with `what`, and that error, after `withinMs`. */
export async function eventually<T>(
  what: string,
  probe: () => T | Promise<T>,
  withinMs: number = 30_000,
): Promise<NonNullable<T>> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    let last: unknown;
    try {
      const value = await probe();
      if (value) return value as NonNullable<T>;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline)
      throw new Error(`not within ${withinMs} ms: ${what}`, last === undefined ? {} : { cause: last });
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
