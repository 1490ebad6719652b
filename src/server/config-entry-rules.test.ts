import assert from "node:assert/strict";
import { test } from "node:test";
import {
  IngressGatewayConfigEntry,
  IngressListener,
  IngressService,
  LinkedService,
  ProxyConfigEntry,
  ServiceConfigEntry,
  ServiceResolverConfigEntry,
  ServiceResolverFailover,
  ServiceResolverRedirect,
  ServiceResolverSubset,
  ServiceRoute,
  ServiceRouteDestination,
  ServiceRouteHTTPMatch,
  ServiceRouteMatch,
  ServiceRouterConfigEntry,
  ServiceSplit,
  ServiceSplitterConfigEntry,
  TerminatingGatewayConfigEntry,
} from "../model/config-entry.ts";
import type { ConfigEntry } from "../model/config-entry-box.ts";
import type { GoValue } from "../wire/schema.ts";
import { checkConfigEntry, normalizeConfigEntry } from "./config-entry-rules.ts";

const router = (match: Partial<ServiceRouteHTTPMatch>, destination: Partial<ServiceRouteDestination> = {}) =>
  ServiceRouterConfigEntry.make({
    Kind: "service-router",
    Name: "web",
    Routes: [
      ServiceRoute.make({
        Match: ServiceRouteMatch.make({ HTTP: ServiceRouteHTTPMatch.make(match) }),
        Destination: ServiceRouteDestination.make(destination),
      }),
    ],
  });
const splitter = (...weights: number[]) =>
  ServiceSplitterConfigEntry.make({
    Kind: "service-splitter",
    Name: "web",
    Splits: weights.map((Weight, i) => ServiceSplit.make({ Weight, ServiceSubset: `v${i}` })),
  });
const resolver = (more: Partial<ServiceResolverConfigEntry>) =>
  ServiceResolverConfigEntry.make({ Kind: "service-resolver", Name: "web", ...more });
const ingress = (Protocol: string, ...services: Partial<IngressService>[]) =>
  IngressGatewayConfigEntry.make({
    Kind: "ingress-gateway",
    Name: "gw",
    Listeners: [
      IngressListener.make({ Port: 1, Protocol, Services: services.map((s) => IngressService.make(s)) }),
    ],
  });
const terminating = (...services: Partial<LinkedService>[]) =>
  TerminatingGatewayConfigEntry.make({
    Kind: "terminating-gateway",
    Name: "gw",
    Services: services.map((s) => LinkedService.make(s)),
  });

const refused: readonly [ConfigEntry, string][] = [
  [ServiceConfigEntry.make({ Kind: "service-defaults" }), "serviceName is required"],
  [ServiceRouterConfigEntry.make({ Kind: "service-router" }), "Name is required"],
  [router({ PathExact: "a" }), `Route[0] PathExact doesn't start with '/': "a"`],
  [
    router({ PathExact: "/a", PathPrefix: "/b" }),
    "Route[0] should only contain at most one of PathExact, PathPrefix, or PathRegex",
  ],
  [router({ Methods: ["GET", "GET"] }), `Route[0] Methods contains "GET" more than once`],
  [
    router({ PathRegex: "/x" }, { PrefixRewrite: "/y" }),
    "Route[0] cannot make use of PrefixRewrite without configuring either PathExact or PathPrefix",
  ],
  [splitter(), "no splits configured"],
  [splitter(50, 49), "the sum of all split weights must be 100, not 99.000000"],
  [resolver({ DefaultSubset: "x" }), `DefaultSubset "x" is not a valid subset`],
  [resolver({ Redirect: ServiceResolverRedirect.zero() }), "Redirect is empty"],
  [
    resolver({ Redirect: ServiceResolverRedirect.make({ ServiceSubset: "x" }) }),
    "Redirect.ServiceSubset defined without Redirect.Service",
  ],
  [
    resolver({ Failover: new Map([["v9", ServiceResolverFailover.make({ Service: "x" })]]) }),
    `Bad Failover["v9"]: not a valid subset`,
  ],
  [
    resolver({ Failover: new Map([["*", ServiceResolverFailover.make({ Datacenters: [""] })]]) }),
    `Bad Failover["*"].Datacenters: found empty datacenter`,
  ],
  [resolver({ ConnectTimeout: -1_000_000_000n }), "Bad ConnectTimeout '-1s', must be >= 0"],
  [resolver({ Subsets: new Map([["", ServiceResolverSubset.zero()]]) }), "Subset defined with empty name"],
  [
    ingress("zz", { Name: "a" }),
    "protocol must be 'tcp', 'http', 'http2', or 'grpc'. 'zz' is an unsupported protocol",
  ],
  [ingress("tcp"), "No service declared for listener with port 1"],
  [
    ingress("tcp", { Name: "a" }, { Name: "b" }),
    "Multiple services per listener are only supported for protocol = 'http' (listener on port 1)",
  ],
  [
    ingress("tcp", { Name: "*" }),
    "Wildcard service name is only valid for protocol = 'http' (listener on port 1)",
  ],
  [ingress("http", { Name: "" }), "Service name cannot be blank (listener on port 1)"],
  [
    ingress("http", { Name: "a", Hosts: ["x", "x"] }),
    "Hosts must be unique within a specific listener (listener on port 1)",
  ],
  [
    ingress("http", { Name: "a", Hosts: ["a.*.b"] }),
    `Host "a.*.b" is not valid, a wildcard specifier is only allowed as the leftmost label`,
  ],
  [ingress("http", { Name: "a", Hosts: ["bad_host!"] }), `Host "bad_host!" must be a valid DNS hostname`],
  [terminating({ Name: "" }), "Service name cannot be blank."],
  [terminating({ Name: "a" }, { Name: "a" }), `Service "a" was specified more than once within a namespace`],
  [
    terminating({ Name: "a", CertFile: "c" }),
    `Service "a" must have a CertFile, CAFile, and KeyFile specified for TLS origination`,
  ],
];
for (const [entry, message] of refused)
  test(`refuses: ${message}`, () => assert.throws(() => checkConfigEntry(entry), { message }));

test("defaults are filled in", () => {
  assert.equal(
    normalizeConfigEntry({ ...ProxyConfigEntry.zero(), Kind: "proxy-defaults", Name: "x" }).Name,
    "global",
  );
  const gateway = normalizeConfigEntry(ingress("", { Name: "a" })) as IngressGatewayConfigEntry;
  assert.equal(gateway.Listeners![0]!.Protocol, "tcp");
  checkConfigEntry(gateway);
  const split = normalizeConfigEntry(splitter(33.333, 66.667)) as ServiceSplitterConfigEntry;
  assert.deepEqual(
    split.Splits!.map((s) => s.Weight),
    [33.33, 66.67],
  );
  checkConfigEntry(split);
  checkConfigEntry(terminating({ Name: "a", CAFile: "ca" }));
});

test("proxy-defaults with a null anywhere are refused, as they would end a server of Consul 1.8.7", () => {
  const defaults = (Config: ProxyConfigEntry["Config"]) =>
    normalizeConfigEntry({ ...ProxyConfigEntry.zero(), Kind: "proxy-defaults", Name: "x", Config });
  const inner = new Map<string, GoValue>([["b", null]]);
  for (const [config, path] of [
    [new Map<string, GoValue>([["a", null]]), 'Config["a"]'],
    [new Map<string, GoValue>([["a", inner]]), 'Config["a"]["b"]'],
    [new Map<string, GoValue>([["a", [1n, null]]]), 'Config["a"][1]'],
    [new Map<string, GoValue>([["a", [inner]]]), 'Config["a"][0]["b"]'],
  ] as const)
    assert.throws(() => defaults(config), {
      message: `${path} is null: servers of Consul 1.8 cannot apply that; leave the key out`,
    });
  assert.equal(defaults(null).Name, "global");
  assert.equal(defaults(new Map<string, GoValue>([["a", [new Map(), "x"]]])).Name, "global");
});
