/** What each kind of body accepts beside the names of its fields (observed in Consul 1.8.7). */
import type { DecodeOptions } from "./decode/decode-body.ts";

const PROXY_ALIASES = {
  ConnectProxyConfig: {
    destination_service_name: "DestinationServiceName",
    destination_service_id: "DestinationServiceID",
    local_service_address: "LocalServiceAddress",
    local_service_port: "LocalServicePort",
  },
  Upstream: {
    destination_type: "DestinationType",
    destination_namespace: "DestinationNamespace",
    destination_name: "DestinationName",
    local_bind_address: "LocalBindAddress",
    local_bind_port: "LocalBindPort",
  },
  ExposePath: { listener_port: "ListenerPort", local_path_port: "LocalPathPort" },
};

/** /v1/catalog/register and deregister. Fields of newer clients' check definitions are passed over. */
export const CATALOG_BODY: DecodeOptions = {
  namespaceHint: true,
  aliases: { ...PROXY_ALIASES, ServiceConnect: { sidecar_service: "SidecarService" } },
  ignoreUnknown: new Set(["HealthCheckDefinition", "ServiceConnect"]),
};

/** Definitions given to the agent. `args` comes before `script_args`; the field's own name before both. */
export const DEFINITION_BODY: DecodeOptions = {
  aliases: {
    ...PROXY_ALIASES,
    ServiceConnect: { sidecar_service: "SidecarService" },
    ServiceBody: { enable_tag_override: "EnableTagOverride", tagged_addresses: "TaggedAddresses" },
    CheckBody: {
      args: "ScriptArgs",
      script_args: "ScriptArgs",
      deregister_critical_service_after: "DeregisterCriticalServiceAfter",
      docker_container_id: "DockerContainerID",
      tls_skip_verify: "TLSSkipVerify",
      service_id: "ServiceID",
      tls_server_name: "TLSServerName",
      h2ping_use_tls: "H2PingUseTLS",
      grpc_use_tls: "GRPCUseTLS",
      tcp_use_tls: "TCPUseTLS",
    },
  },
  ignoreUnknown: new Set(["ServiceConnect"]),
  goNames: { ServiceBody: "", CheckBody: "" },
};

/** /v1/session/create: whatever else is there is passed over, also the enterprise's Namespace. */
export const SESSION_BODY: DecodeOptions = {
  ignoreUnknown: true,
  smallSeconds: new Set([".LockDelay"]),
  goNames: { Session: "" },
  goType: "struct { LockDelay interface {}; *structs.Alias }",
};

/** /v1/txn. */
export const TXN_BODY: DecodeOptions = {
  goType: "api.TxnOps",
  ignoreUnknown: new Set(["HealthCheckDefinition"]),
};
