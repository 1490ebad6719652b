/** The catalog that the questions of `src/dns/conformance.ts` are about, as calls of the HTTP API. */

/** One call: method, path and body. */
export type CatalogCall = readonly [method: "PUT" | "POST", path: string, body: object];

const reg = (Node: string, Address: string, more: object = {}): CatalogCall => [
  "PUT",
  "/v1/catalog/register",
  { Datacenter: "dc1", Node, Address, ...more },
];

const web = (
  Node: string,
  Address: string,
  Tags: readonly string[],
  Status: string,
  more: object = {},
  service: object = {},
): CatalogCall =>
  reg(Node, Address, {
    Service: { ID: "web1", Service: "web", Port: 8080, Tags, ...service },
    Check: { CheckID: "c", Name: "c", Status, ServiceID: "web1" },
    ...more,
  });

export const dnsCatalog: readonly CatalogCall[] = [
  web("n1", "10.1.0.1", ["v1", "primary"], "passing", { NodeMeta: { rack: "r1", "rfc1035-note": "hello" } }),
  web("n2", "10.1.0.2", ["v1"], "warning", {}, { Weights: { Passing: 5, Warning: 2 } }),
  web("n3", "10.1.0.3", ["v2"], "critical"),
  reg("n4", "10.1.0.4", {
    Service: {
      ID: "api1",
      Service: "api",
      Port: 9000,
      Address: "10.9.0.4",
      Weights: { Passing: 10, Warning: 1 },
    },
  }),
  reg("n5", "ext.example.com", { Service: { ID: "ext1", Service: "ext", Port: 443 } }),
  reg("n6", "fd00::6", { Service: { ID: "six1", Service: "six", Port: 80 } }),
  reg("n7", "10.1.0.7", {
    Service: { ID: "cn1", Service: "cn", Port: 81, Address: "api.service.consul" },
  }),
  reg("NodeUP", "10.1.0.8", { Service: { ID: "up1", Service: "Upper", Port: 82 } }),
  reg("n9", "10.1.0.9", {
    TaggedAddresses: { lan_ipv4: "10.1.0.9", lan_ipv6: "fd00::9" },
    Service: { ID: "dual1", Service: "dual", Port: 83 },
  }),
  reg("n10", "10.1.0.10", { Service: { ID: "p1", Service: "multi", Port: 1001 } }),
  reg("n10", "10.1.0.10", { Service: { ID: "p2", Service: "multi", Port: 1002 } }),
  reg("n11", "10.1.0.11", {
    Service: {
      ID: "web-proxy",
      Service: "web-proxy",
      Port: 20000,
      Kind: "connect-proxy",
      Proxy: { DestinationServiceName: "web" },
    },
  }),
  ["PUT", "/v1/config", { Kind: "service-defaults", Name: "api", Protocol: "tcp" }],
  [
    "PUT",
    "/v1/config",
    {
      Kind: "ingress-gateway",
      Name: "igw",
      Listeners: [{ Port: 8443, Protocol: "tcp", Services: [{ Name: "api" }] }],
    },
  ],
  reg("n12.dotted", "10.1.0.12", {
    Service: { ID: "igw", Service: "igw", Port: 8443, Kind: "ingress-gateway" },
  }),
  reg("n13", "10.1.0.13", { Service: { ID: "x6", Service: "svc6", Port: 90, Address: "fd00::13" } }),
  ...Array.from({ length: 15 }, (_, i) =>
    reg(`m${i + 1}`, `10.2.0.${i + 1}`, { Service: { ID: "many", Service: "many", Port: 80 } }),
  ),
  ...Array.from({ length: 300 }, (_, i) =>
    reg(`big${i + 1}`, `10.3.${(i + 1) >> 8}.${(i + 1) & 255}`, {
      Service: { ID: "huge", Service: "huge", Port: 80 },
    }),
  ),
  ["POST", "/v1/query", { Name: "q1", Service: { Service: "web" }, DNS: { TTL: "7s" } }],
  [
    "POST",
    "/v1/query",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the placeholder is the template query's
    { Name: "t-", Template: { Type: "name_prefix_match" }, Service: { Service: "${name.suffix}" } },
  ],
];
