/**
 * A client agent's way to the servers: it learns of them by gossip, uses one until it fails, and moves on. Retries, texts and
 * log lines as observed in Consul 1.8.7; beyond it, a read whose connection was cut is tried again elsewhere.
 */
import type { Member, SerfEvent, SerfPool } from "../gossip/contract.ts";
import type { MethodName, MethodReply, MethodRequest } from "../model/methods.ts";
import { SnapshotRequest } from "../model/operator.ts";
import { type Clock, sleep } from "../ports/clock.ts";
import type { Logger } from "../ports/log.ts";
import type { Metrics } from "../ports/metrics.ts";
import type { Random } from "../ports/random.ts";
import { RpcConnectionError } from "../rpc/errors.ts";
import { RpcPool } from "../rpc/pool.ts";
import type { SnapshotReply, SnapshotSaveOrRestore } from "../server/contract.ts";
import { type ListedServer, ServerManager } from "../server/server-manager.ts";
import { describeServer, parseServer } from "../server/server-metadata.ts";
import { admit, type Delegate, TokenBucket } from "./delegate.ts";
import { NEW_LEADER_EVENT } from "./user-event-message.ts";

export interface ClientDelegateOptions {
  readonly datacenter: string;
  readonly rpcHoldTimeoutMs: number;
  /** Requests a second to servers, and at once. */
  readonly rpcRate: number;
  readonly rpcMaxBurst: number;
  /** IP that connections come from, so that servers see the address that gossip tells them. */
  readonly sourceAddress?: string;
  /** Mode of ACLs as `info` prints it. */
  readonly acl: "enabled" | "disabled";
}

export interface ClientDelegatePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Not started yet. */
  readonly lan: SerfPool;
}

/** The hold time is cut into so many parts; a retry waits a random time up to one. As Consul. */
const JITTER_FRACTION = 16;
/** A ping that decides which server to prefer. */
const PING_TIMEOUT_MS = 10_000;

const SNAPSHOT_OPERATIONS = { save: 0, restore: 1 } as const;

interface LanServer extends ListedServer {
  readonly description: string;
}

export class ClientDelegate implements Delegate {
  readonly #options: ClientDelegateOptions;
  readonly #ports: ClientDelegatePorts;
  readonly #log: Logger;
  readonly #pool: RpcPool;
  readonly #servers: ServerManager<LanServer>;
  readonly #bucket: TokenBucket;
  readonly #upHandlers = new Set<() => void>();
  #closed = false;
  #stopEvents: (() => void) | undefined;

  constructor(options: ClientDelegateOptions, ports: ClientDelegatePorts) {
    this.#options = options;
    this.#ports = ports;
    this.#log = ports.log.named("consul");
    this.#pool = new RpcPool(
      options.sourceAddress === undefined ? {} : { sourceAddress: options.sourceAddress },
      ports,
    );
    this.#bucket = new TokenBucket(options.rpcRate, options.rpcMaxBurst, ports.clock.now());
    this.#servers = new ServerManager<LanServer>(
      {
        ping: (server) =>
          this.#pool.call(server.address, "Status.Ping", {}, { timeoutMs: PING_TIMEOUT_MS }).then(() => true),
        nodeCount: () => ports.lan.members().length,
      },
      ports,
    );
  }

  async start(): Promise<void> {
    this.#stopEvents = this.#ports.lan.onEvent((event) => this.#onEvent(event));
    this.#servers.start();
    try {
      await this.#ports.lan.start();
    } catch (error) {
      await this.shutdown();
      throw error;
    }
  }

  async leave(): Promise<void> {
    this.#log.info("client starting leave");
    await this.#ports.lan.leave();
  }

  async shutdown(): Promise<void> {
    this.#log.info("shutting down client");
    this.#closed = true;
    this.#stopEvents?.();
    this.#servers.stop();
    await this.#ports.lan.shutdown();
    await this.#pool.close();
  }

  stats(): ReadonlyMap<string, ReadonlyMap<string, string>> {
    const consul = new Map([
      ["acl", this.#options.acl],
      ["known_servers", String(this.#servers.list.size)],
      ["server", "false"],
    ]);
    return new Map<string, ReadonlyMap<string, string>>([
      ["consul", consul],
      ["serf_lan", this.#ports.lan.stats()],
    ]);
  }

  setRpcLimit(rate: number, burst: number): void {
    this.#bucket.set(rate, burst);
  }

  onServerUp(handler: () => void): () => void {
    this.#upHandlers.add(handler);
    return () => this.#upHandlers.delete(handler);
  }

  forceLeave(node: string, options: { readonly prune: boolean }): Promise<void> {
    return this.#ports.lan.forceLeave(node, options);
  }

  async rpc<M extends MethodName>(
    method: M,
    request: MethodRequest<M>,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<MethodReply<M>> {
    const { clock, random, metrics } = this.#ports;
    admit(this.#bucket, this.#ports);
    const { rpcHoldTimeoutMs } = this.#options;
    const giveUpAt = clock.now() + rpcHoldTimeoutMs;
    // Only reads carry query options.
    const read = typeof request === "object" && request !== null && "AllowStale" in request;
    // Shutting down needs no signal of its own: closing the pool ends calls under way, and a waiting one soon looks.
    for (;;) {
      if (this.#closed) throw new Error("client is shutting down");
      const server = this.#servers.list.first();
      if (server === undefined) throw new Error("No known Consul servers");
      try {
        return await this.#pool.call(server.address, method, request, options);
      } catch (error) {
        options.signal?.throwIfAborted();
        const verdict = retryVerdict(error, read);
        if (verdict === "answer") throw error;
        metrics.count("client.rpc.failed");
        if (this.#closed) throw error;
        // Without a leader every call is refused several times until it gives up: that is for the caller to tell.
        const tell = error instanceof RpcConnectionError ? this.#log.warn : this.#log.debug;
        tell(`RPC failed to server: ${(error as Error).message}`, { method, server: server.address });
        this.#servers.list.failed(server);
        if (verdict === "failed" || clock.now() >= giveUpAt) throw error;
        await sleep(clock, random.float() * (rpcHoldTimeoutMs / JITTER_FRACTION), options);
      }
    }
  }

  async snapshot(request: SnapshotSaveOrRestore, body: AsyncIterable<Uint8Array>): Promise<SnapshotReply> {
    const server = this.#servers.list.first();
    if (server === undefined) throw new Error("No known Consul servers");
    const { op, datacenter, token, allowStale } = request;
    const { response, stream } = await this.#pool.snapshot(
      server.address,
      SnapshotRequest.make({
        Datacenter: datacenter,
        Token: token,
        AllowStale: allowStale,
        Op: SNAPSHOT_OPERATIONS[op],
      }),
      op === "restore" ? body : undefined,
    );
    if (response.Error !== "") throw new Error(response.Error);
    return {
      index: response.Index,
      knownLeader: response.KnownLeader,
      lastContact: response.LastContact,
      stream,
    };
  }

  #onEvent(event: SerfEvent): void {
    switch (event.kind) {
      case "member-join":
      case "member-update":
        for (const member of event.members) this.#addServer(member);
        break;
      case "member-leave":
      case "member-failed":
      case "member-reap":
        for (const member of event.members) this.#removeServer(member, event.kind === "member-failed");
        break;
      case "user":
        if (event.name !== NEW_LEADER_EVENT) break;
        this.#log.info(`New leader elected: ${Buffer.from(event.payload).toString("utf8")}`);
        this.#serverUp();
        break;
      case "query":
        break;
      default:
        unreachable(event);
    }
  }

  #addServer(member: Member): void {
    const server = parseServer(member);
    if (server === undefined) return;
    if (server.datacenter !== this.#options.datacenter) {
      this.#log.warn(`server ${server.name} has joined the pool of the wrong datacenter`, {
        datacenter: server.datacenter,
      });
      return;
    }
    const description = describeServer(server);
    const listed = { name: server.name, address: server.address, description };
    const before = this.#servers.list.all().find((s) => s.name === server.name);
    this.#servers.list.add(listed);
    if (before?.address === server.address) return;
    if (before !== undefined) this.#pool.drop(before.address);
    this.#log.info(`adding server ${description}`);
    this.#serverUp();
  }

  #removeServer(member: Member, failed: boolean): void {
    const server = parseServer(member);
    if (server === undefined || !this.#servers.list.remove(server.name)) return;
    this.#log.info(`removing server ${describeServer(server)}`);
    // Nobody answers there any more: queries that wait for it go to another server now.
    if (failed) this.#pool.drop(server.address);
  }

  #serverUp(): void {
    for (const handler of [...this.#upHandlers]) handler();
  }
}

/** "answer": the server has spoken. "retry": try again within the hold time. "failed": it may have been done, so not again. */
function retryVerdict(error: unknown, read: boolean): "answer" | "retry" | "failed" {
  const text = error instanceof Error ? error.message : String(error);
  if (text.includes("No cluster leader")) return "retry";
  if (error instanceof RpcConnectionError) return read || error.stage === "dial" ? "retry" : "failed";
  if (read && (text.includes("stream closed") || text.includes("session shutdown"))) return "retry";
  return "answer";
}

function unreachable(value: never): never {
  throw new Error(`client: unknown event ${JSON.stringify(value)}`);
}
