/** statsite by TCP: the same lines as for statsd, as a stream. A broken connection is made anew; meanwhile figures are dropped. */
import { connect, type Socket } from "node:net";
import type { Clock, Timer } from "../../ports/clock.ts";
import type { Logger } from "../../ports/log.ts";
import type { Labels } from "../../ports/metrics.ts";
import type { Collector, FigureType } from "./collector.ts";
import type { CollectorAddress } from "./collector-address.ts";
import { SINK_RETRY_MS, STATSITE_CLOSE_MS, STATSITE_FLUSH_MS, STATSITE_QUEUE_BYTES_MAX } from "./limits.ts";
import { statsdLine } from "./statsd-lines.ts";

export class StatsiteSink implements Collector {
  readonly #to: CollectorAddress;
  readonly #clock: Clock;
  readonly #log: Logger;
  #socket: Socket | undefined;
  #text = "";
  #flushTimer: Timer | undefined;
  #retryAt = 0;
  #closed = false;

  constructor(to: CollectorAddress, ports: { readonly clock: Clock; readonly log: Logger }) {
    this.#to = to;
    this.#clock = ports.clock;
    this.#log = ports.log;
    this.#open();
  }

  add(name: string, value: number, type: FigureType, labels: Labels): void {
    if (this.#closed) return;
    if (this.#socket === undefined) {
      if (this.#clock.now() < this.#retryAt) return;
      this.#open();
    }
    if (this.#socket!.writableLength + this.#text.length > STATSITE_QUEUE_BYTES_MAX) return;
    this.#text += statsdLine(name, value, type, labels);
    this.#flushTimer ??= this.#clock.timer(STATSITE_FLUSH_MS, () => this.#flush());
  }

  async close(): Promise<void> {
    this.#flush();
    this.#closed = true;
    const socket = this.#socket;
    if (socket === undefined) return;
    await new Promise<void>((resolve) => {
      socket.once("close", () => resolve());
      // One that does not read must not hold up the end of the agent.
      if (socket.connecting || socket.writableLength > 0)
        this.#clock.timer(STATSITE_CLOSE_MS, () => socket.destroy());
      socket.destroySoon();
    });
  }

  #flush(): void {
    this.#flushTimer?.cancel();
    this.#flushTimer = undefined;
    const text = this.#text;
    this.#text = "";
    if (text !== "") this.#socket?.write(text);
  }

  #open(): void {
    const { host, port } = this.#to;
    const socket = connect({ host, port });
    this.#socket = socket;
    socket.unref();
    socket.resume();
    socket.on("error", (error) => {
      if (socket === this.#socket && !this.#closed)
        this.#log.error(`Error connecting to statsite! Err: ${error.message}`);
    });
    socket.on("close", () => {
      if (socket !== this.#socket) return;
      this.#socket = undefined;
      this.#retryAt = this.#clock.now() + SINK_RETRY_MS;
    });
  }
}
