/** How the driver reaches other servers; transport.ts is the one on TCP, the simulator has its own. */
import type { RaftServer } from "./contract.ts";
import type { InstallRequest, InstallResponse, Lane, RaftRequest, RaftResponse } from "./core/messages.ts";

/** No answer came. `closed`: the peer took the request and closed the connection without a word. */
export class NoAnswerError extends Error {
  override readonly name = "NoAnswerError";
  readonly closed: boolean;
  constructor(message: string, closed: boolean) {
    super(message);
    this.closed = closed;
  }
}

export interface RaftTransport {
  /** `done` is called once, never from within the call. Requests of one lane arrive in order. */
  send(
    to: RaftServer,
    lane: Lane,
    request: RaftRequest,
    done: (error: Error | undefined, response: RaftResponse | undefined) => void,
  ): void;
  /** Sends a snapshot's head and its bytes. */
  install(
    to: RaftServer,
    request: InstallRequest,
    state: AsyncIterable<Uint8Array>,
  ): Promise<InstallResponse>;
  /** Connections to servers that are not in `addresses` any more may go. */
  keepOnly(addresses: ReadonlySet<string>): void;
  close(): void;
}

/** An inbound request. `body`: the bytes that follow an InstallSnapshot; they are read to the end even when refused. */
export type RequestHandler = (
  request: RaftRequest,
  body: AsyncIterable<Uint8Array> | undefined,
  reply: (answer: RaftResponse | Error) => void,
) => void;
