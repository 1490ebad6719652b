/**
 * The replicated state machine: log entries in, results out, snapshots both ways. What it does depends on nothing but the
 * entries, so that every server, also one of HashiCorp's, has the same state at the same index.
 */
import type { ACL } from "../model/acl.ts";
import type { Clock } from "../ports/clock.ts";
import type { Metrics } from "../ports/metrics.ts";
import { MsgpackReader } from "../wire/msgpack.ts";
import {
  bootstrapAcl,
  deleteAuthMethod,
  deleteBindingRule,
  deletePolicy,
  deleteRole,
  deleteToken,
  deleteTokenBySecret,
  setAuthMethod,
  setBindingRule,
  setPolicy,
  setRole,
  setToken,
  tokenOfLegacy,
} from "./acl-writes.ts";
import { casAutopilotConfig, setAutopilotConfig } from "./autopilot.ts";
import { CHUNK_INCOMPLETE, Chunks, decodeChunkPlace } from "./chunks.ts";
import { commandFigure } from "./command-figure.ts";
import { type CommandBody, type CommandKind, commandByType, commands, IGNORE_UNKNOWN } from "./commands.ts";
import { casConfigEntry, deleteConfigEntry, setConfigEntry } from "./config-entry.ts";
import {
  casCaConfig,
  deleteCaProviderState,
  nextCaSerial,
  setCaConfig,
  setCaProviderState,
  setCaRoots,
} from "./connect-ca.ts";
import { updateCoordinates } from "./coordinate.ts";
import { deleteFederationState, setFederationState } from "./federation.ts";
import { deleteIntention, setIntention } from "./intention.ts";
import { kvCas, kvDelete, kvDeleteCas, kvDeleteTree, kvLock, kvSet, kvUnlock, reapTombstones } from "./kv.ts";
import { deletePreparedQuery, setPreparedQuery } from "./prepared-query.ts";
import { deleteCheck, deleteNode, deleteService, register } from "./registration.ts";
import { createSession, destroySession } from "./session.ts";
import type { StateStore } from "./state-store.ts";
import { decodeState, encodeState } from "./state-stream.ts";
import { ACL_BOOTSTRAP_INDEX_KEY } from "./tables.ts";
import { applyTxn } from "./txn.ts";
import { CommandError, type WriteContext, type WriteTxn } from "./write-txn.ts";

/** What the machine reads of a log entry. */
export interface CommandEntry {
  readonly index: number;
  readonly term: number;
  readonly data: Uint8Array;
  readonly extensions: Uint8Array | null;
}

/**
 * A committed entry that this program cannot apply. Going on would let the state drift from the other servers', so it is
 * thrown, not returned: the server must stop.
 */
export class UnknownCommandError extends Error {
  override readonly name = "UnknownCommandError";
  constructor(index: number, type: number) {
    super(
      `log entry ${index} has command type ${type}, which this version does not know; upgrade before going on`,
    );
  }
}

/** A committed entry whose bytes are not the command that its type says. Thrown, as {@link UnknownCommandError}. */
export class BadCommandError extends Error {
  override readonly name = "BadCommandError";
  constructor(index: number, kind: string, cause: unknown) {
    super(`log entry ${index}, command ${kind}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

type Run<K extends CommandKind> = (store: StateStore, index: number, body: CommandBody<K>) => unknown;

/** A command that is one write. */
const write =
  <K extends CommandKind>(
    change: (tx: WriteTxn, body: CommandBody<K>, context: WriteContext) => unknown,
  ): Run<K> =>
  (store, index, body) =>
    store.write(index, (tx, context) => change(tx, body, context));

const refuse = (text: string): never => {
  throw new CommandError(text);
};

function each<T>(items: readonly (T | null)[] | null, run: (item: T) => void): void {
  for (const item of items ?? []) if (item !== null) run(item);
}

const present = <T>(items: readonly (T | null)[] | null): T[] => (items ?? []).filter((x) => x !== null);

const runners: { readonly [K in CommandKind]: Run<K> } = {
  register: write((tx, request, context) => register(tx, context, request, "assign")),
  deregister: write((tx, { Node, ServiceID, CheckID }, context) => {
    if (ServiceID !== "") deleteService(tx, context, Node, ServiceID);
    else if (CheckID !== "") deleteCheck(tx, context, Node, CheckID);
    else deleteNode(tx, context, Node);
  }),
  kvs: write((tx, { Op, DirEnt }, context) => {
    switch (Op) {
      case "set":
        kvSet(tx, DirEnt);
        return undefined;
      case "delete":
        kvDelete(tx, context, DirEnt.Key);
        return undefined;
      case "delete-cas":
        return kvDeleteCas(tx, context, DirEnt.Key, DirEnt.ModifyIndex);
      case "delete-tree":
        kvDeleteTree(tx, context, DirEnt.Key);
        return undefined;
      case "cas":
        return kvCas(tx, DirEnt) !== undefined;
      case "lock":
        return kvLock(tx, DirEnt) !== undefined;
      case "unlock":
        return kvUnlock(tx, DirEnt) !== undefined;
      default:
        return refuse(`Invalid KVS operation '${Op}'`);
    }
  }),
  session: write((tx, { Op, Session }, context) => {
    switch (Op) {
      case "create":
        createSession(tx, Session);
        return Session.ID;
      case "destroy":
        destroySession(tx, context, Session.ID);
        return undefined;
      default:
        return refuse(`Invalid Session operation '${Op}'`);
    }
  }),
  aclLegacy: write((tx, { Op, ACL: acl }) => {
    switch (Op) {
      case "set":
      case "force-set":
        setToken(tx, tokenOfLegacy(acl), { legacy: true });
        return acl.ID;
      case "delete":
        deleteTokenBySecret(tx, acl.ID);
        return undefined;
      case "bootstrap-init":
        return tx.tables.lastChange(ACL_BOOTSTRAP_INDEX_KEY) === 0;
      case "bootstrap-now":
        bootstrapAcl(tx, 0, tokenOfLegacy(acl), true);
        return { ...acl, CreateIndex: tx.index, ModifyIndex: tx.index } satisfies ACL;
      default:
        return refuse(`Invalid ACL operation '${Op}'`);
    }
  }),
  tombstone: write((tx, { Op, ReapIndex }) => {
    if (Op !== "reap") refuse(`Invalid Tombstone operation '${Op}'`);
    reapTombstones(tx, ReapIndex);
  }),
  coordinateBatch: write((tx, batch) => updateCoordinates(tx, present(batch))),
  preparedQuery: write((tx, { Op, Query }) => {
    if (Query === null) return refuse("Missing Query ID");
    switch (Op) {
      case "create":
      case "update":
        return setPreparedQuery(tx, Query);
      case "delete":
        return deletePreparedQuery(tx, Query.ID);
      default:
        return refuse(`Invalid PreparedQuery operation '${Op}'`);
    }
  }),
  txn: (store, index, { Ops }) => applyTxn(store, index, Ops ?? []),
  autopilot: write((tx, { CAS, Config }) =>
    CAS ? casAutopilotConfig(tx, Config) : setAutopilotConfig(tx, Config),
  ),
  aclBootstrap: write((tx, { ResetIndex, Token }) => bootstrapAcl(tx, ResetIndex, Token, false)),
  intention: write((tx, { Op, Intention }) => {
    if (Intention === null) return refuse("Missing Intention ID");
    switch (Op) {
      case "create":
      case "update":
        return setIntention(tx, Intention);
      case "delete":
        return deleteIntention(tx, Intention.ID);
      default:
        return refuse(`Invalid Intention operation '${Op}'`);
    }
  }),
  connectCa: runConnectCa,
  aclTokenSet: write((tx, request) => {
    const options = {
      cas: request.CAS,
      allowMissingLinks: request.AllowMissingLinks,
      prohibitUnprivileged: request.ProhibitUnprivileged,
      fromReplication: request.FromReplication,
    };
    for (const token of present(request.Tokens)) setToken(tx, token, options);
  }),
  aclTokenDelete: write((tx, { TokenIDs }) => each(TokenIDs, (id) => deleteToken(tx, id))),
  aclPolicySet: write((tx, { Policies }) => each(Policies, (policy) => setPolicy(tx, policy))),
  aclPolicyDelete: write((tx, { PolicyIDs }) => each(PolicyIDs, (id) => deletePolicy(tx, id))),
  connectCaLeaf: (_store, index, { Op }) => {
    // Observed: only the index is answered, nothing is stored.
    if (Op !== "increment-index") refuse(`Invalid CA Leaf operation '${Op}'`);
    return index;
  },
  configEntry: write((tx, { Op, Entry }) => {
    if (Entry === null) return refuse("invalid config entry: missing");
    switch (Op) {
      case "upsert":
        setConfigEntry(tx, Entry);
        return true;
      case "upsert-cas":
        return casConfigEntry(tx, Entry);
      case "delete":
        return deleteConfigEntry(tx, Entry.Kind, Entry.Name);
      default:
        return refuse(`invalid config entry operation type: ${Op}`);
    }
  }),
  aclRoleSet: write((tx, { Roles, AllowMissingLinks }) =>
    each(Roles, (role) => setRole(tx, role, AllowMissingLinks)),
  ),
  aclRoleDelete: write((tx, { RoleIDs }) => each(RoleIDs, (id) => deleteRole(tx, id))),
  aclBindingRuleSet: write((tx, { BindingRules }) => each(BindingRules, (rule) => setBindingRule(tx, rule))),
  aclBindingRuleDelete: write((tx, { BindingRuleIDs }) =>
    each(BindingRuleIDs, (id) => deleteBindingRule(tx, id)),
  ),
  aclAuthMethodSet: write((tx, { AuthMethods }) => each(AuthMethods, (method) => setAuthMethod(tx, method))),
  aclAuthMethodDelete: write((tx, { AuthMethodNames }) =>
    each(AuthMethodNames, (name) => deleteAuthMethod(tx, name)),
  ),
  federationState: write((tx, { Op, State }) => {
    if (State === null) return refuse("missing datacenter on federation state");
    switch (Op) {
      case "upsert":
        setFederationState(tx, State);
        return true;
      case "delete":
        return deleteFederationState(tx, State.Datacenter);
      default:
        return refuse(`invalid federation state operation type: ${Op}`);
    }
  }),
};

function runConnectCa(store: StateStore, index: number, request: CommandBody<"connectCa">): unknown {
  const { Op, Config, Roots, ProviderState, Index } = request;
  switch (Op) {
    case "set-config": {
      if (Config === null) return refuse("CA set-config without a configuration");
      return store.write(index, (tx) =>
        Config.ModifyIndex === 0 ? setCaConfig(tx, Config) : casCaConfig(tx, Config.ModifyIndex, Config),
      );
    }
    case "set-roots":
      return store.write(index, (tx) => setCaRoots(tx, Index, present(Roots)));
    case "set-roots-config": {
      // Two writes, the second one index later (observed): a refused configuration leaves the new roots in place.
      if (!store.write(index, (tx) => setCaRoots(tx, Index, present(Roots)))) return false;
      if (Config === null) return refuse("CA set-roots-config without a configuration");
      return store.write(index + 1, (tx) => casCaConfig(tx, Config.ModifyIndex, Config));
    }
    case "set-provider-state":
      if (ProviderState === null) return refuse("CA set-provider-state without a state");
      return store.write(index, (tx) => setCaProviderState(tx, ProviderState));
    case "delete-provider-state":
      return store.write(index, (tx) => deleteCaProviderState(tx, ProviderState?.ID ?? ""));
    case "increment-provider-serial":
      return store.write(index, (tx) => nextCaSerial(tx));
    default:
      return refuse(`Invalid CA operation '${Op}'`);
  }
}

export interface FsmPorts {
  readonly clock: Clock;
  readonly metrics: Metrics;
}

export class StateFsm {
  readonly #store: StateStore;
  readonly #ports: FsmPorts | undefined;
  readonly #chunks = new Chunks();

  /** `ports`: where the times of commands are reported; nothing that is applied depends on them. */
  constructor(store: StateStore, ports?: FsmPorts) {
    this.#store = store;
    this.#ports = ports;
  }

  /**
   * Applies a committed command. Returns what the original's machine returns: undefined for nil, a boolean, number, text,
   * TxnResponse or ACL; a {@link CommandError} for a refused command, with the text that clients see; CHUNK_INCOMPLETE for
   * a part of a command that misses others.
   */
  apply(entry: CommandEntry): unknown {
    if (entry.extensions === null || entry.extensions.length === 0) return this.#run(entry.index, entry.data);
    let whole: Buffer | undefined;
    try {
      whole = this.#chunks.add(decodeChunkPlace(entry.extensions), entry.term, entry.data);
    } catch (error) {
      throw new BadCommandError(entry.index, "chunk", error);
    }
    return whole === undefined ? CHUNK_INCOMPLETE : this.#run(entry.index, whole);
  }

  #run(index: number, data: Uint8Array): unknown {
    const first = data[0];
    if (first === undefined) throw new BadCommandError(index, "unknown", new Error("no bytes"));
    const type = first & ~IGNORE_UNKNOWN;
    const kind = commandByType.get(type);
    if (kind === undefined) {
      if ((first & IGNORE_UNKNOWN) !== 0) return undefined;
      throw new UnknownCommandError(index, type);
    }
    let body: unknown;
    try {
      body = commands[kind].body.decode(new MsgpackReader(data, 1), 0);
    } catch (error) {
      throw new BadCommandError(index, kind, error);
    }
    const started = this.#ports?.clock.now() ?? 0;
    try {
      return (runners[kind] as Run<CommandKind>)(this.#store, index, body as CommandBody<CommandKind>);
    } catch (error) {
      if (error instanceof CommandError) return error;
      throw error;
    } finally {
      if (this.#ports !== undefined) {
        const { name, labels } = commandFigure(kind, body as CommandBody<CommandKind>);
        this.#ports.metrics.sample(name, this.#ports.clock.now() - started, labels);
      }
    }
  }

  /** The state of now as a stream of bytes. Taking it costs the same for any size; the bytes are made as they are read. */
  snapshot(): Iterable<Uint8Array> {
    return encodeState(this.#store.snapshot(), this.#chunks.state());
  }

  /** Replaces the state by a stream. Rejects with StateStreamError, leaving the old state, when the stream is bad. */
  async restore(stream: AsyncIterable<Uint8Array>): Promise<void> {
    const { tables, chunks } = await decodeState(stream);
    this.#chunks.restore(chunks);
    this.#store.replace(tables);
  }
}
