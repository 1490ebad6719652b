/** Config entries: reads, writes, and the derived table of gateways' services. Rules as observed in Consul 1.8.7. */
import type { IngressGatewayConfigEntry, TerminatingGatewayConfigEntry } from "../model/config-entry.ts";
import type { ConfigEntry } from "../model/config-entry-box.ts";
import { mapGateway, unmapGateway } from "./gateway-service.ts";
import { validateGraph } from "./service-graph.ts";
import { configEntryKey, keyOf, lower } from "./tables.ts";
import type { Answer, StateView } from "./tracked-read.ts";
import type { WriteTxn } from "./write-txn.ts";

const TABLE = "config-entries";

export function configEntry(view: StateView, kind: string, name: string): Answer<ConfigEntry | undefined> {
  return {
    index: view.lastChange(TABLE),
    value: view.row(view.tables.configEntries.rows, configEntryKey(kind, name)),
  };
}

/** All entries, or those of a kind, in order of kind and name. */
export function configEntries(view: StateView, kind?: string): Answer<readonly ConfigEntry[]> {
  const prefix = kind === undefined ? "" : keyOf(lower(kind), "");
  return { index: view.lastChange(TABLE), value: view.list(view.tables.configEntries.rows, prefix) };
}

/** The protocol that a service speaks: of its own defaults if there are any, else of the proxies' defaults, else tcp. */
export function serviceProtocol(view: StateView, service: string): Answer<string> {
  const index = view.lastChange(TABLE);
  const own = configEntry(view, "service-defaults", service).value;
  if (own !== undefined && "Protocol" in own)
    return { index, value: own.Protocol === "" ? "tcp" : own.Protocol };
  const global = configEntry(view, "proxy-defaults", "global").value;
  const protocol = global !== undefined && "Config" in global ? global.Config?.get("protocol") : undefined;
  return { index, value: typeof protocol === "string" && protocol !== "" ? protocol : "tcp" };
}

const isGateway = (
  entry: ConfigEntry | undefined,
): entry is IngressGatewayConfigEntry | TerminatingGatewayConfigEntry =>
  entry?.Kind === "ingress-gateway" || entry?.Kind === "terminating-gateway";

export function setConfigEntry(tx: WriteTxn, request: ConfigEntry): void {
  const key = configEntryKey(request.Kind, request.Name);
  const before = tx.tables.configEntries.get(key);
  const entry = { ...request, CreateIndex: before?.CreateIndex ?? tx.index, ModifyIndex: tx.index };
  validateGraph(tx.tables, entry.Kind, entry.Name, entry);
  if (isGateway(entry)) mapGateway(tx, isGateway(before) ? before : undefined, entry);
  tx.put(tx.tables.configEntries, entry);
  tx.bump(TABLE);
}

/** Sets if the entry in force has the ModifyIndex of `request` (0: there must be none). */
export function casConfigEntry(tx: WriteTxn, request: ConfigEntry): boolean {
  const before = tx.tables.configEntries.get(configEntryKey(request.Kind, request.Name));
  if ((before?.ModifyIndex ?? 0) !== request.ModifyIndex) return false;
  setConfigEntry(tx, request);
  return true;
}

export function deleteConfigEntry(tx: WriteTxn, kind: string, name: string): void {
  const key = configEntryKey(kind, name);
  const before = tx.tables.configEntries.get(key);
  if (before === undefined) return;
  if (isGateway(before)) unmapGateway(tx, name);
  validateGraph(tx.tables, kind, name, undefined);
  tx.remove(tx.tables.configEntries, key);
  tx.bump(TABLE);
}

/** Puts an entry of a snapshot. */
export function restoreConfigEntry(tx: WriteTxn, entry: ConfigEntry): void {
  if (isGateway(entry)) mapGateway(tx, undefined, entry);
  tx.put(tx.tables.configEntries, entry);
  tx.bump(TABLE, entry.ModifyIndex);
}
