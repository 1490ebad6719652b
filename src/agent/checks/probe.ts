/** What all kinds of timed checks have in common: one probe, one result, never a rejection. */
import type { ProbeResult } from "../core/check-cycle.ts";

export type { ProbeResult } from "../core/check-cycle.ts";

export interface Probe {
  /** Probes once. Resolves also when the target fails; `signal`, made for this one run, stops it early; its result is then of no interest. */
  run(signal: AbortSignal): Promise<ProbeResult>;
}

export const PROBE_TIMEOUT_MS = 10_000;
export const SCRIPT_TIMEOUT_MS = 30_000;

export const critical = (output: string): ProbeResult => ({ status: "critical", output });
export const passing = (output: string): ProbeResult => ({ status: "passing", output });
