/** Puts commands into the log: encoding, splitting of large KV writes, and what the FSM's answer means. */
import type { Logger } from "../ports/log.ts";
import type { Random } from "../ports/random.ts";
import { RaftError, type RaftNode } from "../raft/contract.ts";
import { RAFT_ERROR } from "../raft/errors.ts";
import { splitCommand } from "../state/chunks.ts";
import { type CommandBody, type CommandKind, encodeCommand } from "../state/commands.ts";
import { CHUNK_BYTES } from "../state/limits.ts";
import { ServerError } from "./errors.ts";
import { RAFT_ENTRY_WARN_BYTES } from "./limits.ts";

export class Committer {
  readonly #raft: RaftNode;
  readonly #timeoutMs: number;
  readonly #random: Random;
  readonly #log: Logger;

  constructor(
    raft: RaftNode,
    options: { readonly enqueueTimeoutMs: number },
    ports: { readonly random: Random; readonly log: Logger },
  ) {
    this.#raft = raft;
    this.#timeoutMs = options.enqueueTimeoutMs;
    this.#random = ports.random;
    this.#log = ports.log;
  }

  /**
   * Resolves with the FSM's result once the command is applied here; rejects with CommandError when the FSM refuses it, and with
   * ServerError "noLeader" when the log did not take it up.
   */
  async commit<K extends CommandKind>(kind: K, body: CommandBody<K>): Promise<unknown> {
    const command = encodeCommand(kind, body);
    if (command.length > RAFT_ENTRY_WARN_BYTES)
      this.#log.warn("Attempting to apply large raft entry", { size_in_bytes: command.length });
    const result = kind === "kvs" ? await this.#commitPieces(command) : await this.#propose(command, null);
    if (result instanceof Error) throw result;
    return result;
  }

  /** All pieces are proposed at once, in order; the last one's result is the command's. */
  async #commitPieces(command: Buffer): Promise<unknown> {
    if (command.length <= CHUNK_BYTES) return this.#propose(command, null);
    const pieces = splitCommand(command, this.#random.bytes(8).readBigUInt64BE());
    const results = await Promise.all(pieces.map((p) => this.#propose(p.data, p.extensions)));
    return results.at(-1);
  }

  async #propose(data: Uint8Array, extensions: Uint8Array | null): Promise<unknown> {
    const options = { timeoutMs: this.#timeoutMs, ...(extensions === null ? {} : { extensions }) };
    try {
      return (await this.#raft.apply(data, options)).result;
    } catch (error) {
      // Not in the log, so it may be tried at the next leader. A command of which one piece is missing never takes effect.
      throw error instanceof RaftError && REFUSED.has(error.message) ? new ServerError("noLeader") : error;
    }
  }
}

/** What raft says when it has not taken a command up. */
const REFUSED: ReadonlySet<string> = new Set([RAFT_ERROR.notLeader, RAFT_ERROR.transferInProgress]);
