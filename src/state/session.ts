/** Sessions: reads, creation, and what their end does to the keys they hold. Rules as observed in Consul 1.8.7. */
import type { Session } from "../model/kv.ts";
import { kvReleaseHeld } from "./kv.ts";
import { dropQueriesOfSession } from "./prepared-query.ts";
import { checkKey, keyOf, lower } from "./tables.ts";
import type { Answer, StateView } from "./tracked-read.ts";
import { CommandError, type WriteContext, type WriteTxn } from "./write-txn.ts";

const NS_PER_MS = 1_000_000n;

export function sessionGet(view: StateView, id: string): Answer<Session | undefined> {
  return { index: view.lastChange("sessions"), value: view.row(view.tables.sessions.rows, lower(id)) };
}

export function sessionList(view: StateView): Answer<readonly Session[]> {
  return { index: view.lastChange("sessions"), value: view.list(view.tables.sessions.rows, "") };
}

export function nodeSessions(view: StateView, node: string): Answer<readonly Session[]> {
  return {
    index: view.lastChange("sessions"),
    value: view.list(view.tables.sessionsByNode, keyOf(lower(node), "")),
  };
}

/** Ids of all checks that a session hangs on, of the three lists in order. */
export function sessionCheckIds(session: Session): string[] {
  return [
    ...(session.Checks ?? []),
    ...(session.NodeChecks ?? []),
    ...(session.ServiceChecks ?? []).map((c) => c.ID),
  ];
}

/** Stores a session. Its node and its checks must exist, and no check may be critical. */
export function createSession(tx: WriteTxn, request: Session): void {
  if (request.ID === "") throw new CommandError("Missing session ID");
  const behavior = request.Behavior === "" ? "release" : request.Behavior;
  if (behavior !== "release" && behavior !== "delete")
    throw new CommandError(`Invalid session behavior: ${behavior}`);
  if (tx.tables.nodes.get(lower(request.Node)) === undefined)
    throw new CommandError("Missing node registration");
  for (const id of sessionCheckIds(request)) {
    const check = tx.tables.checks.get(checkKey(request.Node, id));
    if (check === undefined) throw new CommandError(`Missing check '${id}' registration`);
    if (check.Status === "critical") throw new CommandError(`Check '${id}' is in critical state`);
  }
  insertSession(tx, { ...request, Behavior: behavior, CreateIndex: tx.index, ModifyIndex: tx.index });
}

/** Puts a session of a snapshot. */
export function restoreSession(tx: WriteTxn, session: Session): void {
  insertSession(tx, session);
}

function insertSession(tx: WriteTxn, session: Session): void {
  tx.put(tx.tables.sessions, session);
  for (const id of sessionCheckIds(session))
    tx.put(tx.tables.sessionChecks, { Node: session.Node, CheckID: id, Session: session.ID });
  tx.bump("sessions", session.ModifyIndex);
}

/** Ends a session if there is one: frees or deletes its keys, starts their lock delay, drops its prepared queries. */
export function destroySession(tx: WriteTxn, context: WriteContext, id: string): void {
  const session = tx.tables.sessions.get(lower(id));
  if (session === undefined) return;
  tx.remove(tx.tables.sessions, lower(id));
  tx.bump("sessions");
  const keys = kvReleaseHeld(tx, context, session.ID, session.Behavior);
  const delayMs = Number(session.LockDelay / NS_PER_MS);
  if (delayMs > 0 && keys.length > 0)
    tx.afterCommit(() => {
      for (const key of keys) context.lockDelays.start(key, delayMs);
    });
  for (const link of tx.tables.sessionChecksBySession.tree.list(keyOf(lower(session.ID), "")))
    tx.remove(tx.tables.sessionChecks, tx.tables.sessionChecks.keyOf(link));
  dropQueriesOfSession(tx, session.ID);
}

/** Ends the sessions that hang on a check. */
export function destroySessionsOfCheck(
  tx: WriteTxn,
  context: WriteContext,
  node: string,
  checkId: string,
): void {
  for (const link of tx.tables.sessionChecks.rows.tree.list(keyOf(checkKey(node, checkId), "")))
    destroySession(tx, context, link.Session);
}

/** Ends the sessions of a node. */
export function destroySessionsOfNode(tx: WriteTxn, context: WriteContext, node: string): void {
  for (const session of tx.tables.sessionsByNode.tree.list(keyOf(lower(node), "")))
    destroySession(tx, context, session.ID);
}
