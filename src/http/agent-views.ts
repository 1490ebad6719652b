/** How the agent's own endpoints show services, checks and members: close to the catalog's shapes, but not the same. */
import type { Member } from "../gossip/contract.ts";
import { MEMBER_STATUS } from "../gossip/contract.ts";
import {
  ConnectProxyConfig,
  HealthCheck,
  type NodeService,
  ServiceAddress,
  Upstream,
  Weights,
} from "../model/catalog.ts";
import { any, bool, type Field, field, int, list, map, ptr, str, struct, type Type } from "../wire/schema.ts";
import { shownList, shownMap } from "./views.ts";

const omitempty = <T>(type: Type<T>): Field<T> => field(type, { omitempty: true });

const AgentUpstream = struct("Upstream", {
  ...Upstream.fields,
  DestinationType: omitempty(str),
  Datacenter: omitempty(str),
  Config: omitempty(map(any)),
});
const AgentProxy = struct("AgentServiceConnectProxyConfig", {
  ...ConnectProxyConfig.fields,
  Upstreams: omitempty(list(AgentUpstream)),
});
const AgentConnect = struct("AgentServiceConnect", { Native: omitempty(bool) });

export const AgentService = struct("AgentService", {
  Kind: omitempty(str),
  ID: str,
  Service: str,
  Tags: shownList(str),
  Meta: shownMap(str),
  Port: int,
  Address: str,
  TaggedAddresses: omitempty(map(ServiceAddress)),
  Weights: Weights,
  EnableTagOverride: bool,
  ContentHash: omitempty(str),
  Proxy: omitempty(ptr(AgentProxy)),
  Connect: omitempty(ptr(AgentConnect)),
});

export const AgentServicesJson = map(AgentService);
export const AgentServiceJson = AgentService;

const PROXY_KINDS: ReadonlySet<string> = new Set([
  "connect-proxy",
  "mesh-gateway",
  "terminating-gateway",
  "ingress-gateway",
  "api-gateway",
]);

export function agentService(s: NodeService, contentHash: string = ""): ReturnType<typeof AgentService.zero> {
  return {
    Kind: s.Kind,
    ID: s.ID,
    Service: s.Service,
    Tags: s.Tags,
    Meta: s.Meta,
    Port: s.Port,
    Address: s.Address,
    TaggedAddresses: s.TaggedAddresses,
    Weights: s.Weights ?? { Passing: 1, Warning: 1 },
    EnableTagOverride: s.EnableTagOverride,
    ContentHash: contentHash,
    Proxy: PROXY_KINDS.has(s.Kind) ? s.Proxy : null,
    Connect: s.Connect.Native ? { Native: true } : null,
  };
}

/** A check as agent/checks shows it: the definition is the servers' business, its indexes too. */
export const shownCheck = (check: HealthCheck): HealthCheck => ({ ...check, CreateIndex: 0, ModifyIndex: 0 });

/** A definition in which every field is shown, as agent/health has it. */
const FULL_DEFINITION =
  '{"Interval":"0s","Timeout":"0s","DeregisterCriticalServiceAfter":"0s","HTTP":"","Header":null,"Method":"","Body":"","TLSSkipVerify":false,"TCP":""}';

const HealthServiceCheck = struct("HealthCheck", {
  ...HealthCheck.fields,
  Type: { ...str, json: () => '""' },
  Definition: { ...HealthCheck.fields.Definition, json: () => FULL_DEFINITION },
});

/** /v1/agent/health/service/id: status, service, checks. */
export const AggregatedHealth = struct("AgentServiceChecksInfo", {
  AggregatedStatus: str,
  Service: ptr(AgentService),
  Checks: list(HealthServiceCheck),
});

export const MemberJson = struct("AgentMember", {
  Name: str,
  Addr: str,
  Port: int,
  Tags: shownMap(str),
  Status: int,
  ProtocolMin: int,
  ProtocolMax: int,
  ProtocolCur: int,
  DelegateMin: int,
  DelegateMax: int,
  DelegateCur: int,
});

export const shownMember = (m: Member): ReturnType<typeof MemberJson.zero> => ({
  Name: m.name,
  Addr: m.addr,
  Port: m.port,
  Tags: m.tags,
  Status: MEMBER_STATUS[m.status],
  ProtocolMin: m.protocolMin,
  ProtocolMax: m.protocolMax,
  ProtocolCur: m.protocolCur,
  DelegateMin: m.delegateMin,
  DelegateMax: m.delegateMax,
  DelegateCur: m.delegateCur,
});
