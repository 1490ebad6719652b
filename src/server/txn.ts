/** Txn.*: several operations, all or none. */
import { type TxnError, TxnOp, type TxnResponse } from "../model/kv.ts";
import { readTxn } from "../state/txn.ts";
import type { ServerCore } from "./core.ts";
import type { Handlers } from "./dispatcher.ts";
import { errorText } from "./errors.ts";
import { mayApplyKv } from "./kv.ts";
import { checkNode, normalizeService, normalizeTxnCheck } from "./registration.ts";

/** Operations as they are logged, or what is wrong with each of them. */
export function normalizeTxn(
  core: ServerCore,
  ops: readonly (TxnOp | null)[] | null,
): { readonly ops: readonly (TxnOp | null)[] | null; readonly errors: readonly TxnError[] } {
  const errors: TxnError[] = [];
  const out = ops?.map((op, OpIndex) => {
    try {
      // A nil operation in a logged entry would end every server of 1.8 that applies it; an empty one does nothing.
      return op === null ? TxnOp.zero() : normalizeOp(core, op);
    } catch (error) {
      errors.push({ OpIndex, What: errorText(error) });
      return op;
    }
  });
  return { ops: out ?? null, errors };
}

function normalizeOp(core: ServerCore, op: TxnOp): TxnOp {
  if (op.KV !== null) {
    const { Verb, DirEnt } = op.KV;
    if (!mayApplyKv(core, Verb, DirEnt.Key))
      throw new Error(`failed to lock key ${JSON.stringify(DirEnt.Key)} due to lock delay`);
    return op;
  }
  // What only reads is taken as it is.
  if (op.Node !== null) {
    if (op.Node.Verb !== "get") checkNode(op.Node.Node.Node, op.Node.Node.ID);
    return op;
  }
  if (op.Service !== null) {
    if (op.Service.Verb === "get") return op;
    return { ...op, Service: { ...op.Service, Service: normalizeService(op.Service.Service) } };
  }
  if (op.Check !== null && op.Check.Verb !== "get")
    return { ...op, Check: { ...op.Check, Check: normalizeTxnCheck(op.Check.Check) } };
  return op;
}

export function txnEndpoints(core: ServerCore) {
  return {
    "Txn.Apply": async (request) => {
      const { ops, errors } = normalizeTxn(core, request.Ops);
      if (errors.length > 0) return { Results: null, Errors: errors };
      const started = core.clock.now();
      const result = await core.commit("txn", { ...request, Ops: ops });
      core.metrics.sample("txn.apply", core.clock.now() - started);
      return result as TxnResponse;
    },
    "Txn.Read": async (request) => {
      const started = core.clock.now();
      if (request.RequireConsistent) await core.consistentRead();
      else if (!request.AllowStale) await core.leaderRead();
      const { ops, errors } = normalizeTxn(core, request.Ops);
      const meta = core.queryMeta();
      if (errors.length > 0) return { Results: null, Errors: errors, ...meta };
      const read = readTxn(core.store, ops ?? []);
      core.metrics.sample("txn.read", core.clock.now() - started);
      return { ...read, ...meta };
    },
  } satisfies Partial<Handlers>;
}
