/**
 * Who may be in the pools: the checks over the members of a join or of a single alive message, with Consul 1.8.7's texts. A
 * refusal is thrown; the pool logs it and stays as it was.
 */
import type { Member } from "../gossip/contract.ts";
import { clientDatacenter, parseServer } from "./server-metadata.ts";

/** Why a member is refused. */
export class AdmissionError extends Error {
  override readonly name = "AdmissionError";
}

export interface LanAdmissionOptions {
  readonly nodeName: string;
  readonly nodeId: string;
  readonly datacenter: string;
  readonly segment?: string;
}

/** Versions since 0.8.5 make sure that their IDs are unique; older ones copy them with disk images. */
function idIsUnique(build: string | undefined): boolean {
  const m = /(\d+)\.(\d+)\.(\d+)/.exec(build ?? "");
  if (m === null) return false;
  const [major, minor, patch] = [Number(m[1]), Number(m[2]), Number(m[3])];
  return major > 0 || minor > 8 || (minor === 8 && patch >= 5);
}

/** LAN pool: node IDs are unique, datacenter and segment are ours. */
export function lanAdmission(options: LanAdmissionOptions): (members: readonly Member[]) => void {
  const { nodeName, nodeId, datacenter, segment = "" } = options;
  return (members) => {
    const ids = new Map<string, string>();
    for (const m of members) {
      const id = m.tags.get("id");
      if (id !== undefined && id !== "") {
        // Left members keep their IDs for a while although a new name may have taken them over.
        if (m.status === "left") continue;
        if (id === nodeId && m.name !== nodeName)
          throw new AdmissionError(`Member '${m.name}' has conflicting node ID '${id}' with this agent's ID`);
        const other = ids.get(id);
        if (other !== undefined)
          throw new AdmissionError(
            `Member '${m.name}' has conflicting node ID '${id}' with member '${other}'`,
          );
        if (idIsUnique(m.tags.get("build"))) ids.set(id, m.name);
      }
      const server = parseServer(m);
      const dc = clientDatacenter(m) ?? server?.datacenter;
      if (dc !== undefined && dc !== datacenter)
        throw new AdmissionError(`Member '${m.name}' part of wrong datacenter '${dc}'`);
      const theirs = m.tags.get("segment") ?? "";
      if (theirs !== segment)
        throw new AdmissionError(
          `Member '${m.name}' part of wrong segment '${theirs}' (expected '${segment}')`,
        );
    }
  };
}

/** WAN pool: servers only. */
export function wanAdmission(): (members: readonly Member[]) => void {
  return (members) => {
    for (const m of members)
      if (parseServer(m) === undefined) throw new AdmissionError(`Member '${m.name}' is not a server`);
  };
}
