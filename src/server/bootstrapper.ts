/** The first configuration of a cluster: of one server alone, or of the N that `-bootstrap-expect N` waits for. */
import { DCSpecificRequest } from "../model/catalog.ts";
import { type Clock, sleep } from "../ports/clock.ts";
import type { Logger } from "../ports/log.ts";
import { type RaftNode, SUFFRAGE } from "../raft/contract.ts";
import type { RpcPool } from "../rpc/pool.ts";
import { planBootstrap } from "./bootstrap.ts";
import type { ServerOptions, ServerTimings } from "./contract.ts";
import { errorText } from "./errors.ts";
import { BOOTSTRAP_PEERS_ATTEMPTS_MAX } from "./limits.ts";
import type { ServerInfo } from "./server-metadata.ts";

export interface BootstrapperParts {
  readonly options: ServerOptions;
  readonly timings: ServerTimings;
  /** `ip:port` of this server's raft. */
  readonly address: string;
  readonly raft: RaftNode;
  readonly pool: RpcPool;
  /** Servers of this datacenter by gossip, in member order. */
  readonly servers: () => readonly ServerInfo[];
}

export class Bootstrapper {
  readonly #parts: BootstrapperParts;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #stopped = new AbortController();
  #running = false;
  #again = false;
  /** There is a cluster, or this server has made one: never again. */
  #over = false;

  constructor(parts: BootstrapperParts, ports: { readonly clock: Clock; readonly log: Logger }) {
    this.#parts = parts;
    this.#clock = ports.clock;
    this.#log = ports.log;
  }

  stop(): void {
    this.#over = true;
    this.#stopped.abort(new Error("server stopped"));
  }

  /** Bootstrap mode, which `-bootstrap-expect 1` is too: this server alone, at its first start. */
  async alone(): Promise<void> {
    const { options, raft, address } = this.#parts;
    if ((!options.bootstrap && options.bootstrapExpect !== 1) || raft.hasState) return;
    await raft.bootstrap({ servers: [{ id: options.nodeId, address, suffrage: SUFFRAGE.voter }] });
  }

  /** Forms the cluster once the expected number of servers is seen and none of them has peers. Called when a server joins. */
  async withPeers(): Promise<void> {
    if (this.#parts.options.bootstrapExpect < 2 || this.#over) return;
    this.#again = true;
    if (this.#running) return;
    this.#running = true;
    try {
      while (this.#again && !this.#over) {
        this.#again = false;
        await this.#round();
      }
    } catch (error) {
      if (!this.#over) this.#log.error("Failed to bootstrap cluster", { error: errorText(error) });
    } finally {
      this.#running = false;
    }
  }

  async #round(): Promise<void> {
    const { raft, options } = this.#parts;
    const hasState = (): boolean => raft.hasState || raft.lastIndex !== 0;
    if (hasState()) {
      this.#over = true;
      return;
    }
    const plan = planBootstrap(this.#parts.servers(), {
      datacenter: options.datacenter,
      expect: options.bootstrapExpect,
    });
    if (plan.kind === "abort") this.#log.error(plan.log);
    if (plan.kind !== "ask") return;
    for (const server of plan.servers) {
      if (server.id === options.nodeId || !(await this.#hasPeers(server))) continue;
      this.#log.info("Existing Raft peers reported by server, disabling bootstrap mode", {
        server: server.name,
      });
      this.#over = true;
      return;
    }
    if (this.#over || hasState()) return;
    this.#log.info("Found expected number of peers, attempting bootstrap", {
      peers: plan.configuration.servers.map((s) => s.address).join(","),
    });
    await raft.bootstrap(plan.configuration);
    this.#over = true;
  }

  async #hasPeers(server: ServerInfo): Promise<boolean> {
    const { options, timings, pool } = this.#parts;
    const request = DCSpecificRequest.make({ Datacenter: options.datacenter });
    const { signal } = this.#stopped;
    for (let attempt = 0; ; attempt++) {
      try {
        const peers = await pool.call(server.address, "Status.Peers", request, {
          timeoutMs: options.rpcHoldTimeoutMs,
          signal,
        });
        return (peers ?? []).length > 0;
      } catch (error) {
        if (attempt + 1 >= BOOTSTRAP_PEERS_ATTEMPTS_MAX || signal.aborted) throw error;
        this.#log.error("Failed to confirm peer status for server (will retry).", {
          server: server.name,
          error: errorText(error),
        });
        await sleep(this.#clock, timings.bootstrapRetryBaseMs * 2 ** attempt, { signal });
      }
    }
  }
}
