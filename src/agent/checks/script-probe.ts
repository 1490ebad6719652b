/**
 * Runs a program and reads its exit code: 0 passing, 1 warning, anything else critical. Also the ground of remote commands'
 * process handling (see process-group.ts). Texts as observed in Consul 1.8.7.
 */
import type { Clock } from "../../ports/clock.ts";
import { formatDuration } from "../../wire/duration.ts";
import { OutputRing } from "../core/output-ring.ts";
import { ProcessGroup, StartError } from "../process-group.ts";
import type { Probe, ProbeResult } from "./probe.ts";

export interface ScriptProbeOptions {
  /** A line for the shell, or a program with its arguments. */
  readonly command: { readonly shell: string } | { readonly args: readonly string[] };
  readonly timeoutMs: number;
  readonly outputBytesMax: number;
}

export class ScriptProbe implements Probe {
  readonly #options: ScriptProbeOptions;

  readonly #clock: Clock;

  constructor(options: ScriptProbeOptions, ports: { readonly clock: Clock }) {
    this.#options = options;
    this.#clock = ports.clock;
  }

  /** A check that is stopped meanwhile lets its program go on, at most for the timeout. */
  async run(): Promise<ProbeResult> {
    const { command, timeoutMs, outputBytesMax } = this.#options;
    const output = new OutputRing(outputBytesMax);
    let group: ProcessGroup;
    try {
      group = await ProcessGroup.start(command, { onOutput: (chunk) => output.write(chunk) });
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      return { status: "critical", output: error.message, certain: true };
    }
    let timedOut = false;
    const timer = this.#clock.timer(timeoutMs, () => {
      timedOut = true;
      group.kill();
    });
    const exit = await group.exit;
    timer.cancel();
    if (timedOut) {
      const captured = output.text();
      const head = `Timed out (${formatDuration(BigInt(Math.round(timeoutMs * 1e6)))}) running check`;
      return { status: "critical", output: captured === "" ? head : `${head}\n\n${captured}`, certain: true };
    }
    const status = exit.code === 0 ? "passing" : exit.code === 1 ? "warning" : "critical";
    return { status, output: output.text() };
  }
}
