import { family, get } from "../case.ts";

export const internalUi = family("internal-ui", [
  ...[
    "ui/nodes",
    "ui/nodes?filter=Node==ext1",
    "ui/nodes?filter=Bogus==1",
    "ui/nodes?dc=dc9",
    "ui/nodes?ns=x",
    "ui/node/s1",
    "ui/node/c1",
    "ui/node/nope",
    "ui/node/",
    "ui/services",
    "ui/services?dc=dc9",
    "ui/services?filter=Service.Service==mail",
    "ui/gateway-services-nodes/igw2",
    "ui/gateway-services-nodes/none",
    "ui/gateway-services-nodes/",
    "federation-states",
    "federation-state/dc1",
    "federation-state/dc2",
    "federation-state/dc9",
    "federation-state/",
    "federation-states/mesh-gateways",
  ].map((p) => get(`/v1/internal/${p}`, { without: ["Output"] })),
  ...["ui/nodes", "ui/node/ext1", "ui/node/nope", "ui/services", "federation-states"].map((p) =>
    get(`/v1/internal/${p}`, { at: "c1", without: ["Output"] }),
  ),
]);
