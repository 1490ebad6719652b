/** Warnings about settings that are read and checked while nothing acts on them yet (`inert` in the declarations). */
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

/** `baseline`: the configuration of an agent for whom nothing was set. */
export function withoutEffect(c: MergedConfig, baseline: MergedConfig): readonly string[] {
  const paths = inertPaths(CONFIG_KEYS, c, baseline, "");
  const warnings: string[] = [];
  if (paths.includes("acl.enabled"))
    warnings.push(
      "access control is configured, but this version does not enforce it: every request is allowed, whatever its token",
    );
  if (paths.some((p) => TLS_VERIFICATION.test(p)))
    warnings.push(
      "TLS is configured, but this version does not speak it: RPC between agents is neither encrypted nor authenticated",
    );
  if (paths.includes("ports.https"))
    warnings.push("ports.https is set, but this version serves no HTTPS: nothing listens there");
  const rest = paths.filter((p) => p !== "acl.enabled" && p !== "ports.https" && !TLS_VERIFICATION.test(p));
  if (rest.length > 0) warnings.push(`settings without effect in this version: ${rest.join(", ")}`);
  return warnings;
}
