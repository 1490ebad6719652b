import assert from "node:assert/strict";
import test from "node:test";
import { ConnectProxyConfig, NodeService } from "../model/catalog.ts";
import { CheckDefinition, ServiceDefinition, SidecarDefinition } from "../model/definition.ts";
import { sidecarOf } from "./sidecar.ts";

const RANGE = { min: 21_000, max: 21_001 };
const none = new Map<string, NodeService>();
const parent = (
  sidecar: Partial<SidecarDefinition> | null,
  more: Partial<ServiceDefinition> = {},
): ServiceDefinition =>
  ServiceDefinition.make({
    Name: "web",
    Port: 8080,
    SidecarService: sidecar === null ? null : SidecarDefinition.make(sidecar),
    ...more,
  });
const registered = (ID: string, Port: number): [string, NodeService] => [
  ID,
  NodeService.make({ ID, Service: ID, Port }),
];

test("an empty block takes all from its service", () => {
  const found = sidecarOf(
    parent({}, { Tags: ["a"], Meta: new Map([["x", "y"]]), Address: "10.0.0.1" }),
    RANGE,
    none,
  )!;
  assert.deepEqual(
    [found.ID, found.Name, found.Kind, found.Tags, [...found.Meta!], found.Address, found.Port],
    ["web-sidecar-proxy", "web-sidecar-proxy", "connect-proxy", ["a"], [["x", "y"]], "10.0.0.1", 21_000],
  );
  const { DestinationServiceName, DestinationServiceID, LocalServiceAddress, LocalServicePort } =
    found.Proxy!;
  assert.deepEqual(
    [DestinationServiceName, DestinationServiceID, LocalServiceAddress, LocalServicePort],
    ["web", "web", "127.0.0.1", 8080],
  );
  assert.deepEqual(
    found.Checks!.map((c) => [c.Name, c.TCP, c.Interval, c.AliasService]),
    [
      ["Connect Sidecar Listening", "127.0.0.1:21000", 10_000_000_000n, ""],
      ["Connect Sidecar Aliasing web", "", 0n, "web"],
    ],
  );
  assert.equal(sidecarOf(parent(null), RANGE, none), undefined);
});

test("what the block says stays", () => {
  const found = sidecarOf(
    parent(
      {
        Name: "edge",
        Port: 9,
        Tags: ["b"],
        Proxy: ConnectProxyConfig.make({ LocalServicePort: 81 }),
        Checks: [CheckDefinition.make({ TTL: 1n })],
      },
      { ID: "w2", Tags: ["a"] },
    ),
    RANGE,
    none,
  )!;
  assert.deepEqual([found.ID, found.Name, found.Port, found.Tags], ["w2-sidecar-proxy", "edge", 9, ["b"]]);
  assert.deepEqual([found.Proxy!.DestinationServiceID, found.Proxy!.LocalServicePort], ["w2", 81]);
  assert.equal(found.Checks!.length, 1);
});

test("ports: the first free one, one's own again, none left", () => {
  const taken = new Map([registered("other", 21_000)]);
  assert.equal(sidecarOf(parent({}), RANGE, taken)!.Port, 21_001);
  const own = new Map([registered("web-sidecar-proxy", 21_001)]);
  assert.equal(sidecarOf(parent({}), RANGE, own)!.Port, 21_001);
  const full = new Map([registered("a", 21_000), registered("b", 21_001)]);
  const message =
    "Bad request: Invalid SidecarService: no port provided for sidecar_service and none left in the configured range [21000, 21001]";
  assert.throws(() => sidecarOf(parent({}), RANGE, full), { message, httpStatus: 500 });
  assert.throws(() => sidecarOf(parent({}), { min: 0, max: 0 }, none), /configured range \[0, 0\]/);
});
