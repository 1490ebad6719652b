/**
 * The lane for plain requests: answers on a connection for as long as each request comes whole and plain (`plain-request.ts`),
 * which is what clients of the API send, for half of what node:http costs. At the first that is not, the connection and what
 * was not answered yet are given to node:http for good; so limits, timeouts and refusals of everything unusual are its own.
 *
 * Requests are answered one after the other; what a client sends ahead waits.
 */
import { type Server, STATUS_CODES, validateHeaderValue } from "node:http";
import type { Socket } from "node:net";
import type { Clock } from "../ports/clock.ts";
import { bodyTooLarge } from "./body.ts";
import type { HttpError } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { HEADERS_TIMEOUT_MS, PLAIN_PENDING_BYTES_MAX } from "./limits.ts";
import { type LastHeaders, noHeaders, type PlainRequest, readPlainRequest } from "./plain-request.ts";

export interface PlainLaneParts {
  readonly clock: Clock;
  readonly onRequest: (exchange: Exchange) => void;
  /** Whether a new connection is served at all. */
  readonly admit: (socket: Socket) => boolean;
  /** No request has come in time. */
  readonly onSilent: (socket: Socket) => void;
}

export class PlainLane {
  readonly parts: PlainLaneParts;
  readonly #connections = new Set<PlainConnection>();
  #dateSecond = 0;
  #date = "";
  #closing = false;

  readonly #toNode: (socket: Socket) => void;

  /** Before `server`, which goes on to listen: its connections begin here, and go to it when they leave the lane. */
  constructor(server: Server, parts: PlainLaneParts) {
    this.parts = parts;
    const listeners = server.listeners("connection");
    this.#toNode = (socket) => {
      for (const listener of listeners) listener.call(server, socket);
    };
    server.removeAllListeners("connection");
    server.on("connection", (socket: Socket) => {
      if (parts.admit(socket)) this.#connections.add(new PlainConnection(this, socket));
    });
  }

  /** A connection is no longer on the lane; `socket`: it goes on with node:http. */
  left(connection: PlainConnection, socket?: Socket): void {
    this.#connections.delete(connection);
    if (socket !== undefined) this.#toNode(socket);
  }

  /** Connections that are on the lane. */
  get size(): number {
    return this.#connections.size;
  }

  get closing(): boolean {
    return this.#closing;
  }

  /** Ends what is idle; what is being answered ends with its reply. */
  close(): void {
    this.#closing = true;
    for (const c of [...this.#connections]) c.endIfIdle();
  }

  destroyAll(): void {
    for (const c of [...this.#connections]) c.destroy();
  }

  /** The Date header's value. */
  date(): string {
    const now = this.parts.clock.wall();
    const second = Math.floor(now / 1000);
    if (second !== this.#dateSecond) {
      this.#dateSecond = second;
      this.#date = new Date(now).toUTCString();
    }
    return this.#date;
  }
}

class PlainConnection {
  readonly lane: PlainLane;
  readonly socket: Socket;
  readonly #last: LastHeaders = noHeaders();
  /** What is being answered. */
  #current: PlainExchange | undefined;
  /** What came behind it. */
  #pending: Buffer | undefined;
  #reading = false;
  #seen = false;
  /** The client has sent all that it will. */
  #ended = false;
  #left = false;

  constructor(lane: PlainLane, socket: Socket) {
    this.lane = lane;
    this.socket = socket;
    socket.on("data", this.#onData);
    socket.on("end", this.#onEnd);
    socket.on("close", this.#onClose);
    socket.on("drain", this.#onDrain);
    socket.on("error", this.#onError);
    socket.on("timeout", this.#onTimeout);
    socket.setTimeout(HEADERS_TIMEOUT_MS);
  }

  endIfIdle(): void {
    if (this.#current === undefined) this.socket.destroySoon();
  }

  destroy(): void {
    this.socket.destroy();
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#pending = this.#pending === undefined ? chunk : Buffer.concat([this.#pending, chunk]);
    if (this.#current !== undefined || this.socket.writableNeedDrain) {
      if (this.#pending.length > PLAIN_PENDING_BYTES_MAX) {
        // Who is no longer read cannot be seen to go away.
        if (this.#current?.waits) this.socket.destroy();
        else this.socket.pause();
      }
      return;
    }
    this.#read();
  };

  /** Answers what has come, as far as it can be answered at once. */
  #read(): void {
    if (this.#reading) return;
    this.#reading = true;
    while (this.#pending !== undefined && !this.#left) {
      const bytes = this.#pending;
      const request = readPlainRequest(bytes, 0, this.#last);
      if (request === undefined) {
        this.#reading = false;
        return this.#handOver();
      }
      if (!this.#seen) {
        this.#seen = true;
        this.socket.setTimeout(0);
      }
      const exchange = new PlainExchange(this, request, bytes);
      this.#current = exchange;
      this.lane.parts.onRequest(exchange);
      // What has been answered is removed when its reply is sent, so that until then it can be handed over whole.
      if (this.#current !== undefined || this.socket.writableNeedDrain) break;
    }
    this.#reading = false;
  }

  /** The reply to `exchange` goes out. */
  reply(exchange: PlainExchange, head: string, body: string | Uint8Array, last: boolean): void {
    const { socket } = this;
    this.#current = undefined;
    this.#forget(exchange.request.end);
    const ends = last || this.#ended;
    if (typeof body === "string") socket.write(head + body, "latin1");
    else {
      socket.cork();
      socket.write(head, "latin1");
      socket.write(body);
      socket.uncork();
    }
    if (ends) {
      this.#pending = undefined;
      socket.destroySoon();
    } else if (!this.#reading) this.#resume();
  }

  /** Removes the bytes of a request that has been dealt with. */
  #forget(end: number): void {
    const bytes = this.#pending;
    this.#pending = bytes === undefined || bytes.length <= end ? undefined : bytes.subarray(end);
  }

  #resume(): void {
    if (this.socket.writableNeedDrain) return;
    if (this.socket.isPaused()) this.socket.resume();
    if (this.#pending !== undefined) this.#read();
  }

  readonly #onDrain = (): void => {
    if (this.#current === undefined) this.#resume();
  };

  readonly #onEnd = (): void => {
    this.#ended = true;
    // Nobody waits for the answer of a waiting request any more than with node:http.
    if (this.#current === undefined || this.#current.waits) this.socket.destroySoon();
  };

  readonly #onClose = (): void => {
    this.#left = true;
    this.lane.left(this);
    const current = this.#current;
    this.#current = undefined;
    current?.finish(false);
  };

  readonly #onError = (): void => {};

  readonly #onTimeout = (): void => {
    if (!this.#seen) this.lane.parts.onSilent(this.socket);
  };

  /** Gives the connection, from the first request without an answer on, to node:http. */
  handOver(): void {
    this.#current = undefined;
    this.#handOver();
  }

  #handOver(): void {
    const { socket } = this;
    const unread = this.#pending;
    this.#pending = undefined;
    this.#left = true;
    socket.setTimeout(0);
    socket.off("data", this.#onData);
    socket.off("end", this.#onEnd);
    socket.off("close", this.#onClose);
    socket.off("drain", this.#onDrain);
    socket.off("error", this.#onError);
    socket.off("timeout", this.#onTimeout);
    socket.pause();
    if (unread !== undefined) socket.unshift(unread);
    this.lane.left(this, socket);
    socket.resume();
  }
}

class PlainExchange implements Exchange {
  readonly request: PlainRequest;
  readonly #connection: PlainConnection;
  readonly #bytes: Buffer;
  #over = false;
  #listeners: ((sent: boolean) => void)[] | undefined;

  constructor(connection: PlainConnection, request: PlainRequest, bytes: Buffer) {
    this.#connection = connection;
    this.request = request;
    this.#bytes = bytes;
  }

  get method(): string {
    return this.request.method;
  }
  get target(): string {
    return this.request.target;
  }
  header(name: string): string | undefined {
    return this.request.headers.get(name);
  }
  get remoteAddress(): string | undefined {
    return this.#connection.socket.remoteAddress;
  }
  get remotePort(): number | undefined {
    return this.#connection.socket.remotePort;
  }
  get announcedLength(): number {
    return this.request.end - this.request.bodyAt;
  }
  get hasBody(): boolean {
    return this.announcedLength > 0;
  }
  readonly lacksHost = false;
  readonly bodyPending = false;
  body(max: number, tooLarge: (size: number) => HttpError = bodyTooLarge(max)): Promise<Buffer> {
    const { bodyAt, end } = this.request;
    return end - bodyAt > max
      ? Promise.reject(tooLarge(end - bodyAt))
      : Promise.resolve(this.#bytes.subarray(bodyAt, end));
  }
  skipBody(): void {}
  get over(): boolean {
    return this.#over;
  }
  /** Somebody wants to know when the client goes away. */
  get waits(): boolean {
    return this.#listeners !== undefined;
  }

  send(status: number, headers: readonly string[], body: string | Uint8Array, length: number): void {
    if (this.#over) return;
    const { lane } = this.#connection;
    let closes = lane.closing;
    let told = false;
    let head =
      status === 200 ? "HTTP/1.1 200 OK\r\n" : `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n`;
    for (let i = 0; i < headers.length; i += 2) {
      const name = headers[i]!;
      const value = headers[i + 1]!;
      if (name === "Connection") {
        closes = value === "close";
        told = true;
      }
      if (UNSENDABLE.test(value)) validateHeaderValue(name, value);
      head += `${name}: ${value}\r\n`;
    }
    head += `Content-Length: ${length}\r\nDate: ${lane.date()}\r\n`;
    head += told ? "\r\n" : closes ? "Connection: close\r\n\r\n" : "Connection: keep-alive\r\n\r\n";
    // Text of as many bytes as characters is the same in Latin-1, and written with the head.
    const sent = typeof body === "string" && body.length !== length ? Buffer.from(body) : body;
    this.#connection.reply(this, head, sent, closes);
    this.finish(true);
  }
  destroy(): void {
    this.#connection.destroy();
  }
  onOver(listener: (sent: boolean) => void): void {
    if (this.#over) listener(false);
    else if (this.#listeners === undefined) this.#listeners = [listener];
    else this.#listeners.push(listener);
  }
  finish(sent: boolean): void {
    this.#over = true;
    const listeners = this.#listeners;
    this.#listeners = undefined;
    if (listeners !== undefined) for (const listener of listeners) listener(sent);
  }
  asNode(): undefined {
    this.#over = true;
    this.#connection.handOver();
  }
}

/** What node:http may refuse in a header's value. */
const UNSENDABLE = /[^\x20-\x7e]/;
