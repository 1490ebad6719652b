/** Federation states: each datacenter's mesh gateways, as the primary replicates them. */
import type { FederationState } from "../model/config-entry.ts";
import { lower } from "./tables.ts";
import type { Answer, StateView } from "./tracked-read.ts";
import { CommandError, type WriteTxn } from "./write-txn.ts";

export function federationState(view: StateView, datacenter: string): Answer<FederationState | undefined> {
  return {
    index: view.lastChange("federation-states"),
    value: view.row(view.tables.federationStates.rows, lower(datacenter)),
  };
}

export function federationStates(view: StateView): Answer<readonly FederationState[]> {
  return {
    index: view.lastChange("federation-states"),
    value: view.list(view.tables.federationStates.rows, ""),
  };
}

export function setFederationState(tx: WriteTxn, state: FederationState): void {
  if (state.Datacenter === "") throw new CommandError("missing datacenter on federation state");
  const before = tx.tables.federationStates.get(lower(state.Datacenter));
  tx.put(tx.tables.federationStates, {
    ...state,
    // A replicated state comes with the primary's index; one written here is the primary's own.
    PrimaryModifyIndex: state.PrimaryModifyIndex === 0 ? tx.index : state.PrimaryModifyIndex,
    CreateIndex: before?.CreateIndex ?? tx.index,
    ModifyIndex: tx.index,
  });
  tx.bump("federation-states");
}

export function deleteFederationState(tx: WriteTxn, datacenter: string): void {
  if (tx.tables.federationStates.get(lower(datacenter)) === undefined) return;
  tx.remove(tx.tables.federationStates, lower(datacenter));
  tx.bump("federation-states");
}

export function restoreFederationState(tx: WriteTxn, state: FederationState): void {
  tx.put(tx.tables.federationStates, state);
  tx.bump("federation-states", state.ModifyIndex);
}
