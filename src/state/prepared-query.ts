/** Prepared queries: reads, and rules against names that alias each other. Rules as observed in Consul 1.8.7. */
import type { PreparedQuery } from "../model/prepared-query.ts";
import { keyOf, lower } from "./tables.ts";
import type { Answer, StateView } from "./tracked-read.ts";
import { CommandError, type WriteTxn } from "./write-txn.ts";

const UUID_CHARS = 36;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function preparedQueryGet(view: StateView, id: string): Answer<PreparedQuery | undefined> {
  return {
    index: view.lastChange("prepared-queries"),
    value: view.row(view.tables.preparedQueries.rows, lower(id)),
  };
}

export function preparedQueryList(view: StateView): Answer<readonly PreparedQuery[]> {
  return {
    index: view.lastChange("prepared-queries"),
    value: view.list(view.tables.preparedQueries.rows, ""),
  };
}

/**
 * The query that answers for an id or a name: by id, then by exact name, then the template with the longest prefix of the
 * name. A template comes unrendered.
 */
export function preparedQueryResolve(view: StateView, idOrName: string): Answer<PreparedQuery | undefined> {
  const index = view.lastChange("prepared-queries");
  const { preparedQueries, preparedQueriesByName, preparedQueryTemplates } = view.tables;
  if (idOrName === "") return { index, value: undefined };
  if (UUID.test(idOrName)) {
    const byId = view.row(preparedQueries.rows, lower(idOrName));
    if (byId !== undefined) return { index, value: byId };
  }
  const byName = view.row(preparedQueriesByName, lower(idOrName));
  if (byName !== undefined) return { index, value: byName };
  view.watchRange(preparedQueryTemplates, "");
  for (let length = idOrName.length; length >= 0; length--) {
    const template = preparedQueryTemplates.tree.get(idOrName.slice(0, length));
    if (template !== undefined) return { index, value: template };
  }
  return { index, value: undefined };
}

/** Creates or replaces a query. */
export function setPreparedQuery(tx: WriteTxn, query: PreparedQuery): void {
  const { preparedQueries, preparedQueriesByName, preparedQueryTemplates, sessions } = tx.tables;
  if (query.ID === "") throw new CommandError("Missing Query ID");
  const existing = preparedQueries.get(lower(query.ID));
  const isOther = (other: PreparedQuery | undefined): boolean =>
    other !== undefined && (existing === undefined || existing.ID !== other.ID);
  if (query.Name !== "") {
    if (isOther(preparedQueriesByName.tree.get(lower(query.Name))))
      throw new CommandError(`name '${query.Name}' aliases an existing query name`);
  } else if (query.Template.Type !== "" && isOther(preparedQueryTemplates.tree.get("")))
    throw new CommandError("a query template with an empty name already exists");
  // Queries are found by id or by name: a name must not pass for another query's id.
  if (UUID.test(query.Name) && preparedQueries.get(lower(query.Name)) !== undefined)
    throw new CommandError(`name '${query.Name}' aliases an existing query ID`);
  if (query.Session !== "" && query.Session.length !== UUID_CHARS)
    throw new CommandError("invalid session: index error: UUID must be 36 characters");
  if (query.Session !== "" && sessions.get(lower(query.Session)) === undefined)
    throw new CommandError(`invalid session "${query.Session}"`);
  if (query.Template.Type !== "" && query.Template.Type !== "name_prefix_match")
    throw new CommandError(`failed compiling template: Bad Template.Type '${query.Template.Type}'`);
  tx.put(preparedQueries, {
    ...query,
    CreateIndex: existing?.CreateIndex ?? tx.index,
    ModifyIndex: tx.index,
  });
  tx.bump("prepared-queries");
}

export function deletePreparedQuery(tx: WriteTxn, id: string): void {
  if (tx.tables.preparedQueries.get(lower(id)) === undefined) return;
  tx.remove(tx.tables.preparedQueries, lower(id));
  tx.bump("prepared-queries");
}

/** Deletes the queries bound to a session that ended. */
export function dropQueriesOfSession(tx: WriteTxn, session: string): void {
  for (const query of tx.tables.preparedQueriesBySession.tree.list(keyOf(lower(session), "")))
    deletePreparedQuery(tx, query.ID);
}

/** Puts a query of a snapshot. */
export function restorePreparedQuery(tx: WriteTxn, query: PreparedQuery): void {
  tx.put(tx.tables.preparedQueries, query);
  tx.bump("prepared-queries", query.ModifyIndex);
}
