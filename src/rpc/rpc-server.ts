/**
 * Serves msgpack RPC on channels: strictly one request after another on each, as peers expect; a blocking query holds its
 * stream. What a method does is the {@link RpcService}'s business.
 */

import {
  type MethodName,
  type MethodReply,
  type MethodRequest,
  type RpcMethod,
  rpcMethods,
} from "../model/methods.ts";
import type { Logger } from "../ports/log.ts";
import type { Metrics } from "../ports/metrics.ts";
import type { NowOrLater } from "../ports/now-or-later.ts";
import { MsgpackError, MsgpackReader } from "../wire/msgpack.ts";
import { MsgpackSplitter } from "../wire/value-splitter.ts";
import type { RpcChannel } from "./channel.ts";
import { requestRefusal } from "./errors.ts";
import {
  CHANNELS_MAX,
  HEADER_BYTES_MAX,
  REQUEST_BYTES_MAX,
  REQUEST_ELEMENTS_MAX,
  UNFINISHED_BYTES_MAX,
} from "./limits.ts";
import { decodeRequestHead, encodeErrorResponse, encodeResponse, type RequestHead } from "./rpc-message.ts";

export interface RpcContext {
  /** The caller's address, `ip:port`. */
  readonly from: string;
  /** Aborted when the caller is gone: waiting for it is then pointless. */
  readonly signal: AbortSignal;
}

/**
 * Answers one call. A rejection's message is the error text that the caller gets. Throw `MethodMissingError` for a method
 * that this server does not have.
 */
export type RpcService = <M extends MethodName>(
  method: M,
  request: MethodRequest<M>,
  context: RpcContext,
) => NowOrLater<MethodReply<M>>;

/** The two services that exist only on connections of kind 0x07; every other one only elsewhere. */
const INSECURE_SERVICES = new Set(["AutoEncrypt", "AutoConfig"]);
const SERVICES: ReadonlySet<string> = new Set(Object.keys(rpcMethods).map((m) => m.slice(0, m.indexOf("."))));

export interface RpcServerOptions {
  readonly requestBytesMax?: number;
  readonly unfinishedBytesMax?: number;
  readonly channelsMax?: number;
}

/** Bytes of unfinished requests over all channels of one server. */
class Budget {
  left: number;
  constructor(bytes: number) {
    this.left = bytes;
  }
}

export class RpcServer {
  readonly #service: RpcService;
  readonly #log: Logger;
  readonly #metrics: Metrics;
  readonly #requestBytesMax: number;
  readonly #channelsMax: number;
  readonly #budget: Budget;
  readonly #serving = new Set<ChannelServer>();

  constructor(
    service: RpcService,
    options: RpcServerOptions,
    ports: { readonly log: Logger; readonly metrics: Metrics },
  ) {
    this.#service = service;
    this.#log = ports.log;
    this.#metrics = ports.metrics;
    this.#requestBytesMax = options.requestBytesMax ?? REQUEST_BYTES_MAX;
    this.#channelsMax = options.channelsMax ?? CHANNELS_MAX;
    this.#budget = new Budget(options.unfinishedBytesMax ?? UNFINISHED_BYTES_MAX);
  }

  /** Channels being served. */
  get channelCount(): number {
    return this.#serving.size;
  }

  /** Answers requests on `channel` until it ends. `insecure`: it came by 0x07, where only two services exist. */
  serve(channel: RpcChannel, options: { readonly insecure?: boolean } = {}): void {
    if (this.#serving.size >= this.#channelsMax) {
      this.#log.warn("too many RPC streams, refusing one", { from: channel.from });
      channel.destroy();
      return;
    }
    const server = new ChannelServer(
      channel,
      (head, body, signal) =>
        this.#answer(head, body, { from: channel.from, signal }, options.insecure ?? false),
      {
        requestBytesMax: this.#requestBytesMax,
        budget: this.#budget,
        log: this.#log,
        done: () => this.#serving.delete(server),
      },
    );
    this.#serving.add(server);
  }

  async #answer(head: RequestHead, body: Buffer, context: RpcContext, insecure: boolean): Promise<Answer> {
    const name = head.ServiceMethod;
    this.#metrics.count("rpc.request");
    const refuse = (text: string): Answer => {
      this.#metrics.count("rpc.request_error");
      this.#log.error("RPC request refused", { method: name, error: text, from: context.from });
      return { bytes: encodeErrorResponse(head, text), end: true };
    };
    const dot = name.lastIndexOf(".");
    if (dot < 0) return refuse(requestRefusal.illFormed(name));
    const service = name.slice(0, dot);
    if (!SERVICES.has(service) || INSECURE_SERVICES.has(service) !== insecure)
      return refuse(requestRefusal.service(name));
    if (!Object.hasOwn(rpcMethods, name)) return refuse(requestRefusal.method(name));
    const method = rpcMethods[name as MethodName] as RpcMethod<unknown, unknown>;

    let request: unknown;
    try {
      const reader = new MsgpackReader(body);
      reader.elementsLeft = REQUEST_ELEMENTS_MAX;
      request = method.request.decode(reader, 0);
    } catch (error) {
      if (error instanceof MsgpackError) return refuse(requestRefusal.body(error));
      throw error;
    }
    if (method.blocking) this.#metrics.count("rpc.query");
    try {
      const reply = await this.#service(name as MethodName, request as MethodRequest<MethodName>, context);
      return { bytes: encodeResponse(head, method.reply, reply as unknown), end: false };
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      // A method that the table knows and the service lacks ends the stream like an unknown one.
      const missing = text === requestRefusal.method(name);
      return { bytes: encodeErrorResponse(head, text === "" ? "unknown error" : text), end: missing };
    }
  }
}

interface Answer {
  readonly bytes: Buffer;
  /** The stream ends after this answer. */
  readonly end: boolean;
}

interface ChannelServerParts {
  readonly requestBytesMax: number;
  readonly budget: Budget;
  readonly log: Logger;
  readonly done: () => void;
}

/** One channel's turn-taking: collect a request, have it answered, write the answer, go on. */
class ChannelServer {
  readonly #channel: RpcChannel;
  readonly #answer: (head: RequestHead, body: Buffer, signal: AbortSignal) => Promise<Answer>;
  readonly #parts: ChannelServerParts;
  readonly #splitter: MsgpackSplitter;
  #head: RequestHead | undefined;
  #busy = false;
  #ended = false;
  #closed = false;
  /** Bytes received but not yet given back as credit, because an answer is under way. */
  #unconsumed = 0;
  /** This channel's share of the budget. */
  #counted = 0;
  #abort: AbortController | undefined;

  constructor(
    channel: RpcChannel,
    answer: (head: RequestHead, body: Buffer, signal: AbortSignal) => Promise<Answer>,
    parts: ChannelServerParts,
  ) {
    this.#channel = channel;
    this.#answer = answer;
    this.#parts = parts;
    this.#splitter = new MsgpackSplitter(parts.requestBytesMax);
    channel.handler = {
      onData: (bytes) => this.#onData(bytes),
      onEnd: () => this.#onEnd(),
      onDrain: () => this.#next(),
      onClose: () => this.#onClose(),
    };
  }

  #onData(bytes: Buffer): void {
    if (this.#closed) return;
    this.#splitter.push(bytes);
    this.#unconsumed += bytes.length;
    if (this.#count()) this.#pump();
  }

  /** Keeps the budget in step with what is held; ends the channel when the server holds too much. */
  #count(): boolean {
    const held = this.#splitter.heldBytes;
    this.#parts.budget.left -= held - this.#counted;
    this.#counted = held;
    if (this.#parts.budget.left >= 0) return true;
    this.#parts.log.warn("too many bytes of unfinished requests, dropping a stream", {
      from: this.#channel.from,
    });
    this.#fail();
    return false;
  }

  #pump(): void {
    while (!this.#busy && !this.#closed) {
      if (this.#unconsumed > 0) {
        const n = this.#unconsumed;
        this.#unconsumed = 0;
        this.#channel.consume(n);
      }
      let value: Buffer | undefined;
      try {
        value = this.#splitter.next();
        if (value === undefined) {
          this.#count();
          if (this.#ended) this.#finish();
          return;
        }
        if (this.#head === undefined) {
          if (value.length > HEADER_BYTES_MAX)
            throw new MsgpackError(`request header of ${value.length} bytes`);
          this.#head = decodeRequestHead(value);
          continue;
        }
      } catch (error) {
        this.#parts.log.error("undecodable RPC request header", {
          error: (error as Error).message,
          from: this.#channel.from,
        });
        return this.#fail();
      }
      const head = this.#head;
      this.#head = undefined;
      this.#count();
      void this.#run(head, value);
    }
  }

  async #run(head: RequestHead, body: Buffer): Promise<void> {
    this.#busy = true;
    const abort = new AbortController();
    this.#abort = abort;
    let answer: Answer;
    try {
      answer = await this.#answer(head, body, abort.signal);
    } catch (error) {
      this.#parts.log.error("RPC handler failed", {
        method: head.ServiceMethod,
        error: (error as Error).message,
      });
      answer = { bytes: encodeErrorResponse(head, "internal error"), end: true };
    }
    this.#abort = undefined;
    if (this.#closed) return;
    const more = this.#channel.write(answer.bytes);
    if (answer.end) return this.#finish();
    if (more) this.#next();
  }

  #next(): void {
    if (this.#abort !== undefined) return;
    this.#busy = false;
    this.#pump();
  }

  #onEnd(): void {
    this.#ended = true;
    if (this.#channel.endMeansGone) {
      this.#abort?.abort();
      this.#finish();
    } else if (!this.#busy) this.#pump();
  }

  #finish(): void {
    if (this.#closed) return;
    this.#release();
    this.#channel.end();
  }

  #fail(): void {
    if (this.#closed) return;
    this.#release();
    this.#channel.destroy();
  }

  #onClose(): void {
    this.#abort?.abort();
    this.#release();
  }

  #release(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#parts.budget.left += this.#counted;
    this.#counted = 0;
    this.#parts.done();
  }
}
