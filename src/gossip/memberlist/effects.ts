/** What the SWIM core asks of its driver. */

export type SwimEffect =
  /** Send the messages as one datagram. */
  | {
      readonly kind: "datagram";
      readonly host: string;
      readonly port: number;
      readonly parts: readonly Buffer[];
      /** The receiver's record says that it understands a CRC, and the original would add one here. */
      readonly crc: boolean;
    }
  /** Ping over a stream; answer with {@link Prober.onStreamAck} until `deadline` (monotonic ms). */
  | {
      readonly kind: "stream-ping";
      readonly host: string;
      readonly port: number;
      readonly message: Buffer;
      readonly seq: number;
      readonly deadline: number;
    }
  /** Exchange states with this node, then call `pushPullDone`. */
  | { readonly kind: "push-pull"; readonly node: string; readonly host: string; readonly port: number }
  /** A broadcast with this token was told often enough, or dropped. */
  | { readonly kind: "broadcast-done"; readonly token: number };

/** What the layer above (serf) adds to SWIM. All of it is synchronous and without IO. */
export interface SwimDelegate {
  onJoin(node: NodeView, now: number): void;
  onLeave(node: NodeView, now: number): void;
  onUpdate(node: NodeView, now: number): void;
  /** An alive came with a known name and another address. */
  onConflict(existing: NodeView, other: { readonly host: string; readonly port: number }, now: number): void;
  /** A reason to ignore a node's alive message; undefined admits it. */
  refuseAlive(node: NodeView): string | undefined;
  /** A reason to refuse a join's push/pull. */
  refuseMerge(nodes: readonly NodeView[]): string | undefined;
  /** Whether {@link refuseAlive} and {@link refuseMerge} may refuse: then version vectors must be whole. */
  readonly guards: boolean;
  /** Adds broadcasts to `out`, each costing its length and `overhead`. Returns the bytes used. */
  broadcasts(overhead: number, room: number, out: Buffer[], countMax: number): number;
  onUser(raw: Buffer, now: number): void;
  localState(join: boolean): Buffer;
  mergeState(state: Buffer, join: boolean, now: number): void;
  ackPayload(): Buffer | null;
  onPingComplete(node: NodeView, rttMs: number, payload: Buffer | null): void;
}

/** A record as the delegate sees it. */
export interface NodeView {
  readonly name: string;
  readonly addr: Buffer;
  readonly host: string;
  readonly port: number;
  readonly meta: Buffer;
  readonly vsn: Buffer;
  readonly state: "alive" | "suspect" | "dead" | "left";
}
