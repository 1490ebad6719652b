/** Connects (with TLS where asked for: and shakes hands) and closes: passing when that works, whichever address family answers. */
import { connect, isIP } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Clock } from "../../ports/clock.ts";
import { type CheckTls, certificateErrorText, tlsClientOptions } from "../check-tls.ts";
import { dialErrorText, splitHostPort } from "../core/go-text.ts";
import { critical, type Probe, type ProbeResult, passing } from "./probe.ts";

export interface TcpProbeOptions {
  /** host:port */
  readonly target: string;
  readonly timeoutMs: number;
  readonly tls: boolean;
  readonly tlsSkipVerify: boolean;
  readonly tlsServerName: string;
  /** undefined trusts what the system trusts. */
  readonly trust: CheckTls | undefined;
}

export class TcpProbe implements Probe {
  readonly #options: TcpProbeOptions;
  readonly #clock: Clock;

  constructor(options: TcpProbeOptions, ports: { readonly clock: Clock }) {
    this.#options = options;
    this.#clock = ports.clock;
  }

  run(signal: AbortSignal): Promise<ProbeResult> {
    const { target, timeoutMs, tls, trust, tlsSkipVerify, tlsServerName } = this.#options;
    const address = splitHostPort(target);
    if (typeof address === "string") return Promise.resolve(critical(`dial tcp: ${address}`));
    return new Promise((resolve) => {
      // Go dials the local host when none is given.
      const to = { host: address.host || "localhost", port: address.port };
      const socket = tls
        ? connectTls({
            ...to,
            ...(isIP(to.host) === 0 ? { servername: to.host } : {}),
            ...tlsClientOptions(trust, tlsSkipVerify, tlsServerName),
          })
        : connect(to);
      const finish = (result: ProbeResult): void => {
        timer.cancel();
        socket.destroy();
        resolve(result);
      };
      const timer = this.#clock.timer(timeoutMs, () => finish(critical(`dial tcp ${target}: i/o timeout`)));
      socket.once(tls ? "secureConnect" : "connect", () => finish(passing(`TCP connect ${target}: Success`)));
      // After the first, errors of a socket that is being closed are of no interest.
      socket.on("error", (error) =>
        finish(critical(certificateErrorText(error) ?? dialErrorText(error, "tcp", target))),
      );
      signal.addEventListener("abort", () => finish(critical("stopped")), { once: true });
    });
  }
}
