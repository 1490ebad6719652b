/** A server agent's way to the catalog: the server in this process. */
import type { MethodName, MethodReply, MethodRequest } from "../model/methods.ts";
import type { Clock } from "../ports/clock.ts";
import type { Metrics } from "../ports/metrics.ts";
import type { NowOrLater } from "../ports/now-or-later.ts";
import type {
  ServerApi,
  ServerOptions,
  ServerPorts,
  SnapshotReply,
  SnapshotSaveOrRestore,
} from "../server/contract.ts";
import { createServer } from "../server/server.ts";
import type { RuntimeConfig } from "./config/runtime-config.ts";
import { admit, type Delegate, TokenBucket } from "./delegate.ts";
import { lanTags, wanTags } from "./pools.ts";
import { COMPATIBLE_VERSION } from "./version.ts";

/** Raft's timings before `raft_multiplier`; -dev has its own. As Consul. */
const RAFT_MS = { heartbeat: 1000, election: 1000, lease: 500, commit: 50 } as const;
const RAFT_DEV_MS = { heartbeat: 35, election: 52, lease: 20, commit: 5 } as const;
const APPEND_ENTRIES_MAX = 64;

export function serverOptions(config: RuntimeConfig, nodeId: string): ServerOptions {
  const m = config.devTimings ? 1 : config.performance.raftMultiplier;
  const base = config.devTimings ? RAFT_DEV_MS : RAFT_MS;
  return {
    nodeName: config.nodeName,
    nodeId,
    datacenter: config.datacenter,
    primaryDatacenter: config.primaryDatacenter,
    bindAddr: config.bindAddr,
    port: config.ports.server,
    advertiseAddr: config.advertiseAddr,
    // A dev agent forms its one-server cluster by itself, though it does not call itself bootstrapped (as the original).
    bootstrap: config.bootstrap || config.devMode,
    bootstrapExpect: config.bootstrapExpect,
    nonVoter: config.nonVotingServer,
    dataDir: config.dataDir,
    version: COMPATIBLE_VERSION,
    sessionTtlMinMs: config.sessionTtlMinMs,
    defaultQueryTimeMs: config.defaultQueryTimeMs,
    maxQueryTimeMs: config.maxQueryTimeMs,
    rpcHoldTimeoutMs: config.performance.rpcHoldTimeoutMs,
    leaveDrainTimeMs: config.performance.leaveDrainTimeMs,
    rpcHandshakeTimeoutMs: config.limits.rpcHandshakeTimeoutMs,
    rpcMaxConnsPerClient: config.limits.rpcMaxConnsPerClient,
    autopilot: config.autopilot,
    raft: {
      heartbeatTimeoutMs: base.heartbeat * m,
      electionTimeoutMs: base.election * m,
      leaderLeaseTimeoutMs: base.lease * m,
      commitTimeoutMs: base.commit * m,
      snapshotIntervalMs: config.raft.snapshotIntervalMs,
      snapshotThreshold: config.raft.snapshotThreshold,
      trailingLogs: config.raft.trailingLogs,
      maxAppendEntries: APPEND_ENTRIES_MAX,
    },
  };
}

export class ServerDelegate implements Delegate {
  readonly #server: ServerApi;
  readonly #bucket: TokenBucket;
  readonly #ports: { readonly clock: Clock; readonly metrics: Metrics };

  constructor(config: RuntimeConfig, nodeId: string, ports: ServerPorts) {
    const { lan, wan } = ports;
    const onRpcListening = (port: number): void => {
      if (port === config.ports.server) return;
      lan.setTags(lanTags(config, nodeId, port));
      wan?.setTags(wanTags(config, nodeId, port));
    };
    this.#server = createServer({ ...serverOptions(config, nodeId), onRpcListening }, ports);
    this.#ports = ports;
    this.#bucket = new TokenBucket(config.limits.rpcRate, config.limits.rpcMaxBurst, ports.clock.now());
  }

  start(): Promise<void> {
    return this.#server.start();
  }

  leave(): Promise<void> {
    return this.#server.leave();
  }

  shutdown(): Promise<void> {
    return this.#server.shutdown();
  }

  stats(): ReadonlyMap<string, ReadonlyMap<string, string>> {
    return this.#server.stats();
  }

  snapshot(request: SnapshotSaveOrRestore, body: AsyncIterable<Uint8Array>): Promise<SnapshotReply> {
    return this.#server.snapshot(request, body);
  }

  forceLeave(node: string, options: { readonly prune: boolean }): Promise<void> {
    return this.#server.forceLeave(node, options);
  }

  onServerUp(handler: () => void): () => void {
    return this.#server.onServerUp(handler);
  }

  setRpcLimit(rate: number, burst: number): void {
    this.#bucket.set(rate, burst);
  }

  answer<M extends MethodName>(
    method: M,
    request: MethodRequest<M>,
    options?: { readonly signal?: AbortSignal },
  ): NowOrLater<MethodReply<M>> {
    this.#admit();
    return this.#server.answer?.(method, request, options) ?? this.#server.rpc(method, request, options);
  }

  async rpc<M extends MethodName>(
    method: M,
    request: MethodRequest<M>,
    options?: { readonly signal?: AbortSignal },
  ): Promise<MethodReply<M>> {
    this.#admit();
    return this.#server.rpc(method, request, options);
  }

  #admit(): void {
    this.#ports.metrics.count("client.rpc");
    admit(this.#bucket, this.#ports);
  }
}
