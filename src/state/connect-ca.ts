/** The certificate authority's state: roots, configuration, the built-in provider's keys. Rules as observed in Consul 1.8.7. */
import type { CAConfiguration, CAConsulProviderState, CARoot } from "../model/connect.ts";
import { lower } from "./tables.ts";
import type { Answer, StateView } from "./tracked-read.ts";
import { CommandError, type WriteTxn } from "./write-txn.ts";

const ROOTS = "connect-ca-roots";
const BUILTIN = "connect-ca-builtin";
const SERIAL = "connect-ca-builtin-serial";

export function caRoots(view: StateView): Answer<readonly CARoot[]> {
  const config = view.row(view.tables.caConfig.rows, "");
  return {
    index: Math.max(view.lastChange(ROOTS), config?.ModifyIndex ?? 0),
    value: view.list(view.tables.caRoots.rows, ""),
  };
}

/** The index of the roots alone: what set-roots compares with. */
export const caRootsIndex = (view: StateView): Answer<number> => {
  const index = view.lastChange(ROOTS);
  return { index, value: index };
};

export function caConfig(view: StateView): Answer<CAConfiguration | undefined> {
  const config = view.row(view.tables.caConfig.rows, "");
  return { index: config?.ModifyIndex ?? 0, value: config };
}

export function caProviderState(view: StateView, id: string): Answer<CAConsulProviderState | undefined> {
  return { index: view.lastChange(BUILTIN), value: view.row(view.tables.caProviderStates.rows, id) };
}

export function setCaConfig(tx: WriteTxn, config: CAConfiguration): void {
  const before = tx.tables.caConfig.get("");
  tx.put(tx.tables.caConfig, {
    ...config,
    ClusterID: config.ClusterID === "" && before !== undefined ? before.ClusterID : config.ClusterID,
    CreateIndex: before?.CreateIndex ?? tx.index,
    ModifyIndex: tx.index,
  });
}

/** Sets if the configuration in force has index `expected` (0: there must be none). */
export function casCaConfig(tx: WriteTxn, expected: number, config: CAConfiguration): true {
  const before = tx.tables.caConfig.get("");
  if ((before?.ModifyIndex ?? 0) !== expected) throw new CommandError("ModifyIndex did not match existing");
  setCaConfig(tx, config);
  return true;
}

/** Replaces all roots if theirs is the expected index. */
export function setCaRoots(tx: WriteTxn, expected: number, roots: readonly CARoot[]): boolean {
  if (roots.filter((r) => r.Active).length !== 1)
    throw new CommandError("there must be exactly one active CA root");
  if (tx.tables.lastChange(ROOTS) !== expected) return false;
  const rows = roots.map((root) => {
    if (root.ID === "") throw new CommandError("Missing CA Root ID");
    const before = tx.tables.caRoots.get(lower(root.ID));
    return { ...root, CreateIndex: before?.CreateIndex ?? tx.index, ModifyIndex: tx.index };
  });
  for (const old of tx.tables.caRoots.rows.tree.list("")) tx.remove(tx.tables.caRoots, lower(old.ID));
  for (const row of rows) tx.put(tx.tables.caRoots, row);
  tx.bump(ROOTS);
  return true;
}

export function setCaProviderState(tx: WriteTxn, state: CAConsulProviderState): true {
  const before = tx.tables.caProviderStates.get(state.ID);
  tx.put(tx.tables.caProviderStates, {
    ...state,
    CreateIndex: before?.CreateIndex ?? tx.index,
    ModifyIndex: tx.index,
  });
  tx.bump(BUILTIN);
  return true;
}

export function deleteCaProviderState(tx: WriteTxn, id: string): true {
  if (tx.tables.caProviderStates.get(id) !== undefined) {
    tx.remove(tx.tables.caProviderStates, id);
    tx.bump(BUILTIN);
  }
  return true;
}

/** The next serial number of the built-in provider; the first follows its table's index. */
export function nextCaSerial(tx: WriteTxn): number {
  const { indexes } = tx.tables;
  const next = (indexes.get(SERIAL)?.Value ?? tx.tables.lastChange(BUILTIN)) + 1;
  tx.put(indexes, { Key: SERIAL, Value: next });
  return next;
}

export function restoreCaRoot(tx: WriteTxn, root: CARoot): void {
  tx.put(tx.tables.caRoots, root);
  tx.bump(ROOTS, root.ModifyIndex);
}

export function restoreCaProviderState(tx: WriteTxn, state: CAConsulProviderState): void {
  tx.put(tx.tables.caProviderStates, state);
  tx.bump(BUILTIN, state.ModifyIndex);
}

export function restoreCaConfig(tx: WriteTxn, config: CAConfiguration): void {
  tx.put(tx.tables.caConfig, config);
}
