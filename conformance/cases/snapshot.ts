import { family, get, http, put, wait } from "../case.ts";

export const snapshot = family("snapshot", [
  get("/v1/snapshot", { view: "status" }),
  get("/v1/snapshot?stale", { view: "status" }),
  get("/v1/snapshot", { at: "c1", view: "status" }),
  get("/v1/snapshot?dc=dc2", { view: "status" }),
  get("/v1/snapshot?dc=dc9"),
  get("/v1/snapshot?stale&consistent", { view: "status" }),
  put("/v1/snapshot", ""),
  put("/v1/snapshot"),
  put("/v1/snapshot", "garbage"),
  put("/v1/snapshot", "garbage", { at: "c1" }),
  put("/v1/snapshot?dc=dc9", "garbage"),
  put("/v1/snapshot?stale", "garbage"),
  http("DELETE", "/v1/snapshot"),
  get("/v1/snapshot", { view: "none", saveAs: "http.snap" }),
  put("/v1/snapshot", undefined, { bodyFile: "http.snap" }),
  wait("/v1/kv/app/x", "app/x"),
]);
