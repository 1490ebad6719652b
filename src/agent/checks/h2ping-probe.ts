/** Opens an HTTP/2 connection and waits for the answer to one PING. Texts as documented for Consul 1.10. */
import type { Clock } from "../../ports/clock.ts";
import type { CheckTls } from "../check-tls.ts";
import { dialErrorText } from "../core/go-text.ts";
import { withHttp2Session } from "./http2-session.ts";
import { critical, type Probe, type ProbeResult, passing } from "./probe.ts";

export interface H2PingProbeOptions {
  /** host:port */
  readonly target: string;
  readonly tls: boolean;
  readonly tlsSkipVerify: boolean;
  readonly tlsServerName: string;
  /** undefined trusts what the system trusts. */
  readonly trust: CheckTls | undefined;
  readonly timeoutMs: number;
}

export class H2PingProbe implements Probe {
  readonly #options: H2PingProbeOptions;
  readonly #clock: Clock;

  constructor(options: H2PingProbeOptions, ports: { readonly clock: Clock }) {
    this.#options = options;
    this.#clock = ports.clock;
  }

  async run(signal: AbortSignal): Promise<ProbeResult> {
    const { target, timeoutMs } = this.#options;
    const timeout = new AbortController();
    const timer = this.#clock.timer(timeoutMs, () => timeout.abort(new Error("context deadline exceeded")));
    let connected = false;
    try {
      await withHttp2Session(
        { ...this.#options, signal: AbortSignal.any([signal, timeout.signal]) },
        (session) => {
          connected = true;
          return new Promise<void>((resolve, reject) =>
            session.ping((error) => (error ? reject(error) : resolve())),
          );
        },
      );
      return passing("HTTP2 ping was successful");
    } catch (error) {
      if (connected) return critical(`HTTP2 ping failed: ${(error as Error).message}`);
      return critical(`Failed to dial to ${target}: ${dialErrorText(error, "tcp", target)}`);
    } finally {
      timer.cancel();
    }
  }
}
