/** Connects and closes: passing when that works, whichever address family answers. */
import { connect } from "node:net";
import type { Clock } from "../../ports/clock.ts";
import { dialErrorText, splitHostPort } from "../core/go-text.ts";
import { critical, type Probe, type ProbeResult, passing } from "./probe.ts";

export interface TcpProbeOptions {
  /** host:port */
  readonly target: string;
  readonly timeoutMs: number;
}

export class TcpProbe implements Probe {
  readonly #options: TcpProbeOptions;
  readonly #clock: Clock;

  constructor(options: TcpProbeOptions, ports: { readonly clock: Clock }) {
    this.#options = options;
    this.#clock = ports.clock;
  }

  run(signal: AbortSignal): Promise<ProbeResult> {
    const { target, timeoutMs } = this.#options;
    const address = splitHostPort(target);
    if (typeof address === "string") return Promise.resolve(critical(`dial tcp: ${address}`));
    return new Promise((resolve) => {
      // Go dials the local host when none is given.
      const socket = connect({ host: address.host || "localhost", port: address.port });
      const finish = (result: ProbeResult): void => {
        timer.cancel();
        socket.destroy();
        resolve(result);
      };
      const timer = this.#clock.timer(timeoutMs, () => finish(critical(`dial tcp ${target}: i/o timeout`)));
      socket.once("connect", () => finish(passing(`TCP connect ${target}: Success`)));
      // After the first, errors of a socket that is being closed are of no interest.
      socket.on("error", (error) => finish(critical(dialErrorText(error, "tcp", target))));
      signal.addEventListener("abort", () => finish(critical("stopped")), { once: true });
    });
  }
}
