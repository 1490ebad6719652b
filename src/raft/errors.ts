/** Texts that clients of the original match on, and the errors of damaged files. */
import { RaftError } from "./contract.ts";

/** Wire texts of raft's errors (Consul 1.8.7). */
export const RAFT_ERROR = {
  notLeader: "node is not the leader",
  leadershipLost: "leadership lost while committing log",
  enqueueTimeout: "timed out enqueuing operation",
  shutdown: "raft is already shutdown",
  abortedByRestore: "snapshot restored while committing log",
  transferInProgress: "leadership transfer in progress",
  cannotBootstrap: "bootstrap only works on new clusters",
  unsupportedProtocol: "operation not supported with current protocol version",
} as const;

export const raftError = (text: string): RaftError => new RaftError(text);

/** A file of raft's that cannot be trusted. `path` and, where one is to blame, `index` name the place. */
export class RaftStorageError extends Error {
  override readonly name = "RaftStorageError";
  readonly path: string;
  readonly index: number | undefined;
  constructor(
    path: string,
    found: string,
    options: { readonly index?: number | undefined; readonly cause?: unknown } = {},
  ) {
    const where = options.index === undefined ? "" : ` (log index ${options.index})`;
    super(
      `raft storage ${path}${where} is damaged: ${found}. Nothing was changed. On a server of a cluster, move the data directory away and let the server join again; on a single server, restore a snapshot or a backup.`,
      options.cause === undefined ? {} : { cause: options.cause },
    );
    this.path = path;
    this.index = options.index;
  }
}

/** Makes a switch over a union fail to compile until every kind is treated. */
export function unreachable(value: never, where: string): never {
  throw new Error(`${where}: unexpected ${JSON.stringify(value)}`);
}
