/** Autopilot's configuration: one row, without a key in the index table (observed). */
import type { AutopilotConfig } from "../model/operator.ts";
import type { Answer, StateView } from "./tracked-read.ts";
import type { WriteTxn } from "./write-txn.ts";

export function autopilotConfig(view: StateView): Answer<AutopilotConfig | undefined> {
  const config = view.row(view.tables.autopilot.rows, "");
  return { index: config?.ModifyIndex ?? 0, value: config };
}

export function setAutopilotConfig(tx: WriteTxn, config: AutopilotConfig): void {
  const before = tx.tables.autopilot.get("");
  tx.put(tx.tables.autopilot, {
    ...config,
    CreateIndex: before?.CreateIndex ?? tx.index,
    ModifyIndex: tx.index,
  });
}

/** Sets if the configuration in force has the ModifyIndex of `config`; false when not, or when there is none. */
export function casAutopilotConfig(tx: WriteTxn, config: AutopilotConfig): boolean {
  if (tx.tables.autopilot.get("")?.ModifyIndex !== config.ModifyIndex) return false;
  setAutopilotConfig(tx, config);
  return true;
}

export function restoreAutopilotConfig(tx: WriteTxn, config: AutopilotConfig): void {
  tx.put(tx.tables.autopilot, config);
}
