/** Snapshots of the whole state: saved and restored here, at the leader, or in another datacenter (connection kind 0x05). */
import type { SnapshotRequest } from "../model/operator.ts";
import { QueryMeta } from "../model/query.ts";
import { openArchive, writeArchive } from "../raft/archive.ts";
import type { SnapshotMeta } from "../raft/contract.ts";
import type { RpcPool } from "../rpc/pool.ts";
import { SNAPSHOT_OP, type SnapshotResult } from "../rpc/snapshot.ts";
import type { SnapshotReply, SnapshotSaveOrRestore } from "./contract.ts";
import type { ServerCore } from "./core.ts";
import { errorText, InvalidRequestError, ServerError } from "./errors.ts";
import type { Membership } from "./membership.ts";

interface Result {
  readonly meta: QueryMeta;
  readonly stream: AsyncIterable<Uint8Array> | undefined;
}

/** What the snapshot endpoint needs beside the core. */
export interface SnapshotParts {
  readonly pool: RpcPool;
  readonly membership: Membership;
  /** Runs the leader's duties anew on a state that was replaced. */
  readonly reassertLeadership: () => Promise<void>;
}

export class SnapshotEndpoint {
  readonly #core: ServerCore;
  readonly #parts: SnapshotParts;

  constructor(core: ServerCore, parts: SnapshotParts) {
    this.#core = core;
    this.#parts = parts;
  }

  /** A request of this server's agent. */
  async request(request: SnapshotSaveOrRestore, body: AsyncIterable<Uint8Array>): Promise<SnapshotReply> {
    const { meta, stream } = await this.#dispatch(
      {
        Datacenter: request.datacenter,
        Token: request.token,
        AllowStale: request.allowStale,
        Op: SNAPSHOT_OP[request.op],
      },
      body,
    );
    return {
      index: meta.Index,
      knownLeader: meta.KnownLeader,
      lastContact: meta.LastContact,
      stream: stream ?? nothing(),
    };
  }

  /** A request that came over the port. */
  async serve(request: SnapshotRequest, body: AsyncIterable<Uint8Array>): Promise<SnapshotResult> {
    const { meta, stream } = await this.#dispatch(request, body);
    const response = { ...meta, Error: "" };
    return stream === undefined ? { response } : { response, stream };
  }

  async #dispatch(request: SnapshotRequest, body: AsyncIterable<Uint8Array>): Promise<Result> {
    const { options, raft } = this.#core;
    if (request.Datacenter !== options.datacenter) {
      const server = this.#parts.membership.remoteServer(request.Datacenter);
      try {
        return await this.#forward(server.address, request, body);
      } catch (error) {
        server.failed();
        throw error;
      }
    }
    if (!request.AllowStale && raft.role !== "leader") {
      const { leader } = raft;
      if (leader === undefined || leader.id === options.nodeId) throw new ServerError("noLeader");
      return this.#forward(leader.address, request, body);
    }
    switch (request.Op) {
      case SNAPSHOT_OP.save:
        return this.#save(request.AllowStale);
      case SNAPSHOT_OP.restore:
        if (request.AllowStale) throw new ServerError("staleRestore");
        return this.#restore(body);
      default:
        throw new InvalidRequestError(`unrecognized snapshot op ${request.Op}`);
    }
  }

  async #forward(
    address: string,
    request: SnapshotRequest,
    body: AsyncIterable<Uint8Array>,
  ): Promise<Result> {
    const restoring = request.Op === SNAPSHOT_OP.restore;
    const { response, stream } = await this.#parts.pool.snapshot(
      address,
      request,
      restoring ? body : undefined,
    );
    if (response.Error !== "") throw new InvalidRequestError(response.Error);
    return { meta: response, stream: restoring ? undefined : stream };
  }

  async #save(allowStale: boolean): Promise<Result> {
    const { raft, clock } = this.#core;
    if (!allowStale) await this.#core.consistentRead();
    const meta = this.#core.queryMeta();
    const taken = await this.#newest();
    const { stream } = await raft.openSnapshot(taken.id);
    return {
      meta: { ...meta, Index: taken.index },
      stream: writeArchive(taken, stream, clock.wall() / 1000),
    };
  }

  /** A snapshot of now; when nothing has changed since the last one, that is it. */
  async #newest(): Promise<SnapshotMeta> {
    const { raft } = this.#core;
    let taken: SnapshotMeta | undefined;
    try {
      taken = (await raft.snapshot()) ?? (await raft.snapshots())[0];
    } catch (error) {
      throw new InvalidRequestError(`Raft error when taking snapshot: ${errorText(error)}`);
    }
    if (taken === undefined)
      throw new InvalidRequestError("Raft error when taking snapshot: nothing new to snapshot");
    return taken;
  }

  async #restore(body: AsyncIterable<Uint8Array>): Promise<Result> {
    const { raft, log } = this.#core;
    const { meta, state } = await openArchive(body);
    await raft.restore(meta, state);
    await raft.barrier({ timeoutMs: this.#core.timings.barrierTimeoutMs });
    await this.#parts.reassertLeadership();
    log.info("restored user snapshot", { index: meta.index, term: meta.term });
    return { meta: QueryMeta.make({ ...this.#core.queryMeta(), Index: raft.lastIndex }), stream: undefined };
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
