/** What goes between this server and the others: requests of ours and their answers, requests of theirs that wait for one. */
import type { CoreEvent, Effect, RaftRequest, RaftResponse } from "./core/messages.ts";
import type { DriverPorts } from "./driver-ports.ts";
import { drain, type HeldRequest } from "./snapshot-work.ts";
import { NoAnswerError } from "./transport-contract.ts";

export interface ExchangeHost {
  readonly ports: DriverPorts;
  /** Changes when the core is made anew: answers to an earlier one's requests are void. */
  readonly generation: number;
  readonly stopped: boolean;
  step(event: CoreEvent): void;
}

export class Exchange {
  readonly #host: ExchangeHost;
  #nextId = 1;
  /** Requests of other servers by the id that the core knows them by. */
  readonly requests = new Map<number, HeldRequest>();

  constructor(host: ExchangeHost) {
    this.#host = host;
  }

  /** A request of another server: holds it until the core's answer. */
  receive(
    request: RaftRequest,
    body: AsyncIterable<Uint8Array> | undefined,
    reply: (answer: RaftResponse | Error) => void,
  ): void {
    const id = this.#nextId++;
    this.requests.set(id, { body, reply });
    this.#host.step({ kind: "request", id, request });
  }

  reply({ id, response }: Extract<Effect, { kind: "reply" }>): void {
    const held = this.requests.get(id);
    if (held === undefined) return;
    this.requests.delete(id);
    if (held.body === undefined) return held.reply(response);
    void drain(held.body).then(() => held.reply(response));
  }

  send({ to, lane, request }: Extract<Effect, { kind: "send" }>): void {
    const { generation } = this.#host;
    const { clock, metrics, transport } = this.#host.ports;
    const sentAt = clock.now();
    transport.send(to, lane, request, (error, response) => {
      if (request.kind === "append" && response !== undefined)
        metrics.sample(
          `raft.replication.${lane === "heartbeat" ? "heartbeat" : "appendEntries.rpc"}.${to.id}`,
          clock.now() - sentAt,
        );
      if (generation !== this.#host.generation || this.#host.stopped) return;
      if (response !== undefined) return this.#host.step({ kind: "response", to, request, response });
      // A peer that answers "unexpected command" to a pre-vote has none; like one that hangs up on it.
      const closed = error instanceof NoAnswerError ? error.closed : true;
      this.#host.step({ kind: "failed", to, request, closed });
    });
  }

  /** No answers will come from the core that was asked. */
  fail(error: Error): void {
    for (const r of [...this.requests.values()]) void drain(r.body).then(() => r.reply(error));
    this.requests.clear();
  }
}
