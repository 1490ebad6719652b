/** Settings that are read and checked while nothing acts on them yet (`inert` in the declarations): refused where they promise protection. */
import { isDeepStrictEqual } from "node:util";
import type { Keys } from "./key.ts";
import { CONFIG_KEYS, type MergedConfig } from "./schema.ts";

type Settings = Readonly<Record<string, unknown>>;

/** Paths of inert keys whose value is not that of `baseline`. */
function inertPaths(keys: Keys, set: Settings, baseline: Settings, path: string): readonly string[] {
  return Object.entries(keys).flatMap(([name, key]) => {
    const at = path === "" ? name : `${path}.${name}`;
    const [value, before] = [set[name], baseline[name]];
    if (key.type.kind === "object" && value !== undefined)
      return inertPaths(key.type.keys, value as Settings, (before ?? {}) as Settings, at);
    return key.inert && !isDeepStrictEqual(value, before) ? [at] : [];
  });
}

const TLS_VERIFICATION = /(^|\.)verify_(incoming(_rpc|_https)?|outgoing|server_hostname)$/;

/** A setting that asks for protection which is not there: to start without it would be to say that it is. */
export interface Unprotected {
  /** Dotted path of the key. */
  readonly key: string;
  readonly text: string;
  readonly hint: string;
}

export interface WithoutEffect {
  readonly refusals: readonly Unprotected[];
  readonly warnings: readonly string[];
}

/**
 * `baseline`: the configuration of an agent for whom nothing was set. A client may carry ACL settings, because the servers are the ones
 * that enforce them, and they may be Consul's own.
 */
export function withoutEffect(c: MergedConfig, baseline: MergedConfig): WithoutEffect {
  const paths = inertPaths(CONFIG_KEYS, c, baseline, "");
  const refusals: Unprotected[] = [];
  const warnings: string[] = [];
  if (paths.includes("acl.enabled")) {
    if (c.server)
      refusals.push({
        key: "acl.enabled",
        text: "acl.enabled: this version does not enforce access control, every request would be allowed",
        hint: "keep the servers on Consul, or remove the setting to run without access control",
      });
    else
      warnings.push(
        "acl.enabled: the servers decide about tokens; this agent's own endpoints are open to whoever reaches them",
      );
  }
  for (const key of paths.filter((p) => TLS_VERIFICATION.test(p)))
    refusals.push({
      key,
      text: `${key}: this version does not speak TLS, RPC would be neither encrypted nor authenticated`,
      hint: "remove the setting to run without TLS, on a network where that is acceptable",
    });
  if (paths.includes("ports.https"))
    warnings.push("ports.https is set, but this version serves no HTTPS: nothing listens there");
  const rest = paths.filter((p) => p !== "acl.enabled" && p !== "ports.https" && !TLS_VERIFICATION.test(p));
  if (rest.length > 0) warnings.push(`settings without effect in this version: ${rest.join(", ")}`);
  return { refusals, warnings };
}
