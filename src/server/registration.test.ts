import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ConnectProxyConfig,
  HealthCheck,
  HealthCheckDefinition,
  NodeService,
  RegisterRequest,
  ServiceConnect,
  Upstream,
} from "../model/catalog.ts";
import { checkType, isAnyAddress, normalizeRegister, uuidFault } from "./registration.ts";

const request = (more: Partial<RegisterRequest>): RegisterRequest =>
  RegisterRequest.make({ Node: "n", Address: "10.0.0.1", ...more });
const proxy = (more: Partial<ConnectProxyConfig>, service: Partial<NodeService> = {}): RegisterRequest =>
  request({
    Service: NodeService.make({
      Kind: "connect-proxy",
      Service: "p",
      Port: 1,
      Proxy: ConnectProxyConfig.make({ DestinationServiceName: "web", ...more }),
      ...service,
    }),
  });
const upstream = (more: Partial<Upstream>): Upstream =>
  Upstream.make({ DestinationName: "db", LocalBindPort: 1, ...more });

const refused: readonly [string, RegisterRequest, string][] = [
  ["no node before anything else", RegisterRequest.make({ ID: "x" }), "Must provide node"],
  ["a short ID", request({ ID: "x" }), "Bad node ID: uuid string is wrong length"],
  [
    "an ID without dashes in place",
    request({ ID: "x".repeat(36) }),
    "Bad node ID: uuid is improperly formatted",
  ],
  [
    "an ID with a letter",
    request({ ID: "0000000g-0000-0000-0000-000000000000" }),
    "Bad node ID: encoding/hex: invalid byte: U+0067 'g'",
  ],
  ["no address", RegisterRequest.make({ Node: "n" }), "Must provide address if SkipNodeUpdate is not set"],
  [
    "a service ID without name",
    request({ Service: NodeService.make({ ID: "x" }) }),
    "Must provide service name with ID",
  ],
  [
    "a service on every address",
    request({ Service: NodeService.make({ Service: "x", Address: "[::]" }) }),
    "Invalid service address",
  ],
  [
    "a proxy for nobody",
    proxy({ DestinationServiceName: " " }),
    "1 error occurred:\n\t* Proxy.DestinationServiceName must be non-empty for Connect proxy services\n\n",
  ],
  [
    "a proxy with an upstream twice",
    proxy({ Upstreams: [upstream({}), upstream({ LocalBindPort: 2 })] }),
    '1 error occurred:\n\t* upstreams cannot contain duplicates of [type="service", name="db", namespace="", datacenter=""]\n\n',
  ],
  [
    "a proxy with two faults",
    proxy({}, { Port: 0, Connect: ServiceConnect.make({ Native: true }) }),
    "2 errors occurred:\n\t* Port must be set for a Connect proxy\n\t* A Proxy cannot also be Connect Native, only typical services\n\n",
  ],
  [
    "an upstream without port",
    proxy({ Upstreams: [upstream({ LocalBindPort: 0 })] }),
    "1 error occurred:\n\t* upstream local bind port cannot be zero\n\n",
  ],
  [
    "an upstream of unknown kind",
    proxy({ Upstreams: [upstream({ DestinationType: "x" })] }),
    '1 error occurred:\n\t* unknown upstream destination type: "x"\n\n',
  ],
  [
    "a gateway without port",
    request({ Service: NodeService.make({ Kind: "mesh-gateway", Service: "g" }) }),
    "1 error occurred:\n\t* Port must be non-zero for a mesh-gateway\n\n",
  ],
  [
    "a gateway with a destination",
    request({
      Service: NodeService.make({
        Kind: "ingress-gateway",
        Service: "g",
        Proxy: ConnectProxyConfig.make({ DestinationServiceName: "x" }),
      }),
    }),
    "1 error occurred:\n\t* The Proxy.DestinationServiceName configuration is invalid for a ingress-gateway\n\n",
  ],
];
for (const [name, given, message] of refused)
  test(`refuses ${name}`, () => assert.throws(() => normalizeRegister(given), { message }));

test("defaults: IDs from names, types from definitions, the single check among the others", () => {
  const given = request({
    Service: NodeService.make({ Service: "web" }),
    Check: HealthCheck.make({
      Name: "one",
      Definition: HealthCheckDefinition.make({ TCP: "x:1", Interval: 1n }),
    }),
    Checks: [HealthCheck.make({ Node: "other", CheckID: "two", Name: "n", Type: "ttl" }), null],
  });
  const logged = normalizeRegister(given);
  assert.equal(logged.Service!.ID, "web");
  assert.equal(logged.Check, null);
  assert.deepEqual(
    logged.Checks!.map((c) => [c!.Node, c!.CheckID, c!.Type]),
    [
      ["other", "two", "ttl"],
      ["n", "one", "tcp"],
    ],
  );
});

test("nil stays nil, empty stays empty", () => {
  assert.equal(normalizeRegister(request({})).Checks, null);
  assert.deepEqual(normalizeRegister(request({ Checks: [] })).Checks, []);
  assert.equal(normalizeRegister(RegisterRequest.make({ Node: "n", SkipNodeUpdate: true })).Address, "");
});

test("a good UUID has no fault", () =>
  assert.equal(uuidFault("11111111-1111-1111-1111-11111111aBcD"), undefined));

for (const [address, wanted] of [
  ["0.0.0.0", true],
  ["::", true],
  ["[::]", true],
  ["0:0:0:0:0:0:0:0", true],
  ["10.0.0.0", false],
  ["", false],
  ["::1", false],
  ["web", false],
] as const)
  test(`isAnyAddress ${address || "(empty)"}`, () => assert.equal(isAnyAddress(address), wanted));

const types: readonly [Partial<HealthCheckDefinition>, string][] = [
  [{ HTTP: "http://x", Interval: 1n }, "http"],
  [{ HTTP: "http://x" }, ""],
  [{ TTL: 1n }, "ttl"],
  [{ TCP: "x:1", Interval: 1n }, "tcp"],
  [{ GRPC: "x", Interval: 1n }, "grpc"],
  [{ DockerContainerID: "c", ScriptArgs: ["x"], Interval: 1n }, "docker"],
  [{ ScriptArgs: ["x"] }, "script"],
  [{ AliasService: "x" }, "alias"],
  [{}, ""],
];
for (const [d, wanted] of types)
  test(`checkType ${wanted || "(none)"} of ${Object.keys(d).join()}`, () =>
    assert.equal(checkType(HealthCheckDefinition.make(d)), wanted));
