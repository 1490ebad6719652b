/** Waiting for a change in this agent, with a deadline and an end when the client goes away. */
import type { Subscribe } from "../agent/contract.ts";
import type { Clock } from "../ports/clock.ts";

/** Resolves once `ready` says so after a change, or after `limitMs`; rejects with the signal's reason. */
export function waitUntil(
  clock: Clock,
  onChange: Subscribe,
  ready: () => boolean,
  limitMs: number,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const stop = (): void => {
      unsubscribe();
      timer.cancel();
      signal.removeEventListener("abort", onAbort);
    };
    const onAbort = (): void => {
      stop();
      reject(signal.reason);
    };
    const unsubscribe = onChange(() => {
      if (!ready()) return;
      stop();
      resolve();
    });
    const timer = clock.timer(limitMs, () => {
      stop();
      resolve();
    });
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
