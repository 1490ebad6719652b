/** An OpenAPI 3.1 description made of the route tables, at /v1/openapi.json: it cannot name what is not served. */
import type { Route, RouteInfo } from "./routes.ts";

type Json = string | number | boolean | readonly Json[] | { readonly [key: string]: Json };

const SHARED_PARAMETERS: Readonly<Record<string, { readonly description: string; readonly flag?: boolean }>> =
  {
    dc: { description: "Datacenter to ask; default the agent's own." },
    stale: { description: "Any server may answer, also one that lags behind.", flag: true },
    consistent: { description: "The leader confirms itself with a quorum first.", flag: true },
    cached: { description: "The agent's cache may answer.", flag: true },
    max_stale: { description: "A stale answer may be this old, such as `10s`." },
    index: { description: "Wait until the answer's X-Consul-Index is another than this." },
    wait: { description: "Longest wait, such as `5m`; at most ten minutes." },
    filter: { description: "Expression that elements must fulfil, such as `Meta.env == prod`." },
    pretty: { description: "Indented JSON.", flag: true },
  };

function parametersOf(r: RouteInfo): readonly string[] {
  const names = r.options === undefined ? [] : ["dc"];
  if (r.options === "query") names.push("stale", "consistent", "cached", "max_stale");
  if (r.blocking && r.options === "query") names.push("index", "wait");
  if (r.filter) names.push("filter");
  names.push("pretty");
  return names;
}

const queryParameter = (name: string, description: string, flag: boolean): Json => ({
  name,
  in: "query",
  description,
  ...(flag ? { allowEmptyValue: true } : {}),
  schema: { type: flag ? "boolean" : "string" },
});

/** `/v1/config/{kind/name}` has no name that OpenAPI takes; its slashes become underscores. */
const templateOf = (pattern: string): string =>
  pattern.replace(/\{([^}]*)\}/, (_, name: string) => `{${name.replaceAll("/", "_")}}`);

const operationId = (r: Route): string =>
  `${r.method.toLowerCase()}${templateOf(r.pattern)
    .slice("/v1".length)
    .replace(/[^a-zA-Z0-9]+([a-zA-Z0-9]?)/g, (_, c: string) => c.toUpperCase())}`;

function operationOf(r: Route): Json {
  const own = Object.entries(r.params ?? {}).map(([name, text]) => queryParameter(name, text, false));
  const shared = parametersOf(r)
    .filter((name) => r.params?.[name] === undefined)
    .map((name): Json => ({ $ref: `#/components/parameters/${name}` }));
  const rest = /\{([^}]*)\}/.exec(r.pattern)?.[1];
  const path: readonly Json[] =
    rest === undefined
      ? []
      : [
          {
            name: rest.replaceAll("/", "_"),
            in: "path",
            required: true,
            description: "The rest of the path; slashes stand for themselves.",
            schema: { type: "string" },
          },
        ];
  const raw = r.body !== undefined && !/^[[{A-Z]/.test(r.body);
  return {
    operationId: operationId(r),
    summary: r.summary,
    tags: [r.pattern.split("/")[2]!],
    "x-consul-acl": r.acl,
    parameters: [...path, ...own, ...shared],
    ...(r.body === undefined
      ? {}
      : {
          requestBody: {
            description: r.body,
            content: {
              [raw ? "application/octet-stream" : "application/json"]: {
                schema: raw ? { type: "string", format: "binary" } : {},
              },
            },
          },
        }),
    responses: {
      "200": { description: "Done.", content: { "application/json": { schema: {} } } },
      default: {
        description: "Refused: the reason as text.",
        content: { "text/plain": { schema: { type: "string" } } },
      },
    },
    security: r.acl === "none" ? [{}] : [{ token: [] }, {}],
  };
}

/** The description's text. */
export function openApi(routes: readonly Route[], version: string): string {
  const paths: Record<string, Record<string, Json>> = {};
  for (const r of routes) {
    const template = templateOf(r.pattern);
    paths[template] ??= {};
    paths[template][r.method.toLowerCase()] = operationOf(r);
  }
  return JSON.stringify({
    openapi: "3.1.0",
    info: {
      title: "Tribune HTTP API",
      version,
      description: "Compatible with Consul's HTTP API.",
      license: { name: "MPL-2.0", identifier: "MPL-2.0" },
    },
    paths,
    components: {
      parameters: Object.fromEntries(
        Object.entries(SHARED_PARAMETERS).map(([name, p]) => [
          name,
          queryParameter(name, p.description, p.flag ?? false),
        ]),
      ),
      securitySchemes: { token: { type: "apiKey", in: "header", name: "X-Consul-Token" } },
    },
  } satisfies Json);
}
