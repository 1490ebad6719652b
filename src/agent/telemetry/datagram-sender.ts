/** Datagrams to one collector. Whatever fails, the program goes on: the failure is logged once a while and figures are dropped. */
import { createSocket, type Socket } from "node:dgram";
import type { Clock } from "../../ports/clock.ts";
import type { Logger } from "../../ports/log.ts";
import type { CollectorAddress } from "./collector-address.ts";
import { EARLY_DATAGRAMS_MAX, SINK_RETRY_MS } from "./limits.ts";

export class DatagramSender {
  readonly #to: CollectorAddress;
  readonly #clock: Clock;
  readonly #log: Logger;
  #socket: Socket | undefined;
  #connected = false;
  /** Until the first connection stands, what comes waits; nothing may be lost of a start. */
  #early: string[] | undefined = [];
  #retryAt = 0;
  #inFlight = 0;
  #whenIdle: (() => void) | undefined;
  #closed = false;

  constructor(to: CollectorAddress, ports: { readonly clock: Clock; readonly log: Logger }) {
    this.#to = to;
    this.#clock = ports.clock;
    this.#log = ports.log;
    this.#open();
  }

  send(datagram: string): void {
    if (this.#closed) return;
    if (!this.#connected) {
      if (this.#early !== undefined && this.#early.length < EARLY_DATAGRAMS_MAX) this.#early.push(datagram);
      if (this.#socket === undefined && this.#clock.now() >= this.#retryAt) this.#open();
      return;
    }
    this.#put(datagram);
  }

  #put(datagram: string): void {
    const socket = this.#socket!;
    this.#inFlight++;
    socket.send(datagram, (error) => {
      this.#inFlight--;
      if (error && socket === this.#socket) this.#failed(error);
      else if (this.#inFlight === 0) this.#whenIdle?.();
    });
  }

  /** What waits for the first connection still goes out. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#inFlight > 0 || (this.#early?.length ?? 0) > 0)
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve;
      });
    this.#drop();
  }

  #open(): void {
    const { host, port } = this.#to;
    // An IPv6 socket reaches IPv4 hosts only where the system maps them, so the family follows the address.
    const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
    this.#socket = socket;
    // A process that has nothing else to do must be able to end.
    socket.unref();
    socket.on("error", (error) => {
      if (socket === this.#socket) this.#failed(error);
    });
    socket.connect(port, host, (error?: Error) => {
      if (socket !== this.#socket) return;
      if (error !== undefined) return this.#failed(error);
      this.#connected = true;
      const early = this.#early ?? [];
      this.#early = undefined;
      for (const datagram of early) this.#put(datagram);
    });
  }

  #failed(error: Error): void {
    this.#drop();
    this.#early = undefined;
    this.#retryAt = this.#clock.now() + SINK_RETRY_MS;
    this.#log.error(`Error writing to ${this.#to.name}! Err: ${error.message}`);
    this.#whenIdle?.();
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#connected = false;
    socket?.close();
  }
}
