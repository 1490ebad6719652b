/**
 * What the agent does on signals: SIGINT and SIGTERM end it, gracefully or not as configured; a second one ends it at once;
 * SIGHUP reloads. Rules and words as observed in Consul 1.8.7.
 */
import type { RunningAgent } from "./agent.ts";

/** A graceful leave that takes longer is given up. As Consul. */
export const GRACEFUL_LEAVE_MS = 15_000;

const NAMES = { SIGINT: "interrupt", SIGTERM: "terminated", SIGHUP: "hangup" } as const;
type Caught = keyof typeof NAMES;

/** Where signals come from: the process, or a test. */
export interface SignalSource {
  on(signal: Caught | "SIGPIPE", handler: () => void): unknown;
  off(signal: Caught | "SIGPIPE", handler: () => void): unknown;
}

/** Follows signals until the returned function is called. */
export function watchSignals(agent: RunningAgent, source: SignalSource): () => void {
  const { log, clock } = agent;
  let leaving = false;

  const end = async (signal: "SIGINT" | "SIGTERM"): Promise<void> => {
    log.info(`Caught signal: ${NAMES[signal]}`);
    if (leaving) {
      log.info(`Caught second signal, Exiting`);
      await agent.shutdown(1);
      return;
    }
    leaving = true;
    const { config } = agent;
    const graceful = signal === "SIGINT" ? !config.skipLeaveOnInterrupt : config.leaveOnTerminate;
    if (!graceful) {
      log.info("Graceful shutdown disabled. Exiting");
      await agent.shutdown(1);
      return;
    }
    log.info("Gracefully shutting down agent...");
    let timedOut = false;
    const timer = clock.timer(GRACEFUL_LEAVE_MS, () => {
      timedOut = true;
      log.info("Timeout on graceful leave. Exiting");
      void agent.shutdown(1);
    });
    try {
      await agent.leave();
      timer.cancel();
      if (timedOut) return;
      log.info("Graceful exit completed");
      await agent.shutdown(0);
    } catch (error) {
      timer.cancel();
      log.error(`Error on leave: ${(error as Error).message}`);
      await agent.shutdown(1);
    }
  };

  const handlers: readonly (readonly [Caught | "SIGPIPE", () => void])[] = [
    ["SIGINT", () => void end("SIGINT")],
    ["SIGTERM", () => void end("SIGTERM")],
    [
      "SIGHUP",
      () => {
        log.info(`Caught signal: ${NAMES.SIGHUP}`);
        // Its error is in the log already.
        agent.reload().then(
          () => log.info("Reloaded configuration"),
          () => {},
        );
      },
    ],
    // A reader that went away must not end the agent.
    ["SIGPIPE", () => {}],
  ];
  for (const [signal, handler] of handlers) source.on(signal, handler);
  return () => {
    for (const [signal, handler] of handlers) source.off(signal, handler);
  };
}
