/**
 * Requests and answers between simulated servers: as bytes of the real codec over the simulated network, with the time-outs of
 * a connection, and snapshots as streams that break when their sender dies or the link is cut.
 */
import {
  decodeRequest,
  decodeResponse,
  encodeErrorResponse,
  encodeRequest,
  encodeResponse,
  type Sender,
} from "../../src/raft/codec.ts";
import type { RaftServer } from "../../src/raft/contract.ts";
import type {
  InstallRequest,
  InstallResponse,
  RaftRequest,
  RaftResponse,
} from "../../src/raft/core/messages.ts";
import { NoAnswerError, type RaftTransport } from "../../src/raft/transport-contract.ts";
import type { SimServer, World } from "./server.ts";

/** An answer that has not come by then does not come. */
const RPC_TIMEOUT_MS = 2000;
/** Between two pieces of a snapshot. */
const PIECE_MS = 3;

/** Peers of 1.8.7 write no sender into their headers. */
const NOBODY: Sender = { id: "", address: "" };

type Done = (error: Error | undefined, response: RaftResponse | undefined) => void;

interface Waiting {
  readonly until: number;
  ended: boolean;
  readonly done: Done;
}

/** First in, first out; what is out is let go from time to time. */
class Queue<T> {
  #items: T[] = [];
  #from = 0;

  get first(): T | undefined {
    return this.#items[this.#from];
  }
  push(item: T): void {
    this.#items.push(item);
  }
  shift(): void {
    if (++this.#from < 4096) return;
    this.#items = this.#items.slice(this.#from);
    this.#from = 0;
  }
}

const TIMED_OUT = new NoAnswerError("time-out", false);
const HUNG_UP = new NoAnswerError("closed", true);

/** `guarded`: runs work only in the sender's present life. */
export function wireTransport(
  world: World,
  sender: SimServer,
  guarded: (work: () => void) => () => void,
): RaftTransport {
  const { network, clock } = world;
  const senderOf = (s: SimServer): Sender => (world.oldPeers.has(s.name) ? NOBODY : s.self);

  // All calls have the same time, so they run out in their order: one timer for the oldest, not one for each.
  const waiting = new Queue<Waiting>();
  let watching = false;
  const watch = (ms: number): void => {
    watching = true;
    clock.timer(
      ms,
      guarded(() => {
        for (let first = waiting.first; first !== undefined; first = waiting.first) {
          if (!first.ended && first.until > clock.now()) return watch(first.until - clock.now());
          waiting.shift();
          if (first.ended) continue;
          first.ended = true;
          first.done(TIMED_OUT, undefined);
        }
        watching = false;
      }),
    );
  };

  const exchange = (
    to: RaftServer,
    request: RaftRequest,
    body: AsyncIterable<Uint8Array> | undefined,
    done: Done,
  ): void => {
    const call: Waiting = { until: clock.now() + RPC_TIMEOUT_MS, ended: false, done };
    const end: Done = (error, response) => {
      if (call.ended) return;
      call.ended = true;
      done(error, response);
    };
    waiting.push(call);
    if (!watching) watch(RPC_TIMEOUT_MS);
    const target = world.servers.find((s) => s.self.address === to.address);
    if (target === undefined) return;
    const bytes = world.wire ? encodeRequest(request, senderOf(sender)) : undefined;
    network.send(sender.name, target.name, () =>
      target.guarded(() => {
        if (request.kind === "pre-vote" && world.oldPeers.has(target.name))
          return guarded(() => end(HUNG_UP, undefined))();
        const heard =
          bytes === undefined
            ? withSender(request, senderOf(sender))
            : decodeRequest(bytes[0]!, bytes.subarray(1));
        target.driver?.receive(heard, body, (answer) => {
          const reply = world.wire
            ? answer instanceof Error
              ? encodeErrorResponse(answer.message)
              : encodeResponse(answer, senderOf(target))
            : answer;
          network.send(
            target.name,
            sender.name,
            guarded(() => {
              if (call.ended) return;
              let response: RaftResponse;
              try {
                response = read(request.kind, reply, senderOf(target));
              } catch (error) {
                return end(error as Error, undefined);
              }
              end(undefined, response);
            }),
          );
        });
      })(),
    );
  };

  return {
    send: (to, _lane, request, done) => exchange(to, request, undefined, done),
    install: async (to, request: InstallRequest, state) => {
      const pieces: Uint8Array[] = [];
      for await (const piece of state) pieces.push(piece);
      const target = world.servers.find((s) => s.self.address === to.address);
      const life = sender.life;
      const broken = (): boolean =>
        target === undefined || sender.life !== life || network.isCut(sender.name, target.name);
      return new Promise<InstallResponse>((resolve, reject) => {
        exchange(to, request, slowly(world, pieces, broken), (error, response) =>
          response === undefined ? reject(error) : resolve(response as InstallResponse),
        );
      });
    },
    keepOnly: () => {},
    close: () => {},
  };
}

function withSender(request: RaftRequest, { id }: Sender): RaftRequest {
  if (request.kind === "append") return { ...request, from: id, context: undefined };
  return id === "" ? { ...request, from: "" } : request;
}

function read(kind: RaftRequest["kind"], reply: Buffer | RaftResponse | Error, { id }: Sender): RaftResponse {
  if (Buffer.isBuffer(reply)) return decodeResponse(kind, reply);
  if (reply instanceof Error) throw reply;
  return "from" in reply && id === "" ? { ...reply, from: "" } : reply;
}

/** Each reader of a duplicated message gets all pieces. */
function slowly(
  world: World,
  pieces: readonly Uint8Array[],
  broken: () => boolean,
): AsyncIterable<Uint8Array> {
  return {
    async *[Symbol.asyncIterator]() {
      for (const piece of pieces) {
        await new Promise<void>((resolve) => world.clock.timer(world.random.float() * PIECE_MS, resolve));
        if (broken()) throw new Error("connection closed within a snapshot");
        yield piece;
      }
    },
  };
}
