/**
 * Connections a client may hold (`limits.http_max_conns_per_client`). One too many is told so, with status 429, before it is
 * closed: the original closes it without a word, which cost its users days. Clients on this machine are not counted.
 */
import type { Socket } from "node:net";
import { isLoopback } from "./address-filter.ts";
import { plainIp } from "./call.ts";
import { REFUSALS } from "./errors.ts";

/** Seconds after which to try again: connections of this client may have ended by then. */
const RETRY_AFTER_S = 1;

export class ConnectionLimit {
  readonly #max: number;
  readonly #open = new Map<string, number>();
  readonly #refused = new WeakSet<Socket>();

  /** `max` 0: no limit. */
  constructor(max: number) {
    this.#max = max;
  }

  /** Counts a new connection; false when it was refused (and is being closed). */
  admit(socket: Socket): boolean {
    const ip = plainIp(socket.remoteAddress ?? "");
    if (this.#max <= 0 || isLoopback(ip)) return true;
    const open = this.#open.get(ip) ?? 0;
    if (open >= this.#max) {
      this.#refused.add(socket);
      refuse(socket, this.#max);
      return false;
    }
    this.#open.set(ip, open + 1);
    socket.once("close", () => {
      const left = (this.#open.get(ip) ?? 1) - 1;
      if (left > 0) this.#open.set(ip, left);
      else this.#open.delete(ip);
    });
    return true;
  }

  /** Whether this connection was refused: what still arrives on it is nobody's request. */
  isRefused(socket: Socket): boolean {
    return this.#refused.has(socket);
  }

  /** Clients with open connections. */
  get clients(): number {
    return this.#open.size;
  }
}

function refuse(socket: Socket, max: number): void {
  const body = `${REFUSALS.tooManyConnections}\n(limits.http_max_conns_per_client is ${max})\n`;
  socket.on("error", () => {});
  // Unread bytes would turn the close into a reset, which can overtake the reply.
  socket.resume();
  socket.end(
    `HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain\r\nRetry-After: ${RETRY_AFTER_S}\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    () => socket.destroySoon(),
  );
}
