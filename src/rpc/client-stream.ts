/** The calling side of one RPC stream: a request goes out, its response comes in, then the next may go. */
import { MsgpackError } from "../wire/msgpack.ts";
import { MsgpackSplitter } from "../wire/value-splitter.ts";
import { RpcConnectionError, RpcRemoteError } from "./errors.ts";
import { REPLY_BYTES_MAX } from "./limits.ts";
import { decodeResponseHead, type ResponseHead } from "./rpc-message.ts";
import type { YamuxStream } from "./yamux-connection.ts";

interface Waiting {
  readonly resolve: (body: Buffer) => void;
  readonly reject: (error: unknown) => void;
  /** The reply's body, if it is the one of the last time. */
  readonly expected: Buffer | undefined;
}

const lost = (text: string): RpcConnectionError =>
  new RpcConnectionError("call", `rpc error making call: ${text}`);

export class ClientStream {
  readonly #stream: YamuxStream;
  readonly #splitter = new MsgpackSplitter(REPLY_BYTES_MAX);
  #head: ResponseHead | undefined;
  #waiting: Waiting | undefined;
  #broken = false;

  constructor(stream: YamuxStream) {
    this.#stream = stream;
    stream.handler = {
      onData: (bytes) => this.#onData(bytes),
      onEnd: () => this.#fail(lost("EOF")),
      onDrain: () => {},
      onClose: (error) => this.#fail(lost(error?.message ?? "EOF")),
    };
  }

  /** Whether another call may be made on it. */
  get reusable(): boolean {
    return (
      !this.#broken && this.#stream.open && this.#waiting === undefined && this.#splitter.heldBytes === 0
    );
  }

  /** Sends an encoded request; resolves with the reply's body, which is found at once when it is `expected`. Rejects with RpcRemoteError or RpcConnectionError. */
  call(request: Buffer, expected?: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.#broken || !this.#stream.open) return reject(lost("stream closed"));
      this.#waiting = { resolve, reject, expected };
      this.#stream.write(request);
    });
  }

  /** Gives up the call under way, if any; it rejects with `reason`. */
  cancel(reason: unknown): void {
    this.#fail(reason);
  }

  end(): void {
    this.#broken = true;
    if (this.#stream.open) this.#stream.end();
  }

  #onData(bytes: Buffer): void {
    this.#stream.consume(bytes.length);
    if (this.#waiting === undefined) {
      // Nothing was asked: the stream is out of step.
      this.end();
      return;
    }
    try {
      this.#splitter.push(bytes);
      for (;;) {
        const value = this.#splitter.next(this.#head === undefined ? undefined : this.#waiting.expected);
        if (value === undefined) return;
        if (this.#head === undefined) {
          this.#head = decodeResponseHead(value);
          continue;
        }
        const head = this.#head;
        this.#head = undefined;
        const waiting = this.#waiting;
        this.#waiting = undefined;
        if (head.Error === "") waiting.resolve(value);
        else {
          // As Consul's dialer does: a stream that answered an error is not used again.
          this.#broken = true;
          waiting.reject(new RpcRemoteError(head.Error));
        }
        return;
      }
    } catch (error) {
      if (!(error instanceof MsgpackError)) throw error;
      this.#fail(lost(error.message));
    }
  }

  #fail(reason: unknown): void {
    this.#broken = true;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(reason);
  }
}
