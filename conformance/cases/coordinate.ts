import { family, get, put } from "../case.ts";

const coord = { Vec: [0, 0, 0, 0, 0, 0, 0, 0], Error: 1.5, Adjustment: 0, Height: 0.00001 };

export const coordinate = family("coordinate", [
  ...[
    "nodes",
    "nodes?segment=x",
    "nodes?segment=",
    "nodes?dc=dc9",
    "nodes?stale",
    "node/s1",
    "node/S1",
    "node/nope",
    "node/",
    "node/s1?segment=x",
    "node/s1?dc=dc9",
  ].map((p) => get(`/v1/coordinate/${p}`)),
  get("/v1/coordinate/datacenters", { view: "sorted" }),
  get("/v1/coordinate/nodes", { at: "c1" }),
  get("/v1/coordinate/datacenters", { at: "c1", view: "sorted" }),
  get("/v1/coordinate/node/nope", { at: "c1" }),
  put("/v1/coordinate/update", ""),
  put("/v1/coordinate/update", "{"),
  put("/v1/coordinate/update", { Node: "ext1", Coord: { ...coord, Vec: [0, 0, 0] } }),
  put("/v1/coordinate/update", { Bogus: 1 }),
  put("/v1/coordinate/update", { Node: "nope", Coord: coord }),
  put("/v1/coordinate/update", { Node: "nope", Coord: { ...coord, Zz: 1 } }),
  put("/v1/coordinate/update?dc=dc9", { Node: "ext1", Coord: coord }),
  put("/v1/coordinate/update", { Node: "ext1", Coord: coord }),
  get("/v1/coordinate/node/ext1", { until: '"ext1"' }),
]);
