/**
 * Commands of the replicated log: one type byte and a MessagePack body, as Consul 1.8.7 writes them. Append only: the
 * numbers are the protocol. 0x80 on the type byte tells peers that do not know the type to pass over it.
 */
import { ACLAuthMethod, ACLBindingRule, ACLPolicy, ACLRequest, ACLRole, ACLToken } from "../model/acl.ts";
import { DeregisterRequest, RegisterRequest } from "../model/catalog.ts";
import { FederationStateRequest } from "../model/config-entry.ts";
import { ConfigEntryRequest } from "../model/config-entry-box.ts";
import { CARequest, IntentionRequest } from "../model/connect.ts";
import { Coordinate } from "../model/coordinate.ts";
import { KVSRequest, SessionRequest, TxnRequest } from "../model/kv.ts";
import { AutopilotSetConfigRequest } from "../model/operator.ts";
import { PreparedQueryRequest } from "../model/prepared-query.ts";
import { WriteRequest } from "../model/query.ts";
import { MsgpackWriter } from "../wire/msgpack.ts";
import { bool, type Infer, list, ptr, str, struct, uint } from "../wire/schema.ts";

export const TombstoneRequest = struct("TombstoneRequest", {
  Datacenter: str,
  Op: str,
  ReapIndex: uint,
  ...WriteRequest.fields,
});
export const ACLBootstrapRequest = struct("ACLTokenBootstrapRequest", { Token: ACLToken, ResetIndex: uint });
export const ACLTokenBatchSetRequest = struct("ACLTokenBatchSetRequest", {
  Tokens: list(ptr(ACLToken)),
  CAS: bool,
  AllowMissingLinks: bool,
  ProhibitUnprivileged: bool,
  FromReplication: bool,
});
export const ACLTokenBatchDeleteRequest = struct("ACLTokenBatchDeleteRequest", { TokenIDs: list(str) });
export const ACLPolicyBatchSetRequest = struct("ACLPolicyBatchSetRequest", {
  Policies: list(ptr(ACLPolicy)),
});
export const ACLPolicyBatchDeleteRequest = struct("ACLPolicyBatchDeleteRequest", { PolicyIDs: list(str) });
export const ACLRoleBatchSetRequest = struct("ACLRoleBatchSetRequest", {
  Roles: list(ptr(ACLRole)),
  AllowMissingLinks: bool,
});
export const ACLRoleBatchDeleteRequest = struct("ACLRoleBatchDeleteRequest", { RoleIDs: list(str) });
export const ACLBindingRuleBatchSetRequest = struct("ACLBindingRuleBatchSetRequest", {
  BindingRules: list(ptr(ACLBindingRule)),
});
export const ACLBindingRuleBatchDeleteRequest = struct("ACLBindingRuleBatchDeleteRequest", {
  BindingRuleIDs: list(str),
});
export const ACLAuthMethodBatchSetRequest = struct("ACLAuthMethodBatchSetRequest", {
  AuthMethods: list(ptr(ACLAuthMethod)),
});
export const ACLAuthMethodBatchDeleteRequest = struct("ACLAuthMethodBatchDeleteRequest", {
  AuthMethodNames: list(str),
});
export const CALeafRequest = struct("CALeafRequest", { Op: str, Datacenter: str, ...WriteRequest.fields });

/** Set on types that older peers may pass over. */
export const IGNORE_UNKNOWN = 0x80;

/** Each command's type byte as the leader logs it, and its body. */
export const commands = {
  register: { byte: 0, body: RegisterRequest },
  deregister: { byte: 1, body: DeregisterRequest },
  kvs: { byte: 2, body: KVSRequest },
  session: { byte: 3, body: SessionRequest },
  aclLegacy: { byte: 4, body: ACLRequest },
  tombstone: { byte: 5, body: TombstoneRequest },
  coordinateBatch: { byte: 6 | IGNORE_UNKNOWN, body: list(ptr(Coordinate)) },
  preparedQuery: { byte: 7, body: PreparedQueryRequest },
  txn: { byte: 8, body: TxnRequest },
  autopilot: { byte: 9, body: AutopilotSetConfigRequest },
  aclBootstrap: { byte: 11, body: ACLBootstrapRequest },
  intention: { byte: 12, body: IntentionRequest },
  connectCa: { byte: 13, body: CARequest },
  aclTokenSet: { byte: 17, body: ACLTokenBatchSetRequest },
  aclTokenDelete: { byte: 18, body: ACLTokenBatchDeleteRequest },
  aclPolicySet: { byte: 19, body: ACLPolicyBatchSetRequest },
  aclPolicyDelete: { byte: 20, body: ACLPolicyBatchDeleteRequest },
  connectCaLeaf: { byte: 21 | IGNORE_UNKNOWN, body: CALeafRequest },
  configEntry: { byte: 22, body: ConfigEntryRequest },
  aclRoleSet: { byte: 23, body: ACLRoleBatchSetRequest },
  aclRoleDelete: { byte: 24, body: ACLRoleBatchDeleteRequest },
  aclBindingRuleSet: { byte: 25, body: ACLBindingRuleBatchSetRequest },
  aclBindingRuleDelete: { byte: 26, body: ACLBindingRuleBatchDeleteRequest },
  aclAuthMethodSet: { byte: 27, body: ACLAuthMethodBatchSetRequest },
  aclAuthMethodDelete: { byte: 28, body: ACLAuthMethodBatchDeleteRequest },
  federationState: { byte: 30, body: FederationStateRequest },
} as const;

export type CommandKind = keyof typeof commands;
export type CommandBody<K extends CommandKind> = Infer<(typeof commands)[K]["body"]>;

/** The bytes of a command for the log. */
export function encodeCommand<K extends CommandKind>(kind: K, body: CommandBody<K>): Buffer {
  const command = commands[kind];
  const w = new MsgpackWriter();
  w.byte(command.byte);
  (command.body.encode as (w: MsgpackWriter, body: unknown) => void)(w, body);
  return w.finish();
}

/** Commands by type number, without the flag. */
export const commandByType: ReadonlyMap<number, CommandKind> = new Map(
  Object.entries(commands).map(([kind, { byte }]) => [byte & ~IGNORE_UNKNOWN, kind as CommandKind]),
);
