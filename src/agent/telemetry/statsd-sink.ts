/** statsd by UDP: as many lines as a datagram holds, sent ten times a second. */
import type { Clock, Timer } from "../../ports/clock.ts";
import type { Logger } from "../../ports/log.ts";
import type { CollectorAddress } from "./collector-address.ts";
import { DatagramSender } from "./datagram-sender.ts";
import { DATAGRAM_BYTES_MAX, STATSD_FLUSH_MS } from "./limits.ts";
import type { Collector, Labels } from "./named-sink.ts";
import { type StatsdType, statsdLine } from "./statsd-lines.ts";

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

  count(name: string, by: number, labels: Labels): void {
    this.#add(name, by, "c", labels);
  }
  gauge(name: string, value: number, labels: Labels): void {
    this.#add(name, value, "g", labels);
  }
  sample(name: string, value: number, labels: Labels): void {
    this.#add(name, value, "ms", labels);
  }

  async close(): Promise<void> {
    this.#flush();
    await this.#sender.close();
  }

  #add(name: string, value: number, type: StatsdType, labels: Labels): void {
    const line = statsdLine(name, value, type, labels);
    const bytes = Buffer.byteLength(line);
    if (this.#bytes + bytes > DATAGRAM_BYTES_MAX) this.#flush();
    this.#text += line;
    this.#bytes += bytes;
    this.#timer ??= this.#clock.timer(STATSD_FLUSH_MS, () => this.#flush());
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
