/** Operator.*: raft's configuration and autopilot's settings and report. */
import { AutopilotConfig, type RaftRemovePeerRequest, type RaftServer } from "../model/operator.ts";
import type { ServerCore } from "./core.ts";
import type { Handlers } from "./dispatcher.ts";
import { InvalidRequestError } from "./errors.ts";
import { isVoter } from "./reconcile.ts";
import { parseServer } from "./server-metadata.ts";

export function operatorEndpoints(core: ServerCore) {
  function raftServers(): readonly RaftServer[] {
    const byAddress = new Map<string, { readonly name: string; readonly raftVersion: number }>();
    for (const m of core.lan.members()) {
      const s = parseServer(m);
      if (s === undefined || s.datacenter !== core.options.datacenter) continue;
      // A failed member must not hide the one that took its address over.
      if (m.status === "alive" || !byAddress.has(s.address))
        byAddress.set(s.address, { name: m.name, raftVersion: s.raftVersion });
    }
    const leader = core.raft.leader;
    return core.raft.configuration.servers.map((p) => {
      const member = byAddress.get(p.address);
      return {
        ID: p.id,
        Node: member?.name ?? "(unknown)",
        Address: p.address,
        Leader: leader !== undefined && leader.address === p.address,
        ProtocolVersion: member === undefined ? core.raftVersionInCatalog(p.id) : String(member.raftVersion),
        Voter: isVoter(p),
      };
    });
  }

  async function removePeer(request: RaftRemovePeerRequest, by: "address" | "id"): Promise<object> {
    const wanted = by === "address" ? request.Address : request.ID;
    const peer = core.raft.configuration.servers.find(
      (p) => (by === "address" ? p.address : p.id) === wanted,
    );
    if (peer === undefined)
      throw new InvalidRequestError(`${by} "${wanted}" was not found in the Raft configuration`);
    await core.raft.removeServer(peer.id);
    core.log.warn("Removed Raft peer", { by, peer: wanted });
    return {};
  }

  return {
    "Operator.RaftGetConfiguration": () => ({ Servers: raftServers(), Index: 0 }),
    "Operator.RaftRemovePeerByAddress": (request) => removePeer(request, "address"),
    "Operator.RaftRemovePeerByID": (request) => removePeer(request, "id"),
    "Operator.TransferLeader": async ({ ID }) => {
      const { raft } = core;
      const peer = raft.configuration.servers.find((p) => p.id === ID);
      if (ID !== "" && peer === undefined)
        throw new InvalidRequestError(`Could not find address for server id ${ID}`);
      await raft.transferLeadership(peer);
      return { Success: true };
    },
    "Operator.AutopilotGetConfiguration": () => core.autopilotConfig() ?? AutopilotConfig.zero(),
    "Operator.AutopilotSetConfiguration": async (request) => {
      const result = await core.commit("autopilot", request);
      // Only a compare-and-set tells how it went.
      return result === true;
    },
    "Operator.ServerHealth": () => {
      if (core.minRaftVersion() < 3)
        throw new InvalidRequestError(
          "all servers must have raft_protocol set to 3 or higher to use this endpoint",
        );
      return core.autopilot.report();
    },
  } satisfies Partial<Handlers>;
}
