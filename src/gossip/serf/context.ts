/** What the parts of the serf core share: settings, ports without IO, and the effects that the driver carries out. */
import type { Logger } from "../../ports/log.ts";
import type { Metrics } from "../../ports/metrics.ts";
import type { Random } from "../../ports/random.ts";
import type { QueryHandlers, SerfEvent } from "../contract.ts";
import type { Deadlines } from "../deadlines.ts";
import type { GossipTimings } from "../profile.ts";
import type { PendingQuery } from "./queries.ts";

export type SerfEffect =
  /** In order; `ltime` of user events and queries is what a snapshot remembers. */
  | { readonly kind: "event"; readonly event: SerfEvent }
  | { readonly kind: "query"; readonly query: PendingQuery }
  /** One datagram to one node; may get lost. */
  | { readonly kind: "send"; readonly host: string; readonly port: number; readonly message: Buffer }
  | { readonly kind: "broadcast-done"; readonly token: number }
  | { readonly kind: "reconnect"; readonly name: string; readonly host: string; readonly port: number }
  | { readonly kind: "query-ack"; readonly handlers: QueryHandlers; readonly from: string }
  | {
      readonly kind: "query-response";
      readonly handlers: QueryHandlers;
      readonly from: string;
      readonly payload: Buffer;
    }
  | { readonly kind: "query-done"; readonly handlers: QueryHandlers }
  /** Another node owns our name by majority: this one has to go. */
  | { readonly kind: "name-lost"; readonly responses: number; readonly matching: number };

export interface SerfContext {
  readonly name: string;
  readonly timings: GossipTimings;
  readonly random: Random;
  /** Named "serf". */
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly deadlines: Deadlines;
  readonly emit: (effect: SerfEffect) => void;
}

export const NO_BYTES: Buffer = Buffer.alloc(0);
