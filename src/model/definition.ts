/**
 * Service and check definitions as users write them, in files and in bodies of the agent's endpoints, after aliases and case
 * have been resolved (0.6 `script`, Camel and snake case). Field names are those of Consul's JSON.
 */
import { any, bool, dur, type Infer, int, list, map, ptr, str, struct } from "../wire/schema.ts";
import { ConnectProxyConfig, ServiceAddress, Weights } from "./catalog.ts";

/** One health check as defined by a user. Which kind it is follows from the fields that are set. */
export const CheckDefinition = struct("CheckDefinition", {
  /** CheckID of a check of its own; "" takes the default ID. */
  ID: str,
  Name: str,
  Notes: str,
  ServiceID: str,
  Token: str,
  /** Initial status; "" means critical. */
  Status: str,
  /** 0.6 form: run by the shell. */
  Script: str,
  ScriptArgs: list(str),
  HTTP: str,
  Header: map(list(str)),
  Method: str,
  Body: str,
  TCP: str,
  TCPUseTLS: bool,
  UDP: str,
  Interval: dur,
  Timeout: dur,
  TTL: dur,
  DockerContainerID: str,
  Shell: str,
  GRPC: str,
  GRPCUseTLS: bool,
  H2PING: str,
  H2PingUseTLS: bool,
  OSService: str,
  TLSServerName: str,
  TLSSkipVerify: bool,
  DisableRedirects: bool,
  AliasNode: str,
  AliasService: str,
  SuccessBeforePassing: int,
  FailuresBeforeWarning: int,
  FailuresBeforeCritical: int,
  DeregisterCriticalServiceAfter: dur,
  OutputMaxSize: int,
});
export type CheckDefinition = Infer<typeof CheckDefinition>;

const serviceFields = {
  Kind: str,
  ID: str,
  Name: str,
  Tags: list(str),
  Address: str,
  TaggedAddresses: map(ServiceAddress),
  Meta: map(str),
  Port: int,
  Weights: ptr(Weights),
  Token: str,
  EnableTagOverride: bool,
  Checks: list(CheckDefinition),
  Proxy: ptr(ConnectProxyConfig),
  /** `connect {native}`. */
  ConnectNative: bool,
};

/** The proxy beside a service, as its `connect {sidecar_service}` writes it: what it leaves out follows from the service. */
export const SidecarDefinition = struct("SidecarDefinition", {
  ...serviceFields,
  /** Only to be refused: a sidecar has none of its own. */
  SidecarService: any,
});
export type SidecarDefinition = Infer<typeof SidecarDefinition>;

/** One service as defined by a user, with its checks. */
export const ServiceDefinition = struct("ServiceDefinition", {
  ...serviceFields,
  SidecarService: ptr(SidecarDefinition),
});
export type ServiceDefinition = Infer<typeof ServiceDefinition>;
