/**
 * The RPC methods: request, reply, whether a read can block, and who answers. One table for the client pool, the server's
 * endpoints and the doors, so that a call is typed by its name.
 */
import type { NowOrLater } from "../ports/now-or-later.ts";
import { bool, bytes, list, str, struct, type Type } from "../wire/schema.ts";
import {
  ACL,
  ACLAuthMethod,
  ACLAuthMethodDeleteRequest,
  ACLAuthMethodGetRequest,
  ACLAuthMethodListRequest,
  ACLAuthMethodListResponse,
  ACLAuthMethodResponse,
  ACLAuthMethodSetRequest,
  ACLAuthorizationResponse,
  ACLBindingRule,
  ACLBindingRuleDeleteRequest,
  ACLBindingRuleGetRequest,
  ACLBindingRuleListRequest,
  ACLBindingRuleListResponse,
  ACLBindingRuleResponse,
  ACLBindingRuleSetRequest,
  ACLLoginRequest,
  ACLLogoutRequest,
  ACLPolicy,
  ACLPolicyBatchGetRequest,
  ACLPolicyBatchResponse,
  ACLPolicyDeleteRequest,
  ACLPolicyGetRequest,
  ACLPolicyListRequest,
  ACLPolicyListResponse,
  ACLPolicyResolveLegacyRequest,
  ACLPolicyResolveLegacyResponse,
  ACLPolicyResponse,
  ACLPolicySetRequest,
  ACLReplicationStatus,
  ACLRequest,
  ACLRole,
  ACLRoleBatchGetRequest,
  ACLRoleBatchResponse,
  ACLRoleDeleteRequest,
  ACLRoleGetRequest,
  ACLRoleListRequest,
  ACLRoleListResponse,
  ACLRoleResponse,
  ACLRoleSetRequest,
  ACLSpecificRequest,
  ACLToken,
  ACLTokenBatchGetRequest,
  ACLTokenBatchResponse,
  ACLTokenDeleteRequest,
  ACLTokenGetRequest,
  ACLTokenListRequest,
  ACLTokenListResponse,
  ACLTokenResponse,
  ACLTokenSetRequest,
  IndexedACLs,
  RemoteACLAuthorizationRequest,
} from "./acl.ts";
import {
  ChecksInStateRequest,
  DatacenterIndexedCheckServiceNodes,
  DatacentersRequest,
  DCSpecificRequest,
  DeregisterRequest,
  IndexedCheckServiceNodes,
  IndexedGatewayServices,
  IndexedHealthChecks,
  IndexedNodeDump,
  IndexedNodeServiceList,
  IndexedNodeServices,
  IndexedNodes,
  IndexedServiceDump,
  IndexedServiceList,
  IndexedServiceNodes,
  IndexedServices,
  NodeSpecificRequest,
  RegisterRequest,
  ServiceDumpRequest,
  ServiceSpecificRequest,
} from "./catalog.ts";
import {
  ConfigEntryQuery,
  DiscoveryChainRequest,
  DiscoveryChainResponse,
  FederationStateQuery,
  FederationStateRequest,
  FederationStateResponse,
  IndexedFederationStates,
  ServiceConfigRequest,
  ServiceConfigResponse,
} from "./config-entry.ts";
import {
  ConfigEntryRequest,
  ConfigEntryResponse,
  IndexedConfigEntries,
  IndexedGenericConfigEntries,
} from "./config-entry-box.ts";
import {
  CAConfiguration,
  CARequest,
  CASignRequest,
  IndexedCARoots,
  IndexedIntentionMatches,
  IndexedIntentions,
  IntentionQueryCheckResponse,
  IntentionQueryRequest,
  IntentionRequest,
  IssuedCert,
  SignedResponse,
} from "./connect.ts";
import {
  CoordinateUpdateRequest,
  DatacenterMap,
  EventFireRequest,
  EventFireResponse,
  IndexedCoordinates,
  KeyringRequest,
  KeyringResponses,
} from "./coordinate.ts";
import {
  IndexedDirEntries,
  IndexedKeyList,
  IndexedSessions,
  KeyListRequest,
  KeyRequest,
  KVSRequest,
  SessionRequest,
  SessionSpecificRequest,
  TxnReadRequest,
  TxnReadResponse,
  TxnRequest,
  TxnResponse,
} from "./kv.ts";
import {
  AutopilotConfig,
  AutopilotOperatorHealthReply,
  AutopilotServerStats,
  AutopilotSetConfigRequest,
  RaftConfigurationResponse,
  RaftRemovePeerRequest,
  TransferLeaderRequest,
  TransferLeaderResponse,
} from "./operator.ts";
import {
  IndexedPreparedQueries,
  PreparedQueryExecuteRemoteRequest,
  PreparedQueryExecuteRequest,
  PreparedQueryExecuteResponse,
  PreparedQueryExplainResponse,
  PreparedQueryRequest,
  PreparedQuerySpecificRequest,
} from "./prepared-query.ts";

/** struct{}: an empty map on the wire. */
export const Empty = struct("Empty", {});

/** A reply that is always nil. */
export const Nil: Type<null> = {
  name: "nil",
  zero: () => null,
  encode: (w) => w.nil(),
  decode: (r, depth) => {
    r.skip(depth);
    return null;
  },
  json: () => "null",
  fromJson: () => null,
  empty: () => true,
};

/**
 * Where a server has the method answered: `leader` (own datacenter's leader unless a stale read), `primary` (as leader, in
 * the primary datacenter), `dc` (any server of the named datacenter), `local` (the server that received it).
 */
export type MethodScope = "leader" | "primary" | "dc" | "local";

export interface RpcMethod<Q, R> {
  readonly request: Type<Q>;
  readonly reply: Type<R>;
  readonly blocking: boolean;
  readonly scope: MethodScope;
}

function method<Q, R>(
  request: Type<Q>,
  reply: Type<R>,
  blocking: boolean,
  scope: MethodScope,
): RpcMethod<Q, R> {
  return { request, reply, blocking, scope };
}

export const rpcMethods = {
  "Status.Ping": method(Empty, Empty, false, "local"),
  "Status.Leader": method(DCSpecificRequest, str, false, "dc"),
  "Status.Peers": method(DCSpecificRequest, list(str), false, "dc"),
  "Status.RaftStats": method(Empty, AutopilotServerStats, false, "local"),
  "Catalog.Register": method(RegisterRequest, Empty, false, "leader"),
  "Catalog.Deregister": method(DeregisterRequest, Empty, false, "leader"),
  "Catalog.ListDatacenters": method(DatacentersRequest, list(str), false, "local"),
  "Catalog.ListNodes": method(DCSpecificRequest, IndexedNodes, true, "leader"),
  "Catalog.ListServices": method(DCSpecificRequest, IndexedServices, true, "leader"),
  "Catalog.ServiceList": method(DCSpecificRequest, IndexedServiceList, true, "leader"),
  "Catalog.ServiceNodes": method(ServiceSpecificRequest, IndexedServiceNodes, true, "leader"),
  "Catalog.NodeServices": method(NodeSpecificRequest, IndexedNodeServices, true, "leader"),
  "Catalog.NodeServiceList": method(NodeSpecificRequest, IndexedNodeServiceList, true, "leader"),
  "Catalog.GatewayServices": method(ServiceSpecificRequest, IndexedGatewayServices, true, "leader"),
  "Health.ChecksInState": method(ChecksInStateRequest, IndexedHealthChecks, true, "leader"),
  "Health.NodeChecks": method(NodeSpecificRequest, IndexedHealthChecks, true, "leader"),
  "Health.ServiceChecks": method(ServiceSpecificRequest, IndexedHealthChecks, true, "leader"),
  "Health.ServiceNodes": method(ServiceSpecificRequest, IndexedCheckServiceNodes, true, "leader"),
  "KVS.Apply": method(KVSRequest, bool, false, "leader"),
  "KVS.Get": method(KeyRequest, IndexedDirEntries, true, "leader"),
  "KVS.List": method(KeyRequest, IndexedDirEntries, true, "leader"),
  "KVS.ListKeys": method(KeyListRequest, IndexedKeyList, true, "leader"),
  "Session.Apply": method(SessionRequest, str, false, "leader"),
  "Session.Get": method(SessionSpecificRequest, IndexedSessions, true, "leader"),
  "Session.List": method(SessionSpecificRequest, IndexedSessions, true, "leader"),
  "Session.NodeSessions": method(NodeSpecificRequest, IndexedSessions, true, "leader"),
  "Session.Renew": method(SessionSpecificRequest, IndexedSessions, false, "leader"),
  "Txn.Apply": method(TxnRequest, TxnResponse, false, "leader"),
  "Txn.Read": method(TxnReadRequest, TxnReadResponse, false, "leader"),
  "Coordinate.Update": method(CoordinateUpdateRequest, Empty, false, "leader"),
  "Coordinate.ListDatacenters": method(Empty, list(DatacenterMap), false, "local"),
  "Coordinate.ListNodes": method(DCSpecificRequest, IndexedCoordinates, true, "leader"),
  "Coordinate.Node": method(NodeSpecificRequest, IndexedCoordinates, true, "leader"),
  "PreparedQuery.Apply": method(PreparedQueryRequest, str, false, "leader"),
  "PreparedQuery.Get": method(PreparedQuerySpecificRequest, IndexedPreparedQueries, true, "leader"),
  "PreparedQuery.List": method(DCSpecificRequest, IndexedPreparedQueries, true, "leader"),
  "PreparedQuery.Explain": method(PreparedQueryExecuteRequest, PreparedQueryExplainResponse, false, "leader"),
  "PreparedQuery.Execute": method(PreparedQueryExecuteRequest, PreparedQueryExecuteResponse, false, "leader"),
  "PreparedQuery.ExecuteRemote": method(
    PreparedQueryExecuteRemoteRequest,
    PreparedQueryExecuteResponse,
    false,
    "leader",
  ),
  "Internal.NodeInfo": method(NodeSpecificRequest, IndexedNodeDump, true, "leader"),
  "Internal.NodeDump": method(DCSpecificRequest, IndexedNodeDump, true, "leader"),
  "Internal.ServiceDump": method(ServiceDumpRequest, IndexedCheckServiceNodes, true, "leader"),
  "Internal.GatewayServiceDump": method(ServiceSpecificRequest, IndexedServiceDump, true, "leader"),
  "Internal.EventFire": method(EventFireRequest, EventFireResponse, false, "leader"),
  "Internal.KeyringOperation": method(KeyringRequest, KeyringResponses, false, "local"),
  "Operator.RaftGetConfiguration": method(DCSpecificRequest, RaftConfigurationResponse, false, "leader"),
  "Operator.RaftRemovePeerByAddress": method(RaftRemovePeerRequest, Empty, false, "leader"),
  "Operator.RaftRemovePeerByID": method(RaftRemovePeerRequest, Empty, false, "leader"),
  "Operator.TransferLeader": method(TransferLeaderRequest, TransferLeaderResponse, false, "leader"),
  "Operator.AutopilotGetConfiguration": method(DCSpecificRequest, AutopilotConfig, false, "leader"),
  "Operator.AutopilotSetConfiguration": method(AutopilotSetConfigRequest, bool, false, "leader"),
  "Operator.ServerHealth": method(DCSpecificRequest, AutopilotOperatorHealthReply, false, "leader"),
  "ACL.BootstrapTokens": method(DCSpecificRequest, ACLToken, false, "leader"),
  "ACL.TokenRead": method(ACLTokenGetRequest, ACLTokenResponse, true, "leader"),
  "ACL.TokenSet": method(ACLTokenSetRequest, ACLToken, false, "leader"),
  "ACL.TokenClone": method(ACLTokenSetRequest, ACLToken, false, "leader"),
  "ACL.TokenDelete": method(ACLTokenDeleteRequest, str, false, "leader"),
  "ACL.TokenList": method(ACLTokenListRequest, ACLTokenListResponse, true, "leader"),
  "ACL.TokenBatchRead": method(ACLTokenBatchGetRequest, ACLTokenBatchResponse, true, "leader"),
  "ACL.PolicyRead": method(ACLPolicyGetRequest, ACLPolicyResponse, true, "leader"),
  "ACL.PolicyBatchRead": method(ACLPolicyBatchGetRequest, ACLPolicyBatchResponse, true, "leader"),
  "ACL.PolicySet": method(ACLPolicySetRequest, ACLPolicy, false, "leader"),
  "ACL.PolicyDelete": method(ACLPolicyDeleteRequest, str, false, "leader"),
  "ACL.PolicyList": method(ACLPolicyListRequest, ACLPolicyListResponse, true, "leader"),
  "ACL.PolicyResolve": method(ACLPolicyBatchGetRequest, ACLPolicyBatchResponse, false, "leader"),
  "ACL.GetPolicy": method(ACLPolicyResolveLegacyRequest, ACLPolicyResolveLegacyResponse, false, "leader"),
  "ACL.ReplicationStatus": method(DCSpecificRequest, ACLReplicationStatus, false, "leader"),
  "ACL.RoleRead": method(ACLRoleGetRequest, ACLRoleResponse, true, "leader"),
  "ACL.RoleBatchRead": method(ACLRoleBatchGetRequest, ACLRoleBatchResponse, true, "leader"),
  "ACL.RoleSet": method(ACLRoleSetRequest, ACLRole, false, "leader"),
  "ACL.RoleDelete": method(ACLRoleDeleteRequest, str, false, "leader"),
  "ACL.RoleList": method(ACLRoleListRequest, ACLRoleListResponse, true, "leader"),
  "ACL.RoleResolve": method(ACLRoleBatchGetRequest, ACLRoleBatchResponse, false, "leader"),
  "ACL.BindingRuleRead": method(ACLBindingRuleGetRequest, ACLBindingRuleResponse, true, "leader"),
  "ACL.BindingRuleSet": method(ACLBindingRuleSetRequest, ACLBindingRule, false, "leader"),
  "ACL.BindingRuleDelete": method(ACLBindingRuleDeleteRequest, bool, false, "leader"),
  "ACL.BindingRuleList": method(ACLBindingRuleListRequest, ACLBindingRuleListResponse, true, "leader"),
  "ACL.AuthMethodRead": method(ACLAuthMethodGetRequest, ACLAuthMethodResponse, true, "leader"),
  "ACL.AuthMethodSet": method(ACLAuthMethodSetRequest, ACLAuthMethod, false, "leader"),
  "ACL.AuthMethodDelete": method(ACLAuthMethodDeleteRequest, bool, false, "leader"),
  "ACL.AuthMethodList": method(ACLAuthMethodListRequest, ACLAuthMethodListResponse, true, "leader"),
  "ACL.Login": method(ACLLoginRequest, ACLToken, false, "leader"),
  "ACL.Logout": method(ACLLogoutRequest, bool, false, "leader"),
  "ACL.Authorize": method(RemoteACLAuthorizationRequest, list(ACLAuthorizationResponse), false, "leader"),
  "ACL.Bootstrap": method(DCSpecificRequest, ACL, false, "leader"),
  "ACL.Apply": method(ACLRequest, str, false, "leader"),
  "ACL.Get": method(ACLSpecificRequest, IndexedACLs, true, "leader"),
  "ACL.List": method(DCSpecificRequest, IndexedACLs, true, "leader"),
  "ConfigEntry.Apply": method(ConfigEntryRequest, bool, false, "primary"),
  "ConfigEntry.Get": method(ConfigEntryQuery, ConfigEntryResponse, true, "leader"),
  "ConfigEntry.List": method(ConfigEntryQuery, IndexedConfigEntries, true, "leader"),
  "ConfigEntry.ListAll": method(DCSpecificRequest, IndexedGenericConfigEntries, true, "leader"),
  "ConfigEntry.Delete": method(ConfigEntryRequest, Empty, false, "primary"),
  "ConfigEntry.ResolveServiceConfig": method(ServiceConfigRequest, ServiceConfigResponse, true, "leader"),
  "ConnectCA.ConfigurationGet": method(DCSpecificRequest, CAConfiguration, false, "leader"),
  "ConnectCA.ConfigurationSet": method(CARequest, Nil, false, "leader"),
  "ConnectCA.Roots": method(DCSpecificRequest, IndexedCARoots, true, "leader"),
  "ConnectCA.Sign": method(CASignRequest, IssuedCert, false, "leader"),
  "ConnectCA.SignIntermediate": method(CASignRequest, str, false, "leader"),
  "DiscoveryChain.Get": method(DiscoveryChainRequest, DiscoveryChainResponse, true, "leader"),
  "Intention.Apply": method(IntentionRequest, str, false, "primary"),
  "Intention.Get": method(IntentionQueryRequest, IndexedIntentions, true, "leader"),
  "Intention.List": method(DCSpecificRequest, IndexedIntentions, true, "leader"),
  "Intention.Match": method(IntentionQueryRequest, IndexedIntentionMatches, true, "leader"),
  "Intention.Check": method(IntentionQueryRequest, IntentionQueryCheckResponse, false, "leader"),
  "FederationState.Apply": method(FederationStateRequest, bool, false, "primary"),
  "FederationState.Get": method(FederationStateQuery, FederationStateResponse, true, "leader"),
  "FederationState.List": method(DCSpecificRequest, IndexedFederationStates, true, "leader"),
  "FederationState.ListMeshGateways": method(
    DCSpecificRequest,
    DatacenterIndexedCheckServiceNodes,
    true,
    "leader",
  ),
  "AutoEncrypt.Sign": method(CASignRequest, SignedResponse, false, "leader"),
  "AutoConfig.InitialConfiguration": method(bytes, bytes, false, "leader"),
} as const;

export type MethodName = keyof typeof rpcMethods;
export type MethodRequest<M extends MethodName> =
  (typeof rpcMethods)[M] extends RpcMethod<infer Q, infer _R> ? Q : never;
export type MethodReply<M extends MethodName> =
  (typeof rpcMethods)[M] extends RpcMethod<infer _Q, infer R> ? R : never;

/** Makes RPC calls: in process on a server, over the pool on a client. The error's message is the remote's text. */
export interface RpcCaller {
  rpc<M extends MethodName>(
    method: M,
    request: MethodRequest<M>,
    options?: { readonly signal?: AbortSignal },
  ): Promise<MethodReply<M>>;
  /** As `rpc`, but what is at hand is returned or thrown as it is. Where it is missing, nothing ever is at hand. */
  answer?<M extends MethodName>(
    method: M,
    request: MethodRequest<M>,
    options?: { readonly signal?: AbortSignal },
  ): NowOrLater<MethodReply<M>>;
}
