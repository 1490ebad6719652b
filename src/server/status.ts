/** Status.*: answered by the server that is asked, without a leader. */
import type { AutopilotServerStats } from "../model/operator.ts";
import type { RaftNode } from "../raft/contract.ts";
import { formatDuration } from "../wire/duration.ts";
import type { ServerCore } from "./core.ts";
import type { Handlers } from "./dispatcher.ts";

/** As autopilot asks each server: when it last heard the leader, and where its log ends. */
export function raftStats(raft: RaftNode): AutopilotServerStats {
  const contact = raft.lastContactMs;
  const LastContact =
    raft.role === "leader"
      ? "0"
      : contact === undefined
        ? "never"
        : contact === 0
          ? "0"
          : formatDuration(BigInt(Math.round(contact * 1e6)));
  return { LastContact, LastTerm: raft.lastLogTerm, LastIndex: raft.lastIndex };
}

export function statusEndpoints(core: ServerCore) {
  return {
    "Status.Ping": () => ({}),
    "Status.Leader": () => core.raft.leader?.address ?? "",
    "Status.Peers": () => core.raft.configuration.servers.map((s) => s.address),
    "Status.RaftStats": () => raftStats(core.raft),
  } satisfies Partial<Handlers>;
}
