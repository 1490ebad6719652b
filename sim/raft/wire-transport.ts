/**
 * Requests and answers between simulated servers: as bytes of the real codec over the simulated network, with the time-outs of
 * a connection, and snapshots as streams that break when their sender dies or the link is cut.
 */
import type { Timer } from "../../src/ports/clock.ts";
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

  const exchange = (
    to: RaftServer,
    request: RaftRequest,
    body: AsyncIterable<Uint8Array> | undefined,
    done: Done,
  ): void => {
    let timer: Timer | undefined;
    const end: Done = (error, response) => {
      if (timer === undefined) return;
      timer.cancel();
      timer = undefined;
      done(error, response);
    };
    timer = clock.timer(
      RPC_TIMEOUT_MS,
      guarded(() => end(TIMED_OUT, undefined)),
    );
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
              if (timer === undefined) return;
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
