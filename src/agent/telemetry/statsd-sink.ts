/** statsd by UDP: as many lines as a datagram holds, sent ten times a second. */
import type { Clock, Timer } from "../../ports/clock.ts";
import type { Logger } from "../../ports/log.ts";
import type { Labels } from "../../ports/metrics.ts";
import type { Collector, FigureType } from "./collector.ts";
import type { CollectorAddress } from "./collector-address.ts";
import { DatagramSender } from "./datagram-sender.ts";
import { DATAGRAM_BYTES_MAX, STATSD_FLUSH_MS } from "./limits.ts";
import { statsdLine } from "./statsd-lines.ts";

export class StatsdSink implements Collector {
  readonly #sender: DatagramSender;
  readonly #clock: Clock;
  #text = "";
  #bytes = 0;
  #timer: Timer | undefined;

  constructor(to: CollectorAddress, ports: { readonly clock: Clock; readonly log: Logger }) {
    this.#clock = ports.clock;
    this.#sender = new DatagramSender(to, ports);
  }

  add(name: string, value: number, type: FigureType, labels: Labels): void {
    const line = statsdLine(name, value, type, labels);
    const bytes = Buffer.byteLength(line);
    if (this.#bytes + bytes > DATAGRAM_BYTES_MAX) this.#flush();
    this.#text += line;
    this.#bytes += bytes;
    this.#timer ??= this.#clock.timer(STATSD_FLUSH_MS, () => this.#flush());
  }

  async close(): Promise<void> {
    this.#flush();
    await this.#sender.close();
  }

  #flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#bytes === 0) return;
    this.#sender.send(this.#text);
    this.#text = "";
    this.#bytes = 0;
  }
}
