/** DogStatsD by UDP: a datagram for each figure, labels as tags; this host's name is left out, its agent adds it as a tag. */
import type { Clock } from "../../ports/clock.ts";
import type { Logger } from "../../ports/log.ts";
import type { Labels } from "../../ports/metrics.ts";
import type { Collector, FigureType } from "./collector.ts";
import type { CollectorAddress } from "./collector-address.ts";
import { DatagramSender } from "./datagram-sender.ts";
import { dogstatsdLine } from "./statsd-lines.ts";

export class DogstatsdSink implements Collector {
  readonly #sender: DatagramSender;
  readonly #tags: readonly string[];

  constructor(
    to: CollectorAddress,
    tags: readonly string[],
    ports: { readonly clock: Clock; readonly log: Logger },
  ) {
    this.#tags = tags.map((tag) => tag.replace(/[\r\n]/g, ""));
    this.#sender = new DatagramSender(to, ports);
  }

  add(_name: string, value: number, type: FigureType, labels: Labels, bareName: string): void {
    this.#sender.send(dogstatsdLine(bareName, value, type, labels, this.#tags));
  }

  close(): Promise<void> {
    return this.#sender.close();
  }
}
