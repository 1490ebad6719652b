import { family, get, post } from "../case.ts";

export const status = family("status", [
  get("/v1/status/leader"),
  get("/v1/status/leader", { at: "c1" }),
  get("/v1/status/leader?dc=dc2"),
  get("/v1/status/leader?dc=dc9"),
  get("/v1/status/leader?stale"),
  get("/v1/status/leader?pretty"),
  get("/v1/status/peers"),
  get("/v1/status/peers", { at: "c1" }),
  get("/v1/status/peers?dc=dc2"),
  get("/v1/status/peers?dc=dc9", { at: "c1" }),
  post("/v1/status/leader", ""),
  post("/v1/status/peers", ""),
]);
