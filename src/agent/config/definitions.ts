/** Service and check definitions of configuration files as the model's definitions, 0.6 forms resolved. */
import { ConnectProxyConfig } from "../../model/catalog.ts";
import { CheckDefinition, type ServiceDefinition } from "../../model/definition.ts";
import type { GoValue } from "../../wire/schema.ts";
import type { CheckInput, ServiceInput } from "./schema.ts";

export function toCheckDefinition(c: CheckInput): CheckDefinition {
  return {
    ...CheckDefinition.zero(),
    ID: c.id ?? "",
    Name: c.name ?? "",
    Notes: c.notes ?? "",
    ServiceID: c.service_id ?? "",
    Token: c.token ?? "",
    Status: c.status ?? "",
    Script: c.script ?? "",
    ScriptArgs: c.args ?? null,
    HTTP: c.http ?? "",
    Header: c.header ?? null,
    Method: c.method ?? "",
    Body: c.body ?? "",
    TCP: c.tcp ?? "",
    TCPUseTLS: c.tcp_use_tls ?? false,
    UDP: c.udp ?? "",
    Interval: c.interval ?? 0n,
    Timeout: c.timeout ?? 0n,
    TTL: c.ttl ?? 0n,
    DockerContainerID: c.docker_container_id ?? "",
    Shell: c.shell ?? "",
    GRPC: c.grpc ?? "",
    GRPCUseTLS: c.grpc_use_tls ?? false,
    H2PING: c.h2ping ?? "",
    H2PingUseTLS: c.h2ping_use_tls ?? true,
    OSService: c.os_service ?? "",
    TLSServerName: c.tls_server_name ?? "",
    TLSSkipVerify: c.tls_skip_verify ?? false,
    DisableRedirects: c.disable_redirects ?? false,
    AliasNode: c.alias_node ?? "",
    AliasService: c.alias_service ?? "",
    SuccessBeforePassing: c.success_before_passing ?? 0,
    FailuresBeforeWarning: c.failures_before_warning ?? 0,
    FailuresBeforeCritical: c.failures_before_critical ?? 0,
    DeregisterCriticalServiceAfter: c.deregister_critical_service_after ?? 0n,
    OutputMaxSize: c.output_max_size ?? 0,
  };
}

/** Whether anything in the definition could ever run; 0.6 dropped the others silently. */
export const isRunnable = (c: CheckDefinition): boolean =>
  c.Script !== "" ||
  (c.ScriptArgs !== null && c.ScriptArgs.length > 0) ||
  c.HTTP !== "" ||
  c.TCP !== "" ||
  c.UDP !== "" ||
  c.TTL !== 0n ||
  c.GRPC !== "" ||
  c.H2PING !== "" ||
  c.OSService !== "" ||
  c.AliasNode !== "" ||
  c.AliasService !== "";

export function toServiceDefinition(s: ServiceInput): ServiceDefinition {
  const sidecar = s.connect?.sidecar_service;
  return {
    ...commonDefinition(s),
    SidecarService:
      sidecar === undefined
        ? null
        : { ...commonDefinition(sidecar), SidecarService: goValue(sidecar.connect?.sidecar_service) },
  };
}

type SidecarInput = NonNullable<NonNullable<ServiceInput["connect"]>["sidecar_service"]>;

function commonDefinition(s: ServiceInput | SidecarInput): Omit<ServiceDefinition, "SidecarService"> {
  const checks = [...(s.check === undefined ? [] : [s.check]), ...(s.checks ?? [])].map(toCheckDefinition);
  return {
    Kind: s.kind ?? "",
    ID: s.id ?? "",
    Name: s.name ?? "",
    Tags: s.tags ?? (s.tag === undefined || s.tag === "" ? null : [s.tag]),
    Address: s.address ?? "",
    TaggedAddresses:
      s.tagged_addresses === undefined
        ? null
        : new Map(
            [...s.tagged_addresses].map(([name, a]) => [
              name,
              { Address: a.address ?? "", Port: a.port ?? 0 },
            ]),
          ),
    Meta: s.meta ?? null,
    Port: s.port ?? 0,
    Weights:
      s.weights === undefined ? null : { Passing: s.weights.passing ?? 1, Warning: s.weights.warning ?? 1 },
    Token: s.token ?? "",
    EnableTagOverride: s.enable_tag_override ?? false,
    Checks: checks.length === 0 ? null : checks,
    Proxy: s.proxy === undefined ? null : toProxy(s.proxy),
    ConnectNative: s.connect?.native ?? false,
  };
}

function toProxy(p: NonNullable<ServiceInput["proxy"]>): ConnectProxyConfig {
  return {
    ...ConnectProxyConfig.zero(),
    DestinationServiceName: p.destination_service_name ?? "",
    DestinationServiceID: p.destination_service_id ?? "",
    LocalServiceAddress: p.local_service_address ?? "",
    LocalServicePort: p.local_service_port ?? 0,
    Config: freeMap(p.config),
    Upstreams:
      p.upstreams?.map((u) => ({
        DestinationType: u.destination_type ?? "service",
        DestinationNamespace: u.destination_namespace ?? "",
        DestinationName: u.destination_name ?? "",
        Datacenter: u.datacenter ?? "",
        LocalBindAddress: u.local_bind_address ?? "",
        LocalBindPort: u.local_bind_port ?? 0,
        Config: freeMap(u.config),
        MeshGateway: { Mode: u.mesh_gateway?.mode ?? "" },
        IngressHosts: null,
      })) ?? null,
    MeshGateway: { Mode: p.mesh_gateway?.mode ?? "" },
    Expose: {
      Checks: p.expose?.checks ?? false,
      Paths:
        p.expose?.paths?.map((e) => ({
          ListenerPort: e.listener_port ?? 0,
          Path: e.path ?? "",
          LocalPathPort: e.local_path_port ?? 0,
          Protocol: e.protocol ?? "",
          ParsedFromCheck: false,
        })) ?? null,
    },
  };
}

const freeMap = (
  value: Readonly<Record<string, unknown>> | undefined,
): ReadonlyMap<string, GoValue> | null =>
  value === undefined ? null : new Map(Object.entries(value).map(([k, v]) => [k, goValue(v)]));

/** Plain data as the model's free-form values. */
export function goValue(value: unknown): GoValue {
  switch (typeof value) {
    case "string":
    case "number":
    case "boolean":
    case "bigint":
      return value;
    case "object":
      if (value === null) return null;
      if (Array.isArray(value)) return value.map(goValue);
      return new Map(Object.entries(value).map(([k, v]) => [k, goValue(v)]));
    default:
      return null;
  }
}
