/**
 * Sends an empty datagram. Silence is passing: only an answer of the host that nobody listens there says otherwise.
 * Rules as documented for Consul 1.13.
 */
import { createSocket } from "node:dgram";
import { lookup } from "node:dns/promises";
import type { Clock } from "../../ports/clock.ts";
import { dialErrorText, splitHostPort } from "../core/go-text.ts";
import { critical, type Probe, type ProbeResult, passing } from "./probe.ts";

export interface UdpProbeOptions {
  /** host:port */
  readonly target: string;
  readonly timeoutMs: number;
}

export class UdpProbe implements Probe {
  readonly #options: UdpProbeOptions;
  readonly #clock: Clock;

  constructor(options: UdpProbeOptions, ports: { readonly clock: Clock }) {
    this.#options = options;
    this.#clock = ports.clock;
  }

  async run(signal: AbortSignal): Promise<ProbeResult> {
    const { target, timeoutMs } = this.#options;
    const at = splitHostPort(target);
    if (typeof at === "string") return critical(`dial udp: ${at}`);
    let address: { readonly address: string; readonly family: number };
    try {
      address = await lookup(at.host || "localhost");
    } catch (error) {
      return critical(dialErrorText(error, "udp", target));
    }
    return new Promise((resolve) => {
      const socket = createSocket(address.family === 6 ? "udp6" : "udp4");
      let done = false;
      const finish = (result: ProbeResult): void => {
        if (done) return;
        done = true;
        timer.cancel();
        socket.close();
        resolve(result);
      };
      const fail = (error: unknown): void => finish(critical(dialErrorText(error, "udp", target)));
      const timer = this.#clock.timer(timeoutMs, () => finish(passing(`UDP connect ${target}: Success`)));
      socket.on("error", fail);
      socket.once("message", () => finish(passing(`UDP connect ${target}: Success`)));
      // Connected, the kernel tells us of "port unreachable".
      socket.connect(at.port, address.address, () => {
        if (done) return;
        socket.send(Buffer.alloc(0), (error) => {
          if (error) fail(error);
        });
      });
      signal.addEventListener("abort", () => finish(critical("stopped")), { once: true });
    });
  }
}
