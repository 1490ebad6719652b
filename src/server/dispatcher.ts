/**
 * Brings a request to the server that answers it: this one, the leader, or another datacenter. The decision is `route` in
 * forwarding.ts; here it is carried out, with the waiting and repeating that elections need.
 */
import type { MethodName, MethodReply, MethodRequest } from "../model/methods.ts";
import { rpcMethods } from "../model/methods.ts";
import type { Clock } from "../ports/clock.ts";
import type { Metrics } from "../ports/metrics.ts";
import type { NowOrLater } from "../ports/now-or-later.ts";
import type { Random } from "../ports/random.ts";
import type { CallOptions } from "../rpc/pool.ts";
import { ServerError } from "./errors.ts";
import { mayRetry, type Routed, type RoutingState, retryDelayMs, route } from "./forwarding.ts";

/** One call on its way. */
export interface Call {
  /** Aborted when the caller is gone or the server stops. undefined: the caller waits to the end. */
  readonly signal: AbortSignal | undefined;
  /** The caller's address, "" in this process. */
  readonly from: string;
}

export type Handler<M extends MethodName> = (
  request: MethodRequest<M>,
  call: Call,
) => MethodReply<M> | Promise<MethodReply<M>>;
export type Handlers = { readonly [M in MethodName]: Handler<M> };

/** Sends a request to one server, as RpcPool.call does. */
export type CallServer = <M extends MethodName>(
  address: string,
  method: M,
  request: MethodRequest<M>,
  options: CallOptions,
) => Promise<MethodReply<M>>;

export interface DispatcherParts {
  readonly handlers: Handlers;
  readonly routing: () => RoutingState;
  readonly primaryDatacenter: string;
  readonly holdTimeoutMs: number;
  readonly call: CallServer;
  /** `ip:port` of the leader, when another server leads. */
  readonly leaderAddress: () => string | undefined;
  /** A live server of another datacenter; `failed` moves it to the end of its list. */
  readonly remoteServer: (datacenter: string) => { readonly address: string; readonly failed: () => void };
  /** Wakes when the leader may have changed or the server begins to leave. Returns the way to stop. */
  readonly onLeaderChange: (wake: () => void) => () => void;
}

export class Dispatcher {
  readonly #parts: DispatcherParts;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #metrics: Metrics;
  #writes = 0;
  #lastWriteMs = Number.NEGATIVE_INFINITY;

  constructor(
    parts: DispatcherParts,
    ports: { readonly clock: Clock; readonly random: Random; readonly metrics: Metrics },
  ) {
    this.#parts = parts;
    this.#clock = ports.clock;
    this.#random = ports.random;
    this.#metrics = ports.metrics;
  }

  /** As `dispatch`; a read that this server answers itself, without waiting, comes back as it is. May throw. */
  answer<M extends MethodName>(method: M, request: MethodRequest<M>, call: Call): NowOrLater<MethodReply<M>> {
    if (
      rpcMethods[method].scope !== "leader" ||
      OFF_EVERYWHERE.has(method) ||
      !isRead(request) ||
      route("leader", request as Routed, this.#parts.routing()).kind !== "local"
    )
      return this.dispatch(method, request, call);
    const handler = this.#parts.handlers[method] as unknown as Handler<M>;
    const onError = (error: unknown): Promise<MethodReply<M>> => {
      // Lost the leadership while reading: the whole way, with its waiting for the next leader.
      if (error instanceof ServerError && error.code === "noLeader")
        return this.dispatch(method, request, call);
      throw error;
    };
    try {
      const reply = handler(request, call);
      return reply instanceof Promise ? reply.catch(onError) : reply;
    } catch (error) {
      return onError(error);
    }
  }

  /** Since when no write is under way here, ms; 0 while one is. */
  get writesRestMs(): number {
    return this.#writes > 0 ? 0 : this.#clock.now() - this.#lastWriteMs;
  }

  dispatch<M extends MethodName>(method: M, asked: MethodRequest<M>, call: Call): Promise<MethodReply<M>> {
    if (isRead(asked)) return this.#carry(method, asked, call);
    this.#writes++;
    return this.#carry(method, asked, call).finally(() => {
      this.#writes--;
      this.#lastWriteMs = this.#clock.now();
    });
  }

  async #carry<M extends MethodName>(
    method: M,
    asked: MethodRequest<M>,
    call: Call,
  ): Promise<MethodReply<M>> {
    const scope = OFF_EVERYWHERE.has(method) ? "local" : rpcMethods[method].scope;
    let request = asked;
    // Only the primary datacenter's leader writes what is one for all datacenters.
    if (scope === "primary")
      request = { ...(asked as object), Datacenter: this.#parts.primaryDatacenter } as MethodRequest<M>;
    const routed: Routed = typeof request === "object" && request !== null ? request : {};
    let holdUntil: number | undefined;
    for (;;) {
      const where = route(scope, routed, this.#parts.routing());
      let failure: Error;
      switch (where.kind) {
        case "local": {
          const handler = this.#parts.handlers[method] as unknown as Handler<M>;
          if (scope === "local" || scope === "dc") return handler(request, call);
          try {
            return await handler(request, call);
          } catch (error) {
            // Lost the leadership while reading, or before the log took a write up: nothing has happened, the next leader can answer.
            if (!(error instanceof ServerError) || error.code !== "noLeader") throw error;
            failure = error;
            break;
          }
        }
        case "datacenter":
          return this.callDatacenter(where.datacenter, method, request, call);
        case "no-leader":
          throw new ServerError("noLeader");
        case "leader": {
          const address = this.#parts.leaderAddress();
          if (address !== undefined)
            try {
              return await this.#parts.call(address, method, request, options(call));
            } catch (error) {
              if (!mayRetry(error, isRead(request))) throw error;
              failure = error as Error;
              break;
            }
          failure = new ServerError("noLeader");
          break;
        }
        case "hold":
          failure = new ServerError("noLeader");
          break;
        default:
          return where satisfies never;
      }
      const now = this.#clock.now();
      holdUntil ??= now + this.#parts.holdTimeoutMs;
      if (now >= holdUntil) throw failure;
      await this.#pause(retryDelayMs(this.#random, this.#parts.holdTimeoutMs), call);
    }
  }

  /** One try at a server of another datacenter: what happens there is not repeated from here. */
  async callDatacenter<M extends MethodName>(
    datacenter: string,
    method: M,
    request: MethodRequest<M>,
    call: Call,
  ): Promise<MethodReply<M>> {
    const server = this.#parts.remoteServer(datacenter);
    this.#metrics.count("rpc.cross-dc", 1, { datacenter });
    try {
      return await this.#parts.call(server.address, method, request, options(call));
    } catch (error) {
      server.failed();
      throw error;
    }
  }

  /** Until the time has passed or the leader changes; rejects when the caller is gone. */
  #pause(delayMs: number, call: Call): Promise<void> {
    const { signal } = call;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const done = (): void => {
        timer.cancel();
        stopWatching();
        signal?.removeEventListener("abort", onAbort);
      };
      const onAbort = (): void => {
        done();
        reject(signal!.reason);
      };
      const timer = this.#clock.timer(delayMs, () => {
        done();
        resolve();
      });
      const stopWatching = this.#parts.onLeaderChange(() => {
        done();
        resolve();
      });
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }
}

const options = (call: Call): CallOptions => (call.signal === undefined ? {} : { signal: call.signal });

/** Services of the insecure port; while they are off, the server that is asked says so. */
const OFF_EVERYWHERE: ReadonlySet<MethodName> = new Set<MethodName>([
  "AutoEncrypt.Sign",
  "AutoConfig.InitialConfiguration",
]);

/** Requests that read carry query options; only those may be sent again after a broken connection. */
const isRead = (request: unknown): boolean =>
  typeof request === "object" && request !== null && "MinQueryIndex" in request;
