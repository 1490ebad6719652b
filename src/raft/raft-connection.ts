/**
 * One inbound raft connection: requests in order, answers in the same order, the state bytes of an InstallSnapshot as a stream
 * with back-pressure. Anything that is not a request ends the connection.
 */
import type { Duplex } from "node:stream";
import { MsgpackError, valueEnd } from "../wire/msgpack.ts";
import { ByteQueue } from "./byte-queue.ts";
import {
  decodeRequest,
  encodeErrorResponse,
  encodeResponse,
  RefusedRequestError,
  RPC_TYPE,
  type Sender,
} from "./codec.ts";
import type { RaftRequest, RaftResponse } from "./core/messages.ts";
import { REQUEST_BYTES_MAX, REQUESTS_INFLIGHT_MAX, SNAPSHOT_BYTES_MAX } from "./limits.ts";
import type { RequestHandler } from "./transport-contract.ts";

const TYPE_MAX = Math.max(...Object.values(RPC_TYPE));

/** State bytes on their way from socket to reader; `remaining` are still to come from the socket. */
class Body implements AsyncIterable<Uint8Array> {
  remaining: number;
  readonly #chunks: Uint8Array[] = [];
  readonly #resume: () => void;
  #wake: (() => void) | undefined;
  #error: Error | undefined;

  constructor(size: number, resume: () => void) {
    this.remaining = size;
    this.#resume = resume;
  }

  push(chunk: Uint8Array): void {
    this.remaining -= chunk.length;
    this.#chunks.push(chunk);
    this.#wake?.();
  }

  /** A reader waits for bytes. */
  get hungry(): boolean {
    return this.#wake !== undefined && this.#chunks.length === 0;
  }

  fail(error: Error): void {
    this.#error = error;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        yield chunk;
        continue;
      }
      if (this.#error !== undefined) throw this.#error;
      if (this.remaining === 0) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        this.#resume();
      });
      this.#wake = undefined;
    }
  }
}

interface Slot {
  bytes: Buffer | undefined;
}

export class RaftConnection {
  readonly #socket: Duplex;
  readonly #own: Sender;
  readonly #handler: RequestHandler;
  readonly #onFault: (error: Error) => void;
  readonly #received = new ByteQueue();
  /** Answers in the order of their requests; the first ones without bytes are still awaited. */
  readonly #slots: Slot[] = [];
  #body: Body | undefined;
  #paused = false;
  #closed = false;

  /** `head`: bytes that came behind the connection's kind. `onFault`: a peer that does not keep to the protocol. */
  constructor(
    socket: Duplex,
    head: Uint8Array,
    own: Sender,
    handler: RequestHandler,
    onFault: (error: Error) => void,
  ) {
    this.#socket = socket;
    this.#own = own;
    this.#handler = handler;
    this.#onFault = onFault;
    socket.on("data", (chunk: Buffer) => this.#onData(chunk));
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      this.#closed = true;
      this.#body?.fail(new Error("connection closed within a snapshot"));
    });
    if (head.length > 0) this.#onData(head);
  }

  close(): void {
    this.#socket.destroy();
  }

  #onData(chunk: Uint8Array): void {
    if (this.#closed) return;
    this.#received.push(chunk);
    this.#read();
  }

  #read(): void {
    try {
      while (this.#received.length > 0 && this.#slots.length < REQUESTS_INFLIGHT_MAX && this.#readOne());
    } catch (error) {
      if (!(error instanceof MsgpackError)) throw error;
      this.#onFault(error);
      this.#socket.destroy();
      return;
    }
    // While a snapshot streams, its reader asks for more; otherwise the socket flows unless too many answers are owed.
    const pause = this.#body !== undefined ? !this.#body.hungry : this.#slots.length >= REQUESTS_INFLIGHT_MAX;
    if (pause !== this.#paused) {
      this.#paused = pause;
      if (pause) this.#socket.pause();
      else this.#socket.resume();
    }
  }

  /** Takes one request, or a part of a snapshot's bytes; false when more must come first. */
  #readOne(): boolean {
    const body = this.#body;
    if (body !== undefined) {
      body.push(this.#received.take(Math.min(body.remaining, this.#received.length)));
      if (body.remaining === 0) this.#body = undefined;
      return true;
    }
    const view = this.#received.peek();
    const type = view[0]!;
    if (type > TYPE_MAX) throw new MsgpackError(`unknown rpc type ${type}`);
    const end = valueEnd(view, 1);
    if (end === undefined) {
      if (view.length > REQUEST_BYTES_MAX)
        throw new MsgpackError(`request longer than ${REQUEST_BYTES_MAX} bytes`);
      return false;
    }
    const map = this.#received.take(end).subarray(1);
    const slot: Slot = { bytes: undefined };
    this.#slots.push(slot);
    this.#dispatch(type, map, (answer) => this.#answer(slot, answer));
    return true;
  }

  #dispatch(type: number, map: Buffer, reply: (answer: RaftResponse | Error) => void): void {
    let request: RaftRequest;
    try {
      request = decodeRequest(type, map);
    } catch (error) {
      if (!(error instanceof RefusedRequestError)) throw error;
      if (error.bodyBytes === 0) return reply(error);
      void drain(this.#openBody(error.bodyBytes)).then(() => reply(error));
      return;
    }
    if (request.kind !== "install") return this.#handler(request, undefined, reply);
    if (request.size > SNAPSHOT_BYTES_MAX)
      throw new MsgpackError(`snapshot of ${request.size} bytes, the limit is ${SNAPSHOT_BYTES_MAX}`);
    this.#handler(request, this.#openBody(request.size), reply);
  }

  #openBody(size: number): Body {
    const body = new Body(size, () => {
      this.#paused = false;
      this.#socket.resume();
    });
    if (size > 0) {
      this.#body = body;
      this.#paused = true;
      this.#socket.pause();
    }
    return body;
  }

  #answer(slot: Slot, answer: RaftResponse | Error): void {
    slot.bytes =
      answer instanceof Error ? encodeErrorResponse(answer.message) : encodeResponse(answer, this.#own);
    if (this.#closed) return;
    const ready: Buffer[] = [];
    while (this.#slots.length > 0 && this.#slots[0]!.bytes !== undefined)
      ready.push(this.#slots.shift()!.bytes!);
    if (ready.length === 0) return;
    this.#socket.write(ready.length === 1 ? ready[0]! : Buffer.concat(ready));
    if (this.#paused && this.#body === undefined) this.#read();
  }
}

async function drain(body: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    for await (const _ of body);
  } catch {
    // The connection is gone.
  }
}
