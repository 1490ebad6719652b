/** Transactions: operations of several families in order, all or nothing. Texts as observed in Consul 1.8.7. */
import type { HealthCheck, Node, NodeService } from "../model/catalog.ts";
import {
  type DirEntry,
  type TxnCheckOp,
  type TxnError,
  type TxnIntentionOp,
  type TxnKVOp,
  type TxnNodeOp,
  type TxnOp,
  type TxnResponse,
  type TxnResult,
  TxnResult as TxnResultType,
  type TxnServiceOp,
} from "../model/kv.ts";
import { deleteIntention, setIntention } from "./intention.ts";
import { kvCas, kvDelete, kvDeleteCas, kvDeleteTree, kvLock, kvSet, kvUnlock } from "./kv.ts";
import { deleteCheck, deleteNode, deleteService, putCheck, putNode, putService } from "./registration.ts";
import type { StateStore } from "./state-store.ts";
import { checkKey, lower, serviceKey } from "./tables.ts";
import { CommandError, type WriteContext, type WriteTxn } from "./write-txn.ts";

const refuse = (text: string): never => {
  throw new CommandError(text);
};

/** Thrown to undo a transaction whose operations failed; carries the answer. */
class TxnRefused extends Error {
  readonly response: TxnResponse;
  constructor(errors: readonly TxnError[]) {
    super("transaction refused");
    this.response = { Results: null, Errors: errors };
  }
}

/** Runs the operations at a raft index. With any error nothing is stored, and the answer lists the errors by operation. */
export function applyTxn(store: StateStore, index: number, ops: readonly (TxnOp | null)[]): TxnResponse {
  try {
    return store.write(index, (tx, context) => runOps(tx, context, ops));
  } catch (error) {
    if (error instanceof TxnRefused) return error.response;
    throw error;
  }
}

/** Runs operations of which none writes, on the state of now. */
export function readTxn(store: StateStore, ops: readonly (TxnOp | null)[]): TxnResponse {
  try {
    return store.dryRun((tx, context) => runOps(tx, context, ops));
  } catch (error) {
    if (error instanceof TxnRefused) return error.response;
    throw error;
  }
}

function runOps(tx: WriteTxn, context: WriteContext, ops: readonly (TxnOp | null)[]): TxnResponse {
  const Results: TxnResult[] = [];
  const errors: TxnError[] = [];
  for (const [OpIndex, op] of ops.entries()) {
    try {
      Results.push(...runOp(tx, context, op));
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      errors.push({ OpIndex, What: error.message });
    }
  }
  if (errors.length > 0) throw new TxnRefused(errors);
  // Without results an empty list, not nil (observed).
  return { Results, Errors: null };
}

function runOp(tx: WriteTxn, context: WriteContext, op: TxnOp | null): readonly TxnResult[] {
  if (op?.KV) return runKv(tx, context, op.KV);
  if (op?.Intention) return runIntention(tx, op.Intention);
  if (op?.Node) return runNode(tx, context, op.Node);
  if (op?.Service) return runService(tx, context, op.Service);
  if (op?.Check) return runCheck(tx, context, op.Check);
  if (op?.Session) {
    // Removes the row only: no key is released (from the original's source; its API cannot send this).
    if (op.Session.Verb !== "delete") refuse(`unknown Session verb "${op.Session.Verb}"`);
    const id = lower(op.Session.Session.ID);
    if (tx.tables.sessions.get(id) !== undefined) {
      tx.remove(tx.tables.sessions, id);
      tx.bump("sessions");
    }
    return [];
  }
  return refuse("no operation specified");
}

const whole = (KV: DirEntry): TxnResult => TxnResultType.make({ KV });
/** What a write answers: the entry without its value. */
const withoutValue = (entry: DirEntry): readonly TxnResult[] => [whole({ ...entry, Value: null })];

function runKv(tx: WriteTxn, context: WriteContext, { Verb, DirEnt }: TxnKVOp): readonly TxnResult[] {
  const key = DirEnt.Key;
  const entry = tx.tables.kvs.get(key);
  switch (Verb) {
    case "set":
      return withoutValue(kvSet(tx, DirEnt));
    case "delete":
      kvDelete(tx, context, key);
      return [];
    case "delete-cas":
      if (!kvDeleteCas(tx, context, key, DirEnt.ModifyIndex))
        refuse(`failed to delete key "${key}", index is stale`);
      return [];
    case "delete-tree":
      kvDeleteTree(tx, context, key);
      return [];
    case "cas":
      return withoutValue(kvCas(tx, DirEnt) ?? refuse(`failed to set key "${key}", index is stale`));
    case "lock":
      return withoutValue(kvLock(tx, DirEnt) ?? refuse(`failed to lock key "${key}", lock is already held`));
    case "unlock":
      return withoutValue(
        kvUnlock(tx, DirEnt) ??
          refuse(`failed to unlock key "${key}", lock isn't held, or is held by another session`),
      );
    case "get":
      return [whole(entry ?? refuse(`key "${key}" doesn't exist`))];
    case "get-tree":
      return tx.tables.kvs.rows.tree.list(key).map(whole);
    case "check-session": {
      const found = entry ?? refuse(`failed to check session, key "${key}" doesn't exist`);
      if (found.Session !== DirEnt.Session)
        refuse(
          `failed session check for key "${key}", current session "${found.Session}" != "${DirEnt.Session}"`,
        );
      return withoutValue(found);
    }
    case "check-index": {
      const found = entry ?? refuse(`failed to check index, key "${key}" doesn't exist`);
      if (found.ModifyIndex !== DirEnt.ModifyIndex)
        refuse(
          `failed index check for key "${key}", current modify index ${found.ModifyIndex} != ${DirEnt.ModifyIndex}`,
        );
      return withoutValue(found);
    }
    case "check-not-exists":
      if (entry !== undefined) refuse(`key "${key}" exists`);
      return [];
    default:
      return refuse(`unknown KV verb "${Verb}"`);
  }
}

function runIntention(tx: WriteTxn, op: TxnIntentionOp): readonly TxnResult[] {
  switch (op.Op) {
    case "create":
    case "update":
      setIntention(tx, op.Intention ?? refuse("Missing Intention ID"));
      return [];
    case "delete":
      deleteIntention(tx, op.Intention?.ID ?? "");
      return [];
    default:
      return refuse(`unknown Intention op "${op.Op}"`);
  }
}

function runNode(tx: WriteTxn, context: WriteContext, { Verb, Node: node }: TxnNodeOp): readonly TxnResult[] {
  const find = (): Node | undefined =>
    node.ID !== "" ? tx.tables.nodesById.tree.get(lower(node.ID)) : tx.tables.nodes.get(lower(node.Node));
  const answer = (): readonly TxnResult[] => {
    const Node = find();
    return Node === undefined ? [] : [TxnResultType.make({ Node })];
  };
  switch (Verb) {
    case "get":
      return find() === undefined ? refuse(`node "${node.Node}" doesn't exist`) : answer();
    case "set":
      putNode(tx, context, node, "assign");
      return answer();
    case "cas":
      // Compared with the node of that name, whatever the ID says (observed).
      if ((tx.tables.nodes.get(lower(node.Node))?.ModifyIndex ?? 0) !== node.ModifyIndex)
        refuse(`failed to set node "${node.Node}", index is stale`);
      putNode(tx, context, node, "assign");
      return answer();
    case "delete":
      deleteNode(tx, context, node.Node);
      return [];
    case "delete-cas":
      if (tx.tables.nodes.get(lower(node.Node))?.ModifyIndex !== node.ModifyIndex)
        refuse(`failed to delete node "${node.Node}", index is stale`);
      deleteNode(tx, context, node.Node);
      return [];
    default:
      return refuse(`unknown Node verb "${Verb}"`);
  }
}

function runService(tx: WriteTxn, context: WriteContext, op: TxnServiceOp): readonly TxnResult[] {
  const { Verb, Node: node, Service: service } = op;
  const find = (): NodeService | undefined => tx.tables.services.get(serviceKey(node, service.ID))?.Service;
  const answer = (): readonly TxnResult[] => {
    const Service = find();
    return Service === undefined ? [] : [TxnResultType.make({ Service })];
  };
  switch (Verb) {
    case "get":
      return find() === undefined
        ? refuse(`service "${service.ID}" on node "${node}" doesn't exist`)
        : answer();
    case "set":
      putService(tx, node, service, "assign");
      return answer();
    case "cas":
      if ((find()?.ModifyIndex ?? 0) !== service.ModifyIndex)
        refuse(`failed to set service "${service.ID}" on node "${node}", index is stale`);
      putService(tx, node, service, "assign");
      return answer();
    case "delete":
      deleteService(tx, context, node, service.ID);
      return [];
    case "delete-cas":
      if (find()?.ModifyIndex !== service.ModifyIndex)
        refuse(`failed to delete service "${service.ID}" on node "${node}", index is stale`);
      deleteService(tx, context, node, service.ID);
      return [];
    default:
      return refuse(`unknown Service verb "${Verb}"`);
  }
}

function runCheck(
  tx: WriteTxn,
  context: WriteContext,
  { Verb, Check: check }: TxnCheckOp,
): readonly TxnResult[] {
  const find = (): HealthCheck | undefined => tx.tables.checks.get(checkKey(check.Node, check.CheckID));
  const answer = (): readonly TxnResult[] => {
    const Check = find();
    return Check === undefined ? [] : [TxnResultType.make({ Check })];
  };
  switch (Verb) {
    case "get":
      return find() === undefined
        ? refuse(`check "${check.CheckID}" on node "${check.Node}" doesn't exist`)
        : answer();
    case "set":
      putCheck(tx, context, check, "assign");
      return answer();
    case "cas":
      if ((find()?.ModifyIndex ?? 0) !== check.ModifyIndex)
        refuse(`failed to set check "${check.CheckID}" on node "${check.Node}", index is stale`);
      putCheck(tx, context, check, "assign");
      return answer();
    case "delete":
      deleteCheck(tx, context, check.Node, check.CheckID);
      return [];
    case "delete-cas":
      if (find()?.ModifyIndex !== check.ModifyIndex)
        refuse(`failed to delete check "${check.CheckID}" on node "${check.Node}", index is stale`);
      deleteCheck(tx, context, check.Node, check.CheckID);
      return [];
    default:
      return refuse(`unknown Check verb "${Verb}"`);
  }
}
