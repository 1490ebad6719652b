import { family, get, http, put } from "../case.ts";

const at = "t1" as const;

/** An agent with other settings: response headers, blocked endpoints, sizes, stale discovery, no cache. */
export const tuned = family("tuned", [
  ...[
    "/v1/status/leader",
    "/v1/agent/self",
    "/v1/event/list",
    "/v1/evx",
    "/v1/nope",
    "/v1/kv",
    "/",
    "/ui/",
    "/v1/catalog/nodes",
    "/v1/catalog/nodes?leader",
    "/v1/catalog/nodes?consistent",
    "/v1/catalog/service/web?cached",
    "/v1/catalog/service/web?cached&consistent",
    "/v1/health/service/mail?cached",
    "/v1/health/service/mail",
    "/v1/kv/app/x",
    "/v1/session/list",
    "/v1/agent/services",
    "/v1/agent/members",
  ].map((p) => get(p, { at, ...(p === "/v1/agent/members" ? { view: "sorted" as const } : {}) })),
  get("/v1/agent/metrics?format=prometheus", { at, view: "status" }),
  put("/v1/kv/t", "x", { at }),
  http("POST", "/v1/kv/t", "x", { at }),
  http("OPTIONS", "/v1/kv/t", undefined, { at }),
  http("DELETE", "/v1/kv/t", undefined, { at }),
  http("HEAD", "/v1/kv/t", undefined, { at }),
  put("/v1/nope", "x", { at }),
  put("/v1/agent/service/register", { Name: "x" }, { at }),
]);
