/**
 * Raft, autopilot and snapshot operations.
 * Shapes as Consul 1.8.7 encodes them (observed bytes); field order is that of its JSON.
 */
import { bool, durText, type Infer, int, list, ptr, str, struct, time, uint } from "../wire/schema.ts";
import { QueryMeta, RaftIndex, WriteRequest } from "./query.ts";

export const AutopilotConfig = struct("AutopilotConfig", {
  CleanupDeadServers: bool,
  LastContactThreshold: durText,
  MaxTrailingLogs: uint,
  MinQuorum: uint,
  ServerStabilizationTime: durText,
  RedundancyZoneTag: str,
  DisableUpgradeMigration: bool,
  UpgradeVersionTag: str,
  ...RaftIndex.fields,
});
export type AutopilotConfig = Infer<typeof AutopilotConfig>;

export const AutopilotSetConfigRequest = struct("AutopilotSetConfigRequest", {
  Datacenter: str,
  Config: AutopilotConfig,
  CAS: bool,
  ...WriteRequest.fields,
});
export type AutopilotSetConfigRequest = Infer<typeof AutopilotSetConfigRequest>;

export const AutopilotServerHealth = struct("AutopilotServerHealth", {
  ID: str,
  Name: str,
  Address: str,
  SerfStatus: int,
  Version: str,
  Leader: bool,
  LastContact: durText,
  LastTerm: uint,
  LastIndex: uint,
  Healthy: bool,
  Voter: bool,
  StableSince: time,
});
export type AutopilotServerHealth = Infer<typeof AutopilotServerHealth>;

export const AutopilotOperatorHealthReply = struct("AutopilotOperatorHealthReply", {
  Healthy: bool,
  FailureTolerance: int,
  Servers: list(AutopilotServerHealth),
});
export type AutopilotOperatorHealthReply = Infer<typeof AutopilotOperatorHealthReply>;

export const AutopilotServerStats = struct("AutopilotServerStats", {
  LastContact: str,
  LastTerm: uint,
  LastIndex: uint,
});
export type AutopilotServerStats = Infer<typeof AutopilotServerStats>;

export const RaftServer = struct("RaftServer", {
  ID: str,
  Node: str,
  Address: str,
  Leader: bool,
  ProtocolVersion: str,
  Voter: bool,
});
export type RaftServer = Infer<typeof RaftServer>;

export const RaftConfigurationResponse = struct("RaftConfigurationResponse", {
  Servers: list(ptr(RaftServer)),
  Index: uint,
});
export type RaftConfigurationResponse = Infer<typeof RaftConfigurationResponse>;

/** Of Consul 1.15 and later; not among the methods of 1.8.7. An empty ID leaves the choice to the leader. */
export const TransferLeaderRequest = struct("TransferLeaderRequest", {
  Datacenter: str,
  ID: str,
  ...WriteRequest.fields,
});
export type TransferLeaderRequest = Infer<typeof TransferLeaderRequest>;

export const TransferLeaderResponse = struct("TransferLeaderResponse", { Success: bool });
export type TransferLeaderResponse = Infer<typeof TransferLeaderResponse>;

export const RaftRemovePeerRequest = struct("RaftRemovePeerRequest", {
  Datacenter: str,
  Address: str,
  ID: str,
  ...WriteRequest.fields,
});
export type RaftRemovePeerRequest = Infer<typeof RaftRemovePeerRequest>;

export const SnapshotRequest = struct("SnapshotRequest", {
  Datacenter: str,
  Token: str,
  AllowStale: bool,
  Op: int,
});
export type SnapshotRequest = Infer<typeof SnapshotRequest>;

export const SnapshotResponse = struct("SnapshotResponse", {
  Error: str,
  ...QueryMeta.fields,
});
export type SnapshotResponse = Infer<typeof SnapshotResponse>;
