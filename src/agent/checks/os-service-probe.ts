/**
 * Asks the system's service manager for the state of a unit: systemd, by `systemctl show`. Consul asks that of Windows; the
 * statuses are the same: running is passing, on its way is warning, stopped, failed or unknown is critical.
 */
import { existsSync } from "node:fs";
import type { Clock } from "../../ports/clock.ts";
import { formatDuration } from "../../wire/duration.ts";
import { OutputRing } from "../core/output-ring.ts";
import { ProcessGroup, StartError } from "../process-group.ts";
import { critical, type Probe, type ProbeResult, passing } from "./probe.ts";

export interface OsServiceProbeOptions {
  /** Unit name; `.service` may be left out. */
  readonly service: string;
  readonly timeoutMs: number;
  /** Default `systemctl`, from PATH. */
  readonly systemctl?: string;
}

/** Whether this host was started by systemd (sd_booted(3)). */
export const hasServiceManager = (): boolean => existsSync("/run/systemd/system");

/** Far above the three lines that are asked for. */
const OUTPUT_BYTES_MAX = 4_096;

export class OsServiceProbe implements Probe {
  readonly #options: OsServiceProbeOptions;
  readonly #clock: Clock;

  constructor(options: OsServiceProbeOptions, ports: { readonly clock: Clock }) {
    this.#options = options;
    this.#clock = ports.clock;
  }

  async run(signal: AbortSignal): Promise<ProbeResult> {
    const { service, timeoutMs, systemctl = "systemctl" } = this.#options;
    const output = new OutputRing(OUTPUT_BYTES_MAX);
    let group: ProcessGroup;
    try {
      const args = [systemctl, "show", "--property=LoadState,ActiveState,SubState", "--", service];
      group = await ProcessGroup.start({ args }, { onOutput: (chunk) => output.write(chunk) });
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      return critical(error.message);
    }
    let timedOut = false;
    const timer = this.#clock.timer(timeoutMs, () => {
      timedOut = true;
      group.kill();
    });
    const onAbort = (): void => group.kill();
    signal.addEventListener("abort", onAbort, { once: true });
    const exit = await group.exit;
    signal.removeEventListener("abort", onAbort);
    timer.cancel();
    if (timedOut)
      return critical(
        `Timed out (${formatDuration(BigInt(Math.round(timeoutMs * 1e6)))}) asking systemd for "${service}"`,
      );
    if (exit.code !== 0) return critical(`systemctl failed: ${output.text().trim()}`);
    return unitHealth(service, output.text());
  }
}

/** What `systemctl show` printed, as a status. */
export function unitHealth(service: string, shown: string): ProbeResult {
  const properties = new Map(
    shown.split("\n").map((line): [string, string] => {
      const at = line.indexOf("=");
      return [line.slice(0, at), line.slice(at + 1).trim()];
    }),
  );
  const load = properties.get("LoadState") ?? "";
  const active = properties.get("ActiveState") ?? "";
  const sub = properties.get("SubState") ?? "";
  if (load === "not-found") return critical(`Service "${service}" is not known to systemd`);
  switch (active) {
    case "active":
      // A unit that has run to its end stays "active (exited)": nothing serves there, but that is what it is for.
      return passing(`Service "${service}" is healthy`);
    case "reloading":
    case "activating":
    case "deactivating":
    case "maintenance":
      return { status: "warning", output: `Service "${service}" is ${active} (${sub})` };
    default:
      return critical(
        `OS Service unhealthy: "${service}" is ${active || "in no known state"}${sub === "" ? "" : ` (${sub})`}`,
      );
  }
}
