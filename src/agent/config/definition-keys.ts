/**
 * Keys of service and check definitions in configuration files: the newer form (`args`), the 0.6 form (`script`, `tag`), snake
 * and Camel case alike. Observed in Consul 1.8.7 and 0.6.4; keys of later versions where they do not contradict.
 */
import {
  any,
  bool,
  dur,
  free,
  int,
  type Keys,
  listMap,
  obj,
  objMap,
  objs,
  optionalObj,
  str,
  strMap,
  strs,
} from "./key.ts";

const CHECK = {
  id: str("identifier; default: service:<service id>, or the name", { aliases: ["check_id"] }),
  name: str("name shown to people"),
  notes: str("free text for people"),
  service_id: str("binds the check to a service of this agent"),
  token: str("ACL token for the registration", { secret: true }),
  status: str("status before the first run: passing, warning or critical"),
  script: str("command line run by the shell (0.6 form of args)"),
  args: strs("program and its arguments, run without a shell", { aliases: ["script_args"] }),
  http: str("URL to request; 2xx passes, 429 warns, else critical"),
  header: listMap("request headers of an http check"),
  method: str("request method of an http check; default GET"),
  body: str("request body of an http check"),
  output_max_size: int("bytes of output that are kept"),
  tcp: str("host:port to connect to"),
  tcp_use_tls: bool("TLS for a tcp check"),
  udp: str("host:port to send a datagram to"),
  interval: dur("time between two runs"),
  docker_container_id: str("container in which args run"),
  shell: str("shell of a docker check"),
  grpc: str("host:port[/service] of a gRPC health service"),
  grpc_use_tls: bool("TLS for a grpc check"),
  h2ping: str("host:port to ping by HTTP/2"),
  h2ping_use_tls: bool("TLS for an h2ping check"),
  os_service: str("name of a service of the operating system"),
  tls_server_name: str("name expected in the certificate"),
  tls_skip_verify: bool("accept any certificate"),
  disable_redirects: bool("do not follow redirects of an http check"),
  alias_node: str("node whose checks are mirrored"),
  alias_service: str("service whose checks are mirrored"),
  timeout: dur("time after which a run counts as failed"),
  ttl: dur("time within which the status must be set by a client"),
  success_before_passing: int("successes in a row before the status becomes passing"),
  failures_before_warning: int("failures in a row before the status becomes warning"),
  failures_before_critical: int("failures in a row before the status becomes critical"),
  deregister_critical_service_after: dur("remove the service when critical for so long"),
} as const satisfies Keys;

const CHECK_LOOSE = { loose: true } as const;

const MESH_GATEWAY = { mode: str("none, local or remote") } as const satisfies Keys;

const PROXY = {
  destination_service_name: str("service that the proxy stands for"),
  destination_service_id: str("instance that the proxy stands for"),
  local_service_address: str("where the proxy finds the service; default 127.0.0.1"),
  local_service_port: int("port of the service"),
  config: free("settings passed on to the proxy"),
  upstreams: objs(
    "services that the proxy reaches for its service",
    {
      destination_type: str("service or prepared_query"),
      destination_namespace: str("Consul Enterprise"),
      destination_name: str("name of the service or query"),
      datacenter: str("datacenter of the upstream"),
      local_bind_address: str("address that the proxy listens on; default 127.0.0.1"),
      local_bind_port: int("port that the proxy listens on"),
      config: free("settings passed on to the proxy"),
      mesh_gateway: obj("how other datacenters are reached", MESH_GATEWAY, CHECK_LOOSE),
    },
    CHECK_LOOSE,
  ),
  mesh_gateway: obj("how other datacenters are reached", MESH_GATEWAY, CHECK_LOOSE),
  expose: obj(
    "paths reachable without mesh TLS",
    {
      checks: bool("expose the paths of the service's checks"),
      paths: objs(
        "paths",
        {
          listener_port: int("port of the listener"),
          path: str("path on the listener"),
          local_path_port: int("port of the service"),
          protocol: str("http or http2"),
        },
        CHECK_LOOSE,
      ),
    },
    CHECK_LOOSE,
  ),
} as const satisfies Keys;

const SERVICE_ITSELF = {
  id: str("identifier; default: the name", { aliases: ["service_id"] }),
  name: str("name of the service, as asked for by DNS"),
  kind: str("connect-proxy, mesh-gateway, terminating-gateway, ingress-gateway, or nothing"),
  tag: str("one tag (0.6 form of tags)"),
  tags: strs("tags, asked for by DNS as <tag>.<name>"),
  address: str("address of the service; default: the node's"),
  port: int("port of the service"),
  tagged_addresses: objMap(
    "further addresses by name",
    { address: str("IP or host name"), port: int("port") },
    CHECK_LOOSE,
  ),
  meta: strMap("up to 64 pairs of metadata"),
  check: optionalObj("one health check", CHECK, CHECK_LOOSE),
  checks: objs("health checks", CHECK, CHECK_LOOSE),
  token: str("ACL token for the registration", { secret: true }),
  weights: optionalObj(
    "weights of SRV answers",
    { passing: int("1 or more"), warning: int("0 or more") },
    CHECK_LOOSE,
  ),
  enable_tag_override: bool("the catalog's tags win over these"),
  proxy: optionalObj("settings of a proxy service", PROXY, CHECK_LOOSE),
} as const satisfies Keys;

/** What a sidecar leaves out follows from its service. */
const SIDECAR = {
  ...SERVICE_ITSELF,
  connect: optionalObj(
    "service mesh",
    {
      native: bool("the proxy speaks mesh TLS itself"),
      sidecar_service: any("refused: a sidecar has none of its own"),
    },
    CHECK_LOOSE,
  ),
} as const satisfies Keys;

const SERVICE = {
  ...SERVICE_ITSELF,
  connect: optionalObj(
    "service mesh",
    {
      native: bool("the service speaks mesh TLS itself"),
      sidecar_service: optionalObj("registration of a sidecar proxy", SIDECAR, CHECK_LOOSE),
    },
    CHECK_LOOSE,
  ),
} as const satisfies Keys;

export const CHECK_KEYS = CHECK;
export const SERVICE_KEYS = SERVICE;
