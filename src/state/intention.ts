/** Intentions: which service may connect to which. Rules as observed in Consul 1.8.7. */
import type { Intention, IntentionMatchEntry } from "../model/connect.ts";
import { byteOrder } from "../wire/schema.ts";
import { blake2b256 } from "./blake2b.ts";
import { keyOf, lower } from "./tables.ts";
import type { Answer, StateView } from "./tracked-read.ts";
import { CommandError, type WriteTxn } from "./write-txn.ts";

const WILDCARD = "*";

/** How exact a namespace and name are: 2 both named, 1 any name, 0 any namespace. */
const exactness = (namespace: string, name: string): number =>
  namespace === WILDCARD ? 0 : name === WILDCARD ? 1 : 2;

/** 9 for the most exact pair, 1 for "anything to anything": the destination weighs more. */
export function precedence(i: Intention): number {
  const destination = 3 * (1 + exactness(i.DestinationNS, i.DestinationName));
  return destination - (2 - exactness(i.SourceNS, i.SourceName));
}

/** Most exact first; equals by their four names. */
function byPrecedence(a: Intention, b: Intention): number {
  return (
    b.Precedence - a.Precedence ||
    byteOrder(a.SourceNS, b.SourceNS) ||
    byteOrder(a.SourceName, b.SourceName) ||
    byteOrder(a.DestinationNS, b.DestinationNS) ||
    byteOrder(a.DestinationName, b.DestinationName)
  );
}

export function intentionById(view: StateView, id: string): Answer<Intention | undefined> {
  return {
    index: view.lastChange("connect-intentions"),
    value: view.row(view.tables.intentions.rows, lower(id)),
  };
}

/** All intentions, most exact first. */
export function intentionList(view: StateView): Answer<readonly Intention[]> {
  const value = view.list(view.tables.intentions.rows, "").sort(byPrecedence);
  return { index: view.lastChange("connect-intentions"), value };
}

/** For each entry the intentions that apply to it as source or as destination, most exact first. */
export function intentionMatch(
  view: StateView,
  type: "source" | "destination",
  entries: readonly IntentionMatchEntry[],
): Answer<readonly (readonly Intention[])[]> {
  const { intentionsBySource, intentionsByDestination } = view.tables;
  const side = type === "source" ? intentionsBySource : intentionsByDestination;
  const value = entries.map(({ Namespace, Name }) => {
    const ns = lower(Namespace);
    const places = [keyOf(WILDCARD, WILDCARD)];
    if (ns !== WILDCARD) places.push(keyOf(ns, WILDCARD));
    if (ns !== WILDCARD && Name !== WILDCARD) places.push(keyOf(ns, lower(Name)));
    return places.flatMap((place) => view.list(side, keyOf(place, ""))).sort(byPrecedence);
  });
  return { index: view.lastChange("connect-intentions"), value };
}

const describe = (i: Intention): string =>
  `${i.Action.toUpperCase()} ${i.SourceNS}/${i.SourceName} => ${i.DestinationNS}/${i.DestinationName} (ID: ${i.ID}, Precedence: ${i.Precedence})`;

/** Creates or replaces an intention; a pair of source and destination has one at most. */
export function setIntention(tx: WriteTxn, request: Intention): void {
  if (request.ID === "") throw new CommandError("Missing Intention ID");
  const before = tx.tables.intentions.get(lower(request.ID));
  const intention: Intention = {
    ...request,
    Meta: request.Meta ?? new Map(),
    Precedence: precedence(request),
    CreatedAt: before?.CreatedAt ?? request.CreatedAt,
    CreateIndex: before?.CreateIndex ?? tx.index,
    ModifyIndex: tx.index,
  };
  const twin = tx.tables.intentionsByPair.tree.get(
    keyOf(
      lower(intention.SourceNS),
      lower(intention.SourceName),
      lower(intention.DestinationNS),
      lower(intention.DestinationName),
    ),
  );
  if (twin !== undefined && twin.ID !== intention.ID)
    throw new CommandError(`duplicate intention found: ${describe(twin)}`);
  tx.put(tx.tables.intentions, intention);
  tx.bump("connect-intentions");
}

export function deleteIntention(tx: WriteTxn, id: string): void {
  if (tx.tables.intentions.get(lower(id)) === undefined) return;
  tx.remove(tx.tables.intentions, lower(id));
  tx.bump("connect-intentions");
}

export function restoreIntention(tx: WriteTxn, intention: Intention): void {
  tx.put(tx.tables.intentions, intention);
  tx.bump("connect-intentions", intention.ModifyIndex);
}

/** The hash that replication compares; port and precedence do not count (observed). */
export function intentionHash(i: Intention): Buffer {
  const meta = [...(i.Meta ?? [])].sort(([a], [b]) => byteOrder(a, b)).flat();
  return blake2b256(
    i.ID,
    i.Description,
    i.SourceNS,
    i.SourceName,
    i.DestinationNS,
    i.DestinationName,
    i.SourceType,
    i.Action,
    i.DefaultAddr,
    ...meta,
  );
}
