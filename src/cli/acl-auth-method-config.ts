/** Flags of an auth method and its configuration from them. */
import type { AclAuthMethod } from "../client/acl.ts";
import { CommandError, dataArgument } from "./attempt.ts";
import type { Invocation } from "./command.ts";
import type { Flag } from "./flags.ts";

export const METHOD_FLAGS: readonly Flag[] = [
  {
    name: "config",
    kind: "string",
    usage: "The method's configuration as JSON; @FILE reads it from a file, - from standard input.",
  },
  { name: "description", kind: "string", usage: "What the method is for." },
  { name: "display-name", kind: "string", usage: "A name to show in place of the name." },
  {
    name: "kubernetes-ca-cert",
    kind: "string",
    usage: "Kubernetes: PEM certificate of the API server's authority; also @FILE and -.",
  },
  { name: "kubernetes-host", kind: "string", usage: "Kubernetes: URL of the API server." },
  {
    name: "kubernetes-service-account-jwt",
    kind: "string",
    usage: "Kubernetes: token of the service account that may review tokens.",
  },
  { name: "max-token-ttl", kind: "duration", usage: "How long tokens of this method are valid." },
  {
    name: "token-locality",
    kind: "string",
    usage: "Where tokens of this method are valid: local (this datacenter, the default) or global.",
  },
];

/** What the flags of any type say; fields of flags that are not given are absent. */
export const methodOf = ({ flags }: Invocation): AclAuthMethod => ({
  ...(flags.string("description") === "" ? {} : { Description: flags.string("description") }),
  ...(flags.string("display-name") === "" ? {} : { DisplayName: flags.string("display-name") }),
  ...(flags.durationMs("max-token-ttl") > 0 ? { MaxTokenTTL: flags.string("max-token-ttl") } : {}),
  ...(flags.string("token-locality") === "" ? {} : { TokenLocality: flags.string("token-locality") }),
});

/** The object of -config, or undefined. Throws CommandError. */
export async function configOf(
  call: Invocation,
  mistake: string,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const text = call.flags.string("config");
  if (text === "") return undefined;
  const data = (await dataArgument(call, text, "Error loading configuration file: ")).toString("utf8");
  // Loaded when it is needed: the configuration's parser brings much along.
  const { plainObject } = await import("./definition-file.ts");
  return plainObject(
    { name: text.startsWith("@") ? text.slice(1) : "-config", text: data, format: "json" },
    mistake,
  );
}

/** Configuration of the type kubernetes as its flags give it; `before` for what they do not. */
export async function kubernetesConfig(
  call: Invocation,
  before: Readonly<Record<string, unknown>> = {},
): Promise<Readonly<Record<string, unknown>>> {
  const { flags } = call;
  const certificate = (
    await dataArgument(call, flags.string("kubernetes-ca-cert"), "Error reading kubernetes CA certificate: ")
  ).toString("utf8");
  return {
    ...before,
    ...(flags.string("kubernetes-host") === "" ? {} : { Host: flags.string("kubernetes-host") }),
    ...(certificate === "" ? {} : { CACert: certificate }),
    ...(flags.string("kubernetes-service-account-jwt") === ""
      ? {}
      : { ServiceAccountJWT: flags.string("kubernetes-service-account-jwt") }),
  };
}

/** Throws CommandError for a kubernetes flag that is missing. */
export function requireKubernetesFlags({ flags }: Invocation): void {
  for (const name of ["kubernetes-host", "kubernetes-ca-cert", "kubernetes-service-account-jwt"])
    if (flags.string(name) === "") throw new CommandError(`Missing required '-${name}' flag`);
}

export const kubernetesFlagGiven = ({ flags }: Invocation): boolean =>
  ["kubernetes-host", "kubernetes-ca-cert", "kubernetes-service-account-jwt"].some(
    (name) => flags.string(name) !== "",
  );
