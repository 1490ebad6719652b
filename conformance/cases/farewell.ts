import { cli, family, get, put, wait } from "../case.ts";

/** Agents that go, at the very end. */
export const farewell = family("farewell", [
  put("/v1/agent/leave", undefined, { at: "c1" }),
  wait("/v1/catalog/nodes", '!"c1"'),
  put("/v1/agent/force-leave/c1"),
  cli("force-leave c1"),
  cli("force-leave -prune c1"),
  wait("/v1/agent/members", '!"c1"'),
  put("/v1/agent/force-leave/c1?prune"),
  get("/v1/catalog/node/c1"),
  cli("leave", { at: "d1" }),
]);
