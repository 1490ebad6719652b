/**
 * Tells the servers where this node is in the network's coordinates: every 15 s and a random part, slower in large pools so that
 * the servers see about 64 of these a second. As observed in Consul 1.8.7.
 */
import type { SerfPool } from "../gossip/contract.ts";
import { CoordinateUpdateRequest } from "../model/coordinate.ts";
import type { RpcCaller } from "../model/methods.ts";
import type { Clock, Timer } from "../ports/clock.ts";
import type { Logger } from "../ports/log.ts";
import type { Random } from "../ports/random.ts";
import { parseServer } from "../server/server-metadata.ts";

export const COORDINATE_INTERVAL_MS_MIN = 15_000;
export const COORDINATES_A_SECOND = 64;
/** RPC protocol that has coordinates. */
const PROTOCOL = 3;

export interface CoordinateSenderOptions {
  readonly node: string;
  readonly datacenter: string;
  readonly token: () => string;
  readonly intervalMsMin?: number;
}

export class CoordinateSender {
  readonly #options: CoordinateSenderOptions;
  readonly #ports: {
    readonly clock: Clock;
    readonly random: Random;
    readonly log: Logger;
    readonly lan: SerfPool;
    readonly rpc: RpcCaller;
  };
  #timer: Timer | undefined;
  #stopped = false;

  constructor(
    options: CoordinateSenderOptions,
    ports: {
      readonly clock: Clock;
      readonly random: Random;
      readonly log: Logger;
      readonly lan: SerfPool;
      readonly rpc: RpcCaller;
    },
  ) {
    this.#options = options;
    this.#ports = ports;
  }

  start(): void {
    this.#wait();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #wait(): void {
    const { clock, random, lan } = this.#ports;
    const least = this.#options.intervalMsMin ?? COORDINATE_INTERVAL_MS_MIN;
    const interval = Math.max(least, (lan.members().length / COORDINATES_A_SECOND) * 1000);
    this.#timer = clock.timer(interval + random.float() * interval, () => {
      void this.#send().finally(() => {
        if (!this.#stopped) this.#wait();
      });
    });
  }

  async #send(): Promise<void> {
    const { lan, rpc, log } = this.#ports;
    if (!this.#serversUnderstand()) return;
    try {
      await rpc.rpc(
        "Coordinate.Update",
        CoordinateUpdateRequest.make({
          Datacenter: this.#options.datacenter,
          Node: this.#options.node,
          Coord: lan.coordinate(),
          Token: this.#options.token(),
        }),
      );
    } catch (error) {
      if (this.#stopped) return;
      const text = (error as Error).message;
      if (text.includes("Permission denied") || text.includes("ACL not found"))
        log.warn("Coordinate update blocked by ACLs");
      else log.error(`Coordinate update error: ${text}`);
    }
  }

  #serversUnderstand(): boolean {
    const servers = this.#ports.lan
      .members()
      .filter((m) => m.status === "alive" && parseServer(m) !== undefined);
    return (
      servers.length > 0 &&
      servers.every(
        (m) =>
          Number(m.tags.get("vsn_min") ?? 0) <= PROTOCOL && Number(m.tags.get("vsn_max") ?? 0) >= PROTOCOL,
      )
    );
  }
}
