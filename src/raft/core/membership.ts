/** One membership change at a time: dissertation, chapter 4, with the condition of its erratum (a committed entry of the own term). */
import { encodeConfiguration } from "../configuration-codec.ts";
import { LOG_TYPE, type RaftConfiguration } from "../contract.ts";
import { CHANGES_QUEUED_MAX, SOLE_VOTER_DELAY_MS_MAX } from "../limits.ts";
import { changed, configurationFault } from "./configuration.ts";
import type { ConfigurationChange } from "./messages.ts";
import { appendLocal, reconcileProgress } from "./replication.ts";
import { type CoreState, say, soleVoter } from "./state.ts";

export function onChange(s: CoreState, id: number, change: ConfigurationChange): void {
  const lead = s.lead;
  if (lead === undefined) return refuse(s, id, "node is not the leader");
  if (lead.transfer !== undefined) return refuse(s, id, "leadership transfer in progress");
  if (lead.changes.length >= CHANGES_QUEUED_MAX) return refuse(s, id, "timed out enqueuing operation");
  lead.changes.push({ id, change });
  continueChanges(s);
}

const refuse = (s: CoreState, id: number, error: string): void => {
  s.effects.push({ kind: "changed", id, index: 0, error });
};

/** Starts the next change when the one before is committed. */
export function continueChanges(s: CoreState): void {
  const lead = s.lead;
  if (lead === undefined || lead.restoring || lead.transfer !== undefined) return;
  while (
    lead.changes.length > 0 &&
    s.configurations.latest.index <= s.commit &&
    s.commit >= lead.firstIndex
  ) {
    const { id, change } = lead.changes.shift()!;
    const configuration: RaftConfiguration = { servers: changed(s.configurations.latest.servers, change) };
    const fault = configurationFault(configuration);
    if (fault !== undefined) {
      refuse(s, id, fault);
      continue;
    }
    say(s, "info", `Updating configuration with ${change.kind} ${change.id}`, {
      servers: configuration.servers.map((x) => `${x.id}@${x.address}:${x.suffrage}`).join(","),
    });
    const index = appendLocal(s, [
      { type: LOG_TYPE.configuration, data: encodeConfiguration(configuration), extensions: null },
    ]);
    s.configurations.append(index, configuration);
    lead.changing = { id, index };
    reconcileProgress(s);
  }
}

/** The first configuration of a cluster, as entry 1 of term 1. */
export function onBootstrap(s: CoreState, configuration: RaftConfiguration): void {
  const fault = configurationFault(configuration);
  if (fault !== undefined || s.term > 0 || s.log.last > 0) {
    s.effects.push({ kind: "bootstrapped", error: fault ?? "bootstrap only works on new clusters" });
    return;
  }
  s.term = 1;
  s.hardStateDirty = true;
  const entry = {
    index: 1,
    term: 1,
    type: LOG_TYPE.configuration,
    data: encodeConfiguration(configuration),
    extensions: null,
  };
  s.log.append(entry);
  s.ops.push({ kind: "append", entries: [entry] });
  s.configurations.append(1, configuration);
  s.afterPersist.push({ kind: "bootstrapped", error: undefined });
  hurrySoleVoter(s);
}

/** A server that only waits for itself need not wait a heartbeat timeout. */
export function hurrySoleVoter(s: CoreState): void {
  if (s.role === "follower" && soleVoter(s))
    s.electionAt = s.now + s.random.float() * SOLE_VOTER_DELAY_MS_MAX;
}
