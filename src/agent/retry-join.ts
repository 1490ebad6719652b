/** Joins a pool until it works: every address each time, a pause between, and an end when the tries are counted. */
import { type Clock, sleep } from "../ports/clock.ts";
import type { Logger } from "../ports/log.ts";

export interface RetryJoinOptions {
  readonly pool: "LAN" | "WAN";
  readonly addresses: readonly string[];
  readonly intervalMs: number;
  /** Tries; 0 goes on for ever. */
  readonly attemptsMax: number;
  /** Resolves to the number of nodes contacted; rejects when it is none. */
  readonly join: (addresses: readonly string[]) => Promise<number>;
}

/** Resolves when joined or stopped; rejects when the tries are used up. */
export async function retryJoin(
  options: RetryJoinOptions,
  ports: { readonly clock: Clock; readonly log: Logger; readonly signal: AbortSignal },
): Promise<void> {
  const { pool, intervalMs, attemptsMax, join } = options;
  const { clock, log, signal } = ports;
  log.info("Joining cluster...", { cluster: pool });
  for (let attempt = 1; !signal.aborted; attempt++) {
    const usable: string[] = [];
    for (const address of options.addresses)
      if (!/\bprovider=/.test(address)) usable.push(address);
      else
        log.error("Cannot discover address", {
          cluster: pool,
          // Its other settings may be secrets.
          address: `provider=${providerOf(address)}`,
          error: `discover: unknown provider ${providerOf(address)}: no cloud is asked here, nor mDNS; give IP addresses, DNS names (all their addresses are tried) or go-sockaddr templates`,
        });
    let cause = "no address to join";
    try {
      const joined = usable.length === 0 ? 0 : await join(usable);
      if (joined > 0) {
        log.info("Join cluster completed. Synced with initial agents", { cluster: pool, num_agents: joined });
        return;
      }
    } catch (error) {
      cause = (error as Error).message;
    }
    if (signal.aborted) return;
    if (attemptsMax > 0 && attempt >= attemptsMax)
      throw new Error(`${pool === "WAN" ? "WAN: " : ""}max join retry exhausted, exiting`);
    log.warn("Join cluster failed, will retry", {
      cluster: pool,
      retry_interval: `${intervalMs / 1000}s`,
      error: cause.trim(),
    });
    await sleep(clock, intervalMs, { signal }).catch(() => {});
  }
}

/** The name in `provider=name key=value ...`; quotes around it are not part of it. */
const providerOf = (address: string): string => /\bprovider="?([^\s"]*)/.exec(address)?.[1] ?? "";
