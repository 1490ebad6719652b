/**
 * Connect: certificate authority and intentions.
 * Shapes as Consul 1.8.7 encodes them (observed bytes); field order is that of its JSON.
 */
import {
  any,
  bool,
  bytes,
  field,
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

export const CAConfiguration = struct("CAConfiguration", {
  ClusterID: field(str, { json: "-" }),
  Provider: str,
  Config: map(any),
  State: map(str),
  ForceWithoutCrossSigning: bool,
  ...RaftIndex.fields,
});
export type CAConfiguration = Infer<typeof CAConfiguration>;

export const CARoot = struct("CARoot", {
  ID: str,
  Name: str,
  SerialNumber: uint,
  SigningKeyID: str,
  ExternalTrustDomain: str,
  NotBefore: time,
  NotAfter: time,
  RootCert: str,
  IntermediateCerts: list(str),
  SigningCert: field(str, { json: "-" }),
  SigningKey: field(str, { json: "-" }),
  Active: bool,
  RotatedOutAt: field(time, { json: "-" }),
  PrivateKeyType: str,
  PrivateKeyBits: int,
  ...RaftIndex.fields,
});
export type CARoot = Infer<typeof CARoot>;

export const CAConsulProviderState = struct("CAConsulProviderState", {
  ID: str,
  PrivateKey: str,
  RootCert: str,
  IntermediateCert: str,
  ...RaftIndex.fields,
});
export type CAConsulProviderState = Infer<typeof CAConsulProviderState>;

export const CARequest = struct("CARequest", {
  Op: str,
  Datacenter: str,
  Index: uint,
  Roots: list(ptr(CARoot)),
  Config: ptr(CAConfiguration),
  ProviderState: ptr(CAConsulProviderState),
  ...WriteRequest.fields,
});
export type CARequest = Infer<typeof CARequest>;

export const CASignRequest = struct("CASignRequest", {
  Datacenter: str,
  CSR: str,
  ...WriteRequest.fields,
});
export type CASignRequest = Infer<typeof CASignRequest>;

export const IssuedCert = struct("IssuedCert", {
  SerialNumber: str,
  CertPEM: str,
  PrivateKeyPEM: field(str, { omitempty: true }),
  Service: field(str, { omitempty: true }),
  ServiceURI: field(str, { omitempty: true }),
  Agent: field(str, { omitempty: true }),
  AgentURI: field(str, { omitempty: true }),
  ValidAfter: time,
  ValidBefore: time,
  ...RaftIndex.fields,
});
export type IssuedCert = Infer<typeof IssuedCert>;

export const IndexedCARoots = struct("IndexedCARoots", {
  ActiveRootID: str,
  TrustDomain: str,
  Roots: list(ptr(CARoot)),
  ...QueryMeta.fields,
});
export type IndexedCARoots = Infer<typeof IndexedCARoots>;

export const SignedResponse = struct("SignedResponse", {
  IssuedCert: IssuedCert,
  ConnectCARoots: IndexedCARoots,
  ManualCARoots: list(str),
  GossipKey: str,
  VerifyServerHostname: bool,
});
export type SignedResponse = Infer<typeof SignedResponse>;

export const Intention = struct("Intention", {
  ID: str,
  Description: str,
  SourceNS: str,
  SourceName: str,
  DestinationNS: str,
  DestinationName: str,
  SourceType: str,
  Action: str,
  DefaultAddr: str,
  DefaultPort: int,
  Meta: map(str),
  Precedence: int,
  CreatedAt: time,
  UpdatedAt: time,
  Hash: bytes,
  ...RaftIndex.fields,
});
export type Intention = Infer<typeof Intention>;

export const IntentionRequest = struct("IntentionRequest", {
  Datacenter: str,
  Op: str,
  Intention: ptr(Intention),
  ...WriteRequest.fields,
});
export type IntentionRequest = Infer<typeof IntentionRequest>;

export const IntentionMatchEntry = struct("IntentionMatchEntry", {
  Namespace: str,
  Name: str,
});
export type IntentionMatchEntry = Infer<typeof IntentionMatchEntry>;

export const IntentionQueryMatch = struct("IntentionQueryMatch", {
  Type: str,
  Entries: list(IntentionMatchEntry),
});
export type IntentionQueryMatch = Infer<typeof IntentionQueryMatch>;

export const IntentionQueryCheck = struct("IntentionQueryCheck", {
  SourceNS: str,
  SourceName: str,
  DestinationNS: str,
  DestinationName: str,
  SourceType: str,
});
export type IntentionQueryCheck = Infer<typeof IntentionQueryCheck>;

export const IntentionQueryRequest = struct("IntentionQueryRequest", {
  Datacenter: str,
  IntentionID: str,
  Match: ptr(IntentionQueryMatch),
  Check: ptr(IntentionQueryCheck),
  ...QueryOptions.fields,
});
export type IntentionQueryRequest = Infer<typeof IntentionQueryRequest>;

export const IntentionQueryCheckResponse = struct("IntentionQueryCheckResponse", {
  Allowed: bool,
});
export type IntentionQueryCheckResponse = Infer<typeof IntentionQueryCheckResponse>;

export const IndexedIntentions = struct("IndexedIntentions", {
  Intentions: list(ptr(Intention)),
  ...QueryMeta.fields,
});
export type IndexedIntentions = Infer<typeof IndexedIntentions>;

export const IndexedIntentionMatches = struct("IndexedIntentionMatches", {
  Matches: list(list(ptr(Intention))),
  ...QueryMeta.fields,
});
export type IndexedIntentionMatches = Infer<typeof IndexedIntentionMatches>;
