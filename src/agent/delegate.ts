/** How the agent reaches the catalog: a server in its own process, or one of those that the LAN pool knows. */
import type { RpcCaller } from "../model/methods.ts";
import type { Clock } from "../ports/clock.ts";
import type { Metrics } from "../ports/metrics.ts";
import type { SnapshotReply, SnapshotSaveOrRestore } from "../server/contract.ts";

export interface Delegate extends RpcCaller {
  /** Starts the gossip pools with all that belongs to them. Rejects with the cause; then all is closed again. */
  start(): Promise<void>;
  /** Leaves the pools gracefully. {@link shutdown} comes after it. */
  leave(): Promise<void>;
  shutdown(): Promise<void>;
  /** Sections of `info` that only it knows: consul, raft, serf_lan, serf_wan. */
  stats(): ReadonlyMap<string, ReadonlyMap<string, string>>;
  snapshot(request: SnapshotSaveOrRestore, body: AsyncIterable<Uint8Array>): Promise<SnapshotReply>;
  forceLeave(node: string, options: { readonly prune: boolean }): Promise<void>;
  /** Called when a server came up or a leader appeared. */
  onServerUp(handler: () => void): () => void;
  /** What a reload may change. */
  setRpcLimit(rate: number, burst: number): void;
}

/** Requests to servers, as many a second as allowed. Pure but for the time it is told. */
export class TokenBucket {
  #rate: number;
  #burst: number;
  #tokens: number;
  #at: number;

  /** `rate` a second (Infinity: no limit), `burst` at once. */
  constructor(rate: number, burst: number, now: number) {
    this.#rate = rate;
    this.#burst = burst;
    this.#tokens = burst;
    this.#at = now;
  }

  set(rate: number, burst: number): void {
    this.#rate = rate;
    this.#burst = burst;
    this.#tokens = Math.min(this.#tokens, burst);
  }

  /** Whether one more may go at `now` (milliseconds). */
  take(now: number): boolean {
    if (this.#rate === Number.POSITIVE_INFINITY) return true;
    this.#tokens = Math.min(this.#burst, this.#tokens + (Math.max(0, now - this.#at) / 1000) * this.#rate);
    this.#at = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}

/** Throws, and counts it, where one more request is too many for now. Text and figure as observed in Consul 1.8.7. */
export function admit(
  bucket: TokenBucket,
  { clock, metrics }: { readonly clock: Clock; readonly metrics: Metrics },
): void {
  if (bucket.take(clock.now())) return;
  metrics.count("client.rpc.exceeded");
  throw new Error("RPC rate limit exceeded");
}
