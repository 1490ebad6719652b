import assert from "node:assert/strict";
import { test } from "node:test";
import { CheckServiceNode, Node, NodeService, ServiceNode } from "../model/catalog.ts";
import type { Call } from "./call.ts";
import { translatedHealth, translatedInstance, translatedList, translatedNode } from "./translate.ts";

const call = (translateWanAddrs: boolean): Call =>
  ({ agent: { config: { translateWanAddrs, datacenter: "dc1" } } }) as unknown as Call;
const node = (Datacenter: string): Node =>
  Node.make({
    Node: "n",
    Address: "10.0.0.1",
    Datacenter,
    TaggedAddresses: new Map([["wan", "198.51.100.1"]]),
  });
const wan = new Map([["wan", { Address: "198.51.100.2", Port: 81 }]]);

test("a node of another datacenter is told with its address there", () => {
  assert.equal(translatedNode(call(true), node("dc2")).Address, "198.51.100.1");
});

test("nodes of one's own datacenter, and all of them without the setting, stay the same objects", () => {
  for (const [c, n] of [
    [call(true), node("dc1")],
    [call(false), node("dc2")],
    [call(true), Node.make({ Address: "10.0.0.1", Datacenter: "dc2" })],
  ] as const)
    assert.equal(translatedNode(c, n), n);
  const list = [node("dc2")];
  assert.equal(translatedList(call(false), list, translatedNode), list);
});

test("services bring the port as well", () => {
  const s = translatedInstance(
    call(true),
    ServiceNode.make({
      Datacenter: "dc2",
      Address: "10.0.0.1",
      ServiceAddress: "10.0.0.2",
      ServicePort: 80,
      TaggedAddresses: new Map([["wan", "198.51.100.1"]]),
      ServiceTaggedAddresses: wan,
    }),
  );
  assert.deepEqual([s.Address, s.ServiceAddress, s.ServicePort], ["198.51.100.1", "198.51.100.2", 81]);
  const h = translatedHealth(
    call(true),
    CheckServiceNode.make({
      Node: node("dc2"),
      Service: NodeService.make({ Address: "10.0.0.2", Port: 80, TaggedAddresses: wan }),
    }),
  );
  assert.deepEqual(
    [h.Node?.Address, h.Service?.Address, h.Service?.Port],
    ["198.51.100.1", "198.51.100.2", 81],
  );
});
