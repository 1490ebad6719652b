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
  allow(rest: string): string;
  /** The endpoint looks at methods by itself: OPTIONS answers `{}`, and a refusal does not name OPTIONS. */
  readonly ownMethods: boolean;
  /** Name of its timings: "http.GET.v1.kv._". */
  metric(method: string): string;
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

/** Paths whose handler looks at methods by itself in the original, with what shows of that. */
const OWN_METHODS: ReadonlySet<string> = new Set(["/v1/query/"]);

interface Choice {
  readonly suffix: string;
  readonly methods: readonly HttpMethod[];
  readonly byMethod: ReadonlyMap<string, Route>;
}

function makeEndpoint(path: string, routes: readonly Route[]): Endpoint {
  const takesRest = path.endsWith("/");
  const ownMethods = OWN_METHODS.has(path);
  const bySuffix = new Map<string, Route[]>();
  for (const r of routes) {
    const suffix = r.pattern.includes("}") ? r.pattern.slice(r.pattern.indexOf("}") + 1) : "";
    bySuffix.set(suffix, [...(bySuffix.get(suffix) ?? []), r]);
  }
  const choice = (suffix: string): Choice => {
    const group = bySuffix.get(suffix) ?? [];
    return {
      suffix,
      methods: [...new Set(group.map((r) => r.method))],
      byMethod: new Map(group.map((r) => [r.method, r])),
    };
  };
  const plain = choice("");
  const suffixed = [...bySuffix.keys()].filter((s) => s !== "").map(choice);
  const put = plain.byMethod.get("PUT");
  const verb = put?.alsoGet ? put : undefined;
  const metricOf = (method: string): string =>
    `http.${method}.${path.slice(1).replaceAll("/", ".")}${takesRest ? "_" : ""}`;
  // Names looked up a thousand times a second are made once.
  const metrics = new Map(["GET", "PUT", "POST", "DELETE"].map((m) => [m, metricOf(m)]));
  const chosen = (rest: string): Choice => suffixed.find((s) => rest.endsWith(s.suffix)) ?? plain;
  return {
    path,
    takesRest,
    ownMethods,
    metric: (method) => metrics.get(method) ?? metricOf(method),
    allow: (rest) => (ownMethods ? chosen(rest) : plain).methods.join(","),
    find: (method, rest) => {
      if (suffixed.length > 0) {
        const { suffix, byMethod } = chosen(rest);
        const found = byMethod.get(method);
        if (suffix !== "" && (found !== undefined || ownMethods)) return found;
      }
      return plain.byMethod.get(method) ?? (method === "GET" ? verb : undefined);
    },
  };
}
