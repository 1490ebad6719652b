import assert from "node:assert/strict";
import { test } from "node:test";
import { answerOf, difference, dnsFacts, dnsQuery } from "./answers.ts";

const node = (name: string, index: number, id: string): object => ({
  ModifyIndex: index,
  Node: { Node: name, ID: id, Meta: null },
  Checks: ["b", "a"],
});
const ID = "5f9b2a3c-1d2e-4f50-8a6b-7c8d9e0f1a2b";

test("indexes, random ids and the order of lists and keys are no difference", () => {
  const one = answerOf(JSON.stringify([node("x", 1, ID), node("y", 2, "")]));
  const two = answerOf(JSON.stringify([node("y", 70, ""), node("x", 9, ID.replace("5", "6"))], null, 2));
  assert.equal(one.items, 2);
  assert.notEqual(one.bytes, two.bytes);
  assert.equal(difference(one, two), undefined);
});

test("another value, a missing element, null instead of a list are differences", () => {
  const base = answerOf(JSON.stringify([node("x", 1, ID)]));
  for (const other of [
    [node("z", 1, ID)],
    [node("x", 1, "")],
    [],
    [{ ...node("x", 1, ID), Checks: null }],
    [{ ...node("x", 1, ID), Extra: 1 }],
  ])
    assert.match(
      difference(base, answerOf(JSON.stringify(other))) ?? "",
      /answers differ: Consul 1 items/,
      JSON.stringify(other),
    );
});

test("a DNS query as RFC 1035 wants it", () => {
  assert.equal(
    dnsQuery(0x1234, "few.service.consul", "SRV").toString("hex"),
    "123401000001000000000000" + "03666577" + "0773657276696365" + "06636f6e73756c" + "00" + "0021" + "0001",
  );
});

test("a DNS reply's code, cut and counts", () => {
  const reply = Buffer.from("1234870000010003000000020000", "hex");
  assert.deepEqual(dnsFacts(reply), { bytes: 14, items: 3, digest: "rcode 0 cut, 3 + 0 + 2 records" });
  assert.throws(() => dnsFacts(Buffer.from("1234", "hex")), /a DNS reply of 2 bytes/);
});
