import assert from "node:assert/strict";
import { test } from "node:test";
import { NodeService } from "../../model/catalog.ts";
import { CheckDefinition } from "../../model/definition.ts";
import {
  checkDefinitionError,
  checkKind,
  checkRecord,
  checkTypeText,
  serviceCheckId,
} from "./check-definition.ts";

const S = 1_000_000_000n;
const make = CheckDefinition.make;

const errors = [
  {
    name: "interval and ttl",
    d: make({ TTL: S, Interval: S }),
    text: "Interval and TTL cannot both be specified",
  },
  {
    name: "script without interval",
    d: make({ Script: "x" }),
    text: "Interval must be > 0 for Script, HTTP, or TCP checks",
  },
  {
    name: "args without interval",
    d: make({ ScriptArgs: ["x"] }),
    text: "Interval must be > 0 for Script, HTTP, or TCP checks",
  },
  {
    name: "http without interval",
    d: make({ HTTP: "x" }),
    text: "Interval must be > 0 for Script, HTTP, or TCP checks",
  },
  {
    name: "udp without interval",
    d: make({ UDP: "x" }),
    text: "Interval must be > 0 for Script, HTTP, or TCP checks",
  },
  {
    name: "tcp and alias",
    d: make({ TCP: "x", Interval: S, AliasService: "a" }),
    text: "Interval cannot be set for Alias checks",
  },
  {
    name: "alias and ttl",
    d: make({ AliasNode: "n", TTL: S }),
    text: "TTL must be not be set for Alias checks",
  },
  { name: "nothing", d: make(), text: "TTL must be > 0 for TTL checks" },
  {
    name: "negative output size",
    d: make({ TTL: S, OutputMaxSize: -1 }),
    text: "MaxOutputMaxSize must be positive",
  },
  { name: "a ttl", d: make({ TTL: S }), text: undefined },
  { name: "an alias", d: make({ AliasService: "web" }), text: undefined },
  { name: "a tcp", d: make({ TCP: "h:1", Interval: S }), text: undefined },
];
for (const { name, d, text } of errors)
  test(`definition: ${name}`, () => assert.equal(checkDefinitionError(d), text));

const kinds = [
  { d: make({ TTL: S, HTTP: "x" }), kind: "ttl", type: "http" },
  { d: make({ HTTP: "x", TCP: "y" }), kind: "http", type: "http" },
  { d: make({ TCP: "y", GRPC: "z" }), kind: "tcp", type: "grpc" },
  { d: make({ DockerContainerID: "c", ScriptArgs: ["a"] }), kind: "docker", type: "docker" },
  { d: make({ ScriptArgs: ["a"], AliasService: "s" }), kind: "script", type: "alias" },
  { d: make({ Script: "a" }), kind: "script", type: "script" },
  { d: make({ H2PING: "a" }), kind: "h2ping", type: "h2ping" },
  { d: make({ OSService: "a" }), kind: "os_service", type: "os_service" },
  { d: make(), kind: "none", type: "" },
];
for (const { d, kind, type } of kinds)
  test(`kind ${kind}, type "${type}"`, () => {
    assert.equal(checkKind(d), kind);
    assert.equal(checkTypeText(d), type);
  });

test("ids of a service's checks", () => {
  assert.equal(serviceCheckId("web", 1, 1), "service:web");
  assert.equal(serviceCheckId("web", 2, 3), "service:web:2");
});

test("a service check's record", () => {
  const web = NodeService.make({ ID: "web1", Service: "web", Tags: ["a"] });
  const record = checkRecord(make({ TTL: S, Notes: "n" }), "s1", "service:web1", web);
  assert.equal(record.Name, "Service 'web' check");
  assert.equal(record.Status, "critical");
  assert.deepEqual([record.ServiceID, record.ServiceName, record.ServiceTags], ["web1", "web", ["a"]]);
  assert.equal(record.Type, "ttl");
  assert.equal(checkRecord(make({ Status: "passing" }), "s1", "x", undefined).Status, "passing");
});

test("a container without a command to run in it is no check", () => {
  assert.equal(
    checkDefinitionError(make({ DockerContainerID: "c", Interval: 10_000_000_000n })),
    "TTL must be > 0 for TTL checks",
  );
});
