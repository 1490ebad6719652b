/** The flags that every command with an HTTP client takes, and the client made from them and the environment. */
import { TribuneClient } from "../client/client.ts";
import type { Invocation } from "./command.ts";
import type { FlagGroup } from "./flags.ts";

/** Where the agent is, and who asks. */
export const CLIENT_FLAGS: FlagGroup = {
  title: "HTTP API Options",
  flags: [
    {
      name: "ca-file",
      kind: "string",
      metavar: "value",
      usage: "PEM file with the authorities to trust. Environment: CONSUL_CACERT.",
    },
    {
      name: "ca-path",
      kind: "string",
      metavar: "value",
      usage: "Directory of PEM files with the authorities to trust. Environment: CONSUL_CAPATH.",
    },
    {
      name: "client-cert",
      kind: "string",
      metavar: "value",
      usage: "PEM file with this client's certificate. Environment: CONSUL_CLIENT_CERT.",
    },
    {
      name: "client-key",
      kind: "string",
      metavar: "value",
      usage: "PEM file with the key of that certificate. Environment: CONSUL_CLIENT_KEY.",
    },
    {
      name: "http-addr",
      kind: "string",
      metavar: "address",
      usage:
        "Where the agent's HTTP API is: host:port, http://, https:// or unix:///path. Environment: CONSUL_HTTP_ADDR. Default: 127.0.0.1:8500.",
    },
    {
      name: "tls-server-name",
      kind: "string",
      metavar: "value",
      usage: "Name to expect in the agent's certificate. Environment: CONSUL_TLS_SERVER_NAME.",
    },
    {
      name: "token",
      kind: "string",
      metavar: "value",
      usage:
        "ACL token of the request. Environment: CONSUL_HTTP_TOKEN. Default: the token of the agent that is asked.",
    },
    {
      name: "token-file",
      kind: "string",
      metavar: "value",
      usage: "File with the ACL token. Environment: CONSUL_HTTP_TOKEN_FILE.",
    },
  ],
};

/** Which servers answer. */
export const SERVER_FLAGS: FlagGroup = {
  title: "HTTP API Options",
  flags: [
    {
      name: "datacenter",
      kind: "string",
      metavar: "value",
      usage: "Datacenter to ask. Default: that of the agent.",
    },
    {
      name: "stale",
      kind: "bool",
      usage: "Any server may answer, not only the leader: faster, but perhaps a little behind.",
    },
  ],
};

export const NAMESPACE_FLAGS: FlagGroup = {
  title: "HTTP API Options",
  flags: [
    {
      name: "namespace",
      kind: "string",
      metavar: "default",
      usage: "Consul Enterprise; sent on when it is set.",
    },
  ],
};

/** The 8400 protocol of Consul 0.6, for the commands that could speak it. */
export const RPC_FLAGS: FlagGroup = {
  title: "HTTP API Options",
  flags: [
    {
      name: "rpc-addr",
      kind: "string",
      metavar: "address",
      usage:
        "Ask over the command-line protocol of Consul 0.6 at this address instead of HTTP. Environment: CONSUL_RPC_ADDR. The usual port is 8400.",
    },
  ],
};

/** The client that flags and environment ask for. Throws ClientConfigError. */
export function clientOf({ io, flags }: Invocation): TribuneClient {
  const text = (name: string): string | undefined => flags.string(name) || undefined;
  const optional = <K extends string>(key: K, value: string | undefined) =>
    (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: string };
  return new TribuneClient({
    env: io.env,
    warn: (m) => io.err(`${new Date().toISOString()} [WARN]  consul-api: ${m}\n`),
    ...optional("address", text("http-addr")),
    ...optional("token", text("token")),
    ...optional("tokenFile", text("token-file")),
    ...optional("datacenter", text("datacenter")),
    tls: {
      ...optional("caFile", text("ca-file")),
      ...optional("caPath", text("ca-path")),
      ...optional("certFile", text("client-cert")),
      ...optional("keyFile", text("client-key")),
      ...optional("serverName", text("tls-server-name")),
    },
  });
}

/** Parameters of a read as the flags ask for them. */
export function queryOf({ flags, io }: Invocation): {
  readonly stale?: true;
  readonly params?: Readonly<Record<string, string>>;
} {
  const namespace = flags.string("namespace") || io.env["CONSUL_NAMESPACE"] || "";
  return {
    ...(flags.bool("stale") ? { stale: true as const } : {}),
    ...(namespace === "" ? {} : { params: { ns: namespace } }),
  };
}

/** The 8400 address that flag or environment asks for, or undefined: HTTP. */
export const rpcAddress = ({ flags, io }: Invocation): string | undefined =>
  flags.string("rpc-addr") || (flags.given("http-addr") ? undefined : io.env["CONSUL_RPC_ADDR"]) || undefined;
