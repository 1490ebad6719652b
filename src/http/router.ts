/**
 * From a path to the routes that may answer it. Patterns without a rest match exactly, the others by their longest prefix that
 * ends in a slash, as Go's ServeMux does; methods keep the order in which they were registered, for the Allow header.
 */
import type { HttpMethod, Route } from "./routes.ts";

export interface Endpoint {
  /** `/v1/kv/` for a rest, else the whole path. */
  readonly path: string;
  readonly takesRest: boolean;
  /** "GET,PUT,DELETE" */
  readonly allow: string;
  /** Name in metrics: "v1.kv._". */
  readonly metric: string;
  find(method: string, rest: string): Route | undefined;
}

export interface Match {
  readonly endpoint: Endpoint;
  /** What stands behind the prefix; "" for exact patterns. */
  readonly rest: string;
}

export class Router {
  readonly #exact = new Map<string, Endpoint>();
  readonly #prefixes = new Map<string, Endpoint>();

  constructor(routes: readonly Route[]) {
    const groups = new Map<string, Route[]>();
    for (const r of routes) {
      const key = baseOf(r.pattern);
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [r]);
      else group.push(r);
    }
    for (const [path, group] of groups)
      (path.endsWith("/") ? this.#prefixes : this.#exact).set(path, makeEndpoint(path, group));
  }

  /** undefined: no such path. "slash": only with a slash behind it. */
  match(path: string): Match | "slash" | undefined {
    const exact = this.#exact.get(path);
    if (exact !== undefined) return { endpoint: exact, rest: "" };
    for (let slash = path.lastIndexOf("/"); slash > 0; slash = path.lastIndexOf("/", slash - 1)) {
      const endpoint = this.#prefixes.get(path.slice(0, slash + 1));
      if (endpoint !== undefined) return { endpoint, rest: path.slice(slash + 1) };
    }
    return this.#prefixes.has(`${path}/`) ? "slash" : undefined;
  }
}

const baseOf = (pattern: string): string => {
  const at = pattern.indexOf("{");
  return at < 0 ? pattern : pattern.slice(0, at);
};

function makeEndpoint(path: string, routes: readonly Route[]): Endpoint {
  const takesRest = path.endsWith("/");
  const methods: HttpMethod[] = [];
  const plain = new Map<string, Route>();
  const suffixed: { readonly method: HttpMethod; readonly suffix: string; readonly route: Route }[] = [];
  for (const r of routes) {
    if (!methods.includes(r.method)) methods.push(r.method);
    const suffix = r.pattern.includes("}") ? r.pattern.slice(r.pattern.indexOf("}") + 1) : "";
    if (suffix === "") plain.set(r.method, r);
    else suffixed.push({ method: r.method, suffix, route: r });
  }
  const put = plain.get("PUT");
  const verb = put?.alsoGet ? put : undefined;
  return {
    path,
    takesRest,
    allow: methods.join(","),
    metric: `${path.slice(1).replaceAll("/", ".")}${takesRest ? "_" : ""}`,
    find: (method, rest) => {
      for (const s of suffixed) if (s.method === method && rest.endsWith(s.suffix)) return s.route;
      return plain.get(method) ?? (method === "GET" ? verb : undefined);
    },
  };
}
