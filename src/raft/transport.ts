/**
 * Raft's connections to other servers. A lane is one connection to one server, dialled when it is needed; requests are written
 * ahead, answers come in order. Inbound connections are in raft-connection.ts.
 */
import { once } from "node:events";
import type { Duplex } from "node:stream";
import type { Clock, Timer } from "../ports/clock.ts";
import { valueEnd } from "../wire/msgpack.ts";
import { ByteQueue } from "./byte-queue.ts";
import { decodeResponse, encodeRequest, type Sender } from "./codec.ts";
import type { RaftDialer, RaftServer } from "./contract.ts";
import type { InstallRequest, InstallResponse, Lane, RaftRequest, RaftResponse } from "./core/messages.ts";
import { INSTALL_BYTES_PER_TIMEOUT, INSTALL_STALL_MS, RESPONSE_BYTES_MAX, RPC_TIMEOUT_MS } from "./limits.ts";
import { NoAnswerError, type RaftTransport } from "./transport-contract.ts";

type Done = (error: Error | undefined, response: RaftResponse | undefined) => void;

interface Outstanding {
  readonly kind: RaftRequest["kind"];
  readonly done: Done;
  readonly deadline: number;
}

/** Unsent bytes on one connection after which further requests fail at once instead of filling memory. */
const UNSENT_BYTES_MAX = 32 << 20;

class LaneConnection {
  readonly #address: string;
  readonly #from: Sender;
  readonly #dial: RaftDialer;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  #socket: Duplex | undefined;
  #dialling = false;
  #unsent: Buffer[] = [];
  readonly #outstanding: Outstanding[] = [];
  #received = new ByteQueue();
  #timer: Timer | undefined;
  #ended = false;

  constructor(
    address: string,
    from: Sender,
    ports: { readonly dial: RaftDialer; readonly clock: Clock },
    timeoutMs: number,
  ) {
    this.#address = address;
    this.#from = from;
    this.#dial = ports.dial;
    this.#clock = ports.clock;
    this.#timeoutMs = timeoutMs;
  }

  send(request: RaftRequest, done: Done): void {
    if (this.#ended || (this.#socket?.writableLength ?? 0) > UNSENT_BYTES_MAX) {
      queueMicrotask(() =>
        done(
          new NoAnswerError(
            `connection to ${this.#address} is ${this.#ended ? "closed" : "overfull"}`,
            false,
          ),
          undefined,
        ),
      );
      return;
    }
    const bytes = encodeRequest(request, this.#from);
    this.#outstanding.push({ kind: request.kind, done, deadline: this.#clock.now() + this.#timeoutMs });
    if (this.#socket !== undefined) this.#socket.write(bytes);
    else {
      this.#unsent.push(bytes);
      this.#connect();
    }
    this.#watchDeadline();
  }

  #connect(): void {
    if (this.#dialling) return;
    this.#dialling = true;
    this.#dial(this.#address, { timeoutMs: this.#timeoutMs }).then(
      (socket) => {
        this.#dialling = false;
        if (this.#ended || this.#outstanding.length === 0) return socket.destroy();
        this.#socket = socket;
        this.#received = new ByteQueue();
        socket.on("data", (chunk: Buffer) => this.#onData(socket, chunk));
        socket.on("error", (error) => this.#lost(socket, error.message, true));
        socket.on("close", () => this.#lost(socket, "connection closed", true));
        for (const bytes of this.#unsent.splice(0)) socket.write(bytes);
      },
      (error: unknown) => {
        this.#dialling = false;
        this.#unsent = [];
        this.#failAll(new NoAnswerError(`cannot reach ${this.#address}: ${(error as Error).message}`, false));
      },
    );
  }

  #onData(socket: Duplex, chunk: Buffer): void {
    if (socket !== this.#socket) return;
    this.#received.push(chunk);
    try {
      while (this.#received.length > 0) {
        const view = this.#received.peek();
        const middle = valueEnd(view, 0);
        const end = middle === undefined ? undefined : valueEnd(view, middle);
        if (end === undefined) break;
        const waiting = this.#outstanding.shift();
        if (waiting === undefined) throw new Error("answer without a request");
        const bytes = this.#received.take(end);
        let response: RaftResponse | undefined;
        let error: Error | undefined;
        try {
          response = decodeResponse(waiting.kind, bytes);
        } catch (refusal) {
          error = refusal as Error;
        }
        waiting.done(error, response);
      }
      if (this.#received.length > RESPONSE_BYTES_MAX)
        throw new Error(`answer longer than ${RESPONSE_BYTES_MAX} bytes`);
    } catch (error) {
      this.#lost(socket, (error as Error).message, false);
    }
    this.#watchDeadline();
  }

  #lost(socket: Duplex, why: string, closed: boolean): void {
    if (socket !== this.#socket) return;
    this.#socket = undefined;
    socket.destroy();
    this.#failAll(new NoAnswerError(`connection to ${this.#address}: ${why}`, closed));
  }

  #failAll(error: Error): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const o of this.#outstanding.splice(0)) o.done(error, undefined);
  }

  #watchDeadline(): void {
    const first = this.#outstanding[0];
    if (first === undefined || this.#timer !== undefined) return;
    this.#timer = this.#clock.timer(first.deadline - this.#clock.now(), () => {
      this.#timer = undefined;
      const oldest = this.#outstanding[0];
      if (oldest === undefined) return;
      if (this.#clock.now() < oldest.deadline) return this.#watchDeadline();
      const socket = this.#socket;
      this.#socket = undefined;
      this.#unsent = [];
      socket?.destroy();
      this.#failAll(new NoAnswerError(`no answer from ${this.#address} within ${this.#timeoutMs} ms`, false));
    });
  }

  close(): void {
    this.#ended = true;
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.destroy();
    this.#failAll(new NoAnswerError(`connection to ${this.#address} closed by us`, false));
  }
}

export interface TransportOptions extends Sender {
  /** A heartbeat that takes longer than this is as good as lost. */
  readonly heartbeatTimeoutMs: number;
}

export class TcpRaftTransport implements RaftTransport {
  readonly #options: TransportOptions;
  readonly #ports: { readonly dial: RaftDialer; readonly clock: Clock };
  readonly #lanes = new Map<string, LaneConnection>();
  readonly #installs = new Set<Duplex>();
  #closed = false;

  constructor(options: TransportOptions, ports: { readonly dial: RaftDialer; readonly clock: Clock }) {
    this.#options = options;
    this.#ports = ports;
  }

  send(to: RaftServer, lane: Lane, request: RaftRequest, done: Done): void {
    const key = `${to.address} ${lane}`;
    let connection = this.#lanes.get(key);
    if (connection === undefined) {
      const timeoutMs =
        lane === "heartbeat" ? Math.max(this.#options.heartbeatTimeoutMs, 1000) : RPC_TIMEOUT_MS;
      connection = new LaneConnection(to.address, this.#options, this.#ports, timeoutMs);
      if (!this.#closed) this.#lanes.set(key, connection);
      else connection.close();
    }
    connection.send(request, done);
  }

  async install(
    to: RaftServer,
    request: InstallRequest,
    state: AsyncIterable<Uint8Array>,
  ): Promise<InstallResponse> {
    const socket = await this.#ports.dial(to.address, { timeoutMs: RPC_TIMEOUT_MS });
    this.#installs.add(socket);
    const timeoutMs = RPC_TIMEOUT_MS * Math.max(1, Math.floor(request.size / INSTALL_BYTES_PER_TIMEOUT));
    let timer: Timer | undefined;
    const within = (ms: number, what: string): void => {
      timer?.cancel();
      timer = this.#ports.clock.timer(ms, () =>
        socket.destroy(new NoAnswerError(`${what} within ${ms} ms`, false)),
      );
    };
    // A peer that goes away while we write shows up as an error event; the writes and the read below report it.
    socket.on("error", () => {});
    try {
      const answer = readAnswer(socket);
      answer.catch(() => {});
      socket.write(encodeRequest(request, this.#options));
      for await (const chunk of state) {
        if (socket.destroyed) break;
        if (socket.write(chunk)) continue;
        // Its disk sets the pace: as long as it takes some, it may take its time.
        within(INSTALL_STALL_MS, `${to.address} takes no more of the snapshot`);
        await Promise.race([once(socket, "drain"), answer]);
      }
      within(timeoutMs, "no answer to InstallSnapshot");
      return decodeResponse("install", await answer) as InstallResponse;
    } finally {
      timer?.cancel();
      this.#installs.delete(socket);
      socket.destroy();
    }
  }

  keepOnly(addresses: ReadonlySet<string>): void {
    for (const [key, connection] of this.#lanes) {
      if (addresses.has(key.slice(0, key.lastIndexOf(" ")))) continue;
      this.#lanes.delete(key);
      connection.close();
    }
  }

  close(): void {
    this.#closed = true;
    this.keepOnly(new Set());
    for (const socket of this.#installs) socket.destroy();
  }
}

/** The bytes of the one answer that comes on `socket`. */
function readAnswer(socket: Duplex): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const received = new ByteQueue();
    socket.on("data", (chunk: Buffer) => {
      received.push(chunk);
      try {
        const view = received.peek();
        const middle = valueEnd(view, 0);
        const end = middle === undefined ? undefined : valueEnd(view, middle);
        if (end !== undefined) resolve(received.take(end));
        else if (received.length > RESPONSE_BYTES_MAX)
          reject(new Error(`answer longer than ${RESPONSE_BYTES_MAX} bytes`));
      } catch (error) {
        reject(error);
      }
    });
    socket.on("error", reject);
    socket.on("close", () => reject(new NoAnswerError("connection closed before the answer", true)));
  });
}
