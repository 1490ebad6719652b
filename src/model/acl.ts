/**
 * ACL tokens, policies, roles, binding rules, auth methods and their requests.
 * Shapes as Consul 1.8.7 encodes them (observed bytes); field order is that of its JSON.
 */
import {
  any,
  bool,
  bytes,
  dur,
  type Infer,
  int,
  list,
  map,
  ptr,
  str,
  struct,
  time,
  uint,
} from "../wire/schema.ts";
import { QueryMeta, QueryOptions, RaftIndex, WriteRequest } from "./query.ts";

export const ACL = struct("ACL", {
  ID: str,
  Name: str,
  Type: str,
  Rules: str,
  ...RaftIndex.fields,
});
export type ACL = Infer<typeof ACL>;

export const ACLAuthMethod = struct("ACLAuthMethod", {
  Name: str,
  Type: str,
  DisplayName: str,
  Description: str,
  MaxTokenTTL: dur,
  TokenLocality: str,
  Config: map(any),
  ...RaftIndex.fields,
});
export type ACLAuthMethod = Infer<typeof ACLAuthMethod>;

export const ACLAuthMethodDeleteRequest = struct("ACLAuthMethodDeleteRequest", {
  AuthMethodName: str,
  Datacenter: str,
  ...WriteRequest.fields,
});
export type ACLAuthMethodDeleteRequest = Infer<typeof ACLAuthMethodDeleteRequest>;

export const ACLAuthMethodGetRequest = struct("ACLAuthMethodGetRequest", {
  AuthMethodName: str,
  Datacenter: str,
  ...QueryOptions.fields,
});
export type ACLAuthMethodGetRequest = Infer<typeof ACLAuthMethodGetRequest>;

export const ACLAuthMethodListRequest = struct("ACLAuthMethodListRequest", {
  Datacenter: str,
  ...QueryOptions.fields,
});
export type ACLAuthMethodListRequest = Infer<typeof ACLAuthMethodListRequest>;

export const ACLAuthMethodListStub = struct("ACLAuthMethodListStub", {
  Name: str,
  Type: str,
  DisplayName: str,
  Description: str,
  ...RaftIndex.fields,
});
export type ACLAuthMethodListStub = Infer<typeof ACLAuthMethodListStub>;

export const ACLAuthMethodListResponse = struct("ACLAuthMethodListResponse", {
  AuthMethods: list(ptr(ACLAuthMethodListStub)),
  ...QueryMeta.fields,
});
export type ACLAuthMethodListResponse = Infer<typeof ACLAuthMethodListResponse>;

export const ACLAuthMethodResponse = struct("ACLAuthMethodResponse", {
  AuthMethod: ptr(ACLAuthMethod),
  ...QueryMeta.fields,
});
export type ACLAuthMethodResponse = Infer<typeof ACLAuthMethodResponse>;

export const ACLAuthMethodSetRequest = struct("ACLAuthMethodSetRequest", {
  AuthMethod: ACLAuthMethod,
  Datacenter: str,
  ...WriteRequest.fields,
});
export type ACLAuthMethodSetRequest = Infer<typeof ACLAuthMethodSetRequest>;

export const ACLAuthorizationRequest = struct("ACLAuthorizationRequest", {
  Resource: str,
  Segment: str,
  Access: str,
});
export type ACLAuthorizationRequest = Infer<typeof ACLAuthorizationRequest>;

export const ACLAuthorizationResponse = struct("ACLAuthorizationResponse", {
  Resource: str,
  Segment: str,
  Access: str,
  Allow: bool,
});
export type ACLAuthorizationResponse = Infer<typeof ACLAuthorizationResponse>;

export const ACLBindingRule = struct("ACLBindingRule", {
  ID: str,
  Description: str,
  AuthMethod: str,
  Selector: str,
  BindType: str,
  BindName: str,
  ...RaftIndex.fields,
});
export type ACLBindingRule = Infer<typeof ACLBindingRule>;

export const ACLBindingRuleDeleteRequest = struct("ACLBindingRuleDeleteRequest", {
  BindingRuleID: str,
  Datacenter: str,
  ...WriteRequest.fields,
});
export type ACLBindingRuleDeleteRequest = Infer<typeof ACLBindingRuleDeleteRequest>;

export const ACLBindingRuleGetRequest = struct("ACLBindingRuleGetRequest", {
  BindingRuleID: str,
  Datacenter: str,
  ...QueryOptions.fields,
});
export type ACLBindingRuleGetRequest = Infer<typeof ACLBindingRuleGetRequest>;

export const ACLBindingRuleListRequest = struct("ACLBindingRuleListRequest", {
  AuthMethod: str,
  Datacenter: str,
  ...QueryOptions.fields,
});
export type ACLBindingRuleListRequest = Infer<typeof ACLBindingRuleListRequest>;

export const ACLBindingRuleListResponse = struct("ACLBindingRuleListResponse", {
  BindingRules: list(ptr(ACLBindingRule)),
  ...QueryMeta.fields,
});
export type ACLBindingRuleListResponse = Infer<typeof ACLBindingRuleListResponse>;

export const ACLBindingRuleResponse = struct("ACLBindingRuleResponse", {
  BindingRule: ptr(ACLBindingRule),
  ...QueryMeta.fields,
});
export type ACLBindingRuleResponse = Infer<typeof ACLBindingRuleResponse>;

export const ACLBindingRuleSetRequest = struct("ACLBindingRuleSetRequest", {
  BindingRule: ACLBindingRule,
  Datacenter: str,
  ...WriteRequest.fields,
});
export type ACLBindingRuleSetRequest = Infer<typeof ACLBindingRuleSetRequest>;

export const ACLLoginParams = struct("ACLLoginParams", {
  AuthMethod: str,
  BearerToken: str,
  Meta: map(str),
});
export type ACLLoginParams = Infer<typeof ACLLoginParams>;

export const ACLLoginRequest = struct("ACLLoginRequest", {
  Auth: ptr(ACLLoginParams),
  Datacenter: str,
  ...WriteRequest.fields,
});
export type ACLLoginRequest = Infer<typeof ACLLoginRequest>;

export const ACLLogoutRequest = struct("ACLLogoutRequest", {
  Datacenter: str,
  ...WriteRequest.fields,
});
export type ACLLogoutRequest = Infer<typeof ACLLogoutRequest>;

export const ACLNodeIdentity = struct("ACLNodeIdentity", {
  NodeName: str,
  Datacenter: str,
});
export type ACLNodeIdentity = Infer<typeof ACLNodeIdentity>;

export const ACLPolicy = struct("ACLPolicy", {
  ID: str,
  Name: str,
  Description: str,
  Rules: str,
  Syntax: int,
  Datacenters: list(str),
  Hash: bytes,
  ...RaftIndex.fields,
});
export type ACLPolicy = Infer<typeof ACLPolicy>;

export const ACLPolicyBatchGetRequest = struct("ACLPolicyBatchGetRequest", {
  PolicyIDs: list(str),
  Datacenter: str,
  ...QueryOptions.fields,
});
export type ACLPolicyBatchGetRequest = Infer<typeof ACLPolicyBatchGetRequest>;

export const ACLPolicyBatchResponse = struct("ACLPolicyBatchResponse", {
  Policies: list(ptr(ACLPolicy)),
  ...QueryMeta.fields,
});
export type ACLPolicyBatchResponse = Infer<typeof ACLPolicyBatchResponse>;

export const ACLPolicyDeleteRequest = struct("ACLPolicyDeleteRequest", {
  PolicyID: str,
  Datacenter: str,
  ...WriteRequest.fields,
});
export type ACLPolicyDeleteRequest = Infer<typeof ACLPolicyDeleteRequest>;

export const ACLPolicyGetRequest = struct("ACLPolicyGetRequest", {
  PolicyID: str,
  PolicyName: str,
  Datacenter: str,
  ...QueryOptions.fields,
});
export type ACLPolicyGetRequest = Infer<typeof ACLPolicyGetRequest>;

export const ACLPolicyListRequest = struct("ACLPolicyListRequest", {
  Datacenter: str,
  ...QueryOptions.fields,
});
export type ACLPolicyListRequest = Infer<typeof ACLPolicyListRequest>;

export const ACLPolicyListStub = struct("ACLPolicyListStub", {
  ID: str,
  Name: str,
  Description: str,
  Datacenters: list(str),
  Hash: bytes,
  ...RaftIndex.fields,
});
export type ACLPolicyListStub = Infer<typeof ACLPolicyListStub>;

export const ACLPolicyListResponse = struct("ACLPolicyListResponse", {
  Policies: list(ptr(ACLPolicyListStub)),
  ...QueryMeta.fields,
});
export type ACLPolicyListResponse = Infer<typeof ACLPolicyListResponse>;

export const ACLPolicyResolveLegacyRequest = struct("ACLPolicyResolveLegacyRequest", {
  Datacenter: str,
  ACL: str,
  ETag: str,
  ...QueryOptions.fields,
});
export type ACLPolicyResolveLegacyRequest = Infer<typeof ACLPolicyResolveLegacyRequest>;

export const ACLPolicyResolveLegacyResponse = struct("ACLPolicyResolveLegacyResponse", {
  ETag: str,
  Parent: str,
  Policy: any,
  TTL: dur,
  ...QueryMeta.fields,
});
export type ACLPolicyResolveLegacyResponse = Infer<typeof ACLPolicyResolveLegacyResponse>;

export const ACLPolicyResponse = struct("ACLPolicyResponse", {
  Policy: ptr(ACLPolicy),
  ...QueryMeta.fields,
});
export type ACLPolicyResponse = Infer<typeof ACLPolicyResponse>;

export const ACLPolicySetRequest = struct("ACLPolicySetRequest", {
  Policy: ACLPolicy,
  Datacenter: str,
  ...WriteRequest.fields,
});
export type ACLPolicySetRequest = Infer<typeof ACLPolicySetRequest>;

export const ACLReplicationStatus = struct("ACLReplicationStatus", {
  Enabled: bool,
  Running: bool,
  SourceDatacenter: str,
  ReplicationType: str,
  ReplicatedIndex: uint,
  ReplicatedRoleIndex: uint,
  ReplicatedTokenIndex: uint,
  LastSuccess: time,
  LastError: time,
});
export type ACLReplicationStatus = Infer<typeof ACLReplicationStatus>;

export const ACLRequest = struct("ACLRequest", {
  Datacenter: str,
  Op: str,
  ACL: ACL,
  ...WriteRequest.fields,
});
export type ACLRequest = Infer<typeof ACLRequest>;

export const ACLRolePolicyLink = struct("ACLRolePolicyLink", {
  ID: str,
  Name: str,
});
export type ACLRolePolicyLink = Infer<typeof ACLRolePolicyLink>;

export const ACLServiceIdentity = struct("ACLServiceIdentity", {
  ServiceName: str,
  Datacenters: list(str),
});
export type ACLServiceIdentity = Infer<typeof ACLServiceIdentity>;

export const ACLRole = struct("ACLRole", {
  ID: str,
  Name: str,
  Description: str,
  Policies: list(ACLRolePolicyLink),
  ServiceIdentities: list(ptr(ACLServiceIdentity)),
  NodeIdentities: list(ptr(ACLNodeIdentity)),
  Hash: bytes,
  ...RaftIndex.fields,
});
export type ACLRole = Infer<typeof ACLRole>;

export const ACLRoleBatchGetRequest = struct("ACLRoleBatchGetRequest", {
  RoleIDs: list(str),
  Datacenter: str,
  ...QueryOptions.fields,
});
export type ACLRoleBatchGetRequest = Infer<typeof ACLRoleBatchGetRequest>;

export const ACLRoleBatchResponse = struct("ACLRoleBatchResponse", {
  Roles: list(ptr(ACLRole)),
  ...QueryMeta.fields,
});
export type ACLRoleBatchResponse = Infer<typeof ACLRoleBatchResponse>;

export const ACLRoleDeleteRequest = struct("ACLRoleDeleteRequest", {
  RoleID: str,
  Datacenter: str,
  ...WriteRequest.fields,
});
export type ACLRoleDeleteRequest = Infer<typeof ACLRoleDeleteRequest>;

export const ACLRoleGetRequest = struct("ACLRoleGetRequest", {
  RoleID: str,
  RoleName: str,
  Datacenter: str,
  ...QueryOptions.fields,
});
export type ACLRoleGetRequest = Infer<typeof ACLRoleGetRequest>;

export const ACLRoleListRequest = struct("ACLRoleListRequest", {
  Policy: str,
  Datacenter: str,
  ...QueryOptions.fields,
});
export type ACLRoleListRequest = Infer<typeof ACLRoleListRequest>;

export const ACLRoleListResponse = struct("ACLRoleListResponse", {
  Roles: list(ptr(ACLRole)),
  ...QueryMeta.fields,
});
export type ACLRoleListResponse = Infer<typeof ACLRoleListResponse>;

export const ACLRoleResponse = struct("ACLRoleResponse", {
  Role: ptr(ACLRole),
  ...QueryMeta.fields,
});
export type ACLRoleResponse = Infer<typeof ACLRoleResponse>;

export const ACLRoleSetRequest = struct("ACLRoleSetRequest", {
  Role: ACLRole,
  Datacenter: str,
  ...WriteRequest.fields,
});
export type ACLRoleSetRequest = Infer<typeof ACLRoleSetRequest>;

export const ACLSpecificRequest = struct("ACLSpecificRequest", {
  Datacenter: str,
  ACL: str,
  ...QueryOptions.fields,
});
export type ACLSpecificRequest = Infer<typeof ACLSpecificRequest>;

export const ACLTokenPolicyLink = struct("ACLTokenPolicyLink", {
  ID: str,
  Name: str,
});
export type ACLTokenPolicyLink = Infer<typeof ACLTokenPolicyLink>;

export const ACLTokenRoleLink = struct("ACLTokenRoleLink", {
  ID: str,
  Name: str,
});
export type ACLTokenRoleLink = Infer<typeof ACLTokenRoleLink>;

export const ACLToken = struct("ACLToken", {
  AccessorID: str,
  SecretID: str,
  Description: str,
  Policies: list(ACLTokenPolicyLink),
  Roles: list(ACLTokenRoleLink),
  ServiceIdentities: list(ptr(ACLServiceIdentity)),
  NodeIdentities: list(ptr(ACLNodeIdentity)),
  Type: str,
  Rules: str,
  Local: bool,
  AuthMethod: str,
  ExpirationTime: ptr(time),
  ExpirationTTL: dur,
  CreateTime: time,
  Hash: bytes,
  ...RaftIndex.fields,
});
export type ACLToken = Infer<typeof ACLToken>;

export const ACLTokenBatchGetRequest = struct("ACLTokenBatchGetRequest", {
  AccessorIDs: list(str),
  Datacenter: str,
  ...QueryOptions.fields,
});
export type ACLTokenBatchGetRequest = Infer<typeof ACLTokenBatchGetRequest>;

export const ACLTokenBatchResponse = struct("ACLTokenBatchResponse", {
  Tokens: list(ptr(ACLToken)),
  Redacted: bool,
  Removed: bool,
  ...QueryMeta.fields,
});
export type ACLTokenBatchResponse = Infer<typeof ACLTokenBatchResponse>;

export const ACLTokenDeleteRequest = struct("ACLTokenDeleteRequest", {
  TokenID: str,
  Datacenter: str,
  ...WriteRequest.fields,
});
export type ACLTokenDeleteRequest = Infer<typeof ACLTokenDeleteRequest>;

export const ACLTokenGetRequest = struct("ACLTokenGetRequest", {
  TokenID: str,
  TokenIDType: str,
  Datacenter: str,
  ...QueryOptions.fields,
});
export type ACLTokenGetRequest = Infer<typeof ACLTokenGetRequest>;

export const ACLTokenListRequest = struct("ACLTokenListRequest", {
  IncludeLocal: bool,
  IncludeGlobal: bool,
  Policy: str,
  Role: str,
  AuthMethod: str,
  Datacenter: str,
  ...QueryOptions.fields,
});
export type ACLTokenListRequest = Infer<typeof ACLTokenListRequest>;

export const ACLTokenListStub = struct("ACLTokenListStub", {
  AccessorID: str,
  Description: str,
  Policies: list(ACLTokenPolicyLink),
  Roles: list(ACLTokenRoleLink),
  ServiceIdentities: list(ptr(ACLServiceIdentity)),
  NodeIdentities: list(ptr(ACLNodeIdentity)),
  Local: bool,
  AuthMethod: str,
  ExpirationTime: ptr(time),
  CreateTime: time,
  Hash: bytes,
  ...RaftIndex.fields,
  Legacy: bool,
});
export type ACLTokenListStub = Infer<typeof ACLTokenListStub>;

export const ACLTokenListResponse = struct("ACLTokenListResponse", {
  Tokens: list(ptr(ACLTokenListStub)),
  ...QueryMeta.fields,
});
export type ACLTokenListResponse = Infer<typeof ACLTokenListResponse>;

export const ACLTokenResponse = struct("ACLTokenResponse", {
  Token: ptr(ACLToken),
  Redacted: bool,
  SourceDatacenter: str,
  ...QueryMeta.fields,
});
export type ACLTokenResponse = Infer<typeof ACLTokenResponse>;

export const ACLTokenSetRequest = struct("ACLTokenSetRequest", {
  ACLToken: ACLToken,
  Create: bool,
  Datacenter: str,
  ...WriteRequest.fields,
});
export type ACLTokenSetRequest = Infer<typeof ACLTokenSetRequest>;

export const IndexedACLs = struct("IndexedACLs", {
  ACLs: list(ptr(ACL)),
  ...QueryMeta.fields,
});
export type IndexedACLs = Infer<typeof IndexedACLs>;

export const RemoteACLAuthorizationRequest = struct("RemoteACLAuthorizationRequest", {
  Datacenter: str,
  Requests: list(ACLAuthorizationRequest),
  ...QueryOptions.fields,
});
export type RemoteACLAuthorizationRequest = Infer<typeof RemoteACLAuthorizationRequest>;
